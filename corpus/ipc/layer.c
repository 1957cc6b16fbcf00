// An outer cVM: a small operating system for the cVM that is nested in it, whose memory is part of its own.
//   layer NAME          serves NAME until that has ended, and ends with its status
//   layer NAME kill     kills it at its first write
//   layer NAME crash    stores to where nothing is at its first write
//   layer NAME fork     forks at its first write: the child has no inner cVM, and says so
// What the inner one writes appears with "NAME: " in front. Call 5000 gives a string to look at, and to change.
#include <cheri2il.h>
#include <corpus/syscall.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SYS_wait4 = 260, SYS_show = 5000, ENOENT = 2, ESRCH = 3, EFAULT = 14, SIGCHLD = 17, ENOSYS = 38, SIGKILL = 9 };

static const char *name, *mode;
static size_t size;

// Whether the inner cVM has such a range: its pointers are its own, and could otherwise lead out of its memory into this program's.
static int has(long address, long length)
{
    return (size_t)address <= size && (size_t)length <= size - (size_t)address;
}

static long print(int file, const char *text, size_t length)
{
    char line[512];
    size_t start = strlen(name) + 2;
    if (length > sizeof line - start)
        length = sizeof line - start;
    memcpy(line, name, start - 2);
    memcpy(line + start - 2, ": ", 2);
    if (cp_copy(line + start, text, length) != 0)
        return -EFAULT;
    long written = corpus_syscall(SYS_write, file, (long)line, (long)(start + length), 0, 0, 0);
    return written < 0 ? written : (long)length;
}

static long show(char *text)
{
    char copy[7];
    if (cp_copy(copy, text, sizeof copy) != 0)
        return -EFAULT;
    if (memcmp(copy, "secret", sizeof copy) != 0)
        return -1;
    // It is there, unless another thread has unmapped it since: then this program ends, and the inner one with it.
    memcpy(text, "opened", 6);
    return text[6] == 0 ? 6 : -1;
}

// What is not so in a child, a bit each: its parent's inner cVM is not there, and its range is free.
static int look_around(char *inner, long mapped)
{
    char byte;
    size_t bytes;
    return (cp_inner(name, &bytes) != -ENOENT) | (cp_copy(&byte, inner + mapped, 1) != -EFAULT) << 1 | (cp_inner_kill(inner, 0) != -ESRCH) << 2
        | (corpus_syscall(SYS_mmap, (long)inner, 4096, 3, 0x32, -1, 0) != (long)inner || *inner != 0) << 3;
}

// On the thread that serves. The child must not return from the handler: nobody has called it there.
static void fork_once(char *inner, long mapped)
{
    int status = -1;
    mode = "";
    long child = corpus_syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
    if (child == 0)
        exit(look_around(inner, mapped));
    corpus_syscall(SYS_wait4, child, (long)&status, 0, 0, 0, 0);
    printf("child: %d\n", status);
}

static long handle(long number, long a, long b, long c, long d, long e, long f, char *inner)
{
    (void)d, (void)e, (void)f;
    if (size == 0 && cp_inner(name, &size) != (long)inner)
        exit(1);
    switch (number) {
        case SYS_write:
            if (mode[0] == 'k')
                cp_inner_kill(inner, SIGKILL);
            if (mode[0] == 'c')
                *(volatile int *)0x100 = 1;
            if (mode[0] == 'f')
                fork_once(inner, b);
            return has(b, c) ? print((int)a, inner + b, (size_t)c) : -EFAULT;
        case SYS_clock_gettime:
            return has(b, 16) ? corpus_syscall(number, a, (long)(inner + b), 0, 0, 0, 0) : -EFAULT;
        case SYS_show:
            return has(a, 7) ? show(inner + a) : -EFAULT;
        case CP_INNER_ENDED:
            printf("%s ended: status %d, signal %d\n", name, (int)a, (int)b);
            exit(b != 0 ? 128 + (int)b : (int)a);
        default:
            return -ENOSYS;
    }
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 64;
    name = argv[1];
    mode = argc > 2 ? argv[2] : "";
    return -cp_handler_serve(handle);
}
