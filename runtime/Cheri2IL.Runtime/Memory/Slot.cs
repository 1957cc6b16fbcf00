namespace Cheri2IL.Runtime;

/// <summary>One cVM's range of the arena. Dispose gives its pages and its range back.</summary>
public sealed unsafe class Slot : IDisposable
{
    private readonly Arena _arena;
    private readonly bool _isNested;
    private int _freed;

    internal Slot(Arena arena, ulong virtualAddress, ulong size, bool isNested = false)
    {
        _arena = arena;
        _isNested = isNested;
        VirtualAddress = virtualAddress;
        Size = size;
    }

    /// <summary>Host address of the first byte: guest address 0.</summary>
    public byte* Base => _arena.Base + VirtualAddress;

    /// <summary>Bytes.</summary>
    public ulong Size { get; }

    /// <summary>Offset of the first byte in the arena.</summary>
    public ulong VirtualAddress { get; }

    /// <summary>A slot inside this one, which has to outlive it. Nothing in it is mapped, nor in the guards around it.</summary>
    /// <param name="start">Guest address of its first byte; a multiple of <see cref="GuestLayout.SlotGranularity"/>.</param>
    /// <param name="size">Bytes, as for <see cref="Arena.Allocate"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">It does not lie inside, or is no slot.</exception>
    public Slot Nest(ulong start, ulong size)
    {
        if (size < GuestLayout.MinimumSlotSize || (size | start) % GuestLayout.SlotGranularity != 0 || start > Size || size > Size - start)
            throw new ArgumentOutOfRangeException(nameof(size), size, "a slot has at least 4 GiB, whole GiB, and lies inside the outer one");
        return new Slot(_arena, VirtualAddress + start, size, isNested: true);
    }

    /// <summary>Unmaps everything in the slot and frees it for another cVM. No thread may use its memory any more.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _freed, 1) != 0)
            return;
        if (_isNested)
            HostMemory.MapFixedZero(Base, Size, HostMemory.None);
        else
            _arena.Free(VirtualAddress, Size);
    }
}
