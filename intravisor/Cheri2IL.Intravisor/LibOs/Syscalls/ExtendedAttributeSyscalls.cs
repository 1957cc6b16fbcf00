using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Events;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Extended attributes (xattr(7); fs/xattr.c). There are no access lists: attributes of system. are not supported.</summary>
internal static class ExtendedAttributeSyscalls
{
    private const int XATTR_CREATE = 1;
    private const int XATTR_REPLACE = 2;
    private const int LongestName = 255;
    private const int LongestValue = 65536;

    public static long Setxattr(CvmThread thread, in SyscallArguments a) => Set(thread, Followed(thread, a.A0, out var inode), inode, a);

    public static long Lsetxattr(CvmThread thread, in SyscallArguments a) => Set(thread, Unfollowed(thread, a.A0, out var inode), inode, a);

    public static long Fsetxattr(CvmThread thread, in SyscallArguments a) => Set(thread, Opened(thread, a.A0, out var inode), inode, a);

    public static long Getxattr(CvmThread thread, in SyscallArguments a) => Get(thread, Followed(thread, a.A0, out var inode), inode, a);

    public static long Lgetxattr(CvmThread thread, in SyscallArguments a) => Get(thread, Unfollowed(thread, a.A0, out var inode), inode, a);

    public static long Fgetxattr(CvmThread thread, in SyscallArguments a) => Get(thread, Opened(thread, a.A0, out var inode), inode, a);

    public static long Listxattr(CvmThread thread, in SyscallArguments a) => List(thread, Followed(thread, a.A0, out var inode), inode, a);

    public static long Llistxattr(CvmThread thread, in SyscallArguments a) => List(thread, Unfollowed(thread, a.A0, out var inode), inode, a);

    public static long Flistxattr(CvmThread thread, in SyscallArguments a) => List(thread, Opened(thread, a.A0, out var inode), inode, a);

    public static long Removexattr(CvmThread thread, in SyscallArguments a) => Remove(thread, Followed(thread, a.A0, out var inode), inode, a);

    public static long Lremovexattr(CvmThread thread, in SyscallArguments a) => Remove(thread, Unfollowed(thread, a.A0, out var inode), inode, a);

    public static long Fremovexattr(CvmThread thread, in SyscallArguments a) => Remove(thread, Opened(thread, a.A0, out var inode), inode, a);

    private static int Followed(CvmThread thread, long path, out Inode? inode) => PathSyscalls.Find(thread, FileAbi.AT_FDCWD, path, 0, out inode);

    private static int Unfollowed(CvmThread thread, long path, out Inode? inode) => PathSyscalls.Find(thread, FileAbi.AT_FDCWD, path, FileAbi.AT_SYMLINK_NOFOLLOW, out inode);

    private static int Opened(CvmThread thread, long descriptor, out Inode? inode)
    {
        inode = thread.Files.Descriptors[(int)descriptor] is { } file && file is not PathFile ? file.Inode : null;
        return inode is null ? -Errno.EBADF : 0;
    }

    private static long Set(CvmThread thread, int found, Inode? inode, in SyscallArguments a)
    {
        // What is wrong with the arguments counts before the file.
        if (((int)a.A4 & ~(XATTR_CREATE | XATTR_REPLACE)) != 0)
            return -Errno.EINVAL;
        if (ReadName(thread, a.A1, out var name) is var error and not 0)
            return error;
        if ((ulong)a.A3 > LongestValue)
            return -Errno.E2BIG;
        var value = new byte[(int)a.A3];
        if (!thread.Memory.TryRead(a.A2, value))
            return -Errno.EFAULT;
        if (found != 0)
            return found;
        lock (inode!.FileSystem.Gate)
        {
            error = CheckAccess(thread, inode, name, isWrite: true);
            if (error != 0)
                return error;
            var exists = inode.Attributes?.ContainsKey(name) == true;
            if (exists ? (a.A4 & XATTR_CREATE) != 0 : (a.A4 & XATTR_REPLACE) != 0)
                return exists ? -Errno.EEXIST : -Errno.ENODATA;
            if (!inode.TrySetAttribute(name, value))
                return -Errno.ENOSPC;
            inode.ChangeTime = inode.FileSystem.Now;
            inode.FileSystem.Notice(inode, Inotify.IN_ATTRIB);
            return inode.FileSystem.Upper?.AttributeChanged(inode, name, value) == false ? -Errno.ENOSPC : 0;
        }
    }

