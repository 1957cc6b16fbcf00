// Seals of files of memfd_create.
#include "show.h"
#include <sys/mman.h>

#define MFD_NOEXEC_SEAL 8
#define MFD_EXEC 16
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 16
#endif

int main(void) {
    int file = memfd_create("plain", 0);
    show("seals of a plain one", fcntl(file, F_GET_SEALS));
    show("add", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
    close(file);
    file = memfd_create("sealed", MFD_ALLOW_SEALING);
    show("seals", fcntl(file, F_GET_SEALS));
    show("write", write(file, "0123456789", 10));
    show("seal shrinking", fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK));
    show("shrink", ftruncate(file, 5));
    show("grow", ftruncate(file, 20));
    show("seal growing", fcntl(file, F_ADD_SEALS, F_SEAL_GROW));
    show("grow", ftruncate(file, 30));
    show("same", ftruncate(file, 20));
    show("write at the end", pwrite(file, "x", 1, 20));
    show("write across the end", pwrite(file, "0123456789", 10, 15));
    show("write inside", pwrite(file, "0123456789", 10, 0));
    show("fallocate beyond", fallocate(file, 0, 0, 30));
    void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    show("map", shared == MAP_FAILED ? -1 : 0);
    show("seal writing while it is mapped", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
    munmap(shared, 4096);
    show("seal writing", fcntl(file, F_ADD_SEALS, F_SEAL_WRITE));
    show("write", pwrite(file, "x", 1, 0));
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    show("map to write", shared == MAP_FAILED ? -1 : 0);
    shared = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
    show("map to read", shared == MAP_FAILED ? -1 : 0);
    show("mprotect", mprotect(shared, 4096, PROT_READ | PROT_WRITE));
    void *private = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    show("map privately", private == MAP_FAILED ? -1 : 0);
    show("seal sealing", fcntl(file, F_ADD_SEALS, F_SEAL_SEAL));
    show("seal more", fcntl(file, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    show("seals", fcntl(file, F_GET_SEALS));
    close(file);
    file = memfd_create("future", MFD_ALLOW_SEALING);
    ftruncate(file, 4096);
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    show("seal future writing", fcntl(file, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    show("write", write(file, "x", 1));
    *(char *)shared = 'y';
    char byte = 0;
    pread(file, &byte, 1, 0);
    printf("%c\n", byte);
    void *other = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    show("map to write", other == MAP_FAILED ? -1 : 0);
    show("unknown seal", fcntl(file, F_ADD_SEALS, 0x400));
    close(file);
    file = open("/dev/null", O_RDWR);
    show("not a memfd", fcntl(file, F_GET_SEALS));
    close(file);
    file = memfd_create("exec", MFD_NOEXEC_SEAL);
    struct stat status;
    fstat(file, &status);
    printf("mode %o\n", status.st_mode & 07777);
    show("seals", fcntl(file, F_GET_SEALS));
    show("make executable", fchmod(file, 0777));
    show("both", memfd_create("x", MFD_NOEXEC_SEAL | MFD_EXEC));
    close(file);
    return 0;
}

