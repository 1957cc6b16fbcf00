using System.ComponentModel;
using System.Diagnostics.CodeAnalysis;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Execution;
using static Cheri2IL.Intravisor.LibOs.Abi.MemoryFlags;

namespace Cheri2IL.Intravisor.LibOs.Mm;

/// <summary>
/// The memory of a cVM: which pages of its slot are mapped, with which rights. The host's page tables hold the same rights,
/// except that nothing is executable on the host and that executable pages are readable, so that the hardware enforces them.
/// </summary>
/// <remarks>
/// Thread-safe; one lock, the outermost of the library OS (a mapping source is called under it). <see cref="CodeChanged"/> is
/// raised outside the lock. Addresses are guest addresses; lengths are rounded up to pages. Results are addresses, 0, or
/// negated errno values. Invariant: host pages outside every mapping have no access.
/// </remarks>
public sealed unsafe partial class AddressSpace : ICodeMemory
{
    private const ulong Page = HostMemory.PageSize;
    private const int AllProtections = PROT_READ | PROT_WRITE | PROT_EXEC;

    private readonly Lock _gate = new();
    private readonly MappingList _mappings = new();
    private readonly Slot _slot;
    private readonly MemoryBudget _budget;
    private readonly int _mappingLimit;
    private readonly ulong _low = GuestLayout.Guard;
    private readonly ulong _high;
    private ulong _accessible;

    /// <summary>What was taken from the budget: <see cref="_accessible"/>, between the public calls.</summary>
    private ulong _charged;
    private bool _isClosed;
    private ulong _breakStart;
    private ulong _breakEnd;

    /// <summary>Makes an empty address space.</summary>
    /// <param name="slot">Its slot; stays owned by the caller.</param>
    /// <param name="budget">What bytes that are mapped with any access are taken from.</param>
    /// <param name="mappingLimit">Most mappings; the host allows some 65,000 in the whole process.</param>
    public AddressSpace(Slot slot, MemoryBudget budget, int mappingLimit)
    {
        _slot = slot;
        _budget = budget;
        _mappingLimit = mappingLimit;
        _high = slot.Size - GuestLayout.Guard;
        Memory = new GuestMemory(slot);
    }

    /// <summary>
    /// Raised with (start, length, true) after executable bytes appeared, vanished or became writable or not in that range: what was
    /// derived from them is stale; with false after constants (<see cref="IsConstant(long, long)"/>) did so, and nothing executable. Set once, before the guest runs.
    /// </summary>
    public Action<long, long, bool>? CodeChanged { get; set; }

    /// <summary>Validated access to this memory, on behalf of nobody.</summary>
    public GuestMemory Memory { get; private set; }

    /// <summary>Tags of this memory; null where the program has no capabilities.</summary>
    public TagTable? Tags { get; private set; }

    /// <summary>Host address of guest address 0.</summary>
    public byte* Base => _slot.Base;

    /// <summary>Bytes of the slot.</summary>
    public ulong Size => _slot.Size;

    /// <summary>Bytes mapped with any access.</summary>
    public ulong AccessibleBytes
    {
        get
        {
            lock (_gate)
                return _accessible;
        }
    }

    /// <summary>Bytes of this memory that the host holds in RAM now. Takes a system call for each 64 MiB that are mapped.</summary>
    public ulong ResidentBytes
    {
        get
        {
            lock (_gate)
            {
                var sum = 0UL;
                foreach (var mapping in _mappings.Overlapping(0, Size))
                    sum += mapping.Protection == 0 ? 0 : HostMemory.ResidentBytes(Base + mapping.Start, mapping.Length);
                return sum;
            }
        }
    }

    /// <summary>Whether a shared mapping of those bytes exists that is, or may be made, writable.</summary>
    internal bool IsMappedToWrite(object identity)
    {
        lock (_gate)
            return _mappings.Overlapping(0, Size).Any(m => m is { IsShared: true, Source: { CanWriteShared: true } source } && source.SharedIdentity == identity);
    }

    /// <summary>Gives memory tags. Once, before anything is mapped.</summary>
    public void EnableTags()
    {
        Tags = new TagTable(Size);
        Memory = new GuestMemory(_slot, Tags);
    }

