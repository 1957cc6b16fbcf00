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
    public const int Granule = 16;

    private fixed ulong _metadata[32];
    private fixed bool _tags[32];

    /// <summary>PCC without its address, which is the pc.</summary>
    private Capability _pcc;

    private Capability _ddc;

    /// <summary>One byte, 0 or 1, for each <see cref="Granule"/> of the slot; null where memory has no tags.</summary>
    public byte* MemoryTags;

    /// <summary>Metadata word of the capability on which LR.C took the reservation.</summary>
    public ulong ReservationMetadata;

    /// <summary>Its tag in memory.</summary>
    public byte ReservationTag;

    /// <summary>The capability in a register. PCC has the address <see cref="GuestState.Pc"/>; c0 is NULL.</summary>
    public static Capability Read(GuestState* state, int register) => register switch
    {
        Pcc => new Capability(state->Capabilities._pcc.Metadata, (ulong)state->Pc, state->Capabilities._pcc.IsTagged),
        Ddc => state->Capabilities._ddc,
        _ => new Capability(
            state->Capabilities._metadata[register & 31], (ulong)GuestState.X(state, register), state->Capabilities._tags[register & 31]),
    };

    /// <summary>Writes a register: c1..c31, DDC, or PCC without its address.</summary>
    public static void Write(GuestState* state, int register, in Capability value)
    {
        switch (register)
        {
            case Pcc:
                state->Capabilities._pcc = value;
                break;
            case Ddc:
                state->Capabilities._ddc = value;
                break;
            default:
                GuestState.X(state, register) = (long)value.Address;
                state->Capabilities._metadata[register & 31] = value.Metadata;
                state->Capabilities._tags[register & 31] = value.IsTagged;
                break;
        }
    }

    /// <summary>What else an integer write of x<paramref name="register"/> (1..31) does: metadata of NULL, no tag.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ClearMetadata(GuestState* state, int register)
    {
        state->Capabilities._metadata[register & 31] = 0;
        state->Capabilities._tags[register & 31] = false;
    }

    /// <summary>Tag of the granule of a guest address that is inside the slot.</summary>
    public static ref byte TagOf(GuestState* state, long address) =>
        ref state->Capabilities.MemoryTags[(ulong)address / Granule];

    /// <summary>
    /// Clears the tags of every granule of [<paramref name="address"/>, + <paramref name="size"/>), which is inside the slot: what a data
    /// store does.
    /// </summary>
    public static void ClearTags(GuestState* state, long address, int size)
    {
        TagOf(state, address) = 0;
        TagOf(state, address + size - 1) = 0;
    }
}
