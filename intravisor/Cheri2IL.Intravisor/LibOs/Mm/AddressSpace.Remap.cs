using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime;
using static Cheri2IL.Intravisor.LibOs.Abi.MemoryFlags;

namespace Cheri2IL.Intravisor.LibOs.Mm;

/// <content>mremap, madvise and the calls that only ask.</content>
public sealed unsafe partial class AddressSpace
{
    /// <summary>mremap. A moved mapping is copied, except one of a shareable file, which is mapped again.</summary>
    public long Remap(long oldAddress, ulong oldLength, ulong newLength, int flags, long newAddress)
    {
        if ((flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED)) != 0
            || ((flags & MREMAP_FIXED) != 0 && (flags & MREMAP_MAYMOVE) == 0)
            || newLength == 0 || oldLength == 0)
            return -Errno.EINVAL;
        if (newLength > Size)
            return -Errno.ENOMEM;
        if ((oldAddress & (long)(Page - 1)) != 0)
            return -Errno.EINVAL;
        if (!TryRange(oldAddress, oldLength, out var start, out var end))
            return -Errno.EFAULT;
        newLength = RoundUp(newLength);
        long result;
        CodeUse use, useBehind;
        lock (_gate)
        {
            if (!_mappings.TryFind(start, out var mapping) || mapping.End < end)
                return -Errno.EFAULT;
            if (mapping.IsSealed)
                return -Errno.EPERM;
            mapping = mapping.Clip(start, end);
            useBehind = use = UseOf(start, end);
            if ((flags & MREMAP_FIXED) != 0 && TryRange(newAddress, newLength, out var newStart, out var newEnd))
                useBehind = Max(use, UseOf(newStart, newEnd));
            result = Guarded(() => (flags & MREMAP_FIXED) != 0
                ? MoveTo(mapping, (ulong)newAddress, newLength)
                : Resize(mapping, newLength, (flags & MREMAP_MAYMOVE) != 0));
            Settle();
        }

        if (result >= 0)
        {
            TellChanged(use, start, end);
            TellChanged(useBehind, (ulong)result, (ulong)result + newLength);
        }

        return result;
    }

    /// <summary>madvise: only advice that changes what the guest sees has an effect.</summary>
    public long Advise(long address, ulong length, int advice)
    {
        if ((address & (long)(Page - 1)) != 0 || advice < 0 || advice > MADV_LAST || advice is (> 4 and < 8) or MADV_REMOVE)
            return -Errno.EINVAL;
        if (length == 0)
            return 0;
        if (!TryRange(address, length, out var start, out var end))
            return length > Size ? -Errno.EINVAL : -Errno.ENOMEM;
        lock (_gate)
        {
            if (advice is MADV_DONTNEED or MADV_FREE)
            {
                if (HasSealed(start, end))
                    return -Errno.EPERM;
                foreach (var part in _mappings.Overlapping(start, end))
                {
                    if (advice == MADV_FREE && (part.Source is not null || part.IsShared))
                        return -Errno.EINVAL;
                    var result = Guarded(() => part.IsShared ? 0 : TryPopulate(part, out var error) ? 0 : error);
                    if (result < 0)
                        return result;
                    if (!part.IsShared)
                        Tags?.Clear(part.Start, part.Length);
                }
            }

            return _mappings.IsCovered(start, end) ? 0 : -Errno.ENOMEM;
        }
    }

    /// <summary>0 when every page of the range is mapped; otherwise ENOMEM (msync, mlock, mincore); EINVAL for a bad address.</summary>
    public long RequireMapped(long address, ulong length)
    {
        if ((address & (long)(Page - 1)) != 0)
            return -Errno.EINVAL;
        if (length == 0)
            return 0;
        if (!TryRange(address, length, out var start, out var end))
            return -Errno.ENOMEM;
        lock (_gate)
            return _mappings.IsCovered(start, end) ? 0 : -Errno.ENOMEM;
    }

    private long Resize(Mapping mapping, ulong newLength, bool mayMove)
    {
        if (newLength <= mapping.Length)
        {
            if (newLength < mapping.Length)
            {
                var error = UnmapLocked(mapping.Start + newLength, mapping.End);
                if (error < 0)
                    return error;
            }

            return (long)mapping.Start;
        }

        var growth = newLength - mapping.Length;
        if (!MayGrow(mapping, growth))
            return -Errno.ENOMEM;
        if (mapping.End <= _high && growth <= _high - mapping.End && _mappings.IsFree(mapping.End, mapping.End + growth))
        {
            var error = Establish(mapping with
            {
                Start = mapping.End,
                End = mapping.End + growth,
                Offset = mapping.Source is null ? 0 : mapping.Offset + (long)mapping.Length,
            });
            return error < 0 ? error : (long)mapping.Start;
        }

        return !mayMove ? -Errno.ENOMEM
            : TryFindFree(newLength, out var target) ? Move(mapping, target, newLength)
            : -Errno.ENOMEM;
    }

    private long MoveTo(Mapping mapping, ulong target, ulong newLength)
    {
        if ((target & (Page - 1)) != 0 || target < _low || target > _high || newLength > _high - target)
            return -Errno.EINVAL;
        if (target < mapping.End && mapping.Start < target + newLength)
            return -Errno.EINVAL;
        if (newLength > mapping.Length && !MayGrow(mapping, newLength - mapping.Length))
            return -Errno.ENOMEM;
        return Move(mapping, target, newLength);
    }

    private bool MayGrow(Mapping mapping, ulong growth)
        => mapping.Protection == 0 || TryReserve(growth);

    /// <summary>Moves a mapping to a range that does not overlap it, replacing what is there.</summary>
    private long Move(Mapping mapping, ulong target, ulong newLength)
    {
        if (_mappings.Count + 3 > _mappingLimit)
            return -Errno.ENOMEM;
        var error = Establish(mapping with { Start = target, End = target + newLength });
        if (error < 0)
            return error;
        if (mapping.Source is SharedPages)
        {
            HostMemory.MapSharedAgain(Base + mapping.Start, Base + target, newLength);
        }
        else if (!mapping.IsShared)
        {
            // Private pages carry their own contents; rights are widened for the copy.
            var bytes = Math.Min(mapping.Length, newLength);
            var from = Base + mapping.Start;
            var to = Base + target;
            HostMemory.Protect(from, bytes, HostMemory.Read);
            HostMemory.Protect(to, bytes, HostMemory.Read | HostMemory.Write);
            for (ulong done = 0; done < bytes; done += Page)
                GuestMemory.CopyPage(from + done, to + done);
            Tags?.Copy(mapping.Start, target, bytes);
            HostMemory.Protect(to, bytes, HostProtection(mapping.Protection));
        }

        _ = UnmapLocked(mapping.Start, mapping.End);
        return (long)target;
    }
}