    /// <summary>
    /// From now on several threads, or others than the guest, use this memory (<see cref="TagTable.Share"/>). No thread of the guest may be in
    /// translated code.
    /// </summary>
    public void ShareTags()
    {
        lock (_gate)
        {
            if (Tags is not { } tags || tags.Copies != null)
                return;
            tags.Share();
            foreach (var mapping in _mappings.Overlapping(0, Size))
            {
                if (mapping.IsSealed)
                    continue;
                var isReadable = (mapping.Protection & PROT_READ) != 0;
                if (!isReadable)
                    HostMemory.Protect(Base + mapping.Start, mapping.Length, HostMemory.Read);
                tags.MakeCopies(Base, mapping.Start, mapping.Length);
                if (!isReadable)
                    HostMemory.Protect(Base + mapping.Start, mapping.Length, HostProtection(mapping.Protection));
            }
        }
    }

    /// <summary>Access to this memory that <paramref name="authority"/> limits.</summary>
    public GuestMemory MemoryFor(GuestAuthority authority) => new(_slot, Tags, authority);

    /// <summary>Whether the instruction at <paramref name="address"/> may be executed.</summary>
    public bool IsExecutable(long address) => ExecutableBytes(address) > 0;

    /// <summary>Bytes from <paramref name="address"/> on that are mapped executable, in one mapping; 0 when none.</summary>
    public long ExecutableBytes(long address)
    {
        lock (_gate)
        {
            return _mappings.TryFind((ulong)address, out var mapping) && (mapping.Protection & PROT_EXEC) != 0
                ? (long)(mapping.End - (ulong)address)
                : 0;
        }
    }

    /// <inheritdoc/>
    public bool IsConstant(long start, long end)
    {
        lock (_gate)
        {
            if (!_mappings.IsCovered((ulong)start, (ulong)end))
                return false;
            foreach (var part in _mappings.Overlapping((ulong)start, (ulong)end))
            {
                if (!IsConstant(part))
                    return false;
            }

            return true;
        }
    }

    /// <inheritdoc/>
    public CodeMapping? FindCode(long address)
    {
        lock (_gate)
        {
            return _mappings.TryFind((ulong)address, out var mapping) && (mapping.Protection & PROT_EXEC) != 0 && !mapping.IsShared && mapping.Source is ICodeFile file
                ? new CodeMapping(file, (long)mapping.Start, (long)mapping.End, mapping.Offset)
                : null;
        }
    }

    /// <summary>The mapping that contains <paramref name="address"/>, if any.</summary>
    public bool TryFind(long address, [NotNullWhen(true)] out Mapping? mapping)
    {
        lock (_gate)
            return _mappings.TryFind((ulong)address, out mapping);
    }

    /// <summary>All mappings, ascending.</summary>
    public IReadOnlyList<Mapping> Snapshot()
    {
        lock (_gate)
            return _mappings.Overlapping(0, Size);
    }

    /// <summary>Counts memory that the guest has besides its mappings as if it were mapped; false beyond the limit, and when it is closed.</summary>
    public bool TryCharge(ulong bytes)
    {
        lock (_gate)
        {
            if (_isClosed || !TryReserve(bytes))
                return false;
            _accessible += bytes;
            return true;
        }
    }

    /// <summary>It has that not any more.</summary>
    public void Discharge(ulong bytes)
    {
        lock (_gate)
        {
            // All was given back when it was closed.
            if (_isClosed)
                return;
            _accessible -= bytes;
            Settle();
        }
    }

    /// <summary>Replaces mappings of some sources by pages without access.</summary>
    internal void Withdraw(Func<IMappingSource, bool> isGone)
    {
        lock (_gate)
        {
            foreach (var part in _mappings.Overlapping(0, Size))
            {
                if (part.Source is not { } source || !isGone(source))
                    continue;
                HostMemory.MapFixedZero(Base + part.Start, part.Length, HostMemory.None);
                _accessible -= part.Protection == 0 ? 0 : part.Length;
                _mappings.Set(part with { Protection = 0, IsShared = false, Source = null, Offset = 0, Name = "[revoked]" });
            }

            Settle();
        }
    }

    /// <summary>The slot goes to another: nothing here touches its pages any more.</summary>
    internal void Close()
    {
        lock (_gate)
        {
            _mappings.Remove(0, Size);
            _accessible = 0;
            _isClosed = true;
            Settle();
        }
    }

