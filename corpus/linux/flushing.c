// What writes files out, and reads them ahead.
#include "show.h"
#include <sys/socket.h>
#include <sys/syscall.h>

static void all(const char *what, int file) {
    printf("-- %s\n", what);
    show("fsync", fsync(file));
    show("fdatasync", fdatasync(file));
    show("syncfs", syncfs(file));
    show("sync_file_range", sync_file_range(file, 0, 4096, SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER));
    show("readahead", readahead(file, 0, 4096));
}

int main(void) {
    int pipes[2], pair[2];
    int file = open("flushed", O_CREAT | O_RDWR | O_TRUNC, 0600);
    write(file, "content", 7);
    all("a file", file);
    all("one that is only written", open("flushed", O_WRONLY));
    all("one that is only read", open("flushed", O_RDONLY));
    all("only its name", open("flushed", O_PATH));
    all("a directory", open(".", O_RDONLY | O_DIRECTORY));
    pipe(pipes);
    all("a pipe", pipes[0]);
    all("its other end", pipes[1]);
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    all("a socket", pair[0]);
    all("a device", open("/dev/null", O_RDWR));
    all("nothing", -1);

    printf("-- ranges\n");
    show("no flags", sync_file_range(file, 0, 0, 0));
    show("to the end", sync_file_range(file, 3, 0, SYNC_FILE_RANGE_WRITE));
    show("behind the end", sync_file_range(file, 1 << 20, 1 << 20, SYNC_FILE_RANGE_WRITE));
    show("unknown flags", sync_file_range(file, 0, 0, 8));
    show("a negative offset", sync_file_range(file, -1, 2, 0));
    show("a negative length", sync_file_range(file, 10, -2, 0));
    show("too far", sync_file_range(file, 0x7ffffffffffffff0, 0x20, 0));
    show("as far as it goes", sync_file_range(file, 0x7ffffffffffffff0, 0xf, 0));
    show("wrong flags of a pipe", sync_file_range(pipes[0], 0, 0, 8));
    show("a negative offset ahead", readahead(file, -1, 10));
    unlink("flushed");
    return 0;
}
