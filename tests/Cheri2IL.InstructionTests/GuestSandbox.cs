using Cheri2IL.CaseGen;
using Cheri2IL.Runtime;

namespace Cheri2IL.InstructionTests;

/// <summary>
/// The one guest slot of this test process, laid out as <see cref="MachineLayout"/> says, in an arena whose traps become
/// guest faults. Tests that use it run one at a time: they share the <see cref="Collection"/>.
/// </summary>
internal static unsafe class GuestSandbox
{
    /// <summary>Name of the test collection.</summary>
    public const string Collection = "guest sandbox";

    /// <summary>Reach of unchecked offsets: reserved on either side of the slot.</summary>
    private const ulong Guard = 1 << 17;

    /// <summary>Host address of guest address 0.</summary>
    public static byte* Memory { get; } = Create();

    /// <summary>Whether code may be fetched from a guest address.</summary>
    public static bool IsExecutable(long address) =>
        address is >= MachineLayout.Code and < MachineLayout.Code + MachineLayout.CodeBytes && (address & 1) == 0;

    /// <summary>Replaces the code; the rest of the area becomes stops. Returns the whole area.</summary>
    public static byte[] LoadCode(ReadOnlySpan<byte> code)
    {
        var area = new byte[MachineLayout.CodeBytes];
        for (var i = 0; i < area.Length; i += 2)
            BitConverter.TryWriteBytes(area.AsSpan(i), MachineLayout.Stop);
        code.CopyTo(area);
        HostMemory.Protect(Memory + MachineLayout.Code, MachineLayout.CodeBytes, HostMemory.Read | HostMemory.Write);
        area.CopyTo(new Span<byte>(Memory + MachineLayout.Code, MachineLayout.CodeBytes));
        HostMemory.Protect(Memory + MachineLayout.Code, MachineLayout.CodeBytes, HostMemory.Read);
        return area;
    }

    /// <summary>The writable page.</summary>
    public static Span<byte> Data => new(Memory + MachineLayout.Data, MachineLayout.PageBytes);

    private static byte* Create()
    {
        const ulong Length = MachineLayout.SlotBytes + (2 * Guard);
        var arena = HostMemory.Reserve(Length);
        FaultTrap.Install(arena, Length);
        var slot = arena + Guard;
        HostMemory.MapFixedZero(slot + MachineLayout.Code, MachineLayout.CodeBytes, HostMemory.Read);
        HostMemory.MapFixedZero(slot + MachineLayout.Data, MachineLayout.PageBytes, HostMemory.Read | HostMemory.Write);
        HostMemory.MapFixedZero(slot + MachineLayout.ReadOnly, MachineLayout.PageBytes, HostMemory.Read);
        return slot;
    }
}
