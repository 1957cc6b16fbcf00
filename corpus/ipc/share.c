// Publishes the middle of a page under a name, with other bytes before and behind it, and then does as it is told.
//   share NAME wait             goes on for ever
//   share NAME grant CVM        and grants it to CVM
//   share NAME crash            stores to where nothing is, once somebody has rung the bell (cp_wake)
#include <cheri2il.h>
#include <corpus/syscall.h>
#include <stdio.h>
#include <string.h>

enum { SYS_ppoll = 73 };

static char page[4096] __attribute__((aligned(4096)));

int main(int argc, char **argv)
{
    if (argc < 3)
        return 64;
    memset(page, '!', sizeof page);
    memcpy(page + 100, "Hello, world", 12);
    int error = cp_file_publish(argv[1], page + 100, 12, CP_READ | CP_WRITE);
    if (error == 0 && argc > 3)
        error = cp_grant(argv[1], argv[3], CP_READ);
    if (error < 0)
        return -error;
    puts("published");
    if (strcmp(argv[2], "crash") == 0) {
        int file = cp_open(argv[1], CP_RDWR, 0);
        cp_wait(file, 0, CP_FOREVER);
        *(volatile int *)0x100 = 1;
    }
    corpus_syscall(SYS_ppoll, 0, 0, 0, 0, 0, 0);
    return 0;
}
