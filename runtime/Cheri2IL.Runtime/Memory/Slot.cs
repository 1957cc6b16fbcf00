namespace Cheri2IL.Runtime;

/// <summary>One cVM's range of the arena. Dispose gives its pages and its range back.</summary>
public sealed unsafe class Slot : IDisposable
{
    private readonly Arena _arena;
    private int _freed;

    internal Slot(Arena arena, ulong virtualAddress, ulong size)
    {
        _arena = arena;
        VirtualAddress = virtualAddress;
        Size = size;
    }

    /// <summary>Host address of the first byte: guest address 0.</summary>
    public byte* Base => _arena.Base + VirtualAddress;

    /// <summary>Bytes.</summary>
    public ulong Size { get; }

    /// <summary>Offset of the first byte in the arena.</summary>
    public ulong VirtualAddress { get; }

    /// <summary>Unmaps everything in the slot and frees it for another cVM. No thread may use its memory any more.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _freed, 1) == 0)
            _arena.Free(VirtualAddress, Size);
    }
}
