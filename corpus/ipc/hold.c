// Opens a CP_File and reads it again and again until that fails, then tries every way that might be left.
//   hold NAME       exits with 0 if reading ended with EACCES and nothing else works either
#include <cheri2il.h>
#include <corpus/syscall.h>
#include <stdio.h>

enum { SYS_dup = 23, SYS_openat = 56, SYS_pread64 = 67, EACCES = 13, ENOENT = 2 };

int main(int argc, char **argv)
{
    if (argc < 2)
        return 64;
    int file = cp_open(argv[1], CP_RDONLY, CP_FOREVER);
    if (file < 0)
        return -file;
    char buffer[16];
    long count, reads = 0;
    while ((count = corpus_syscall(SYS_pread64, file, (long)buffer, sizeof buffer, 0, 0, 0)) > 0) {
        if (reads++ == 0)
            puts("holding");
    }
    if (count != -EACCES)
        return 1;
    long copy = corpus_syscall(SYS_dup, file, 0, 0, 0, 0, 0);
    if (copy < 0 || corpus_syscall(SYS_pread64, copy, (long)buffer, sizeof buffer, 0, 0, 0) != -EACCES)
        return 2;
    long again = cp_open(argv[1], CP_RDONLY, 0);
    if (again >= 0)
        return 3;
    return cp_wait(file, 0, CP_FOREVER) == -EACCES ? 0 : 4;
}