    /// <summary>mmap.</summary>
    /// <param name="address">Address or hint.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="protection">PROT_ bits.</param>
    /// <param name="flags">MAP_ bits.</param>
    /// <param name="source">The file; null with MAP_ANONYMOUS.</param>
    /// <param name="offset">File offset.</param>
    /// <param name="name">Name of an anonymous mapping in /proc/self/maps.</param>
    public long Map(long address, ulong length, int protection, int flags, IMappingSource? source, long offset, string name = "")
    {
        var type = flags & MAP_TYPE;
        if (length == 0 || type is not (MAP_SHARED or MAP_PRIVATE or MAP_SHARED_VALIDATE) || (offset & (long)(Page - 1)) != 0
            || (flags & (MAP_GROWSDOWN | MAP_HUGETLB)) != 0)
            return -Errno.EINVAL;
        if (length > Size)
            return -Errno.ENOMEM;
        length = RoundUp(length);
        var isOfFile = source is not (null or SharedPages);
        if (isOfFile && (offset < 0 || offset > long.MaxValue - (long)length))
            return -Errno.EOVERFLOW;
        var shared = type != MAP_PRIVATE;
        protection &= AllProtections;
        if (shared && source is not null)
        {
            if ((protection & PROT_WRITE) != 0 && !source.CanWriteShared)
                return -Errno.EACCES;

            // Pages that are at two places, or that file writes change, have tags only as memory that others use (TagTable.Share).
            if (isOfFile && Tags is { Copies: null })
                return -Errno.ENODEV;
        }

        if (source is not null && shared && source.Share() is < 0 and var error)
            return error;

        long result;
        if (shared)
            source ??= new SharedPages();
        var use = (protection & PROT_EXEC) != 0 ? CodeUse.Code : CodeUse.None;
        lock (_gate)
        {
            // What it replaces may have been code.
            if ((flags & MAP_FIXED) != 0 && (ulong)address <= Size)
                use = Max(use, UseOf((ulong)address, (ulong)address + length));
            result = MapLocked((ulong)address, length, flags, new Mapping(0, 0, protection, shared, source, source is null or SharedPages ? 0 : offset, name));
            Settle();
        }

        if (result >= 0)
            TellChanged(use, (ulong)result, (ulong)result + length);
        return result;
    }

    /// <summary>munmap.</summary>
    public long Unmap(long address, ulong length)
    {
        if (!TryRange(address, length, out var start, out var end) || start == end)
            return -Errno.EINVAL;
        long result;
        CodeUse use;
        lock (_gate)
        {
            use = UseOf(start, end);
            result = Guarded(() => UnmapLocked(start, end));
            Settle();
        }

        TellChanged(use, start, end);
        return result;
    }

    /// <summary>mprotect. As on Linux, pages before a hole are changed, and then ENOMEM is returned.</summary>
    public long Protect(long address, ulong length, int protection)
    {
        if ((address & (long)(Page - 1)) != 0 || (protection & ~AllProtections) != 0)
            return -Errno.EINVAL;
        if (length == 0)
            return 0;
        if (!TryRange(address, length, out var start, out var end))
            return -Errno.ENOMEM;
        long result;
        CodeUse use;
        lock (_gate)
        {
            use = (protection & PROT_EXEC) != 0 ? CodeUse.Code : UseOf(start, end);
            result = Guarded(() => ProtectLocked(start, end, protection));
            Settle();
        }

        TellChanged(use, start, end);
        return result;
    }

    /// <summary>Sets where the heap starts: the end of the executable's image.</summary>
    public void SetBreakStart(long address)
    {
        lock (_gate)
            _breakStart = _breakEnd = RoundUp((ulong)address);
    }

    /// <summary>brk: returns the new end of the heap, or the old one when it cannot be moved to <paramref name="address"/>.</summary>
    public long Break(long address)
    {
        lock (_gate)
        {
            var wanted = (ulong)address;
            if (wanted < _breakStart || wanted > _high)
                return (long)_breakEnd;
            var (from, to) = (RoundUp(_breakEnd), RoundUp(wanted));
            var result = 0L;
            if (to > from)
            {
                result = _mappings.IsFree(from, to)
                    ? MapLocked(from, to - from, MAP_FIXED, new Mapping(0, 0, PROT_READ | PROT_WRITE, false, null, 0, "[heap]"))
                    : -Errno.ENOMEM;
            }
            else if (to < from)
            {
                result = Guarded(() => UnmapLocked(to, from));
            }

            Settle();
            if (result >= 0)
                _breakEnd = wanted;
            return (long)_breakEnd;
        }
    }

