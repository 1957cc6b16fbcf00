// What a change of a file's content or owner takes from it, to whom what has no name belongs, and in which order calls on names look at things; as root.
#include "show.h"
#include <grp.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static const char capability[20] = { 1, 0, 0, 2, 1 };
static int file, pair[2], other;

static int do_write(void) { return pwrite(file, "x", 1, 0); }
static int do_write_nothing(void) { return write(file, "x", 0); }
static int do_write_from_nowhere(void) { return write(file, (void *)8, 1); }
static int do_truncate(void) { return truncate("file", 2); }
static int do_truncate_to_the_same(void) { return ftruncate(file, 5); }
static int do_open(void) { return open("file", O_WRONLY | O_TRUNC) < 0 ? -1 : 0; }
static int do_open_to_read(void) { return open("file", O_RDONLY | O_TRUNC) < 0 ? -1 : 0; }
static int do_open_only(void) { return open("file", O_WRONLY) < 0 ? -1 : 0; }
static int do_allocate(void) { return fallocate(file, 0, 0, 3); }
static int do_splice(void) { loff_t at = 0; return splice(pair[0], NULL, file, &at, 2, 0); }
static int do_send(void) { return sendfile(file, other, NULL, 2); }
static int do_copy(void) { loff_t from = 0, to = 0; return copy_file_range(other, &from, file, &to, 2, 0); }
static int do_chown(void) { return fchown(file, -1, -1); }

static const struct {
    const char *name;
    int (*run)(void);
} changes[] = {
    { "write", do_write }, { "write nothing", do_write_nothing }, { "write from nowhere", do_write_from_nowhere }, { "truncate", do_truncate },
    { "truncate to the same", do_truncate_to_the_same }, { "open to truncate", do_open }, { "open to read and truncate", do_open_to_read },
    { "open to write", do_open_only }, { "allocate", do_allocate }, { "splice", do_splice }, { "sendfile", do_send }, { "copy", do_copy }, { "chown", do_chown },
};

// Somebody changes a file that lets others act as its owner, in a process of its own.
static void change(int k, int mode, uid_t user, gid_t group) {
    int status;
    struct stat s;
    char value[32];
    file = open("file", O_CREAT | O_RDWR, 0600);
    write(file, "hello", 5);
    fchown(file, 1000, group);
    fsetxattr(file, "security.capability", capability, sizeof capability, 0);
    fchmod(file, mode);
    pipe(pair);
    write(pair[1], "zz", 2);
    lseek(other, 0, SEEK_SET);
    pid_t child = fork();
    if (child == 0) {
        if (user != 0) {
            setgroups(0, NULL);
            setresgid(1000, 1000, 1000);
            setresuid(user, user, user);
        }
        errno = 0;
        changes[k].run();
        _exit(errno);
    }
    waitpid(child, &status, 0);
    stat("file", &s);
    printf("  %s of %o: %s, %o%s\n", changes[k].name, mode, WEXITSTATUS(status) == 0 ? "done" : error_name(WEXITSTATUS(status)), s.st_mode & 07777,
        fgetxattr(file, "security.capability", value, sizeof value) > 0 ? ", capability" : "");
    unlink("file");
    close(file);
    close(pair[0]);
    close(pair[1]);
}

static void privileges(void) {
    const int modes[] = { 06777, 02767, 06767, 04777, 0777 };
    const struct { const char *name; uid_t user; gid_t group; } who[] = { { "the owner", 1000, 1000 }, { "the owner, not in the group", 1000, 1001 }, { "a stranger", 1002, 1001 }, { "root", 0, 1000 } };
    other = open("other", O_CREAT | O_RDWR, 0666);
    write(other, "zz", 2);
    for (unsigned w = 0; w < sizeof who / sizeof who[0]; w++) {
        printf("%s\n", who[w].name);
        for (unsigned k = 0; k < sizeof changes / sizeof changes[0]; k++)
            for (unsigned m = 0; m < sizeof modes / sizeof modes[0]; m++)
                change(k, modes[m], who[w].user, who[w].group);
    }
}

static void owner_of(const char *what, int fd) {
    struct stat s;
    fstat(fd, &s);
    printf("%s: %o %d:%d\n", what, s.st_mode, (int)s.st_uid, (int)s.st_gid);
}

static void show_again(const char *what, int fd, int flags) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    show_ok(what, open(path, flags));
}

static void nameless(void) {
    int ends[2];
    setgroups(0, NULL);
    setresgid(1001, 1001, 1001);
    setresuid(1000, 1000, 1000);
    pipe(ends);
    owner_of("pipe", ends[0]);
    owner_of("the other end", ends[1]);
    socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
    owner_of("sockets", ends[0]);
    owner_of("the other one", ends[1]);
    owner_of("socket", socket(AF_INET, SOCK_STREAM, 0));
    owner_of("memory", syscall(SYS_memfd_create, "memory", 0));
}

// Who may see where the links of /proc lead, once executed again, may open a pipe that way.
static void again(void) {
    setgroups(0, NULL);
    setresgid(1001, 1001, 1001);
    setresuid(1000, 1000, 1000);
    execl("/proc/self/exe", "privileges", "again", NULL);
    show("execute", -1);
}

