// A mapped CP_File and fork: both have the same pages, discarding them (MADV_DONTNEED) loses nothing of the file, and revocation takes them from both,
// wherever they have been moved. Exits with 0, or the number of what was not so.
#include <cheri2il.h>
#include <corpus/syscall.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    SYS_close = 57, SYS_pipe2 = 59, SYS_read = 63, SYS_pread64 = 67, SYS_mremap = 216, SYS_madvise = 233, SYS_wait4 = 260,
    MADV_DONTNEED = 4, SIGCHLD = 17, EACCES = 13, EFAULT = 14, PAGE = 4096
};

static int file, order[2], answer[2];

static void check(int number, int holds)
{
    if (!holds) {
        printf("%d does not hold\n", number);
        exit(number);
    }
}

static char *map(int flags) { return (char *)corpus_syscall(SYS_mmap, 0, 2 * PAGE, 3, flags, file, 0); }

static long advise(char *at) { return corpus_syscall(SYS_madvise, (long)at, 2 * PAGE, MADV_DONTNEED, 0, 0, 0); }

// Whether a byte can be read there, and which: -EFAULT if not. Without a fault.
static int peek(char *at)
{
    char byte;
    int error = cp_copy(&byte, at, 1);
    return error < 0 ? error : byte;
}

static void pass(int to, int from)
{
    char byte = 0;
    check(90, corpus_syscall(SYS_write, to, (long)&byte, 1, 0, 0, 0) == 1);
    check(91, from < 0 || corpus_syscall(SYS_read, from, (long)&byte, 1, 0, 0, 0) == 1);
}

static int in_child(char *shared, char *copy)
{
    char byte;
    check(11, shared[0] == 1 && copy[0] == 2 && copy[PAGE] == 0);
    shared[PAGE] = 3;
    check(12, advise(shared) == 0 && shared[0] == 1 && shared[PAGE] == 3);
    // A private one is the file's again.
    check(13, advise(copy) == 0 && copy[0] == 1 && copy[PAGE] == 3);
    copy[0] = 4;
    char *moved = (char *)corpus_syscall(SYS_mremap, (long)copy, 2 * PAGE, 4 * PAGE, 1, 0, 0);
    check(14, (long)moved > 0 && moved[0] == 4);
    pass(answer[1], order[0]);

    // The parent has revoked it.
    check(15, peek(shared) == -EFAULT && peek(shared + PAGE) == -EFAULT && peek(moved) == -EFAULT && peek(moved + PAGE) == -EFAULT);
    advise(shared), advise(moved);
    check(16, peek(shared) == -EFAULT && peek(moved) == -EFAULT);
    check(17, corpus_syscall(SYS_pread64, file, (long)&byte, 1, 0, 0, 0) == -EACCES);
    check(18, (long)map(1) == -EACCES && (long)map(2) == -EACCES);
    // Whoever makes such pages accessible finds zeros.
    if (corpus_syscall(SYS_mprotect, (long)shared, PAGE, 3, 0, 0, 0) == 0)
        check(19, peek(shared) == 0);
    return 0;
}

int main(void)
{
    file = cp_file_create("pages", 2 * PAGE, CP_READ | CP_WRITE);
    check(1, file >= 0);
    char *shared = map(1), *copy = map(2);
    check(2, (long)shared > 0 && (long)copy > 0);
    shared[0] = 1;
    check(3, copy[0] == 1);
    copy[0] = 2;
    check(4, shared[0] == 1 && advise(shared) == 0 && shared[0] == 1);
    corpus_syscall(SYS_pipe2, (long)order, 0, 0, 0, 0, 0);
    corpus_syscall(SYS_pipe2, (long)answer, 0, 0, 0, 0, 0);
    long child = corpus_syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
    if (child == 0)
        exit(in_child(shared, copy));
    // If the child fails, nobody has the other end.
    corpus_syscall(SYS_close, answer[1], 0, 0, 0, 0, 0);
    char byte;
    if (corpus_syscall(SYS_read, answer[0], (long)&byte, 1, 0, 0, 0) == 1) {
        check(5, shared[PAGE] == 3 && copy[0] == 2 && copy[PAGE] == 3);
        check(6, cp_revoke("pages") == 0);
        check(7, peek(shared) == -EFAULT && peek(copy) == -EFAULT);
        pass(order[1], -1);
    }
    int status = -1;
    check(8, corpus_syscall(SYS_wait4, child, (long)&status, 0, 0, 0, 0) == child);
    return status >> 8 & 255 ? status >> 8 & 255 : status & 127;
}