    private static ulong RoundUp(ulong value) => (value + Page - 1) & ~(Page - 1);

    /// <summary>Rights of the host's pages: executable means readable, writable means readable (as on every machine).</summary>
    private static int HostProtection(int protection)
        => protection == 0 ? HostMemory.None
            : (protection & PROT_WRITE) != 0 ? HostMemory.Read | HostMemory.Write
            : HostMemory.Read;

    /// <summary>Runs a change of the host's mappings; a host that is out of mappings or memory gives ENOMEM.</summary>
    private static long Guarded(Func<long> change)
    {
        try
        {
            return change();
        }
        catch (Win32Exception)
        {
            return -Errno.ENOMEM;
        }
    }

    /// <summary>Page-aligned [start, end) of a range inside the mappable part of the slot.</summary>
    private bool TryRange(long address, ulong length, out ulong start, out ulong end)
    {
        start = (ulong)address;
        end = 0;
        if ((start & (Page - 1)) != 0 || start > Size || length > Size)
            return false;
        end = start + RoundUp(length);
        return start >= _low && end <= _high;
    }

    /// <summary>What code may have been derived from in a range.</summary>
    private CodeUse UseOf(ulong start, ulong end)
    {
        var use = CodeUse.None;
        foreach (var part in _mappings.Overlapping(start, end))
            use = Max(use, (part.Protection & PROT_EXEC) != 0 ? CodeUse.Code : IsConstant(part) ? CodeUse.Constants : CodeUse.None);
        return use;
    }

    private static CodeUse Max(CodeUse a, CodeUse b) => a > b ? a : b;

    private static bool IsConstant(Mapping mapping) => mapping.Protection != 0 && (mapping.Protection & PROT_WRITE) == 0 && !mapping.IsShared;

    /// <summary>Not under the lock: tells who derives code from memory.</summary>
    private void TellChanged(CodeUse use, ulong start, ulong end)
    {
        if (use != CodeUse.None)
            CodeChanged?.Invoke((long)start, (long)(end - start), use == CodeUse.Code);
    }

