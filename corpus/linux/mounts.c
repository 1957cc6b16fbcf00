// File systems in the tree: which files are in which, and what cannot be made or removed in those that the kernel fills.
#include "show.h"
#include <sys/socket.h>
#include <sys/statfs.h>

static dev_t device_of(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 ? status.st_dev : 0;
}

static void compare(const char *first, const char *second) {
    printf("%s and %s: %s\n", first, second, device_of(first) == device_of(second) ? "one file system" : "two");
}

static void show_type(const char *path) {
    struct statfs status;
    if (show(path, statfs(path, &status)) == 0)
        printf("type %lx, names of %ld\n", (long)status.f_type, (long)status.f_namelen);
}

static void make_in(const char *directory) {
    char path[100];
    snprintf(path, sizeof path, "%snew", directory);
    printf("-- in %s\n", directory);
    show("creat", open(path, O_CREAT | O_RDWR, 0600));
    show("creat what must not be there", open(path, O_CREAT | O_EXCL | O_RDWR, 0600));
    show("without creat", open(path, O_RDWR));
    show("mkdir", mkdir(path, 0700));
    show("mknod", mknod(path, S_IFIFO | 0600, 0));
    show("symlink", symlink("target", path));
    show("link from /proc", link("/proc/version", path));
    show("link from here", link("file", path));
    show("rename", rename("file", path));
}

int main(void) {
    if (getuid() != 0) {
        printf("needs root\n");
        return 0;
    }

    close(open("file", O_CREAT | O_RDWR, 0600));
    make_in("/proc/");
    make_in("/proc/self/");
    make_in("/proc/self/fd/");
    make_in("/proc/sys/kernel/");
    make_in("/dev/pts/");
    make_in("/sys/");
    printf("-- removing\n");
    show("unlink in /proc", unlink("/proc/version"));
    show("rmdir of a link", rmdir("/proc/self"));
    char own[32];
    snprintf(own, sizeof own, "/proc/%d", getpid());
    show("rmdir in /proc", rmdir(own));
    show("unlink of a link", unlink("/proc/self"));
    show("unlink of a directory", unlink("/proc/sys"));
    show("unlink of a descriptor", unlink("/proc/self/fd/0"));
    show("rmdir in /proc/self", rmdir("/proc/self/fd"));
    show("rmdir of /proc", rmdir("/proc"));
    show("rename inside", rename("/proc/version", "/proc/new"));
    show("rename over", rename("/proc/version", "/proc/uptime"));
    show("rename to elsewhere", rename("/proc/version", "new"));
    show("unlink in /dev/pts", unlink("/dev/pts/ptmx"));
    show("rename in /dev/pts", rename("/dev/pts/ptmx", "/dev/pts/new"));
    show("rename out of /dev/pts", rename("/dev/pts/ptmx", "/dev/new"));
    show("/dev/shm to /dev", rename("/dev/shm", "/dev/new"));
    close(open("/dev/shm/mounts-test", O_CREAT | O_RDWR, 0600));
    show("from /dev/shm to /dev", rename("/dev/shm/mounts-test", "/dev/mounts-test"));
    show("link", link("/dev/shm/mounts-test", "/dev/mounts-test"));
    show("unlink", unlink("/dev/shm/mounts-test"));
    printf("-- devices\n");
    compare("/dev", "/dev/null");
    compare("/dev", "/dev/pts");
    compare("/dev/pts", "/dev/pts/ptmx");
    compare("/dev", "/dev/shm");
    compare("/dev", "/proc");
    compare("/proc", "/proc/self/status");
    compare("/proc", "/sys");
    compare("/proc/self/fd", "/proc/sys/kernel/hostname");
    compare("/", "/proc");
    show_type("/proc");
    show_type("/proc/self/fd");
    // What /proc computes for a thread.
    char task[64];
    snprintf(task, sizeof task, "/proc/self/task/%d", getpid());
    show("chdir to the thread's", chdir(task));
    compare("/proc", "comm");
    show_type("status");
    show("chdir back", chdir("/"));
    show_type("/sys");
    show_type("/dev/pts");
    show_type("/dev/shm");
    show_type("/nowhere");
    int ends[2], others[2], sockets[2];
    pipe(ends), pipe(others), socketpair(AF_UNIX, SOCK_STREAM, 0, sockets);
    struct stat first, second;
    fstat(ends[0], &first), fstat(others[0], &second);
    printf("pipes: %s\n", first.st_dev == second.st_dev ? "one file system" : "two");
    fstat(sockets[0], &second);
    printf("pipe and socket: %s\n", first.st_dev == second.st_dev ? "one file system" : "two");
    struct stat link;
    lstat("/proc/self/fd/0", &link);
    printf("link of a descriptor: %s\n", link.st_dev == device_of("/proc") ? "of /proc" : "of another");
    struct statfs status;
    show("statfs of a pipe", fstatfs(ends[0], &status));
    printf("type %lx\n", (long)status.f_type);
    show("statfs of a socket", fstatfs(sockets[0], &status));
    printf("type %lx\n", (long)status.f_type);
    return 0;
}
