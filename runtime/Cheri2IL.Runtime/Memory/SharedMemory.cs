using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Cheri2IL.Runtime;

/// <summary>Zeroed pages that can be mapped in several places at a time: those of a file that has no name and cannot change its size.</summary>
public sealed unsafe partial class SharedMemory : IDisposable
{
    private const uint CloseOnExec = 1;
    private const uint AllowSealing = 2;
    private const int AddSeals = 1033;
    private const int SealShrinkGrowAndSeals = 1 | 2 | 4;

    private int _descriptor;

    /// <summary>Makes the pages, and maps them for the host.</summary>
    /// <param name="length">Bytes, not 0; rounded up to pages.</param>
    /// <exception cref="Win32Exception">The host has no memory or no descriptors left.</exception>
    public SharedMemory(ulong length)
    {
        Length = (length + HostMemory.PageSize - 1) & ~(HostMemory.PageSize - 1UL);
        _descriptor = NativeCreate("cheri2il", CloseOnExec | AllowSealing);
        if (_descriptor < 0)
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        try
        {
            if (NativeTruncate(_descriptor, (long)Length) != 0 || NativeControl(_descriptor, AddSeals, SealShrinkGrowAndSeals) != 0)
                throw new Win32Exception(Marshal.GetLastPInvokeError());
            Base = HostMemory.MapShared(Length, HostMemory.Read | HostMemory.Write, _descriptor);
        }
        catch
        {
            _ = NativeClose(_descriptor);
            throw;
        }
    }

    /// <summary>Host address of the host's own mapping; valid until <see cref="Dispose"/>.</summary>
    public byte* Base { get; }

    /// <summary>Bytes, whole pages.</summary>
    public ulong Length { get; }

    /// <summary>Host descriptor, to map it elsewhere; valid until <see cref="Dispose"/>.</summary>
    public int Descriptor => _descriptor;

    /// <summary>Gives up the host's mapping and the descriptor. Mappings elsewhere keep the pages.</summary>
    public void Dispose()
    {
        var descriptor = Interlocked.Exchange(ref _descriptor, -1);
        if (descriptor < 0)
            return;
        HostMemory.Unmap(Base, Length);
        _ = NativeClose(descriptor);
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeCreate(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    private static partial int NativeTruncate(int descriptor, long length);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int NativeControl(int descriptor, int command, int argument);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int NativeClose(int descriptor);
}
