// Files that name descriptors: /proc/self/fd/N, /dev/fd/N and /dev/stdin lead to the very file, whatever has become of its path.
#include "show.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>

static int reopen(int fd, int flags) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, flags, 0600);
}

static void link_of(const char *what, int fd) {
    char path[64], target[200];
    struct stat info;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    long n = readlink(path, target, sizeof target - 1);
    target[n > 0 ? n : 0] = 0;
    char *number = strchr(target, '[');
    if (number && strncmp(target, "anon_inode:", 11))
        *number = 0;
    lstat(path, &info);
    printf("%s: %s mode %o\n", what, target, info.st_mode);
}

static void pipes(void) {
    int ends[2];
    char bytes[16] = "";
    pipe(ends);
    link_of("read end", ends[0]);
    link_of("write end", ends[1]);
    int writer = reopen(ends[0], O_WRONLY | O_NONBLOCK);
    show_ok("write end by the read end", writer);
    show("write", write(writer, "through", 7));
    int reader = reopen(ends[1], O_RDONLY);
    show_ok("read end by the write end", reader);
    show("read", read(reader, bytes, sizeof bytes));
    printf("%s\n", bytes);
    close(ends[1]);
    struct pollfd wait = { ends[0], POLLIN, 0 };
    show("poll with a writer", poll(&wait, 1, 0));
    close(writer);
    show("poll without", poll(&wait, 1, 0));
    printf("events %x\n", wait.revents);
    show("end", read(ends[0], bytes, sizeof bytes));
    int late = reopen(ends[0], O_RDONLY);
    show_ok("a reader without writers does not wait", late);
    wait.fd = late;
    show("poll", poll(&wait, 1, 0));
    printf("events %x\n", wait.revents);
    close(ends[0]);
    close(reader);
    writer = reopen(late, O_WRONLY);
    show_ok("the last one lets another in", writer);
    close(late);
    signal(SIGPIPE, SIG_IGN);
    show("write to nobody", write(writer, "x", 1));
    struct stat info, by_path;
    char path[64];
    fstat(writer, &info);
    snprintf(path, sizeof path, "/dev/fd/%d", writer);
    show("stat", stat(path, &by_path));
    printf("the same %d fifo %d\n", info.st_ino == by_path.st_ino, S_ISFIFO(by_path.st_mode));
    close(writer);
    show("closed", open(path, O_RDONLY));
}

static void files(void) {
    char bytes[16] = "";
    int file = open("reopen.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
    write(file, "content", 7);
    int again = reopen(file, O_RDONLY);
    show("read from the start", read(again, bytes, sizeof bytes));
    printf("%s\n", bytes);
    rename("reopen.tmp", "reopen2.tmp");
    show_ok("renamed", reopen(file, O_RDONLY));
    unlink("reopen2.tmp");
    close(again);
    again = reopen(file, O_RDWR);
    show_ok("deleted", again);
    show("write", pwrite(again, "C", 1, 0));
    show("read", pread(file, bytes, sizeof bytes, 0));
    printf("%s\n", bytes);
    show("O_EXCL", reopen(file, O_RDWR | O_CREAT | O_EXCL));
    show_ok("O_CREAT", reopen(file, O_RDWR | O_CREAT));
    show("O_NOFOLLOW", reopen(file, O_RDWR | O_NOFOLLOW));
    show("O_DIRECTORY", reopen(file, O_RDONLY | O_DIRECTORY));
    show_ok("O_TRUNC", reopen(file, O_WRONLY | O_TRUNC));
    struct stat info;
    fstat(file, &info);
    printf("size %d links %d\n", (int)info.st_size, (int)info.st_nlink);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    show("chmod", chmod(path, 0640));
    fstat(file, &info);
    printf("mode %o\n", info.st_mode);
    show("truncate", truncate(path, 100));
    fstat(file, &info);
    printf("size %d\n", (int)info.st_size);
    show("unlink of the link", unlink(path) < 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d/", file);
    show("a slash behind a file", open(path, O_RDONLY));

    mkdir("reopen.dir", 0700);
    int directory = open("reopen.dir", O_RDONLY | O_DIRECTORY);
    snprintf(path, sizeof path, "/proc/self/fd/%d/inside", directory);
    show_ok("file in a directory", open(path, O_RDWR | O_CREAT, 0600));
    show("there", unlink("reopen.dir/inside"));
    show_ok("directory", reopen(directory, O_RDONLY));
    rmdir("reopen.dir");

    int memory = syscall(SYS_memfd_create, "m", 0);
    write(memory, "memory", 6);
    link_of("memfd", memory);
    again = reopen(memory, O_RDWR);
    show("read of a memfd", read(again, bytes, sizeof bytes));
    int named = open("/proc/self/exe", O_PATH);
    show_ok("by O_PATH", reopen(named, O_RDONLY));
}

static void others(void) {
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    show("socket", reopen(pair[0], O_RDWR));
    link_of("socket", pair[0]);
    int event = eventfd(0, 0), poller = epoll_create1(0);
    show("eventfd", reopen(event, O_RDWR));
    link_of("eventfd", event);
    show("epoll", reopen(poller, O_RDWR));
    link_of("epoll", poller);
    show_ok("null", reopen(open("/dev/null", O_RDONLY), O_RDWR));
    show("no such descriptor", open("/proc/self/fd/999", O_RDONLY));
    show("no number", open("/proc/self/fd/01", O_RDONLY));
}

static void standard(void) {
    int ends[2];
    char bytes[16] = "";
    pipe(ends);
    dup2(ends[0], 0);
    write(ends[1], "standard", 8);
    close(ends[1]);
    int in = open("/dev/stdin", O_RDONLY);
    show_ok("/dev/stdin", in);
    show("read", read(in, bytes, sizeof bytes));
    printf("%s\n", bytes);
    show_ok("/dev/fd/0", open("/dev/fd/0", O_RDONLY));
}

static void lengths(const char *what, int fd) {
    char path[64], target[8192];
    printf("%s\n", what);
    show("  getcwd", syscall(SYS_getcwd, target, sizeof target));
    show("  getcwd with little room", syscall(SYS_getcwd, target, 100));
    show("  cwd", readlink("/proc/self/cwd", target, sizeof target));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    show("  link", readlink(path, target, sizeof target));
    show_ok("  open", open(path, O_RDONLY));
}

// Directories can be deeper than paths are long.
static void depths(void) {
    char base[] = "/tmp/reopen-XXXXXX", name[256] = "";
    chdir(mkdtemp(base));
    memset(name, 'n', 255);
    long length = strlen(base);
    for (; length + 256 < 3900; length += 256) {
        mkdir(name, 0700);
        chdir(name);
    }
    for (long extra = 4092 - length; extra < 4098 - length; extra++) {
        memset(name, 0, sizeof name);
        memset(name, 'm', extra - 1);
        mkdir(name, 0700);
        chdir(name);
        int fd = open("x", O_CREAT | O_RDWR, 0600);
        printf("directory of %ld\n", length + extra);
        lengths(" its file", fd);
        unlink("x");
        lengths(" unlinked", fd);
        fd = open(".", O_TMPFILE | O_RDWR, 0600);
        show_ok("without name", fd);
        chdir("..");
        rmdir(name);
    }
    memset(name, 'n', 255);
    for (; length > (long)strlen(base); length -= 256) {
        chdir("..");
        rmdir(name);
    }
    show("all gone", rmdir(base));
}

int main(void) {
    chdir("/tmp");
    depths();
    chdir("/tmp");
    pipes();
    files();
    others();
    standard();
    return 0;
}
