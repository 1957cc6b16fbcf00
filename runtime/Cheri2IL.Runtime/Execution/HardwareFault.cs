using System.Diagnostics;
using System.Runtime.CompilerServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>Finds the guest instruction behind a hardware trap inside the arena.</summary>
internal static unsafe class HardwareFault
{
    /// <summary>
    /// The guest fault that <paramref name="exception"/> stands for: the innermost translated frame's IL offset names the
    /// guest instruction, the fault trap the address.
    /// </summary>
    /// <exception cref="InvalidOperationException">No translated frame is on the trace: a defect of this runtime.</exception>
    public static GuestFault Locate(GuestState* state, NullReferenceException exception)
    {
        var trace = new StackTrace(exception, fNeedFileInfo: false);
        foreach (var frame in trace.GetFrames())
        {
            if (TranslatedModule.Of(frame) is { } module)
                return At(state, module.TrapPc(frame), exception, module);
            if (frame.GetMethod()?.DeclaringType?.Namespace?.StartsWith("Cheri2IL.Translator", StringComparison.Ordinal) == true)
                return At(state, state->Pc, exception, module: null);
        }

        throw new InvalidOperationException("a null reference outside translated code", exception);
    }

    /// <param name="state">State block.</param>
    /// <param name="pc">Guest pc.</param>
    /// <param name="exception">What .NET made of the trap.</param>
    /// <param name="module">
    /// The translated code that trapped: the float flags live at the trap were the guest's, and registers were in locals that are
    /// lost, unless it keeps them in the state block as well. Null: the evaluator, which has them there alone, and runs in the
    /// host's float environment.
    /// </param>
    private static GuestFault At(GuestState* state, long pc, NullReferenceException exception, TranslatedModule? module)
    {
        FaultTrap.TakeLast(out var address, out var isWrite, out var mxcsr);
        var kind = isWrite || IsAtomicUpdate(state, pc) ? GuestFaultKind.StoreAccess : GuestFaultKind.LoadAccess;
        return new GuestFault(kind, pc, address - (long)state->MemoryBase, exception)
        {
            AreRegistersExact = module?.HasPreciseFaults ?? true,
            IsToBeFound = module is { HasPreciseFaults: true, HasCapabilities: false },
            FloatFlags = module is not null ? HostFloatEnvironment.FlagsOf(mxcsr) : 0,
        };
    }

    /// <summary>
    /// Whether the instruction is an AMO, whose faults are those of stores even if the host's sequence for it starts with a
    /// load ("Zaamo"; privileged specification, "Machine Cause Register"). Major opcode AMO, and neither lr nor sc.
    /// </summary>
    private static bool IsAtomicUpdate(GuestState* state, long pc)
    {
        try
        {
            // A pc of translated code lies in the slot; whether it is mapped, another guest thread may have changed.
            var word = Unsafe.ReadUnaligned<uint>(state->MemoryBase + pc);
            return (word & 0x7f) == 0x2f && word >> 28 != 1;
        }
        catch (NullReferenceException)
        {
            return false;
        }
    }
}
