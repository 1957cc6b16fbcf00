using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Cheri2IL.Runtime;

/// <summary>
/// What tells one state of a host file from another without reading it: statx's device, inode, size, and times of the last
/// change of content and of attributes, in nanoseconds since 1970. Content that is written changes the latter, which, unlike
/// the former, no program can set.
/// </summary>
public sealed record FileIdentity(ulong Device, ulong Inode, long Size, long ModifyTime, long ChangeTime);

/// <summary>A regular file of the host, open for reading: libc's calls alone, because .NET's streams take longer to start than many guests run.</summary>
/// <remarks>Not thread-safe.</remarks>
public sealed unsafe partial class HostFile : IDisposable
{
    /// <summary>errno: no such file.</summary>
    public const int NoEntry = 2;

    /// <summary>errno: permission denied.</summary>
    public const int AccessDenied = 13;

    /// <summary>errno: a component of the path is not a directory.</summary>
    public const int NotDirectory = 20;

    /// <summary>errno: is a directory.</summary>
    public const int IsDirectory = 21;

    /// <summary>errno: invalid argument; here, neither a regular file nor a directory.</summary>
    public const int Invalid = 22;

    private const int OpenReadOnly = 0;
    private const int OpenNonBlocking = 0x800;
    private const int OpenCloseOnExec = 0x80000;
    private const int EmptyPath = 0x1000;
    private const int NotFollowing = 0x20000;
    private const int Interrupted = 4;

    private int _descriptor;

    private HostFile(int descriptor, FileIdentity identity)
    {
        _descriptor = descriptor;
        Identity = identity;
    }

    /// <summary>What it was when it was opened.</summary>
    public FileIdentity Identity { get; }

    /// <summary>Bytes.</summary>
    public long Length => Identity.Size;

    /// <summary>Opens a file; null, and the errno, when that is impossible or it is not a regular file.</summary>
    public static HostFile? TryOpen(string path, out int error) => TryOpen(PlainText.ToTerminatedBytes(path), 0, out error);

    /// <summary>The same by a path of bytes with a zero at its end, which is not followed where it ends in a symbolic link.</summary>
    public static HostFile? TryOpenUnfollowed(ReadOnlySpan<byte> path, out int error) => TryOpen(path, NotFollowing, out error);

    private static HostFile? TryOpen(ReadOnlySpan<byte> path, int flags, out int error)
    {
        int descriptor;
        fixed (byte* name = path)
            descriptor = NativeOpen(name, OpenReadOnly | OpenNonBlocking | OpenCloseOnExec | flags);
        if (descriptor < 0)
        {
            error = Marshal.GetLastPInvokeError();
            return null;
        }

        byte none = 0;
        var identity = Identify(descriptor, &none, EmptyPath, out error);
        if (identity is not null)
            return new HostFile(descriptor, identity);
        _ = NativeClose(descriptor);
        return null;
    }

    /// <summary>What it is now; null if it cannot be looked at.</summary>
    public FileIdentity? IdentityNow
    {
        get
        {
            byte none = 0;
            return Identify(_descriptor, &none, EmptyPath, out _);
        }
    }

    /// <summary>What a file is now; null if it does not exist, cannot be looked at or is not a regular file.</summary>
    public static FileIdentity? IdentityOf(string path)
    {
        fixed (byte* name = PlainText.ToTerminatedBytes(path))
            return Identify(HostStatus.WorkingDirectory, name, 0, out _);
    }

    /// <summary>Reads from <paramref name="offset"/> on until <paramref name="destination"/> is full or the file ends; returns the bytes read.</summary>
    /// <exception cref="IOException">The host cannot read it.</exception>
    public int Read(long offset, Span<byte> destination)
    {
        var done = 0;
        fixed (byte* to = destination)
        {
            while (done < destination.Length)
            {
                var count = NativeRead(_descriptor, to + done, (nuint)(destination.Length - done), offset + done);
                if (count == 0)
                    break;
                if (count > 0)
                    done += (int)count;
                else if (Marshal.GetLastPInvokeError() is var error && error != Interrupted)
                    throw new IOException(new Win32Exception(error).Message);
            }
        }

        return done;
    }

    /// <summary>All bytes, provided that the file stayed the same meanwhile.</summary>
    /// <exception cref="IOException">The host cannot read it, or it changed.</exception>
    public byte[] ReadAll()
    {
        var bytes = GC.AllocateUninitializedArray<byte>(checked((int)Length));
        if (Read(0, bytes) != bytes.Length || IdentityNow != Identity)
            throw new IOException("the file changed while it was read");
        return bytes;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_descriptor < 0)
            return;
        _ = NativeClose(_descriptor);
        _descriptor = -1;
    }

    private static FileIdentity? Identify(int directory, byte* path, int flags, out int error)
    {
        if (!HostStatus.TryGet(directory, path, flags, out var status, out error))
            return null;
        error = status.Format switch
        {
            HostStatus.Regular => 0,
            HostStatus.Directory => IsDirectory,
            _ => Invalid,
        };
        return error != 0 ? null : status.Identity;
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true)]
    private static partial int NativeOpen(byte* path, int flags);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int NativeClose(int descriptor);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    private static partial nint NativeRead(int descriptor, byte* buffer, nuint count, long offset);
}
