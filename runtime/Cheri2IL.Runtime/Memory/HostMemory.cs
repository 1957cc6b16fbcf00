using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Cheri2IL.Runtime;

/// <summary>The host's mapping calls. Addresses are host addresses; lengths are bytes and multiples of the page size.</summary>
public static unsafe partial class HostMemory
{
    /// <summary>PROT_NONE.</summary>
    public const int None = 0;

    /// <summary>PROT_READ.</summary>
    public const int Read = 1;

    /// <summary>PROT_WRITE.</summary>
    public const int Write = 2;

    /// <summary>PROT_EXEC; only the pages of machine code that this library writes ever have it.</summary>
    public const int Execute = 4;

    /// <summary>Bytes of a page.</summary>
    public const int PageSize = 4096;

    private const int SharedFlag = 1;
    private const int MapPrivate = 2;
    private const int MapFixed = 0x10;
    private const int MapAnonymous = 0x20;
    private const int MapNoReserve = 0x4000;
    private const int DontNeed = 4;
    private const int RemapMayMove = 1;
    private const int RemapFixed = 2;

    /// <summary>Reserves address space without access or commitment.</summary>
    public static byte* Reserve(ulong length) => Map(null, length, None, MapPrivate | MapAnonymous | MapNoReserve, -1, 0);

    /// <summary>Maps zeroed, writable memory.</summary>
    public static byte* MapZero(ulong length) => Map(null, length, Read | Write, MapPrivate | MapAnonymous | MapNoReserve, -1, 0);

    /// <summary>Maps zeroed memory that nobody can write.</summary>
    public static byte* MapZeroReadOnly(ulong length) => Map(null, length, Read, MapPrivate | MapAnonymous | MapNoReserve, -1, 0);

    /// <summary>Maps a host file descriptor from its start, shared, where there is room.</summary>
    public static byte* MapShared(ulong length, int protection, int descriptor) => Map(null, length, protection, SharedFlag, descriptor, 0);

    /// <summary>Replaces the pages at <paramref name="address"/> by zeroed ones with the given protection.</summary>
    public static void MapFixedZero(byte* address, ulong length, int protection)
        => Map(address, length, protection, MapPrivate | MapAnonymous | MapNoReserve | MapFixed, -1, 0);

    /// <summary>Replaces the pages at <paramref name="address"/> by a shared mapping of a host file descriptor.</summary>
    public static void MapFixedShared(byte* address, ulong length, int protection, int descriptor, long offset)
        => Map(address, length, protection, SharedFlag | MapFixed, descriptor, offset);

    /// <summary>Replaces the pages at <paramref name="address"/> by a private, copy-on-write mapping of a host file descriptor.</summary>
    public static void MapFixedPrivate(byte* address, ulong length, int protection, int descriptor, long offset)
        => Map(address, length, protection, MapPrivate | MapFixed, descriptor, offset);

    /// <summary>Replaces the pages at <paramref name="address"/> by zeroed ones that <see cref="MapSharedAgain"/> can show elsewhere, too.</summary>
    public static void MapFixedSharedZero(byte* address, ulong length, int protection)
        => Map(address, length, protection, SharedFlag | MapAnonymous | MapNoReserve | MapFixed, -1, 0);

    /// <summary>Replaces the pages at <paramref name="to"/> by the shared ones at <paramref name="from"/>, which stay, with their protection.</summary>
    public static void MapSharedAgain(byte* from, byte* to, ulong length)
    {
        if (NativeRemap(from, 0, (nuint)length, RemapMayMove | RemapFixed, to) == (void*)-1)
            throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    /// <summary>Changes the protection of mapped pages.</summary>
    public static void Protect(byte* address, ulong length, int protection)
    {
        if (NativeProtect(address, (nuint)length, protection) != 0)
            throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    /// <summary>Makes private anonymous pages zero by giving them back.</summary>
    public static void Discard(byte* address, ulong length)
    {
        if (NativeAdvise(address, (nuint)length, DontNeed) != 0)
            throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    /// <summary>Bytes of [address, address + length) that are in memory now; pages of others do not count, nor do unmapped ones.</summary>
    /// <remarks>Changes meanwhile are seen or not. Never fails: what cannot be asked about is 0.</remarks>
    public static ulong ResidentBytes(byte* address, ulong length)
    {
        const int pagesAtOnce = 16384;
        var states = stackalloc byte[pagesAtOnce];
        var resident = 0UL;
        for (ulong done = 0; done < length;)
        {
            var part = Math.Min(length - done, (ulong)pagesAtOnce * PageSize);
            if (NativeInCore(address + done, (nuint)part, states) == 0)
            {
                foreach (var state in new ReadOnlySpan<byte>(states, (int)((part + PageSize - 1) / PageSize)))
                    resident += (state & 1) != 0 ? (ulong)PageSize : 0;
            }

            done += part;
        }

        return resident;
    }

    /// <summary>Unmaps pages.</summary>
    public static void Unmap(void* address, ulong length)
    {
        if (NativeUnmap(address, (nuint)length) != 0)
            throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    private static byte* Map(byte* address, ulong length, int protection, int flags, int descriptor, long offset)
    {
        var result = NativeMap(address, (nuint)length, protection, flags, descriptor, offset);
        return result == (void*)-1 ? throw new Win32Exception(Marshal.GetLastPInvokeError()) : (byte*)result;
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial void* NativeMap(void* address, nuint length, int protection, int flags, int descriptor, long offset);

    [LibraryImport("libc", EntryPoint = "mremap", SetLastError = true)]
    private static partial void* NativeRemap(void* address, nuint oldLength, nuint newLength, int flags, void* newAddress);

    [LibraryImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static partial int NativeProtect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "madvise", SetLastError = true)]
    private static partial int NativeAdvise(byte* address, nuint length, int advice);

    [LibraryImport("libc", EntryPoint = "mincore")]
    private static partial int NativeInCore(byte* address, nuint length, byte* states);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static partial int NativeUnmap(void* address, nuint length);
}
