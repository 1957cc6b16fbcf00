// inotify(7).
#include "show.h"
#include <dirent.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

static char base[64];
static int queue;
static uint32_t cookies[64];
static int cookie_count;

static const char *in(const char *name) {
    static char paths[4][128];
    static int next;
    char *path = paths[next++ & 3];
    snprintf(path, sizeof paths[0], "%s/%s", base, name);
    return path;
}

// Cookies differ from run to run: their order of appearance does not.
static int cookie(uint32_t value) {
    if (value == 0)
        return 0;
    for (int k = 0; k < cookie_count; k++)
        if (cookies[k] == value)
            return k + 1;
    cookies[cookie_count++] = value;
    return cookie_count;
}

static void events(const char *what) {
    char buffer[8192] __attribute__((aligned(8)));
    printf("%s:\n", what);
    ssize_t length;
    while ((length = read(queue, buffer, sizeof buffer)) > 0) {
        for (char *at = buffer; at < buffer + length;) {
            struct inotify_event *event = (struct inotify_event *)at;
            printf("  %d %x %d %d '%s'\n", event->wd, event->mask, cookie(event->cookie), (int)event->len, event->len > 0 ? event->name : "");
            at += sizeof *event + event->len;
        }
    }
}

static void put(const char *path, const char *text) {
    int file = open(path, O_CREAT | O_WRONLY, 0644);
    if (*text != 0)
        write(file, text, strlen(text));
    close(file);
}

