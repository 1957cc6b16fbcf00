using System.Runtime.CompilerServices;
using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// The part of <see cref="GuestState"/> that only code with capabilities uses: what c1..c31 have beyond the addresses in
/// <see cref="GuestState.X1"/> and its neighbours, PCC, DDC and the tags of memory. CHERI ISAv9, merged register file.
/// </summary>
public unsafe struct CapabilityState
{
    /// <summary>Number of PCC as a register of <see cref="Read"/> and <see cref="Write"/>; c0..c31 are 0..31.</summary>
    public const int Pcc = 64;

    /// <summary>Number of DDC.</summary>
    public const int Ddc = 65;

    /// <summary>Bytes that share a tag; the size and alignment of a capability in memory.</summary>
    public const int Granule = 1 << GranuleShift;

    private const int GranuleShift = 4;

    /// <summary>Registers that have an <see cref="Index"/>.</summary>
    public const int Registers = 34;

    /// <summary>Metadata words at <see cref="Index"/>: of c0..c31, PCC and DDC.</summary>
    public CapabilityWords Metadata;

    /// <summary>Tags, likewise.</summary>
    public CapabilityBits Tags;

    /// <summary>Address of DDC. PCC's is the pc.</summary>
    public ulong DdcAddress;

    /// <summary>Where PCC, in integer mode, allows fetches: empty if it is not in this mode, or that has not been looked at.</summary>
    public CodeWindow IntegerCode;

    /// <summary>The same in capability mode.</summary>
    public CodeWindow CapabilityCode;

    /// <summary>What <see cref="GuestState.Dispatch"/> is in integer mode.</summary>
    public nint* IntegerDispatch;

    /// <summary>The same in capability mode; null where code in both modes is looked up in one table.</summary>
    public nint* CapabilityDispatch;

    /// <summary>Non-zero: the instruction at the pc is for the evaluator, because translated code does not serve what there is.</summary>
    public int EvaluatesNext;

    /// <summary>One byte, 0 or 1, for each <see cref="Granule"/> of the slot; null where memory has no tags.</summary>
    public byte* MemoryTags;

    /// <summary>
    /// With more threads: what each granule was last stored with as a tagged capability, at the granule's guest address from here on
    /// (<see cref="CapabilityMemory"/>). Null with one thread.
    /// </summary>
    public byte* MemoryCopies;

    /// <summary>
    /// Whether no other thread uses the slot: then loads and stores of capabilities need not exclude each other. Who starts a second thread
    /// clears it in the first one's state before.
    /// </summary>
    public bool IsAlone;

    /// <summary>Metadata word of the capability on which LR.C took the reservation.</summary>
    public ulong ReservationMetadata;

    /// <summary>Its tag in memory.</summary>
    public byte ReservationTag;

    /// <summary>Place of a register in <see cref="Metadata"/> and <see cref="Tags"/>.</summary>
    public static int Index(int register) => register switch
    {
        Pcc => 32,
        Ddc => 33,
        _ => register & 31,
    };

    /// <summary>The capability in a register. PCC has the address <see cref="GuestState.Pc"/>; c0 is NULL.</summary>
    public static Capability Read(GuestState* state, int register) => register switch
    {
        Pcc => ReadPcc(state, state->Pc),
        Ddc => At(ref state->Capabilities, register, state->Capabilities.DdcAddress),
        _ => At(ref state->Capabilities, register, (ulong)GuestState.X(state, register)),
    };

    /// <summary>PCC at an instruction.</summary>
    public static Capability ReadPcc(GuestState* state, long pc) => At(ref state->Capabilities, Pcc, (ulong)pc);

    /// <summary>Writes a register: c1..c31, DDC, or PCC without its address.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Write(GuestState* state, int register, in Capability value)
    {
        ref var capabilities = ref state->Capabilities;
        var index = Index(register);
        switch (register)
        {
            case Pcc:
                // Windows say where PCC has the bounds that they show: the address of a capability with the same words does not matter.
                if (MetadataAt(ref capabilities, index) != value.Metadata || TagAt(ref capabilities, index) != value.IsTagged)
                    capabilities.IntegerCode = capabilities.CapabilityCode = default;
                if (capabilities.CapabilityDispatch != null)
                    state->Dispatch = value.IsCapabilityMode ? capabilities.CapabilityDispatch : capabilities.IntegerDispatch;
                break;
            case Ddc:
                capabilities.DdcAddress = value.Address;
                break;
            default:
                GuestState.X(state, register) = (long)value.Address;
                break;
        }

        MetadataAt(ref capabilities, index) = value.Metadata;
        TagAt(ref capabilities, index) = value.IsTagged;
    }

    /// <summary>What else an integer write of x<paramref name="register"/> (1..31) does: metadata of NULL, no tag.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ClearMetadata(GuestState* state, int register)
    {
        state->Capabilities.Metadata[register & 31] = 0;
        state->Capabilities.Tags[register & 31] = false;
    }

    /// <summary>
    /// Whether PCC, in the mode asked for, allows the fetch of everything in [<paramref name="start"/>, <paramref name="last"/>]; then the
    /// window of that mode says so from now on.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool AllowsFetch(GuestState* state, long start, long last, bool isCapabilityMode)
    {
        var pcc = ReadPcc(state, start);
        var window = AccessWindow.Of(pcc, CapabilityPermissions.Execute, 1);
        if (pcc.IsCapabilityMode != isCapabilityMode || start > last || !window.Allows((ulong)start) || !window.Allows((ulong)last))
            return false;
        ref var code = ref (isCapabilityMode ? ref state->Capabilities.CapabilityCode : ref state->Capabilities.IntegerCode);
        code = new CodeWindow { Base = window.Base, Length = window.Count };
        return true;
    }

    /// <summary>
    /// Tag of the granule of a guest address that is inside the slot or, where the hardware traps before the tag is looked at, near it.
    /// </summary>
    public static ref byte TagOf(GuestState* state, long address) =>
        ref state->Capabilities.MemoryTags[address >> GranuleShift];

    /// <summary>
    /// Clears the tags of every granule of [<paramref name="address"/>, + <paramref name="size"/>), which is inside the slot: what a data
    /// store does.
    /// </summary>
    public static void ClearTags(GuestState* state, long address, int size)
    {
        TagOf(state, address) = 0;
        TagOf(state, address + size - 1) = 0;
    }

    private static Capability At(ref CapabilityState state, int register, ulong address) =>
        new(MetadataAt(ref state, Index(register)), address, TagAt(ref state, Index(register)));

    // Not by the arrays' own index, which makes a span with a method that is not compiled ahead of time: each start of a guest reads PCC.
    private static ref ulong MetadataAt(ref CapabilityState state, int index) => ref Unsafe.Add(ref Unsafe.As<CapabilityWords, ulong>(ref state.Metadata), index);

    private static ref bool TagAt(ref CapabilityState state, int index) => ref Unsafe.Add(ref Unsafe.As<CapabilityBits, bool>(ref state.Tags), index);
}
