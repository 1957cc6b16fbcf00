using System.ComponentModel;

namespace Cheri2IL.Runtime;

/// <summary>
/// The one reservation of host address space that holds every slot of this process. Virtual address = offset into the arena.
/// </summary>
/// <remarks>
/// Reserved without access or commitment, with a guard beyond either end as wide as the guard inside each slot, so that an
/// access at the widest unchecked offset from the first or last slot stays inside the reservation. Thread-safe.
/// </remarks>
public sealed unsafe class Arena
{
    private const ulong Preferred = 64UL << 40;
    private const ulong Minimum = 4 * GuestLayout.DefaultSlotSize;

    private static readonly Lazy<Arena> Instance = new(() => new Arena());

    private readonly Lock _gate = new();
    private readonly List<FreeRange> _free = [];

    private Arena()
    {
        for (var size = Preferred; ; size /= 2)
        {
            try
            {
                // Aligned by hand: a slot starts at a multiple of the guard.
                var reserved = HostMemory.Reserve(size + (4 * GuestLayout.Guard));
                Base = (byte*)(((ulong)reserved + (2 * GuestLayout.Guard) - 1) & ~(GuestLayout.Guard - 1));
                Size = size;
                break;
            }
            catch (Win32Exception) when (size > Minimum)
            {
                // RLIMIT_AS or an odd address-space layout: try half.
            }
        }

        FaultTrap.Install(Base - GuestLayout.Guard, Size + (2 * GuestLayout.Guard));
        _free.Add(new FreeRange(0, Size));
    }

    /// <summary>The arena of this process; reserved, and the fault trap installed, at first use.</summary>
    /// <exception cref="PlatformNotSupportedException">The host is not linux-x64.</exception>
    /// <exception cref="Win32Exception">The address space of this process is too small.</exception>
    public static Arena OfProcess => Instance.Value;

    /// <summary>Host address of virtual address 0.</summary>
    public byte* Base { get; }

    /// <summary>Bytes of the arena.</summary>
    public ulong Size { get; }

    /// <summary>Takes a slot; the lowest free one that fits. Nothing in it is mapped.</summary>
    /// <param name="size">Bytes; a multiple of <see cref="GuestLayout.SlotGranularity"/>, at least <see cref="GuestLayout.MinimumSlotSize"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is not one of those.</exception>
    /// <exception cref="InsufficientMemoryException">The arena has no such room.</exception>
    public Slot Allocate(ulong size)
    {
        if (size < GuestLayout.MinimumSlotSize || size % GuestLayout.SlotGranularity != 0)
            throw new ArgumentOutOfRangeException(nameof(size), size, "a slot has at least 4 GiB and whole GiB");
        lock (_gate)
        {
            for (var k = 0; k < _free.Count; k++)
            {
                var range = _free[k];
                if (range.Length < size)
                    continue;
                if (range.Length > size)
                    _free[k] = new FreeRange(range.Start + size, range.End);
                else
                    _free.RemoveAt(k);
                return new Slot(this, range.Start, size);
            }
        }

        throw new InsufficientMemoryException($"no free slot of {size >> 30} GiB in an arena of {Size >> 30} GiB");
    }

    internal void Free(ulong start, ulong size)
    {
        // Gives the pages back in the same step that makes them inaccessible; the reservation never has a hole.
        HostMemory.MapFixedZero(Base + start, size, HostMemory.None);
        lock (_gate)
        {
            var end = start + size;
            var after = 0;
            while (after < _free.Count && _free[after].Start < start)
                after++;
            if (after < _free.Count && _free[after].Start == end)
            {
                end = _free[after].End;
                _free.RemoveAt(after);
            }

            if (after > 0 && _free[after - 1].End == start)
            {
                start = _free[--after].Start;
                _free.RemoveAt(after);
            }

            _free.Insert(after, new FreeRange(start, end));
        }
    }

    /// <summary>A part of the arena that no slot has; the list of them ascends and has no two that touch.</summary>
    private sealed record FreeRange(ulong Start, ulong End)
    {
        public ulong Length => End - Start;
    }
}