    private static long Get(CvmThread thread, int found, Inode? inode, in SyscallArguments a)
    {
        if (ReadName(thread, a.A1, out var name) is var error and not 0)
            return error;
        if (found != 0)
            return found;
        byte[]? value = null;
        lock (inode!.FileSystem.Gate)
        {
            error = CheckAccess(thread, inode, name, isWrite: false);
            if (error != 0)
                return error;
            if (inode.Attributes?.TryGetValue(name, out value) != true)
                return -Errno.ENODATA;
        }

        return Answer(thread, a.A2, a.A3, value!);
    }

    private static long List(CvmThread thread, int found, Inode? inode, in SyscallArguments a)
    {
        if (found != 0)
            return found;
        byte[] names;
        lock (inode!.FileSystem.Gate)
        {
            var seesTrusted = thread.Process.Attributes.Credentials.Has(Privilege.Administer);
            names = [.. (inode.Attributes?.Keys ?? []).Where(n => seesTrusted || !n.StartsWith("trusted.", StringComparison.Ordinal)).Order(StringComparer.Ordinal).SelectMany(n => FileSystem.ToBytes(n + "\0"))];
        }

        return Answer(thread, a.A1, a.A2, names);
    }

    private static long Remove(CvmThread thread, int found, Inode? inode, in SyscallArguments a)
    {
        if (ReadName(thread, a.A1, out var name) is var error and not 0)
            return error;
        if (found != 0)
            return found;
        lock (inode!.FileSystem.Gate)
        {
            error = CheckAccess(thread, inode, name, isWrite: true);
            if (error != 0)
                return error;
            if (!inode.RemoveAttribute(name))
                return -Errno.ENODATA;
            inode.ChangeTime = inode.FileSystem.Now;
            inode.FileSystem.Notice(inode, Inotify.IN_ATTRIB);
            return inode.FileSystem.Upper?.AttributeChanged(inode, name, value: null) == false ? -Errno.ENOSPC : 0;
        }
    }

    private static long Answer(CvmThread thread, long address, long size, byte[] bytes)
    {
        if (size == 0)
            return bytes.Length;
        if ((ulong)size < (ulong)bytes.Length)
            return -Errno.ERANGE;
        return thread.Memory.TryWrite(address, bytes) ? bytes.Length : -Errno.EFAULT;
    }

    private static int ReadName(CvmThread thread, long address, out string name)
    {
        Span<byte> bytes = stackalloc byte[LongestName + 1];
        var length = thread.Memory.ReadString(address, bytes);
        name = length > 0 && length < bytes.Length ? FileSystem.FromBytes(bytes[..length]) : "";
        return length < 0 ? -Errno.EFAULT : name.Length == 0 ? -Errno.ERANGE : 0;
    }

    /// <summary>Who may use an attribute (fs/xattr.c, xattr_permission; security/commoncap.c): 0 or a negated errno.</summary>
    private static int CheckAccess(CvmThread thread, Inode inode, string name, bool isWrite)
    {
        var credentials = thread.Process.Attributes.Credentials;
        if (name.StartsWith("security.", StringComparison.Ordinal) && name.Length > "security.".Length)
        {
            if (!isWrite)
                return 0;
            return credentials.Has(name == FileAbi.XATTR_NAME_CAPS ? Privilege.SetFileCapabilities : Privilege.Administer) ? 0 : -Errno.EPERM;
        }

        if (name.StartsWith("trusted.", StringComparison.Ordinal) && name.Length > "trusted.".Length)
            return credentials.Has(Privilege.Administer) ? 0 : isWrite ? -Errno.EPERM : -Errno.ENODATA;
        if (!name.StartsWith("user.", StringComparison.Ordinal) || name.Length == "user.".Length)
            return name is "user." or "trusted." or "security." ? -Errno.EINVAL : -Errno.EOPNOTSUPP;
        // Of other kinds of files the rights say nothing about who may keep data with them.
        if (inode is not (RegularFile or DirectoryNode))
            return isWrite ? -Errno.EPERM : -Errno.ENODATA;
        const int sticky = 0x200;
        if (isWrite && inode is DirectoryNode && (inode.Mode & sticky) != 0 && !credentials.Owns(inode))
            return -Errno.EPERM;
        return credentials.Check(inode, isWrite ? 2 : 4);
    }
}
