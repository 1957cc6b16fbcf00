// Devices that are made of nothing: /dev/null, zero, full, random, urandom.
#include "show.h"
#include <poll.h>
#include <sys/uio.h>

static char bytes[300000];

static void device(const char *path) {
    printf("%s\n", path);
    int file = open(path, O_RDWR);
    if (show_ok("open", file) < 0)
        return;
    memset(bytes, 1, sizeof bytes);
    show("read", read(file, bytes, sizeof bytes));
    show("read nothing", read(file, bytes, 0));
    show("read to nowhere", read(file, (void *)8, 10));
    show("write", write(file, bytes, sizeof bytes));
    show("write nothing", write(file, bytes, 0));
    struct iovec parts[] = { { bytes, 10 }, { bytes + 100000, 20 }, { bytes, 0 } };
    show("writev", writev(file, parts, 3));
    show("readv", readv(file, parts, 3));
    show("pwrite", pwrite(file, bytes, 5, 100));
    show("pread", pread(file, bytes, 5, 100));
    show("seek", lseek(file, 7, SEEK_SET));
    struct pollfd poll_fd = { .fd = file, .events = POLLIN | POLLOUT };
    show("poll", poll(&poll_fd, 1, 0));
    show("events", poll_fd.revents);
    struct stat status;
    fstat(file, &status);
    printf("character device %d\n", S_ISCHR(status.st_mode));
    close(file);
    show("append", open(path, O_WRONLY | O_APPEND | O_TRUNC | O_CREAT, 0600) >= 0 ? 0 : -1);
}

int main(void) {
    device("/dev/null");
    device("/dev/zero");
    int zeros = 1;
    for (unsigned long k = 0; k < 5; k++)
        zeros &= bytes[k] == 0;
    printf("zeros %d\n", zeros);
    device("/dev/full");
    int file = open("/dev/urandom", O_RDONLY), same = 1;
    show("random bytes", read(file, bytes, 200000));
    for (int k = 0; k < 1000; k++)
        same &= bytes[k] == bytes[k + 1000];
    printf("all the same %d\n", same);
    fflush(stdout);
    // Standard streams that lead nowhere, as shells make them.
    close(1);
    file = open("/dev/null", O_WRONLY);
    printf("nobody reads this\n");
    fflush(stdout);
    dprintf(2, "%s", "");
    return file == 1 ? 0 : 1;
}
