// Knows nothing of layers, and pries.
//   inner show            gives "secret" to whom serves its calls, and prints what it becomes
//   inner load ADDRESS    loads a byte from there
//   inner store ADDRESS   stores one there
//   inner pass ADDRESS    passes the address to system calls; prints what of them accepted it
//   inner spin            prints, and goes on for ever
#include <corpus/syscall.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SYS_show = 5000 };

static char text[] = "secret";

static long number(const char *digits)
{
    long value = 0;
    for (; *digits != 0; digits++)
        value = value * 16 + (*digits <= '9' ? *digits - '0' : *digits - 'a' + 10);
    return value;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 64;
    long address = argc > 2 ? number(argv[2]) : 0;
    switch (argv[1][1]) {
        case 'h':
            printf("%d %s\n", (int)corpus_syscall(SYS_show, (long)text, 0, 0, 0, 0, 0), text);
            return 3;
        case 'o':
            return *(volatile char *)address;
        case 't':
            *(volatile char *)address = 1;
            return 0;
        case 'a': {
            long results[] = {
                corpus_syscall(SYS_write, 1, address, 16, 0, 0, 0),
                corpus_syscall(SYS_clock_gettime, 0, address, 0, 0, 0, 0),
                corpus_syscall(SYS_show, address, 0, 0, 0, 0, 0),
                corpus_syscall(SYS_rt_sigaction, 10, address, 0, 8, 0, 0),
                corpus_syscall(SYS_rt_sigaction, 10, 0, address, 8, 0, 0),
                corpus_syscall(SYS_futex, address, 0, 1, 0, 0, 0),
                corpus_syscall(SYS_mmap, address & -4096, 4096, 3, 0x32, -1, 0),
            };
            int accepted = 0;
            for (size_t k = 0; k < sizeof results / sizeof *results; k++)
                accepted += results[k] >= 0;
            printf("%d accepted\n", accepted);
            return accepted;
        }
        default:
            puts("spinning");
            for (volatile int k = 0;;)
                k++;
    }
}
