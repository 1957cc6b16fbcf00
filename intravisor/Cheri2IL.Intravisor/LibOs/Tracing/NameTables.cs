namespace Cheri2IL.Intravisor.LibOs.Tracing;

/// <summary>Names of flags and commands, from the headers below include/uapi of Linux.</summary>
internal static class NameTables
{
    /// <summary>openat (asm-generic/fcntl.h).</summary>
    public static NameTable Open { get; } = new(
        3,
        [(0, "O_RDONLY"), (1, "O_WRONLY"), (2, "O_RDWR")],
        [
            (0x410000, "O_TMPFILE"), (0x101000, "O_SYNC"), (0x40, "O_CREAT"), (0x80, "O_EXCL"), (0x100, "O_NOCTTY"), (0x200, "O_TRUNC"),
            (0x400, "O_APPEND"), (0x800, "O_NONBLOCK"), (0x1000, "O_DSYNC"), (0x2000, "O_ASYNC"), (0x4000, "O_DIRECT"), (0x8000, "O_LARGEFILE"),
            (0x10000, "O_DIRECTORY"), (0x20000, "O_NOFOLLOW"), (0x40000, "O_NOATIME"), (0x80000, "O_CLOEXEC"), (0x200000, "O_PATH"),
        ]);

    /// <summary>Grants (<see cref="Ipc.CpRights"/>).</summary>
    public static NameTable Rights { get; } = NameTable.OfBits((1, "CP_READ"), (2, "CP_WRITE"), (4, "CP_CALL"));

    /// <summary>cp_stream_create.</summary>
    public static NameTable Stream { get; } = NameTable.OfBits((1, "CP_MESSAGES"), (0x800, "O_NONBLOCK"), (0x80000, "O_CLOEXEC"));

    /// <summary>cp_call_set.</summary>
    public static NameTable Call { get; } = NameTable.OfBits((1, "CP_CARRIER"), (2, "CP_LEND_WRITABLE"));

    /// <summary>pipe2, dup3.</summary>
    public static NameTable Descriptor { get; } = NameTable.OfBits((0x800, "O_NONBLOCK"), (0x4000, "O_DIRECT"), (0x80000, "O_CLOEXEC"));

    /// <summary>Flags of calls that look up a path (linux/fcntl.h).</summary>
    public static NameTable Lookup { get; } = NameTable.OfBits(
        (0x100, "AT_SYMLINK_NOFOLLOW"), (0x200, "AT_EACCESS"), (0x400, "AT_SYMLINK_FOLLOW"), (0x800, "AT_NO_AUTOMOUNT"), (0x1000, "AT_EMPTY_PATH"),
        (0x2000, "AT_STATX_FORCE_SYNC"), (0x4000, "AT_STATX_DONT_SYNC"));

    /// <summary>unlinkat.</summary>
    public static NameTable Unlink { get; } = NameTable.OfBits((0x200, "AT_REMOVEDIR"));

    /// <summary>renameat2 (linux/fs.h).</summary>
    public static NameTable Rename { get; } = NameTable.OfBits((1, "RENAME_NOREPLACE"), (2, "RENAME_EXCHANGE"), (4, "RENAME_WHITEOUT"));

    /// <summary>faccessat (POSIX).</summary>
    public static NameTable Access { get; } = new(7, [(0, "F_OK")], [(4, "R_OK"), (2, "W_OK"), (1, "X_OK")]);

    /// <summary>lseek (linux/fs.h).</summary>
    public static NameTable Whence { get; } = NameTable.Of((0, "SEEK_SET"), (1, "SEEK_CUR"), (2, "SEEK_END"), (3, "SEEK_DATA"), (4, "SEEK_HOLE"));

    /// <summary>fcntl (asm-generic/fcntl.h, linux/fcntl.h).</summary>
    public static NameTable Fcntl { get; } = NameTable.Of(
        (0, "F_DUPFD"), (1, "F_GETFD"), (2, "F_SETFD"), (3, "F_GETFL"), (4, "F_SETFL"), (5, "F_GETLK"), (6, "F_SETLK"), (7, "F_SETLKW"), (8, "F_SETOWN"),
        (9, "F_GETOWN"), (1030, "F_DUPFD_CLOEXEC"), (1031, "F_SETPIPE_SZ"), (1032, "F_GETPIPE_SZ"));

    /// <summary>ioctl (asm-generic/ioctls.h).</summary>
    public static NameTable Ioctl { get; } = NameTable.Of(
        (0x5401, "TCGETS"), (0x5402, "TCSETS"), (0x5403, "TCSETSW"), (0x5404, "TCSETSF"), (0x540f, "TIOCGPGRP"), (0x5410, "TIOCSPGRP"), (0x5413, "TIOCGWINSZ"),
        (0x5409, "TCSBRK"), (0x540a, "TCXONC"), (0x540b, "TCFLSH"), (0x540e, "TIOCSCTTY"), (0x5411, "TIOCOUTQ"), (0x5414, "TIOCSWINSZ"), (0x541b, "FIONREAD"), (0x5420, "TIOCPKT"), (0x5422, "TIOCNOTTY"),
        (0x5429, "TIOCGSID"), (0x5441, "TIOCGPTPEER"), (0x80045430, "TIOCGPTN"), (0x40045431, "TIOCSPTLCK"), (0x802c542a, "TCGETS2"), (0x402c542b, "TCSETS2"), (0x402c542c, "TCSETSW2"), (0x402c542d, "TCSETSF2"), (0x5421, "FIONBIO"), (0x5450, "FIONCLEX"), (0x5451, "FIOCLEX"),
        (0xc010ca01, "CP_IOCTL_WAIT"), (0xca02, "CP_IOCTL_WAKE"), (0xc030ca03, "CP_IOCTL_CALL"), (0x4010ca04, "CP_IOCTL_SET"));

