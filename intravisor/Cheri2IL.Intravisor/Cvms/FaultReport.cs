using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>What people are told about a fault that ends a cVM: where, what, from where called, with which registers.</summary>
internal sealed unsafe class FaultReport
{
    /// <summary>Callers shown; endless recursion has more of them than anybody wants to see.</summary>
    private const int MostCallers = 12;

    /// <summary>Number of PCC; DDC is the next one.</summary>
    private const byte FirstSpecial = 0x20;

    private static readonly string[] RegisterNames =
    [
        "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5",
        "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
    ];

    private readonly CvmThread _thread;
    private bool _isDescribed = true;
    private readonly StringBuilder _text = new();

    /// <summary>Makes the report of a thread that stands at the fault.</summary>
    public FaultReport(CvmThread thread) => _thread = thread;

    /// <summary>Writes it.</summary>
    /// <param name="info">The signal that kills.</param>
    /// <param name="fault">The fault; null when the signal's own frame is at fault.</param>
    public string Write(in SignalInfo info, GuestFault? fault)
    {
        var state = _thread.State;
        Append($"cvm {_thread.Cvm.Id}: thread {_thread.Id} killed by {Signal.Name(info.Number)} ({Signal.CodeName(info.Number, info.Code)}): ");
        Append(fault is null ? $"bad signal frame, sp 0x{state->X2:x}{Mapping(state->X2)}\n" : $"{Cause(fault)}\n");
        // A load that trapped and that the compiler has moved is taken for the instruction that uses its value.
        var near = fault is { AreRegistersExact: false, Kind: GuestFaultKind.LoadAccess, InnerException: not null } ? " or shortly before" : "";
        Append($"  at{near} {Place(state->Pc)}{Instruction(state->Pc)}\n");
        if (fault is { Kind: GuestFaultKind.Capability })
            WriteAuthority(fault.CapabilityRegister);
        if (fault is not null)
        {
            WriteCallers(GuestBacktrace.Callers(fault));
        }

        if (fault is { AreRegistersExact: false })
        {
            // Those of the last spill would mislead.
            Append("  registers are lost: the code was translated without precise faults\n");
            return _text.ToString();
        }

        Append("  registers:\n");
        for (var k = 1; k < 32; k++)
            Append($"{(k % 4 == 1 ? " " : "")} {RegisterNames[k],4} {GuestState.X(state, k):x16}{(k % 4 == 0 || k == 31 ? "\n" : "")}");
        if (_thread.Image.Capabilities is not null)
            WriteCapabilities();

        return _text.ToString();
    }

    /// <summary>The register that was not sufficient, field by field.</summary>
    private void WriteAuthority(byte number)
    {
        var capability = CapabilityState.Read(_thread.State, RegisterOf(number));
        var bounds = capability.Bounds;
        Append($"  {CapabilityRegister(number)}: address 0x{capability.Address:x}, base 0x{bounds.Base:x}, top 0x{bounds.Top:x}, ");
        Append($"permissions 0x{(uint)capability.Permissions:x} ({capability.PermissionText}), type {TypeName(capability)}, tag {(capability.IsTagged ? 1 : 0)}\n");
        if (number != FirstSpecial)
            Append($"  pcc: {CapabilityState.Read(_thread.State, CapabilityState.Pcc)}\n");
    }

    private static string TypeName(in Capability capability) => capability.Type switch
    {
        ObjectType.Unsealed => "unsealed",
        ObjectType.Sentry => "sentry",
        var type => string.Create(CultureInfo.InvariantCulture, $"0x{type:x}"),
    };

    /// <summary>Registers that hold capabilities; the others hold integers.</summary>
    private void WriteCapabilities()
    {
        Append("  capabilities:\n");
        for (var number = 1; number < 34; number++)
        {
            var capability = CapabilityState.Read(_thread.State, RegisterOf((byte)number));
            if (capability.IsTagged || number >= 32)
                Append($"   {CapabilityRegister((byte)number),5} {capability}\n");
        }
    }

    /// <summary>The register that a number of xtval names (CHERI ISAv9, "CHERI exceptions").</summary>
    private static int RegisterOf(byte number) => number switch
    {
        FirstSpecial => CapabilityState.Pcc,
        FirstSpecial + 1 => CapabilityState.Ddc,
        _ => number,
    };

    private void WriteCallers(IReadOnlyList<long> callers)
    {
        for (var k = 0; k < Math.Min(callers.Count, MostCallers); k++)
            Append($"  called at {Place(Describe(callers[k])?.FindCall(callers[k]) ?? callers[k])}\n");
        if (callers.Count > MostCallers)
            Append($"  and {callers.Count - MostCallers} callers more\n");
    }

    /// <summary>Names of the code at an address. Where they cannot be found, as in a malformed file, the report says so and goes on without.</summary>
    private ICodeDescription? Describe(long pc)
    {
        try
        {
            return _isDescribed ? _thread.Image.Code.Describe(pc) : null;
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            _isDescribed = false;
            _text.Append(CultureInfo.InvariantCulture, $"cvm {_thread.Cvm.Id}: code is not named below: {exception.Message}\n");
            return null;
        }
    }

    private string Cause(GuestFault fault)
    {
        if (fault.Kind == GuestFaultKind.Capability)
            return string.Create(CultureInfo.InvariantCulture, $"{fault.CapabilityCause} of {CapabilityRegister(fault.CapabilityRegister)}, address 0x{fault.Address:x}{Mapping(fault.Address)}");
        var what = fault.Kind switch
        {
            GuestFaultKind.LoadAccess => "load from address",
            GuestFaultKind.StoreAccess => "store to address",
            GuestFaultKind.InstructionAccess => "no executable code at address",
            GuestFaultKind.IllegalInstruction => "illegal instruction",
            GuestFaultKind.MisalignedAtomic => "misaligned atomic access to address",
            GuestFaultKind.MisalignedLoad => "misaligned load from address",
            GuestFaultKind.MisalignedStore => "misaligned store to address",
            _ => "breakpoint",
        };
        return fault.Kind is GuestFaultKind.IllegalInstruction or GuestFaultKind.Breakpoint
            ? what
            : string.Create(CultureInfo.InvariantCulture, $"{what} 0x{fault.Address:x}{Mapping(fault.Address)}");
    }

    private static string CapabilityRegister(byte number) => number switch
    {
        FirstSpecial => "pcc",
        FirstSpecial + 1 => "ddc",
        0 => "cnull",
        _ => "c" + RegisterNames[number & 31],
    };

    private string Place(long pc)
    {
        var name = Describe(pc)?.Locate(pc) is { } function ? $" {function}" : "";
        return string.Create(CultureInfo.InvariantCulture, $"0x{pc:x}{name}{Mapping(pc)}");
    }

    /// <summary>The file or the kind of memory that an address belongs to.</summary>
    private string Mapping(long address)
    {
        if (!_thread.Space.TryFind(address, out var mapping))
            return " (not mapped)";
        var name = mapping.Source?.Name ?? mapping.Name;
        return $" ({(name.Length > 0 ? name : "anonymous memory")})";
    }

    private string Instruction(long pc)
    {
        if (Describe(pc) is not { } code || _thread.Space.ExecutableBytes(pc) is var executable && executable < 2)
            return "";
        Span<byte> bytes = stackalloc byte[executable >= 4 ? 4 : 2];
        return _thread.Space.Memory.TryRead(pc, bytes) ? $": {code.Disassemble(bytes, pc)}" : "";
    }

    private void Append(FormattableString text) => _text.Append(text.ToString(CultureInfo.InvariantCulture));

    private void Append(string text) => _text.Append(text);
}