static void names(void) {
    struct timespec times[2] = { { 1, 0 }, { 2, 0 } }, wrong[2] = { { 1, -5 }, { 2, 0 } }, none[2] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };
    show("a path that would be made", open("made", O_PATH | O_CREAT | O_RDWR, 0600));
    show("is there", access("made", F_OK));
    close(open("made", O_CREAT | O_WRONLY, 0600));
    int fd = open("made", O_PATH | O_CREAT | O_EXCL | O_TRUNC | O_RDWR | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW, 0600);
    show_ok("a path with all flags", fd);
    printf("flags %x\n", fcntl(fd, F_GETFL));
    show("close on exec", fcntl(fd, F_GETFD));
    show_ok("a path without name", open(".", O_PATH | O_TMPFILE | O_RDWR, 0600));
    show("of a file", open("made", O_PATH | O_TMPFILE | O_RDWR, 0600));

    show("times of a path", syscall(SYS_utimensat, fd, NULL, times, 0));
    show("of what it names", syscall(SYS_utimensat, fd, "", times, AT_EMPTY_PATH));
    show("of an empty path", syscall(SYS_utimensat, fd, "", times, 0));
    fd = open("made", O_RDONLY);
    show("of a file", syscall(SYS_utimensat, fd, NULL, times, 0));
    show("with a flag", syscall(SYS_utimensat, fd, NULL, times, AT_SYMLINK_NOFOLLOW));
    show("with another", syscall(SYS_utimensat, fd, NULL, times, AT_EMPTY_PATH));
    show("with a flag, of none", syscall(SYS_utimensat, 99, NULL, times, AT_EMPTY_PATH));
    show("wrong, of none", syscall(SYS_utimensat, 99, NULL, wrong, 0));
    show("wrong", syscall(SYS_utimensat, fd, NULL, wrong, 0));
    show("from nowhere, with an unknown flag", syscall(SYS_utimensat, fd, NULL, (void *)8, 1));
    show("nothing, with an unknown flag", syscall(SYS_utimensat, fd, NULL, none, 1));
    show("wrong, of what is missing", syscall(SYS_utimensat, AT_FDCWD, "missing", wrong, 0));
    show("with an unknown flag", syscall(SYS_utimensat, AT_FDCWD, "missing", wrong, 1));
    show("of nothing", syscall(SYS_utimensat, AT_FDCWD, NULL, times, 0));
    show("of nothing, with a flag", syscall(SYS_utimensat, AT_FDCWD, NULL, times, AT_SYMLINK_NOFOLLOW));
}

static int move(const char *from, const char *to, int flags) { return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags); }

static void moves(void) {
    const char *from[] = { "d/a", "d/a/", "d/dir", "d/dir/in", "d/dir/", "d/missing", "d/.", "d/..", "/proc/self/status", "/proc/missing", "/proc/.", "/proc" };
    const char *to[] = { "d/a2", "d/b", "d/new", "d/new/", "d/b/", "d/dir", "d/dir/", "d/dir/in", "d/dir/in/new", "d/missing/new", "d/.", "d/..", "/proc/self/status", "/proc" };
    // What would be done is in nobody's right: that is looked at last.
    setgroups(0, NULL);
    setresgid(1000, 1000, 1000);
    setresuid(1000, 1000, 1000);
    for (int flags = 0; flags < 3; flags++)
        for (unsigned f = 0; f < sizeof from / sizeof from[0]; f++) {
            printf("%s, %d:", from[f], flags);
            for (unsigned t = 0; t < sizeof to / sizeof to[0]; t++)
                printf(" %s", move(from[f], to[t], flags) == 0 ? "0" : error_name(errno));
            printf("\n");
        }
}

static void mounted(void) {
    show("move what is mounted", move("/proc", "/elsewhere", 0));
    show("replace it", move("d/empty", "/proc", 0));
    show("exchange it", move("d/empty", "/proc", 2));
    show("remove it", rmdir("/proc"));
    show("a file in place of it", move("d/b", "/proc", 0));
    show("a file in place of a directory", move("d/b", "d/empty", 0));
    show("a directory in place of a file", move("d/empty", "d/b", 0));
    show("a directory in place of a full one", move("d/empty", "d/dir", 0));
}

static void apart(void (*function)(void)) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        function();
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

int main(int count, char **arguments) {
    (void)arguments;
    if (count > 1) {
        int ends[2];
        pipe(ends);
        show_again("the pipe, to read", ends[0], O_RDONLY);
        show_again("the pipe, to write", ends[0], O_WRONLY);
        return 0;
    }
    if (getuid() != 0) {
        printf("needs root\n");
        return 0;
    }
    char base[] = "/tmp/privileges-XXXXXX";
    umask(0);
    chdir(mkdtemp(base));
    chmod(".", 0777);
    privileges();
    apart(nameless);
    apart(again);
    names();
    mkdir("d", 0777);
    mkdir("d/dir", 0777);
    mkdir("d/dir/in", 0777);
    mkdir("d/empty", 0777);
    close(open("d/a", O_CREAT | O_WRONLY, 0666));
    close(open("d/b", O_CREAT | O_WRONLY, 0666));
    link("d/a", "d/a2");
    chmod("d/dir", 0755);
    chmod("d", 0755);
    apart(moves);
    mounted();
    const char *made[] = { "other", "made", "d/a", "d/b", "d/a2", NULL };
    for (int k = 0; made[k] != NULL; k++)
        unlink(made[k]);
    const char *folders[] = { "d/dir/in", "d/dir", "d/empty", "d", NULL };
    for (int k = 0; folders[k] != NULL; k++)
        rmdir(folders[k]);
    show("all gone", rmdir(base));
    return 0;
}