int main(void) {
    umask(022);
    strcpy(base, "/tmp/watching-XXXXXX");
    mkdtemp(base);
    mkdir(in("d"), 0755);
    mkdir(in("e"), 0755);
    show("unknown flag", inotify_init1(1));
    queue = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    show("empty", read(queue, base, 0));
    show("nothing to watch for", inotify_add_watch(queue, in("d"), 0));
    show("only a flag", inotify_add_watch(queue, in("d"), IN_MASK_ADD));
    show("both ways", inotify_add_watch(queue, in("d"), IN_OPEN | IN_MASK_ADD | IN_MASK_CREATE));
    show("missing", inotify_add_watch(queue, in("missing"), IN_OPEN));
    show("no queue", inotify_add_watch(0, in("d"), IN_OPEN));
    show("no descriptor", inotify_add_watch(99, in("d"), IN_OPEN));
    put(in("d/file"), "x");
    show("file as directory", inotify_add_watch(queue, in("d/file"), IN_OPEN | IN_ONLYDIR));
    show("watch d", inotify_add_watch(queue, in("d"), IN_ALL_EVENTS));
    show("watch e", inotify_add_watch(queue, in("e"), IN_ALL_EVENTS));
    show("watch d again", inotify_add_watch(queue, in("d"), IN_ALL_EVENTS));
    show("watch d, once more", inotify_add_watch(queue, in("d"), IN_OPEN | IN_MASK_CREATE));
    int ready = 0;
    struct pollfd entry = { queue, POLLIN, 0 };
    show("poll", poll(&entry, 1, 0));

    put(in("d/new"), "text");
    show("poll", poll(&entry, 1, 0));
    ioctl(queue, FIONREAD, &ready);
    show("bytes", ready);
    char small[8];
    show("small buffer", read(queue, small, sizeof small));
    events("create and write");
    int file = open(in("d/new"), O_RDWR);
    char text[64];
    read(file, text, 4);
    read(file, text, 4);
    pread(file, text, 2, 0);
    pwrite(file, text, 2, 0);
    ftruncate(file, 1);
    ftruncate(file, 1);
    close(file);
    events("read, write, truncate");
    close(open(in("d/new"), O_RDONLY));
    close(open(in("d/new"), O_RDONLY | O_TRUNC));
    close(open(in("d/new"), O_WRONLY | O_TRUNC));
    close(open(in("d/new"), O_PATH));
    truncate(in("d/new"), 5);
    events("open");
    chmod(in("d/new"), 0600);
    chown(in("d/new"), -1, getgid());
    setxattr(in("d/new"), "user.a", "x", 1, 0);
    removexattr(in("d/new"), "user.a");
    struct timespec both[2] = { { 1, 0 }, { 2, 0 } }, access_only[2] = { { 1, 0 }, { 0, UTIME_OMIT } }, modify_only[2] = { { 0, UTIME_OMIT }, { 1, 0 } };
    utimensat(AT_FDCWD, in("d/new"), both, 0);
    utimensat(AT_FDCWD, in("d/new"), access_only, 0);
    utimensat(AT_FDCWD, in("d/new"), modify_only, 0);
    events("attributes");
    mkdir(in("d/sub"), 0755);
    symlink("new", in("d/link"));
    mkfifo(in("d/fifo"), 0600);
    link(in("d/new"), in("d/hard"));
    events("mkdir, symlink, mkfifo, link");
    rename(in("d/new"), in("d/newer"));
    rename(in("d/newer"), in("e/newer"));
    rename(in("d/sub"), in("e/sub"));
    put(in("e/target"), "");
    rename(in("e/newer"), in("e/target"));
    rename(in("e/target"), in("e/target"));
    events("rename");
    unlink(in("d/link"));
    unlink(in("d/fifo"));
    unlink(in("d/hard"));
    rmdir(in("e/sub"));
    events("unlink, rmdir");
    DIR *folder = opendir(in("d"));
    readdir(folder);
    closedir(folder);
    events("list");
    put(in("d/a"), "a");
    put(in("e/b"), "b");
    events("made");
    syscall(SYS_renameat2, AT_FDCWD, in("d/a"), AT_FDCWD, in("e/b"), 2);
    events("exchange");

    show("watch a file", inotify_add_watch(queue, in("d/a"), IN_ALL_EVENTS));
    file = open(in("d/a"), O_RDWR);
    events("self open");
    write(file, "1", 1);
    write(file, "2", 1);
    events("self written, merged");
    rename(in("d/a"), in("e/a"));
    write(file, "3", 1);
    events("self moved");
    unlink(in("e/a"));
    write(file, "4", 1);
    events("self unlinked");
    close(file);
    events("self closed");
    show("remove what went", inotify_rm_watch(queue, 4) < 0 ? -1 : 0);
    show("watch a directory in it", inotify_add_watch(queue, in("e"), IN_ALL_EVENTS | IN_EXCL_UNLINK));
    file = open(in("e/b"), O_RDWR);
    unlink(in("e/b"));
    write(file, "5", 1);
    close(file);
    events("unlinked is left out");
    put(in("d/c"), "c");
    events("made");
    show("watch c", inotify_add_watch(queue, in("d/c"), IN_DELETE_SELF));
    unlink(in("d/c"));
    events("c unlinked");
    show("remove", inotify_rm_watch(queue, 2));
    show("remove again", inotify_rm_watch(queue, 2));
    events("removed");
    show("once", inotify_add_watch(queue, in("e"), IN_CREATE | IN_ONESHOT));
    put(in("e/one"), "");
    put(in("e/two"), "");
    events("once");
    show("add", inotify_add_watch(queue, in("d"), IN_CREATE));
    show("add", inotify_add_watch(queue, in("d"), IN_DELETE | IN_MASK_ADD));
    put(in("d/x"), "x");
    unlink(in("d/x"));
    events("added");
    symlink("d", in("toward"));
    show("not through a link", inotify_add_watch(queue, in("toward"), IN_ALL_EVENTS | IN_DONT_FOLLOW | IN_ONLYDIR));
    show("the link", inotify_add_watch(queue, in("toward"), IN_ALL_EVENTS | IN_DONT_FOLLOW));
    unlink(in("toward"));
    events("link unlinked");

    int overflowing = inotify_init1(IN_NONBLOCK);
    inotify_add_watch(overflowing, in("d"), IN_OPEN | IN_CLOSE);
    put(in("d/y"), "");
    for (int k = 0; k < 9000; k++)
        close(open(in("d/y"), O_RDONLY));
    static char buffer[1 << 20];
    ssize_t length;
    int count = 0, over = 0, last = 0;
    while ((length = read(overflowing, buffer, sizeof buffer)) > 0)
        for (char *at = buffer; at < buffer + length;) {
            struct inotify_event *event = (struct inotify_event *)at;
            count++;
            last = event->mask == IN_Q_OVERFLOW && event->wd == -1 && event->len == 0;
            over += last;
            at += sizeof *event + event->len;
        }
    printf("overflow: %d events, %d told of it, last %d\n", count > 10000, over, last);
    close(overflowing);
    inotify_rm_watch(queue, 1);
    events("gone");
    show("watch d itself", inotify_add_watch(queue, in("d"), IN_ALL_EVENTS));
    unlink(in("d/y"));
    unlink(in("d/file"));
    unlink(in("d/hard"));
    rename(in("d"), in("f"));
    rmdir(in("f"));
    events("directory moved and removed");

    // What is open, or where somebody works, lives on without its name.
    char path[64];
    mkdir(in("held"), 0755);
    file = open(in("held"), O_RDONLY);
    show("watch a directory", inotify_add_watch(queue, in("held"), IN_ALL_EVENTS));
    rmdir(in("held"));
    events("removed while it is open");
    show("setxattr", fsetxattr(file, "user.a", "x", 1, 0));
    close(file);
    events("closed");
    mkdir(in("held"), 0755);
    mkdir(in("next"), 0755);
    file = open(in("held"), O_PATH);
    inotify_add_watch(queue, in("held"), IN_ALL_EVENTS);
    rename(in("next"), in("held"));
    events("replaced while it is known");
    close(file);
    events("closed");
    inotify_add_watch(queue, in("held"), IN_ALL_EVENTS);
    chdir(in("held"));
    rmdir(in("held"));
    events("removed while somebody works there");
    chdir("/");
    events("left");
    mkfifo(in("fifo"), 0600);
    file = open(in("fifo"), O_PATH);
    inotify_add_watch(queue, in("fifo"), IN_ALL_EVENTS);
    unlink(in("fifo"));
    events("FIFO unlinked");
    close(file);
    events("closed");
    put(in("z"), "content");
    file = open(in("z"), O_PATH);
    inotify_add_watch(queue, in("z"), IN_ALL_EVENTS);
    unlink(in("z"));
    events("file unlinked");
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    int again = open(path, O_RDONLY);
    memset(text, 0, sizeof text);
    show("read", read(again, text, sizeof text));
    printf("%s\n", text);
    close(again);
    events("opened again, and read");
    close(file);
    events("closed");
    unlink(in("e/one"));
    unlink(in("e/two"));
    unlink(in("e/target"));
    unlink(in("e/a"));
    rmdir(in("e"));
    show("all gone", rmdir(base));
    return 0;
}
