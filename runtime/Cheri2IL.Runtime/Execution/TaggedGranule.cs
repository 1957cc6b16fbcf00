namespace Cheri2IL.Runtime.Execution;

/// <summary>Where one granule of tagged memory is for the host.</summary>
public readonly unsafe struct TaggedGranule
{
    /// <summary>Locks of a cVM, each of a cache line's size.</summary>
    private const int Gates = 64;

    private const int GateBytes = 64;

    private TaggedGranule(byte* bytes, byte* tag, byte* copies, long address)
    {
        Bytes = bytes;
        Tag = tag;
        if (copies == null)
            return;
        Copy = (ulong*)(copies + (address & -CapabilityState.Granule));
        Gate = (int*)(copies - GatesBytes + ((address / CapabilityState.Granule % Gates) * GateBytes));
    }

    /// <summary>Bytes of all locks, which stand in front of the copies.</summary>
    public const long GatesBytes = Gates * GateBytes;

    /// <summary>Its 16 bytes.</summary>
    public byte* Bytes { get; }

    /// <summary>Its tag.</summary>
    public byte* Tag { get; }

    /// <summary>The two words that were last stored with a tag; null while the guest has one thread.</summary>
    public ulong* Copy { get; }

    /// <summary>What capability accesses exclude each other by; null while the guest has one thread.</summary>
    private int* Gate { get; }

    /// <summary>The granule at a guest address, a multiple of 16 inside the slot.</summary>
    /// <param name="memory">Host address of the slot.</param>
    /// <param name="tags">Host address of the tag of guest address 0.</param>
    /// <param name="copies">Host address of the copy of guest address 0; null: there are none.</param>
    /// <param name="address">Guest address.</param>
    public static TaggedGranule At(byte* memory, byte* tags, byte* copies, long address)
        => new(memory + address, tags + (address / CapabilityState.Granule), copies, address);

    /// <summary>The granule at a guest address of a thread's slot.</summary>
    public static TaggedGranule At(GuestState* state, long address)
        => At(state->MemoryBase, state->Capabilities.MemoryTags, state->Capabilities.MemoryCopies, address);

    /// <summary>Keeps other capability accesses of this granule away until it is disposed of; not those of other cVMs.</summary>
    public Exclusion Exclude() => new(Gate);

    /// <summary>See <see cref="Exclude"/>.</summary>
    public readonly ref struct Exclusion
    {
        private readonly int* _gate;

        internal Exclusion(int* gate)
        {
            _gate = gate;
            if (gate == null || Interlocked.CompareExchange(ref *gate, 1, 0) == 0)
                return;
            var wait = new SpinWait();
            do
                wait.SpinOnce();
            while (Interlocked.CompareExchange(ref *gate, 1, 0) != 0);
        }

        /// <summary>Lets others in.</summary>
        public void Dispose()
        {
            if (_gate != null)
                Volatile.Write(ref *_gate, 0);
        }
    }
}
