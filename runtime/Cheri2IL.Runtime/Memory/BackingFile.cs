using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Cheri2IL.Runtime;

/// <summary>A file of the host, mostly without name, whose pages can be mapped while they are also read and written.</summary>
/// <remarks>Thread-safe as the host's calls are. Who maps pages keeps this object for as long as the mapping may be made again.</remarks>
public sealed unsafe partial class BackingFile : IDisposable
{
    private const uint CloseOnExec = 1;
    private const int Interrupted = 4;
    private const int OpenReadWrite = 2;
    private const int OpenCreate = 0x40;
    private const int OpenDirectory = 0x10000;
    private const int OpenNoFollow = 0x20000;
    private const int OpenCloseOnExec = 0x80000;
    private const int LockExclusive = 2;
    private const int LockNonBlocking = 4;
    private const int LockNone = 8;

    private const int KeepSize = 1;
    private const int PunchHole = 2;
    private const int SeekData = 3;
    private const int SeekHole = 4;
    private const int EmptyPath = 0x1000;

    private readonly Action? _closed;
    private bool _isLocked;
    private int _descriptor;

    /// <summary>Makes an empty file.</summary>
    /// <param name="closed">Called once when it is gone, by <see cref="Dispose"/> or because nobody has it any more.</param>
    /// <exception cref="Win32Exception">The host has no descriptors left.</exception>
    public BackingFile(Action? closed)
    {
        _closed = closed;
        _descriptor = NativeCreate("cheri2il", CloseOnExec);
        if (_descriptor >= 0)
            return;
        GC.SuppressFinalize(this);
        throw new Win32Exception(Marshal.GetLastPInvokeError());
    }

    private BackingFile(int descriptor) => _descriptor = descriptor;

    /// <summary>Closes the descriptor.</summary>
    ~BackingFile() => Close();

    /// <summary>Opens a file that has a name, and makes it where there is none; null where that is impossible, or it is a symbolic link.</summary>
    public static BackingFile? TryOpen(string path)
    {
        var descriptor = NativeOpen(path, OpenReadWrite | OpenCreate | OpenNoFollow | OpenCloseOnExec, 0x180);
        return descriptor < 0 ? null : new BackingFile(descriptor);
    }

    /// <summary>Returns when the names in a directory are on the disk; false where they cannot be.</summary>
    public static bool SyncDirectory(string path)
    {
        var descriptor = NativeOpen(path, OpenDirectory | OpenCloseOnExec, 0);
        if (descriptor < 0)
            return false;
        var isDone = NativeSync(descriptor) == 0;
        _ = NativeClose(descriptor);
        return isDone;
    }

    /// <summary>Descriptor, to map the file.</summary>
    public int Descriptor => _descriptor;

    /// <summary>Reads from <paramref name="offset"/> on until <paramref name="destination"/> is full or the file ends; bytes.</summary>
    public int Read(long offset, Span<byte> destination)
    {
        var done = 0;
        fixed (byte* to = destination)
        {
            while (done < destination.Length)
            {
                var count = NativeRead(_descriptor, to + done, (nuint)(destination.Length - done), offset + done);
                if (count > 0)
                    done += (int)count;
                else if (count == 0 || Marshal.GetLastPInvokeError() != Interrupted)
                    break;
            }
        }

        return done;
    }

    /// <summary>Writes at <paramref name="offset"/>; bytes, fewer where the host has no memory left.</summary>
    public int Write(long offset, ReadOnlySpan<byte> source)
    {
        var done = 0;
        fixed (byte* from = source)
        {
            while (done < source.Length)
            {
                var count = NativeWrite(_descriptor, from + done, (nuint)(source.Length - done), offset + done);
                if (count > 0)
                    done += (int)count;
                else if (count == 0 || Marshal.GetLastPInvokeError() != Interrupted)
                    break;
            }
        }

        return done;
    }

    /// <summary>Cuts the file off, or extends it by zeros; false where the host cannot.</summary>
    public bool SetLength(long length) => NativeTruncate(_descriptor, length) == 0;

    /// <summary>Makes room for a range, and unless told not to the file as long; 0 or the host's errno.</summary>
    public int Allocate(long offset, long count, bool keepsSize) => Fallocate(keepsSize ? KeepSize : 0, offset, count);

    /// <summary>Makes a range a hole; 0 or the host's errno. The length stays.</summary>
    public int Punch(long offset, long count) => Fallocate(KeepSize | PunchHole, offset, count);

    /// <summary>The first byte from an offset on that is in no hole, or that is in one, as the end is; null: there is none.</summary>
    public long? Find(long offset, bool hole) => NativeSeek(_descriptor, offset, hole ? SeekHole : SeekData) is >= 0 and var found ? found : null;

    /// <summary>Bytes that the host keeps for it.</summary>
    public long AllocatedBytes
    {
        get
        {
            // struct statx; stx_blocks.
            const int size = 256, blocks = 48;
            const uint wantsBlocks = 0x400;
            var buffer = stackalloc byte[size];
            return NativeStat(_descriptor, "", EmptyPath, wantsBlocks, buffer) == 0 ? *(long*)(buffer + blocks) * 512 : 0;
        }
    }

    /// <summary>Returns when all is on the disk; false where it cannot be.</summary>
    public bool Sync() => NativeSync(_descriptor) == 0;

    /// <summary>Returns when all files of the same file system are.</summary>
    public bool SyncAll() => NativeSyncAll(_descriptor) == 0;

    /// <summary>Takes the file for this process alone; false where another has it.</summary>
    public bool TryLock() => _isLocked = NativeLock(_descriptor, LockExclusive | LockNonBlocking) == 0;

    /// <inheritdoc/>
    public void Dispose()
    {
        Close();
        GC.SuppressFinalize(this);
    }

    private int Fallocate(int mode, long offset, long count)
    {
        int error;
        do
            error = NativeFallocate(_descriptor, mode, offset, count) == 0 ? 0 : Marshal.GetLastPInvokeError();
        while (error == Interrupted);
        return error;
    }

    private void Close()
    {
        var descriptor = Interlocked.Exchange(ref _descriptor, -1);
        if (descriptor < 0)
            return;
        // A lock lasts until the last copy of the descriptor is closed, and a process that is being started has one until it executes its program.
        if (_isLocked)
            _ = NativeLock(descriptor, LockNone);
        _ = NativeClose(descriptor);
        _closed?.Invoke();
    }

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeCreate(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeOpen(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int NativeSync(int descriptor);

    [LibraryImport("libc", EntryPoint = "syncfs")]
    private static partial int NativeSyncAll(int descriptor);

    [LibraryImport("libc", EntryPoint = "flock")]
    private static partial int NativeLock(int descriptor, int operation);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    private static partial int NativeTruncate(int descriptor, long length);

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    private static partial int NativeFallocate(int descriptor, int mode, long offset, long length);

    [LibraryImport("libc", EntryPoint = "lseek")]
    private static partial long NativeSeek(int descriptor, long offset, int whence);

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeStat(int descriptor, string path, int flags, uint mask, byte* buffer);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    private static partial nint NativeRead(int descriptor, byte* buffer, nuint count, long offset);

    [LibraryImport("libc", EntryPoint = "pwrite", SetLastError = true)]
    private static partial nint NativeWrite(int descriptor, byte* buffer, nuint count, long offset);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int NativeClose(int descriptor);
}
