// Knows nothing of cVMs: prints the file that it is given, with open and read alone.
//   read FILE [OFFSET]      exits with the number of the error if there is one
// expect /nothing: exit 2
#include <corpus/syscall.h>
#include <stdlib.h>

enum { SYS_openat = 56, SYS_lseek = 62, SYS_read = 63, CWD = -100 };

int main(int argc, char **argv)
{
    if (argc < 2)
        return 64;
    long file = corpus_syscall(SYS_openat, CWD, (long)argv[1], 0, 0, 0, 0);
    if (file < 0)
        return (int)-file;
    if (argc > 2)
        corpus_syscall(SYS_lseek, file, atoi(argv[2]), 0, 0, 0, 0);
    char buffer[64];
    long count;
    while ((count = corpus_syscall(SYS_read, file, (long)buffer, sizeof buffer, 0, 0, 0)) > 0)
        corpus_syscall(SYS_write, 1, (long)buffer, count, 0, 0, 0);
    return (int)-count;
}
