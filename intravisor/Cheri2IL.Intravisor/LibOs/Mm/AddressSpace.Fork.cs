using System.ComponentModel;
using Cheri2IL.Runtime;
using static Cheri2IL.Intravisor.LibOs.Abi.MemoryFlags;

namespace Cheri2IL.Intravisor.LibOs.Mm;

/// <content>fork: the same memory in another slot.</content>
public sealed unsafe partial class AddressSpace
{
    /// <summary>Bytes that are copied without asking whether the copy is still wanted: some milliseconds.</summary>
    private const ulong PieceBytes = 16 << 20;

    /// <summary>
    /// Fills an empty address space with what this one has: shared mappings are the same pages, private ones get a copy of every page that
    /// differs from what is mapped. Addresses stay, so pointers do, integers or capabilities. Other threads may run meanwhile, and what
    /// they write is copied or not.
    /// </summary>
    /// <param name="child">Made with the same budget; no thread uses it yet.</param>
    /// <param name="isGivenUp">Whether nobody wants it any more: asked now and then, as gigabytes take their time.</param>
    /// <returns>False when the budget or the host has no more memory, or it is given up; what the child has then is given back with it.</returns>
    public bool TryForkTo(AddressSpace child, Func<bool> isGivenUp)
    {
        if (Tags is not null)
            child.EnableTags();
        lock (_gate)
        {
            lock (child._gate)
            {
                if (!child.TryReserve(_accessible))
                    return false;
                (child._breakStart, child._breakEnd) = (_breakStart, _breakEnd);
                try
                {
                    // An inner cVM is not copied: the child has none.
                    foreach (var mapping in _mappings.Overlapping(0, Size))
                    {
                        if (!mapping.IsSealed && !TryCopyTo(child, mapping, isGivenUp))
                            return false;
                    }
                }
                catch (Win32Exception)
                {
                    // Its mappings do not say what the host has: the slot is given back as a whole.
                    return false;
                }
                finally
                {
                    child.Settle();
                }

                if (Tags is { } tags)
                    tags.CopyTo(child.Tags!);
            }
        }

        if (Tags is { Copies: not null })
            child.ShareTags();
        return true;
    }

    private bool TryCopyTo(AddressSpace child, Mapping mapping, Func<bool> isGivenUp)
    {
        var from = Base + mapping.Start;
        var to = child.Base + mapping.Start;
        var protection = HostProtection(mapping.Protection);
        if (mapping.IsShared)
        {
            HostMemory.MapSharedAgain(from, to, mapping.Length);
        }
        else
        {
            const int writable = HostMemory.Read | HostMemory.Write;
            if (mapping.Source?.HostDescriptor is >= 0 and var descriptor)
                HostMemory.MapFixedPrivate(to, mapping.Length, writable, descriptor, mapping.Offset);
            else
                HostMemory.MapFixedZero(to, mapping.Length, writable);
            if (!TryCopyPages(from, to, mapping.Length, isReadable: protection != HostMemory.None, isGivenUp))
                return false;
            if (protection != writable)
                HostMemory.Protect(to, mapping.Length, protection);
        }

        child._mappings.Set(mapping);
        child._accessible += mapping.Protection == 0 ? 0 : mapping.Length;
        return true;
    }

    /// <summary>Copies the pages that are this mapping's own: neither untouched nor still the file's.</summary>
    private static bool TryCopyPages(byte* from, byte* to, ulong length, bool isReadable, Func<bool> isGivenUp)
    {
        Span<PageRun> runs = stackalloc PageRun[64];
        for (ulong at = 0; at < length;)
        {
            var count = PageMap.FindOwnPages(from + at, length - at, runs, out var scanned);
            foreach (var run in runs[..count])
            {
                for (ulong done = 0; done < run.Length; done += PieceBytes)
                {
                    if (isGivenUp())
                        return false;
                    var (start, part) = (at + run.Start + done, Math.Min(PieceBytes, run.Length - done));
                    if (isReadable)
                        Buffer.MemoryCopy(from + start, to + start, part, part);
                    else
                        PageMap.ReadProtected(from + start, to + start, part);
                }
            }

            at += scanned;
        }

        return true;
    }
}
