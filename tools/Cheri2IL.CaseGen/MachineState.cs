using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.CaseGen;

/// <summary>Registers and the writable page, before or after a test. Mutable.</summary>
public sealed class MachineState
{
    /// <summary>A state in which every register holds a recognisable filler and memory is zero.</summary>
    public MachineState()
    {
        for (var i = 1; i < 32; i++)
            X[i] = FillerX(i);
        for (var i = 0; i < 32; i++)
            F[i] = FillerF(i);
    }

    /// <summary>pc.</summary>
    public ulong Pc { get; set; }

    /// <summary>Integer registers; X[0] is 0.</summary>
    public ulong[] X { get; private init; } = new ulong[32];

    /// <summary>Floating-point registers, bit images.</summary>
    public ulong[] F { get; private init; } = new ulong[32];

    /// <summary>Rounding mode, 0..7.</summary>
    public int Frm { get; set; }

    /// <summary>Accrued exceptions, 5 bits.</summary>
    public int Fflags { get; set; }

    /// <summary>The writable page at <see cref="MachineLayout.Data"/>.</summary>
    public byte[] Data { get; private init; } = new byte[MachineLayout.PageBytes];

    /// <summary>Why it stopped; null if it reached a <see cref="MachineLayout.Stop"/>.</summary>
    public GuestFaultKind? Fault { get; set; }

    /// <summary>Address of a memory fault; 0 otherwise.</summary>
    public ulong FaultAddress { get; set; }

    /// <summary>
    /// Whether the registers and flags are those before the faulting instruction; false for an access that fails in code that
    /// does not keep them for that.
    /// </summary>
    public bool HasRegisters { get; set; } = true;

    /// <summary>What integer register <paramref name="index"/> holds unless a case says otherwise.</summary>
    public static ulong FillerX(int index) => 0x5A5A_5A5A_0000_0000u | ((uint)index * 0x0101u);

    /// <summary>What floating-point register <paramref name="index"/> holds unless a case says otherwise: a boxed single a little above 2.</summary>
    public static ulong FillerF(int index) => 0xFFFF_FFFF_4000_0000u | (uint)index;

    /// <summary>A copy with the registers and flags of another state.</summary>
    public MachineState WithRegistersOf(MachineState other)
    {
        var copy = Clone();
        other.X.CopyTo(copy.X, 0);
        other.F.CopyTo(copy.F, 0);
        (copy.Frm, copy.Fflags) = (other.Frm, other.Fflags);
        return copy;
    }

    /// <summary>An independent copy.</summary>
    public MachineState Clone() => new()
    {
        Pc = Pc,
        X = [.. X],
        F = [.. F],
        Frm = Frm,
        Fflags = Fflags,
        Data = [.. Data],
        Fault = Fault,
        FaultAddress = FaultAddress,
        HasRegisters = HasRegisters,
    };
}
