// Linux system calls of the riscv64 ABI (asm-generic numbers).
#ifndef CORPUS_SYSCALL_H
#define CORPUS_SYSCALL_H

enum {
    SYS_write = 64,
    SYS_exit = 93,
    SYS_exit_group = 94,
    SYS_futex = 98,
    SYS_clock_gettime = 113,
    SYS_kill = 129,
    SYS_tgkill = 131,
    SYS_sigaltstack = 132,
    SYS_rt_sigaction = 134,
    SYS_rt_sigprocmask = 135,
    SYS_getpid = 172,
    SYS_gettid = 178,
    SYS_shmget = 194,
    SYS_shmat = 196,
    SYS_shmdt = 197,
    SYS_munmap = 215,
    SYS_clone = 220,
    SYS_mmap = 222,
    SYS_mprotect = 226,
};

// Returns the raw result: -errno on failure.
long corpus_syscall(long number, long a0, long a1, long a2, long a3, long a4, long a5);

#endif
