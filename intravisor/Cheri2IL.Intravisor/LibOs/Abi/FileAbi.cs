namespace Cheri2IL.Intravisor.LibOs.Abi;

/// <summary>File constants of the riscv64 Linux ABI (include/uapi/asm-generic/fcntl.h, linux/stat.h).</summary>
public static class FileAbi
{
    public const int O_ACCMODE = 3;
    public const int O_RDONLY = 0;
    public const int O_WRONLY = 1;
    public const int O_RDWR = 2;
    public const int O_CREAT = 0x40;
    public const int O_EXCL = 0x80;
    public const int O_NOCTTY = 0x100;
    public const int O_TRUNC = 0x200;
    public const int O_APPEND = 0x400;
    public const int O_NONBLOCK = 0x800;
    public const int O_ASYNC = 0x2000;
    public const int O_DIRECTORY = 0x10000;
    public const int O_NOFOLLOW = 0x20000;
    public const int O_NOATIME = 0x40000;
    public const int O_CLOEXEC = 0x80000;
    public const int O_PATH = 0x200000;
    public const int O_TMPFILE = 0x400000;

    public const int F_SEAL_SEAL = 1;
    public const int F_SEAL_SHRINK = 2;
    public const int F_SEAL_GROW = 4;
    public const int F_SEAL_WRITE = 8;
    public const int F_SEAL_FUTURE_WRITE = 16;
    public const int F_SEAL_EXEC = 32;

    public const int FALLOC_FL_KEEP_SIZE = 1;
    public const int FALLOC_FL_PUNCH_HOLE = 2;
    public const int FALLOC_FL_COLLAPSE_RANGE = 8;
    public const int FALLOC_FL_ZERO_RANGE = 16;
    public const int FALLOC_FL_INSERT_RANGE = 32;

    public const int RESOLVE_NO_XDEV = 1;
    public const int RESOLVE_NO_MAGICLINKS = 2;
    public const int RESOLVE_NO_SYMLINKS = 4;
    public const int RESOLVE_BENEATH = 8;
    public const int RESOLVE_IN_ROOT = 16;
    public const int RESOLVE_CACHED = 32;

    public const int AT_FDCWD = -100;
    public const int AT_SYMLINK_NOFOLLOW = 0x100;
    public const int AT_REMOVEDIR = 0x200;
    public const int AT_SYMLINK_FOLLOW = 0x400;
    public const int AT_EMPTY_PATH = 0x1000;

    public const int S_IFMT = 0xf000;
    public const int S_IFSOCK = 0xc000;
    public const int S_IFLNK = 0xa000;
    public const int S_IFREG = 0x8000;
    public const int S_IFBLK = 0x6000;
    public const int S_IFDIR = 0x4000;
    public const int S_IFCHR = 0x2000;
    public const int S_IFIFO = 0x1000;

    public const int S_ISUID = 0x800;
    public const int S_ISGID = 0x400;
    public const int S_IXGRP = 8;
    public const int S_IXUGO = 0x49;

    /// <summary>Capabilities that a file gives to whoever executes it.</summary>
    public const string XATTR_NAME_CAPS = "security.capability";

    public const int SEEK_SET = 0;
    public const int SEEK_CUR = 1;
    public const int SEEK_END = 2;
    public const int SEEK_DATA = 3;
    public const int SEEK_HOLE = 4;

    public const int POLLIN = 1;
    public const int POLLPRI = 2;
    public const int POLLOUT = 4;
    public const int POLLERR = 8;
    public const int POLLHUP = 16;
    public const int POLLNVAL = 32;
    public const int POLLRDHUP = 0x2000;

    public const int NAME_MAX = 255;
    public const int PATH_MAX = 4096;
}
