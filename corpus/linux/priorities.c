// Precedence of processes at processors (nice) and disks, their own and others'; what can be mapped of devices;
// times before 1970.
#include "show.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define TRY(call) do { errno = 0; long result_ = (long)(call); printf("%s: %ld %s\n", #call, result_, errno ? error_name(errno) : "-"); } while (0)

static long get(int which, int who) { return syscall(SYS_ioprio_get, which, who); }
static long set(int which, int who, int priority) { return syscall(SYS_ioprio_set, which, who, priority); }

static int reaches(int pid, int nice) { return setpriority(PRIO_PROCESS, pid, nice) < 0 ? errno : 0; }

static const char *outcome(int error) { return error ? error_name(error) : "ok"; }

int main(void) {
    if (geteuid() != 0) {
        puts("needs root");
        return 0;
    }
    setpgid(0, 0);
    TRY(getpriority(PRIO_PROCESS, 0));
    TRY(getpriority(3, 0));
    TRY(getpriority(-1, 0));
    TRY(getpriority(PRIO_PROCESS, 4194304));
    TRY(getpriority(PRIO_PGRP, 4194304));
    TRY(getpriority(PRIO_USER, 987654));
    TRY(setpriority(3, 0, 0));
    TRY(setpriority(PRIO_PROCESS, 4194304, 0));
    int to[2];
    if (pipe(to))
        return 1;
    int pid = fork();
    if (pid == 0) {
        char c;
        close(to[1]);
        while (read(to[0], &c, 1) > 0)
            ;
        _exit(20 + getpriority(PRIO_PROCESS, 0));
    }
    TRY(setpriority(PRIO_PROCESS, 0, 100));
    TRY(getpriority(PRIO_PROCESS, 0));
    TRY(setpriority(PRIO_PROCESS, 0, -100));
    TRY(getpriority(PRIO_PROCESS, 0));
    TRY(setpriority(PRIO_PROCESS, pid, 7));
    printf("the child's: %d, own: %d, best of the group: %d\n", getpriority(PRIO_PROCESS, pid), getpriority(PRIO_PROCESS, 0), getpriority(PRIO_PGRP, 0));
    TRY(setpriority(PRIO_PROCESS, 0, 3));
    TRY(getpriority(PRIO_PGRP, 0));
    TRY(get(1, 0));
    TRY(get(1, pid));
    TRY(get(0, 0));
    TRY(get(4, 0));
    TRY(get(1, 4194304));
    TRY(set(1, 0, 2 << 13 | 5));
    TRY(get(1, 0));
    TRY(get(2, 0));
    TRY(set(1, pid, 3 << 13));
    TRY(get(1, pid));
    TRY(set(1, 0, 1 << 13 | 2));
    TRY(get(2, 0));
    TRY(set(1, 0, 0));
    TRY(set(1, 0, 1));
    TRY(set(1, 0, 4 << 13));
    TRY(set(0, 0, 2 << 13));
    TRY(set(4, 0, 2 << 13));
    TRY(set(1, 4194304, 2 << 13));
    TRY(set(2, 0, 2 << 13 | 3));
    TRY(get(1, pid));
    fflush(stdout);
    int other = fork();
    if (other == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_NICE, &none);
        if (setgid(1234) || setuid(1234))
            _exit(1);
        printf("nobody: %s\n", outcome(reaches(pid, 9)));
        printf("sooner: %s\n", outcome(reaches(0, 1)));
        printf("the same: %s\n", outcome(reaches(0, 3)));
        printf("later: %s\n", outcome(reaches(0, 8)));
        TRY(getpriority(PRIO_PROCESS, pid));
        TRY(set(1, 0, 1 << 13));
        TRY(set(1, pid, 2 << 13));
        TRY(set(1, 0, 3 << 13));
        TRY(get(1, 0));
        fflush(stdout);
        _exit(0);
    }
    waitpid(other, NULL, 0);
    other = fork();
    if (other == 0) {
        // The limit that counts is that of the one that is changed. Not every root may raise its own.
        struct rlimit none = {0, 0}, some = {40, 40};
        int may = setrlimit(RLIMIT_NICE, &some) == 0 ? 0 : EACCES;
        if (setgid(1234) || setuid(1234))
            _exit(1);
        int limited = fork();
        if (limited == 0) {
            setrlimit(RLIMIT_NICE, &none);
            printf("one that may: %d\n", reaches(getppid(), 2) == may);
            printf("itself, that may not: %s\n", outcome(reaches(0, 2)));
            fflush(stdout);
            kill(getpid(), SIGSTOP);
            _exit(0);
        }
        waitpid(limited, NULL, WUNTRACED);
        printf("one that may not: %s\n", outcome(reaches(limited, 1)));
        printf("itself, that may: %d\n", reaches(0, 1) == may);
        fflush(stdout);
        kill(limited, SIGKILL);
        waitpid(limited, NULL, 0);
        _exit(0);
    }
    waitpid(other, NULL, 0);
    close(to[1]);
    int status;
    waitpid(pid, &status, 0);
    printf("the child ended with %d\n", WEXITSTATUS(status));

    // What can be mapped of devices, and in which order that is found out.
    int zero = open("/dev/zero", O_RDWR), null = open("/dev/null", O_RDWR);
    char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
    printf("zero: %d\n", p != MAP_FAILED && p[0] == 0 && (p[8191] = 1));
    char *q = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, zero, 0);
    printf("zero, shared: %d\n", q != MAP_FAILED && q[0] == 0 && (q[1] = 1));
    int zero_read = open("/dev/zero", O_RDONLY), zero_written = open("/dev/zero", O_WRONLY);
    TRY(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, zero_read, 0));
    TRY(mmap(NULL, 4096, PROT_WRITE, MAP_SHARED_VALIDATE, zero_read, 0));
    TRY(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, zero_written, 0));
    TRY(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, zero_written, 0));
    printf("zero, for itself: %d\n", mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero_read, 0) != MAP_FAILED);
    q = mmap(NULL, 4096, PROT_READ, MAP_SHARED, zero_read, 0);
    printf("zero, shared to read: %d\n", q != MAP_FAILED && q[0] == 0);
    TRY(mprotect(q, 4096, PROT_READ | PROT_WRITE));
    TRY(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, null, 0));
    TRY(mmap(NULL, 0, PROT_READ, MAP_PRIVATE, null, 0));
    TRY(mmap(NULL, 0, PROT_READ, MAP_PRIVATE, 99, 0));
    int write_only = open("/dev/null", O_WRONLY);
    TRY(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, write_only, 0));

    // Blocks of a file are whole pages.
    int file = open("priorities.tmp", O_CREAT | O_RDWR | O_TRUNC, 0600);
    unlink("priorities.tmp");
    struct stat s;
    if (write(file, "x", 1) == 1 && fstat(file, &s) == 0)
        printf("%d blocks\n", (int)s.st_blocks);

    // Times before 1970.
    struct timespec times[2] = { { -2, 500000000 }, { -1, 0 } };
    TRY(futimens(file, times));
    struct statx x;
    if (fstat(file, &s) == 0 && statx(file, "", AT_EMPTY_PATH, STATX_ATIME | STATX_MTIME, &x) == 0)
        printf("%ld %ld, %ld %ld; %ld %ld, %ld %ld\n", (long)s.st_atim.tv_sec, s.st_atim.tv_nsec, (long)s.st_mtim.tv_sec, s.st_mtim.tv_nsec,
            (long)x.stx_atime.tv_sec, (long)x.stx_atime.tv_nsec, (long)x.stx_mtime.tv_sec, (long)x.stx_mtime.tv_nsec);
    return 0;
}
