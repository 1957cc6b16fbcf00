using System.Runtime.InteropServices;

namespace Cheri2IL.Runtime;

/// <summary>struct statx (include/uapi/linux/stat.h): the fields that are used, at their offsets.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
public unsafe partial struct HostStatus
{
    /// <summary><see cref="Format"/> of a regular file.</summary>
    public const int Regular = 0x8000;

    /// <summary><see cref="Format"/> of a directory.</summary>
    public const int Directory = 0x4000;

    /// <summary><see cref="Format"/> of a symbolic link.</summary>
    public const int SymbolicLink = 0xa000;

    /// <summary>In the place of a directory's descriptor: that of the process.</summary>
    internal const int WorkingDirectory = -100;

    private const uint BasicStats = 0x7ff;
    private const int NotFollowing = 0x100;

    [FieldOffset(28)]
    private readonly ushort _mode;
    [FieldOffset(32)]
    private readonly ulong _inode;
    [FieldOffset(40)]
    private readonly ulong _size;
    [FieldOffset(96)]
    private readonly Time _changeTime;
    [FieldOffset(112)]
    private readonly Time _modifyTime;
    [FieldOffset(136)]
    private readonly uint _deviceMajor;
    [FieldOffset(140)]
    private readonly uint _deviceMinor;

    /// <summary>S_IFMT part of the mode.</summary>
    public readonly int Format => _mode & 0xf000;

    /// <summary>Permission bits, with set-user-ID, set-group-ID and sticky.</summary>
    public readonly int Permissions => _mode & 0xfff;

    /// <summary>Last change of content, in nanoseconds since 1970.</summary>
    public readonly long ModifyTime => _modifyTime.Nanoseconds;

    /// <summary>What tells this state of the file from another.</summary>
    public readonly FileIdentity Identity => new(((ulong)_deviceMajor << 32) | _deviceMinor, _inode, (long)_size, ModifyTime, _changeTime.Nanoseconds);

    /// <summary>That of a path of bytes with a zero at its end, which is not followed where it ends in a symbolic link; null: it cannot be looked at.</summary>
    public static HostStatus? Of(ReadOnlySpan<byte> path) => Of(path, NotFollowing);

    /// <summary>The same for what the path leads to in the end.</summary>
    public static HostStatus? OfTarget(ReadOnlySpan<byte> path) => Of(path, 0);

    private static HostStatus? Of(ReadOnlySpan<byte> path, int flags)
    {
        fixed (byte* name = path)
            return TryGet(WorkingDirectory, name, flags, out var status, out _) ? status : null;
    }

    /// <summary>By statx.</summary>
    /// <param name="directory">Where a relative path begins.</param>
    /// <param name="path">Path, with a zero at its end.</param>
    /// <param name="flags">AT_ flags.</param>
    /// <param name="status">The result.</param>
    /// <param name="error">The errno; 0: none.</param>
    internal static bool TryGet(int directory, byte* path, int flags, out HostStatus status, out int error)
    {
        HostStatus found;
        var isFound = NativeStatx(directory, path, flags, BasicStats, &found) == 0;
        error = isFound ? 0 : Marshal.GetLastPInvokeError();
        status = isFound ? found : default;
        return isFound;
    }

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static partial int NativeStatx(int directory, byte* path, int flags, uint mask, HostStatus* status);

    private readonly struct Time
    {
        private readonly long _seconds;
        private readonly uint _fraction;

        public long Nanoseconds => (_seconds * 1_000_000_000) + _fraction;
    }
}