    /// <summary>flock (asm-generic/fcntl.h).</summary>
    public static NameTable Flock { get; } = NameTable.OfBits((1, "LOCK_SH"), (2, "LOCK_EX"), (4, "LOCK_NB"), (8, "LOCK_UN"));

    /// <summary>Types of files (linux/stat.h).</summary>
    public static NameTable FileType { get; } = new(
        0xf000,
        [(0xc000, "S_IFSOCK"), (0xa000, "S_IFLNK"), (0x8000, "S_IFREG"), (0x6000, "S_IFBLK"), (0x4000, "S_IFDIR"), (0x2000, "S_IFCHR"), (0x1000, "S_IFIFO")],
        []);

    /// <summary>poll (asm-generic/poll.h).</summary>
    public static NameTable Poll { get; } = NameTable.OfBits(
        (1, "POLLIN"), (2, "POLLPRI"), (4, "POLLOUT"), (8, "POLLERR"), (0x10, "POLLHUP"), (0x20, "POLLNVAL"), (0x40, "POLLRDNORM"), (0x80, "POLLRDBAND"),
        (0x100, "POLLWRNORM"), (0x200, "POLLWRBAND"), (0x2000, "POLLRDHUP"));

    /// <summary>mmap, mprotect (asm-generic/mman-common.h).</summary>
    public static NameTable Protection { get; } = new(7, [(0, "PROT_NONE")], [(1, "PROT_READ"), (2, "PROT_WRITE"), (4, "PROT_EXEC"), (0x1000000, "PROT_GROWSDOWN"), (0x2000000, "PROT_GROWSUP")]);

    /// <summary>mmap (asm-generic/mman-common.h, mman.h, linux/mman.h).</summary>
    public static NameTable Map { get; } = new(
        15,
        [(1, "MAP_SHARED"), (2, "MAP_PRIVATE"), (3, "MAP_SHARED_VALIDATE")],
        [
            (0x10, "MAP_FIXED"), (0x20, "MAP_ANONYMOUS"), (0x100, "MAP_GROWSDOWN"), (0x2000, "MAP_LOCKED"), (0x4000, "MAP_NORESERVE"), (0x8000, "MAP_POPULATE"),
            (0x10000, "MAP_NONBLOCK"), (0x20000, "MAP_STACK"), (0x40000, "MAP_HUGETLB"), (0x80000, "MAP_SYNC"), (0x100000, "MAP_FIXED_NOREPLACE"),
        ]);

    /// <summary>mremap (linux/mman.h).</summary>
    public static NameTable Mremap { get; } = NameTable.OfBits((1, "MREMAP_MAYMOVE"), (2, "MREMAP_FIXED"), (4, "MREMAP_DONTUNMAP"));

    /// <summary>msync (asm-generic/mman-common.h).</summary>
    public static NameTable Msync { get; } = NameTable.OfBits((1, "MS_ASYNC"), (2, "MS_INVALIDATE"), (4, "MS_SYNC"));

    /// <summary>madvise (asm-generic/mman-common.h).</summary>
    public static NameTable Advice { get; } = NameTable.Of(
        (0, "MADV_NORMAL"), (1, "MADV_RANDOM"), (2, "MADV_SEQUENTIAL"), (3, "MADV_WILLNEED"), (4, "MADV_DONTNEED"), (8, "MADV_FREE"), (9, "MADV_REMOVE"),
        (10, "MADV_DONTFORK"), (11, "MADV_DOFORK"), (12, "MADV_MERGEABLE"), (13, "MADV_UNMERGEABLE"), (14, "MADV_HUGEPAGE"), (15, "MADV_NOHUGEPAGE"),
        (16, "MADV_DONTDUMP"), (17, "MADV_DODUMP"), (18, "MADV_WIPEONFORK"), (19, "MADV_KEEPONFORK"), (20, "MADV_COLD"), (21, "MADV_PAGEOUT"));

