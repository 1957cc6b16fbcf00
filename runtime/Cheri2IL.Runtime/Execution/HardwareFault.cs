using System.Diagnostics;

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
        for (var k = 0; k < trace.FrameCount; k++)
        {
            if (trace.GetFrame(k) is not { } frame || frame.GetMethod() is not { } method)
                continue;
            if (TranslatedModule.Of(method.Module.Assembly) is { } module)
                return At(state, module.GuestPc(method.MetadataToken, frame.GetILOffset()), exact: false);
            if (method.DeclaringType?.Namespace?.StartsWith("Cheri2IL.Translator", StringComparison.Ordinal) == true)
                return At(state, state->Pc, exact: true);
        }

        throw new InvalidOperationException("a null reference outside translated code", exception);
    }

    private static GuestFault At(GuestState* state, long pc, bool exact)
    {
        FaultTrap.TakeLast(out var address, out var isWrite);
        return new GuestFault(isWrite ? GuestFaultKind.StoreAccess : GuestFaultKind.LoadAccess, pc, address - (long)state->MemoryBase)
        {
            AreRegistersExact = exact,
        };
    }
}
