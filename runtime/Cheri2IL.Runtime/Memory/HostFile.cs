using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;

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
    private const int WorkingDirectory = -100;
    private const int EmptyPath = 0x1000;
    private const uint BasicStats = 0x7ff;
    private const int FormatMask = 0xf000;
    private const int RegularFormat = 0x8000;
    private const int DirectoryFormat = 0x4000;
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
    public static HostFile? TryOpen(string path, out int error)
    {
        int descriptor;
        fixed (byte* name = Encoding.UTF8.GetBytes(path + "\0"))
            descriptor = NativeOpen(name, OpenReadOnly | OpenNonBlocking | OpenCloseOnExec);
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

    /// <summary>What a file is now; null if it does not exist, cannot be looked at or is not a regular file.</summary>
    public static FileIdentity? IdentityOf(string path)
    {
        fixed (byte* name = Encoding.UTF8.GetBytes(path + "\0"))
            return Identify(WorkingDirectory, name, 0, out _);
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
        byte none = 0;
        if (Read(0, bytes) != bytes.Length || Identify(_descriptor, &none, EmptyPath, out _) != Identity)
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
        Status status;
        if (NativeStatx(directory, path, flags, BasicStats, &status) != 0)
        {
            error = Marshal.GetLastPInvokeError();
            return null;
        }

        var format = status.Mode & FormatMask;
        error = format switch
        {
            RegularFormat => 0,
            DirectoryFormat => IsDirectory,
            _ => Invalid,
        };
        return error != 0 ? null : new FileIdentity(
            ((ulong)status.DeviceMajor << 32) | status.DeviceMinor, status.Inode, (long)status.Size, status.ModifyTime.Nanoseconds, status.ChangeTime.Nanoseconds);
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true)]
    private static partial int NativeOpen(byte* path, int flags);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int NativeClose(int descriptor);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    private static partial nint NativeRead(int descriptor, byte* buffer, nuint count, long offset);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static partial int NativeStatx(int directory, byte* path, int flags, uint mask, Status* status);

    /// <summary>struct statx (include/uapi/linux/stat.h): the fields that are used, at their offsets.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Status
    {
        [FieldOffset(28)]
        public ushort Mode;
        [FieldOffset(32)]
        public ulong Inode;
        [FieldOffset(40)]
        public ulong Size;
        [FieldOffset(96)]
        public Time ChangeTime;
        [FieldOffset(112)]
        public Time ModifyTime;
        [FieldOffset(136)]
        public uint DeviceMajor;
        [FieldOffset(140)]
        public uint DeviceMinor;
    }

    private struct Time
    {
        public long Seconds;
        public uint Fraction;

        public readonly long Nanoseconds => (Seconds * 1_000_000_000) + Fraction;
    }
}