    /// <summary>futex (linux/futex.h).</summary>
    public static NameTable Futex { get; } = new(
        127,
        [
            (0, "FUTEX_WAIT"), (1, "FUTEX_WAKE"), (3, "FUTEX_REQUEUE"), (4, "FUTEX_CMP_REQUEUE"), (5, "FUTEX_WAKE_OP"), (6, "FUTEX_LOCK_PI"), (7, "FUTEX_UNLOCK_PI"),
            (8, "FUTEX_TRYLOCK_PI"), (9, "FUTEX_WAIT_BITSET"), (10, "FUTEX_WAKE_BITSET"), (11, "FUTEX_WAIT_REQUEUE_PI"), (12, "FUTEX_CMP_REQUEUE_PI"), (13, "FUTEX_LOCK_PI2"),
        ],
        [(128, "FUTEX_PRIVATE_FLAG"), (256, "FUTEX_CLOCK_REALTIME")]);

    /// <summary>clone (linux/sched.h); the low byte is the signal at the end.</summary>
    public static NameTable Clone { get; } = new(
        0xff,
        [(17, "SIGCHLD")],
        [
            (0x100, "CLONE_VM"), (0x200, "CLONE_FS"), (0x400, "CLONE_FILES"), (0x800, "CLONE_SIGHAND"), (0x2000, "CLONE_PTRACE"), (0x4000, "CLONE_VFORK"),
            (0x8000, "CLONE_PARENT"), (0x10000, "CLONE_THREAD"), (0x20000, "CLONE_NEWNS"), (0x40000, "CLONE_SYSVSEM"), (0x80000, "CLONE_SETTLS"),
            (0x100000, "CLONE_PARENT_SETTID"), (0x200000, "CLONE_CHILD_CLEARTID"), (0x400000, "CLONE_DETACHED"), (0x1000000, "CLONE_CHILD_SETTID"),
        ]);

    /// <summary>Clocks (linux/time.h).</summary>
    public static NameTable Clock { get; } = NameTable.Of(
        (0, "CLOCK_REALTIME"), (1, "CLOCK_MONOTONIC"), (2, "CLOCK_PROCESS_CPUTIME_ID"), (3, "CLOCK_THREAD_CPUTIME_ID"), (4, "CLOCK_MONOTONIC_RAW"),
        (5, "CLOCK_REALTIME_COARSE"), (6, "CLOCK_MONOTONIC_COARSE"), (7, "CLOCK_BOOTTIME"), (8, "CLOCK_REALTIME_ALARM"), (9, "CLOCK_BOOTTIME_ALARM"), (11, "CLOCK_TAI"));

    /// <summary>clock_nanosleep (linux/time.h).</summary>
    public static NameTable Timer { get; } = NameTable.OfBits((1, "TIMER_ABSTIME"));

    /// <summary>rt_sigprocmask (asm-generic/signal-defs.h).</summary>
    public static NameTable How { get; } = NameTable.Of((0, "SIG_BLOCK"), (1, "SIG_UNBLOCK"), (2, "SIG_SETMASK"));

    /// <summary>sa_flags (asm-generic/signal-defs.h).</summary>
    public static NameTable Action { get; } = NameTable.OfBits(
        (1, "SA_NOCLDSTOP"), (2, "SA_NOCLDWAIT"), (4, "SA_SIGINFO"), (0x8000000, "SA_ONSTACK"), (0x10000000, "SA_RESTART"), (0x40000000, "SA_NODEFER"), (0x80000000, "SA_RESETHAND"));

    /// <summary>sigaltstack (uapi/linux/signal.h).</summary>
    public static NameTable AlternateStack { get; } = NameTable.OfBits((1, "SS_ONSTACK"), (2, "SS_DISABLE"), (0x80000000, "SS_AUTODISARM"));

    /// <summary>Limits (asm-generic/resource.h).</summary>
    public static NameTable Resource { get; } = NameTable.Of(
        (0, "RLIMIT_CPU"), (1, "RLIMIT_FSIZE"), (2, "RLIMIT_DATA"), (3, "RLIMIT_STACK"), (4, "RLIMIT_CORE"), (5, "RLIMIT_RSS"), (6, "RLIMIT_NPROC"), (7, "RLIMIT_NOFILE"),
        (8, "RLIMIT_MEMLOCK"), (9, "RLIMIT_AS"), (10, "RLIMIT_LOCKS"), (11, "RLIMIT_SIGPENDING"), (12, "RLIMIT_MSGQUEUE"), (13, "RLIMIT_NICE"), (14, "RLIMIT_RTPRIO"), (15, "RLIMIT_RTTIME"));

    /// <summary>prctl (linux/prctl.h).</summary>
    public static NameTable Prctl { get; } = NameTable.Of(
        (1, "PR_SET_PDEATHSIG"), (2, "PR_GET_PDEATHSIG"), (3, "PR_GET_DUMPABLE"), (4, "PR_SET_DUMPABLE"), (15, "PR_SET_NAME"), (16, "PR_GET_NAME"),
        (22, "PR_SET_SECCOMP"), (23, "PR_CAPBSET_READ"), (38, "PR_SET_NO_NEW_PRIVS"), (39, "PR_GET_NO_NEW_PRIVS"), (0x53564d41, "PR_SET_VMA"));

    /// <summary>getrandom (linux/random.h).</summary>
    public static NameTable Random { get; } = NameTable.OfBits((1, "GRND_NONBLOCK"), (2, "GRND_RANDOM"), (4, "GRND_INSECURE"));
}
