using System.ComponentModel;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Cheri2IL.Runtime;

/// <summary>
/// What the host's page tables say about private memory of this process (Documentation/admin-guide/mm/pagemap.rst of Linux): which pages
/// have contents of their own, so that the others need not be copied.
/// </summary>
/// <remarks>Thread-safe. Addresses are multiples of the page size.</remarks>
public static unsafe partial class PageMap
{
    // Categories of PAGEMAP_SCAN, of Linux 6.7.
    private const ulong IsFile = 1 << 2;
    private const ulong IsPresent = 1 << 3;
    private const ulong IsSwapped = 1 << 4;
    private const ulong IsZeroPage = 1 << 5;

    private const ulong ScanRequest = 0xC060_6610;

    // Bits of an entry of pagemap.
    private const ulong EntryPresent = 1UL << 63;
    private const ulong EntrySwapped = 1UL << 62;
    private const ulong EntryFile = 1UL << 61;

    private const int EntriesAtOnce = 8192;

    private static readonly SafeFileHandle? Map = TryOpen("/proc/self/pagemap");
    private static readonly SafeFileHandle? Memory = TryOpen("/proc/self/mem");
    private static volatile bool _canScan = true;

    /// <summary>Finds the pages of private memory that are neither untouched nor still those of the mapped file.</summary>
    /// <param name="address">Host address to begin at.</param>
    /// <param name="length">Bytes, whole pages, not 0.</param>
    /// <param name="runs">Receives the runs, ascending.</param>
    /// <param name="scanned">Bytes that were looked at, not 0: go on behind them.</param>
    /// <returns>How many runs there are. A host that does not tell has all pages in them.</returns>
    public static int FindOwnPages(byte* address, ulong length, Span<PageRun> runs, out ulong scanned)
    {
        if (Map is null)
        {
            runs[0] = new PageRun(0, length);
            scanned = length;
            return 1;
        }

        return _canScan && TryScan(address, length, runs, out var count, out scanned) ? count : ReadEntries(address, length, runs, out scanned);
    }

    /// <summary>Copies from pages that need not be readable.</summary>
    /// <exception cref="Win32Exception">The host does not allow it.</exception>
    public static void ReadProtected(byte* from, byte* to, ulong length)
    {
        for (ulong done = 0; done < length;)
        {
            var count = Memory is null ? -1 : NativeRead((int)Memory.DangerousGetHandle(), to + done, (nuint)(length - done), (long)(from + done));
            if (count <= 0)
                throw new Win32Exception(Marshal.GetLastPInvokeError());
            done += (ulong)count;
        }
    }

    private static bool TryScan(byte* address, ulong length, Span<PageRun> runs, out int count, out ulong scanned)
    {
        var regions = stackalloc Region[runs.Length];
        var request = new ScanArguments
        {
            Size = (ulong)sizeof(ScanArguments),
            Start = (ulong)address,
            End = (ulong)address + length,
            Regions = regions,
            RegionCount = (ulong)runs.Length,
            Inverted = IsFile | IsZeroPage,
            Mask = IsFile | IsZeroPage,
            AnyOf = IsPresent | IsSwapped,
            Returned = IsPresent | IsSwapped,
        };
        count = NativeControl((int)Map!.DangerousGetHandle(), ScanRequest, &request);
        scanned = request.WalkEnd - (ulong)address;
        if (count < 0 || scanned == 0)
        {
            // An older kernel.
            _canScan = false;
            return false;
        }

        for (var k = 0; k < count; k++)
            runs[k] = new PageRun(regions[k].Start - (ulong)address, regions[k].End - regions[k].Start);
        return true;
    }

    private static int ReadEntries(byte* address, ulong length, Span<PageRun> runs, out ulong scanned)
    {
        const ulong page = HostMemory.PageSize;
        var pages = (int)Math.Min(length / page, EntriesAtOnce);
        var entries = stackalloc ulong[EntriesAtOnce];
        var read = NativeRead((int)Map!.DangerousGetHandle(), (byte*)entries, (nuint)pages * sizeof(ulong), (long)((ulong)address / page * sizeof(ulong)));
        if (read < sizeof(ulong))
        {
            runs[0] = new PageRun(0, length);
            scanned = length;
            return 1;
        }

        pages = (int)(read / sizeof(ulong));
        var count = 0;
        var k = 0;
        while (k < pages)
        {
            if (!IsOwn(entries[k]))
            {
                k++;
                continue;
            }

            if (count == runs.Length)
                break;
            var start = k;
            while (k < pages && IsOwn(entries[k]))
                k++;
            runs[count++] = new PageRun((ulong)start * page, (ulong)(k - start) * page);
        }

        scanned = (ulong)k * page;
        return count;
    }

    private static bool IsOwn(ulong entry) => (entry & (EntryPresent | EntrySwapped)) != 0 && (entry & EntryFile) == 0;

    private static SafeFileHandle? TryOpen(string path)
    {
        try
        {
            return File.OpenHandle(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int NativeControl(int descriptor, ulong request, ScanArguments* arguments);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    private static partial nint NativeRead(int descriptor, byte* buffer, nuint count, long offset);

    /// <summary>struct page_region.</summary>
    private readonly record struct Region(ulong Start, ulong End, ulong Categories);

    /// <summary>struct pm_scan_arg.</summary>
    private struct ScanArguments
    {
        public ulong Size;
        public ulong Flags;
        public ulong Start;
        public ulong End;
        public ulong WalkEnd;
        public Region* Regions;
        public ulong RegionCount;
        public ulong MostPages;
        public ulong Inverted;
        public ulong Mask;
        public ulong AnyOf;
        public ulong Returned;
    }
}
