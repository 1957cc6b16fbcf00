using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// Capabilities in guest memory: 16 bytes and a tag. Every address is a guest address that the caller has checked: inside the slot, and a
/// multiple of 16. CHERI ISAv9, "Capability loads and stores".
/// </summary>
/// <remarks>
/// Bytes and tag are three accesses of the host, which another thread can come between: the operations exclude each other, but not
/// data stores. The host has no 17-byte access; a tag is never seen with bytes it was not written with, because it is cleared first and set
/// last. Translated code does without the exclusion, and without a call, while there is one thread
/// (<see cref="CapabilityState.IsAlone"/>). A data store clears the tag behind its bytes, since one that traps must change nothing: a
/// thread that loads a capability at the same time as another writes data into it may get those bytes with the old tag.
/// </remarks>
public static unsafe class CapabilityMemory
{
    private static readonly Lock Exclusion = new();

    /// <summary>Loads; the tag is dropped unless <paramref name="keepsTag"/> (Permit_Load_Capability of the authority).</summary>
    public static Capability Load(GuestState* state, long address, bool keepsTag) =>
        Load(state->MemoryBase + address, ref CapabilityState.TagOf(state, address), keepsTag);

    /// <summary>Loads from 16 bytes of the host's and the tag that belongs to them.</summary>
    public static Capability Load(byte* bytes, ref byte tag, bool keepsTag)
    {
        lock (Exclusion)
        {
            // The bytes first: where they cannot be read, there is no tag to look at.
            var words = (ulong*)bytes;
            var (address, metadata) = (Volatile.Read(ref words[0]), Volatile.Read(ref words[1]));
            return new Capability(metadata, address, keepsTag && Volatile.Read(ref tag) != 0);
        }
    }

    /// <summary>Stores all bits and the tag.</summary>
    public static void Store(GuestState* state, long address, in Capability value) =>
        Store(state->MemoryBase + address, ref CapabilityState.TagOf(state, address), value);

    /// <summary>Stores to 16 bytes of the host's and the tag that belongs to them.</summary>
    public static void Store(byte* bytes, ref byte tag, in Capability value)
    {
        lock (Exclusion)
            Write(bytes, ref tag, value);
    }

    /// <summary>AMOSWAP.C: stores, and yields what was there, with its tag if <paramref name="keepsTag"/>.</summary>
    public static Capability Swap(GuestState* state, long address, in Capability value, bool keepsTag)
    {
        lock (Exclusion)
        {
            var old = Load(state, address, keepsTag);
            Write(state->MemoryBase + address, ref CapabilityState.TagOf(state, address), value);
            return old;
        }
    }

    /// <summary>LR.C: loads and takes the reservation.</summary>
    public static Capability LoadReserved(GuestState* state, long address, bool keepsTag)
    {
        lock (Exclusion)
        {
            var value = Load(state, address, keepsTag: true);
            Atomics.Reserve(state, state->MemoryBase + address, CapabilityState.Granule, (long)value.Address);
            state->Capabilities.ReservationMetadata = value.Metadata;
            state->Capabilities.ReservationTag = value.IsTagged ? (byte)1 : (byte)0;
            return keepsTag ? value : value.ClearTag();
        }
    }

    /// <summary>
    /// SC.C: stores when the reservation is of this address and memory still holds the loaded bits and tag; drops the reservation. 0 on
    /// success, 1 on failure.
    /// </summary>
    public static long StoreConditional(GuestState* state, long address, in Capability value)
    {
        lock (Exclusion)
        {
            if (!Atomics.TakeReservation(state, state->MemoryBase + address, CapabilityState.Granule))
            {
                // As the other store-conditionals: it traps where it may not write.
                Interlocked.Or(ref *(long*)(state->MemoryBase + address), 0);
                return 1;
            }

            ref var reserved = ref state->Capabilities;
            var expected = new Capability(reserved.ReservationMetadata, (ulong)state->ReservationValue, reserved.ReservationTag != 0);
            if (Load(state, address, keepsTag: true) != expected)
                return 1;
            Write(state->MemoryBase + address, ref CapabilityState.TagOf(state, address), value);
            return 0;
        }
    }

    /// <summary>CLoadTags: bit i is the tag of the granule at <paramref name="address"/> + 16 * i, i = 0..3.</summary>
    public static long LoadTags(GuestState* state, long address)
    {
        // Tags are read where capabilities could be: a page that cannot be read traps.
        Volatile.Read(ref *(state->MemoryBase + address));
        var tags = 0L;
        for (var i = 0; i < 4; i++)
            tags |= (long)CapabilityState.TagOf(state, address + (i * CapabilityState.Granule)) << i;
        return tags;
    }

    private static void Write(byte* bytes, ref byte tag, in Capability value)
    {
        // The bytes first, as above: it traps where it may not write. The tag only where it is set: what is clear already need not commit
        // a page of the table.
        Interlocked.Or(ref *(long*)bytes, 0);
        if (tag != 0)
            Volatile.Write(ref tag, 0);
        var words = (ulong*)bytes;
        words[0] = value.Address;
        words[1] = value.Metadata;
        if (value.IsTagged)
            Volatile.Write(ref tag, 1);
    }
}