    private long MapLocked(ulong address, ulong length, int flags, Mapping mapping)
    {
        ulong start;
        if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) != 0)
        {
            start = address;
            if ((start & (Page - 1)) != 0)
                return -Errno.EINVAL;
            if (start < _low)
                return -Errno.EPERM;
            if (start > _high || length > _high - start)
                return -Errno.ENOMEM;
            if ((flags & MAP_FIXED_NOREPLACE) != 0 && !_mappings.IsFree(start, start + length))
                return -Errno.EEXIST;
        }
        else
        {
            start = address & ~(Page - 1);
            var hinted = start >= _low && start <= _high && length <= _high - start && _mappings.IsFree(start, start + length);
            if (!hinted && !TryPlace(mapping, length, out start) && !TryFindFree(length, out start))
                return -Errno.ENOMEM;
        }

        if (_mappings.Count + 2 > _mappingLimit)
            return -Errno.ENOMEM;
        var end = start + length;
        if (mapping.Protection != 0 && Accessible(start, end) is var replaced && length > replaced && !TryReserve(length - replaced))
            return -Errno.ENOMEM;
        return Guarded(() => Establish(mapping with { Start = start, End = end }));
    }

    /// <summary>Finds the place of a shared library whose first bytes are mapped: what follows is mapped over this mapping.</summary>
    private bool TryPlace(Mapping mapping, ulong length, out ulong start)
    {
        start = 0;
        if (mapping.IsShared || mapping.Offset != 0 || mapping.Source is not ICodeFile file || !LibraryPlacement.TrySeed(file, out var seed))
            return false;
        for (var k = 0; k < LibraryPlacement.Candidates; k++)
        {
            start = (ulong)LibraryPlacement.Candidate(seed, k, length);
            if (start != 0 && _mappings.IsFree(start, start + length))
                return true;
        }

        return false;
    }

    private bool TryFindFree(ulong length, out ulong start)
        => _mappings.TryFindGapBelow(_low, (ulong)GuestLayout.MapTop(Size), length, out start);

    private ulong Accessible(ulong start, ulong end)
    {
        var sum = 0UL;
        foreach (var part in _mappings.Overlapping(start, end))
            sum += part.Protection == 0 ? 0 : part.Length;
        return sum;
    }

    /// <summary>Replaces [mapping.Start, mapping.End) on the host and in the list; memory limits have been checked.</summary>
    private long Establish(Mapping mapping)
    {
        var error = UnmapLocked(mapping.Start, mapping.End);
        if (error < 0)
            return error;
        if (!TryPopulate(mapping, out error))
        {
            HostMemory.MapFixedZero(Base + mapping.Start, mapping.Length, HostMemory.None);
            return error;
        }

        _mappings.Set(mapping);
        _accessible += mapping.Protection == 0 ? 0 : mapping.Length;
        return (long)mapping.Start;
    }

    /// <summary>Makes the host's pages of <paramref name="mapping"/>, with its contents and rights.</summary>
    private bool TryPopulate(Mapping mapping, out long error)
    {
        error = 0;
        var host = Base + mapping.Start;
        var protection = HostProtection(mapping.Protection);
        if (mapping.Source is not { } source)
        {
            HostMemory.MapFixedZero(host, mapping.Length, protection);
            return true;
        }

        if (source is SharedPages)
        {
            HostMemory.MapFixedSharedZero(host, mapping.Length, protection);
            return true;
        }

        if (source.HostDescriptor is >= 0 and var descriptor)
        {
            if (mapping.IsShared)
                HostMemory.MapFixedShared(host, mapping.Length, protection, descriptor, mapping.Offset);
            else
                HostMemory.MapFixedPrivate(host, mapping.Length, protection, descriptor, mapping.Offset);
            return true;
        }

        HostMemory.MapFixedZero(host, mapping.Length, HostMemory.Read | HostMemory.Write);
        for (ulong done = 0; done < mapping.Length;)
        {
            // In bounds: [host, host + Length) was mapped above, and no mapping changes while the lock is held.
            var room = new Span<byte>(host + done, (int)Math.Min(mapping.Length - done, 1 << 30));
            var count = source.ReadAt(mapping.Offset + (long)done, room);
            if (count < 0)
            {
                error = count;
                return false;
            }

            if (count == 0)
                break;
            done += (ulong)count;
        }

        if (protection != (HostMemory.Read | HostMemory.Write))
            HostMemory.Protect(host, mapping.Length, protection);
        return true;
    }

    /// <summary>Takes bytes from the budget that the caller is about to make accessible; <see cref="Settle"/> gives back what it did not.</summary>
    private bool TryReserve(ulong bytes)
    {
        if (!_budget.TryTake(bytes))
            return false;
        _charged += bytes;
        return true;
    }

    /// <summary>Makes the budget agree with what is accessible.</summary>
    private void Settle()
    {
        // Never more than was reserved.
        _budget.Give(_charged - _accessible);
        _charged = _accessible;
    }

    private long UnmapLocked(ulong start, ulong end)
    {
        if (_mappings.IsFree(start, end))
            return 0;
        if (HasSealed(start, end))
            return -Errno.EPERM;

        // Removing the middle of a mapping makes one more.
        if (_mappings.Count + 1 > _mappingLimit)
            return -Errno.ENOMEM;
        HostMemory.MapFixedZero(Base + start, end - start, HostMemory.None);
        Tags?.Clear(start, end - start);
        _accessible -= Accessible(start, end);
        _mappings.Remove(start, end);
        return 0;
    }

    private long ProtectLocked(ulong start, ulong end, int protection)
    {
        var at = start;
        if (HasSealed(start, end))
            return -Errno.EPERM;
        foreach (var part in _mappings.Overlapping(start, end))
        {
            if (part.Start != at)
                return -Errno.ENOMEM;
            at = part.End;
            if (part.Protection == protection)
                continue;
            if ((protection & PROT_WRITE) != 0 && part.IsShared && part.Source is { CanWriteShared: false })
                return -Errno.EACCES;
            if (_mappings.Count + 2 > _mappingLimit)
                return -Errno.ENOMEM;
            var gained = part.Protection == 0 && protection != 0;
            if (gained && !TryReserve(part.Length))
                return -Errno.ENOMEM;
            HostMemory.Protect(Base + part.Start, part.Length, HostProtection(protection));
            _mappings.Set(part with { Protection = protection });
            if (gained)
                _accessible += part.Length;
            else if (protection == 0)
                _accessible -= part.Length;
        }

        return at == end ? 0 : -Errno.ENOMEM;
    }
}
