using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// Capabilities in guest memory: 16 bytes and a tag. Every address is a guest address that the caller has checked: inside the slot, and a
/// multiple of 16. CHERI ISAv9, "Capability loads and stores".
/// </summary>
/// <remarks>
/// <para>While the guest has one thread (<see cref="CapabilityState.IsAlone"/>) bytes and tag are accessed one after the other, by translated
/// code in line. With more threads the host would need an access of 17 bytes, which it has not. Capability accesses to a granule then exclude
/// each other (<see cref="TaggedGranule.Exclude"/>), but data stores take part in nothing: they write bytes and then clear the tag, if they see
/// one, so that between the two, or where they looked before another thread set it, the tag stands over bytes that are none of a capability.</para>
/// <para><b>A tag is therefore believed only where the bytes are those that it was set with.</b> Each tagged store keeps a copy of its two words
/// outside of what the guest can reach; copies are written and compared within the exclusion alone, so they are never torn. A load that finds
/// the tag with other bytes has met a data store, and clears the tag for good. Hence every capability that a load yields was stored there as it
/// is: the words are compared after they were read, and it is the words that were read which are returned. What a program can still see, if it
/// races, is a capability that was overwritten, where another data store is just writing its very bytes again; no capability access can have
/// looked at the granule between the two, for it would have cleared the tag.</para>
/// </remarks>
public static unsafe class CapabilityMemory
{
    /// <summary>Loads; the tag is dropped unless <paramref name="keepsTag"/> (Permit_Load_Capability of the authority).</summary>
    public static Capability Load(GuestState* state, long address, bool keepsTag) => Load(TaggedGranule.At(state, address), keepsTag);

    /// <summary>Loads from a granule.</summary>
    public static Capability Load(in TaggedGranule granule, bool keepsTag)
    {
        using var exclusion = granule.Exclude();
        return Read(granule, keepsTag);
    }

    /// <summary>Stores all bits and the tag.</summary>
    public static void Store(GuestState* state, long address, in Capability value) => Store(TaggedGranule.At(state, address), value);

    /// <summary>Stores to a granule.</summary>
    public static void Store(in TaggedGranule granule, in Capability value)
    {
        using var exclusion = granule.Exclude();
        Write(granule, value);
    }

    /// <summary>AMOSWAP.C: stores, and yields what was there, with its tag if <paramref name="keepsTag"/>.</summary>
    public static Capability Swap(GuestState* state, long address, in Capability value, bool keepsTag)
    {
        var granule = TaggedGranule.At(state, address);
        using var exclusion = granule.Exclude();
        var old = Read(granule, keepsTag);
        Write(granule, value);
        return old;
    }

    /// <summary>LR.C: loads and takes the reservation.</summary>
    public static Capability LoadReserved(GuestState* state, long address, bool keepsTag)
    {
        var granule = TaggedGranule.At(state, address);
        using var exclusion = granule.Exclude();
        var value = Read(granule, keepsTag: true);
        Atomics.Reserve(state, granule.Bytes, CapabilityState.Granule, (long)value.Address);
        state->Capabilities.ReservationMetadata = value.Metadata;
        state->Capabilities.ReservationTag = value.IsTagged ? (byte)1 : (byte)0;
        return keepsTag ? value : value.ClearTag();
    }

    /// <summary>
    /// SC.C: stores when the reservation is of this address and memory still holds the loaded bits and tag; drops the reservation. 0 on
    /// success, 1 on failure.
    /// </summary>
    public static long StoreConditional(GuestState* state, long address, in Capability value)
    {
        var granule = TaggedGranule.At(state, address);
        using var exclusion = granule.Exclude();
        if (!Atomics.TakeReservation(state, granule.Bytes, CapabilityState.Granule))
        {
            // As the other store-conditionals: it traps where it may not write.
            Interlocked.Or(ref *(long*)granule.Bytes, 0);
            return 1;
        }

        ref var reserved = ref state->Capabilities;
        var expected = new Capability(reserved.ReservationMetadata, (ulong)state->ReservationValue, reserved.ReservationTag != 0);
        if (Read(granule, keepsTag: true) != expected)
            return 1;
        Write(granule, value);
        return 0;
    }

    /// <summary>CLoadTags: bit i is the tag of the granule at <paramref name="address"/> + 16 * i, i = 0..3.</summary>
    public static long LoadTags(GuestState* state, long address)
    {
        // Tags are read where capabilities could be: a page that cannot be read traps.
        Volatile.Read(ref *(state->MemoryBase + address));
        var tags = 0L;
        for (var i = 0; i < 4; i++)
        {
            var isTagged = state->Capabilities.MemoryCopies != null
                ? Load(state, address + (i * CapabilityState.Granule), keepsTag: true).IsTagged
                : CapabilityState.TagOf(state, address + (i * CapabilityState.Granule)) != 0;
            tags |= (isTagged ? 1L : 0L) << i;
        }

        return tags;
    }

    /// <summary>
    /// Makes the copy of a granule whose tag was set while the guest had one thread, which is not running translated code now. Data that
    /// others write meanwhile, having cleared the tag, is not taken for a capability: the bytes are read before the tag.
    /// </summary>
    internal static void MakeCopy(in TaggedGranule granule)
    {
        var words = (ulong*)granule.Bytes;
        var (address, metadata) = (Volatile.Read(ref words[0]), Volatile.Read(ref words[1]));
        if (Volatile.Read(ref *granule.Tag) == 0)
            return;
        granule.Copy[0] = address;
        granule.Copy[1] = metadata;
    }

    /// <summary>Gives a granule, to which the bytes of another were copied, that one's tag.</summary>
    internal static void CopyTag(in TaggedGranule from, in TaggedGranule to)
    {
        byte tag;
        var (address, metadata) = (0UL, 0UL);
        using (from.Exclude())
        {
            tag = *from.Tag;
            if (from.Copy != null)
                (address, metadata) = (from.Copy[0], from.Copy[1]);
        }

        using (to.Exclude())
        {
            // Writing what is there already would commit pages that were never used.
            if (tag != 0 && to.Copy != null)
                (to.Copy[0], to.Copy[1]) = (address, metadata);
            if (*to.Tag != tag)
                Volatile.Write(ref *to.Tag, tag);
        }
    }

    private static Capability Read(in TaggedGranule granule, bool keepsTag)
    {
        // The bytes first: where they cannot be read, there is no tag to look at.
        var words = (ulong*)granule.Bytes;
        var (address, metadata) = (Volatile.Read(ref words[0]), Volatile.Read(ref words[1]));
        var isTagged = Volatile.Read(ref *granule.Tag) != 0;
        if (isTagged && granule.Copy != null && (granule.Copy[0] != address || granule.Copy[1] != metadata))
        {
            Volatile.Write(ref *granule.Tag, 0);
            isTagged = false;
        }

        return new Capability(metadata, address, keepsTag && isTagged);
    }

    private static void Write(in TaggedGranule granule, in Capability value)
    {
        // The bytes first, as above: it traps where it may not write. The tag only where it is set: what is clear already need not commit
        // a page of the table.
        Interlocked.Or(ref *(long*)granule.Bytes, 0);
        if (*granule.Tag != 0)
            Volatile.Write(ref *granule.Tag, 0);
        var words = (ulong*)granule.Bytes;
        words[0] = value.Address;
        words[1] = value.Metadata;
        if (!value.IsTagged)
            return;
        if (granule.Copy != null)
            (granule.Copy[0], granule.Copy[1]) = (value.Address, value.Metadata);
        Volatile.Write(ref *granule.Tag, 1);
    }
}
