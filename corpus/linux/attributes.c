// Extended attributes (xattr(7)), files without name (O_TMPFILE), and paths that may not lead everywhere (openat2), as root.
#include "show.h"
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>

static char base[64];

static const char *in(const char *name) {
    static char paths[4][128];
    static int next;
    char *path = paths[next++ & 3];
    snprintf(path, sizeof paths[0], "%s/%s", base, name);
    return path;
}

static int before(const void *a, const void *b) { return strcmp(*(const char **)a, *(const char **)b); }

static void show_names(const char *path) {
    char names[4096], *sorted[32];
    int count = 0;
    ssize_t length = llistxattr(path, names, sizeof names);
    for (char *at = names; at < names + length; at += strlen(at) + 1)
        if (strncmp(at, "security.selinux", 16) != 0)
            sorted[count++] = at;
    qsort(sorted, count, sizeof sorted[0], before);
    printf("names:");
    for (int k = 0; k < count; k++)
        printf(" %s", sorted[k]);
    printf("\n");
}

static void attributes(void) {
    char value[64];
    const char *file = in("file");
    close(open(file, O_CREAT | O_WRONLY, 0644));
    symlink("file", in("link"));
    mkfifo(in("fifo"), 0644);
    show("get none", getxattr(file, "user.a", value, sizeof value));
    show("set", setxattr(file, "user.a", "value", 5, 0));
    show("get", getxattr(file, "user.a", value, sizeof value));
    show("get through a link", getxattr(in("link"), "user.a", value, sizeof value));
    show("size", getxattr(file, "user.a", NULL, 0));
    show("too small", getxattr(file, "user.a", value, 2));
    show("create what exists", setxattr(file, "user.a", "x", 1, XATTR_CREATE));
    show("replace", setxattr(file, "user.a", "other", 5, XATTR_REPLACE));
    show("replace what does not", setxattr(file, "user.b", "x", 1, XATTR_REPLACE));
    show("create", setxattr(file, "user.b", "", 0, XATTR_CREATE));
    show("get empty", getxattr(file, "user.b", value, sizeof value));
    show("both flags", setxattr(file, "user.c", "x", 1, 3));
    show("unknown flag", setxattr(file, "user.c", "x", 1, 8));
    show("trusted", setxattr(file, "trusted.t", "x", 1, 0));
    show("security", setxattr(file, "security.s", "x", 1, 0));
    show("no name", setxattr(file, "user.", "x", 1, 0));
    show("no space", setxattr(file, "nothing", "x", 1, 0));
    show("another space", setxattr(file, "other.x", "x", 1, 0));
    show("empty name", setxattr(file, "", "x", 1, 0));
    char longest[300];
    memset(longest, 'n', sizeof longest);
    memcpy(longest, "user.", 5);
    longest[256] = 0;
    show("too long a name", setxattr(file, longest, "x", 1, 0));
    show("too long a value", setxattr(file, "user.c", value, 65537, 0));
    show("bad pointer", setxattr(file, "user.c", (void *)8, 5, 0));
    show("missing file", setxattr(in("missing"), "user.c", "x", 1, 0));
    show("missing file, bad flag", setxattr(in("missing"), "user.c", "x", 1, 8));
    show_names(file);
    show("list size", listxattr(file, NULL, 0) > 0);
    show("list too small", listxattr(file, value, 3));
    show("link itself", lsetxattr(in("link"), "user.a", "x", 1, 0));
    show("link itself, get", lgetxattr(in("link"), "user.a", value, sizeof value));
    show("link itself, trusted", lsetxattr(in("link"), "trusted.a", "x", 1, 0));
    show("fifo", setxattr(in("fifo"), "user.a", "x", 1, 0));
    show("directory", setxattr(base, "user.d", "x", 1, 0));
    int open_file = open(file, O_RDONLY);
    show("descriptor", fsetxattr(open_file, "user.f", "abc", 3, 0));
    show("descriptor, get", fgetxattr(open_file, "user.f", value, sizeof value));
    show("descriptor, list", flistxattr(open_file, NULL, 0) > 0);
    show("descriptor, remove", fremovexattr(open_file, "user.f"));
    close(open_file);
    show("bad descriptor", fsetxattr(open_file, "user.f", "abc", 3, 0));
    int path = open(file, O_PATH);
    show("path descriptor", fgetxattr(path, "user.a", value, sizeof value));
    close(path);
    show("remove", removexattr(file, "user.a"));
    show("remove again", removexattr(file, "user.a"));
    show_names(file);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        chmod(file, 0604);
        setgid(1000);
        setuid(1000);
        show("other: get", getxattr(file, "user.b", value, sizeof value));
        show("other: set", setxattr(file, "user.b", "x", 1, 0));
        show("other: trusted", getxattr(file, "trusted.t", value, sizeof value));
        show("other: set trusted", setxattr(file, "trusted.t", "x", 1, 0));
        show("other: get security", getxattr(file, "security.s", value, sizeof value));
        show("other: set security", setxattr(file, "security.s", "x", 1, 0));
        show_names(file);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static void temporary(void) {
    char path[64], text[16] = "";
    struct stat status;
    show("without O_DIRECTORY", syscall(SYS_openat, AT_FDCWD, base, (O_TMPFILE & ~O_DIRECTORY) | O_RDWR, 0600));
    show("read only", open(base, O_TMPFILE | O_RDONLY, 0600));
    show("with O_CREAT", open(base, O_TMPFILE | O_CREAT | O_RDWR, 0600));
    show("in a file", open(in("file"), O_TMPFILE | O_RDWR, 0600));
    show("in what is missing", open(in("missing"), O_TMPFILE | O_RDWR, 0600));
    int file = open(base, O_TMPFILE | O_RDWR, 0666);
    show_ok("open", file);
    fstat(file, &status);
    printf("links %d, mode %o, size %d\n", (int)status.st_nlink, status.st_mode, (int)status.st_size);
    show("write", write(file, "hello", 5));
    sprintf(path, "/proc/self/fd/%d", file);
    show("link", linkat(AT_FDCWD, path, AT_FDCWD, in("named"), AT_SYMLINK_FOLLOW));
    fstat(file, &status);
    printf("links %d\n", (int)status.st_nlink);
    show("link over it", linkat(AT_FDCWD, path, AT_FDCWD, in("named"), AT_SYMLINK_FOLLOW));
    show("unlink", unlink(in("named")));
    show("link once more", linkat(AT_FDCWD, path, AT_FDCWD, in("named"), AT_SYMLINK_FOLLOW));
    close(file);
    file = open(base, O_TMPFILE | O_RDWR | O_EXCL, 0600);
    sprintf(path, "/proc/self/fd/%d", file);
    show("link an exclusive one", linkat(AT_FDCWD, path, AT_FDCWD, in("named"), AT_SYMLINK_FOLLOW));
    close(file);
    file = open(base, O_TMPFILE | O_WRONLY, 0600);
    write(file, "text", 4);
    show("link by descriptor", linkat(file, "", AT_FDCWD, in("named"), AT_EMPTY_PATH));
    close(file);
    file = open(in("named"), O_RDONLY);
    show("read", read(file, text, sizeof text));
    printf("%s\n", text);
    close(file);
    unlink(in("named"));
}

// Names are given within one file system.
static void linking(void) {
    int pipes[2];
    struct stat status;
    char other[64];
    snprintf(other, sizeof other, "/dev/shm/attributes-%d", getpid());
    close(open(other, O_CREAT | O_WRONLY, 0600));
    show("link to another file system", link(in("file"), "/dev/shm/attributes-link"));
    show("link from it", link(other, in("named")));
    show("link from it over what exists", link(other, in("file")));
    show("link a directory from it", link("/dev/shm", in("named")));
    show("link a directory", link(base, in("named")));
    show("link the root", link("/", in("named")));
    show("link from /proc", link("/proc/self/status", in("named")));
    stat(other, &status);
    printf("links %d\n", (int)status.st_nlink);
    unlink(other);
    int file = open("/dev/shm", O_TMPFILE | O_RDWR, 0600);
    show("link one without name from it", linkat(file, "", AT_FDCWD, in("named"), AT_EMPTY_PATH));
    show("link it there", linkat(file, "", AT_FDCWD, other, AT_EMPTY_PATH));
    unlink(other);
    close(file);
    pipe(pipes);
    show("link a pipe", linkat(pipes[0], "", AT_FDCWD, in("named"), AT_EMPTY_PATH));
    fstat(pipes[0], &status);
    printf("links %d\n", (int)status.st_nlink);
    close(pipes[0]);
    close(pipes[1]);
    file = memfd_create("memory", 0);
    show("link memory", linkat(file, "", AT_FDCWD, in("named"), AT_EMPTY_PATH));
    close(file);
}

struct how { uint64_t flags, mode, resolve; };

static int open2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct how how = { flags, mode, resolve };
    return syscall(437, directory, path, &how, sizeof how);
}

static void try_resolve(int directory, const char *what, const char *path, uint64_t resolve) {
    char text[128];
    snprintf(text, sizeof text, "%s %s %d", what, path, (int)resolve);
    int file = open2(directory, path, O_RDONLY, 0, resolve);
    show_ok(text, file);
    if (file >= 0)
        close(file);
}

static void resolving(void) {
    mkdir(in("d"), 0755);
    mkdir(in("d/e"), 0755);
    close(open(in("d/e/f"), O_CREAT | O_WRONLY, 0644));
    symlink("e/f", in("d/inside"));
    symlink("../file", in("d/outside"));
    symlink("/e/f", in("d/absolute"));
    symlink("e", in("d/folder"));
    int directory = open(in("d"), O_RDONLY | O_DIRECTORY);
    const char *paths[] = { "e/f", "inside", "outside", "absolute", "folder/f", "e/../e/f", "..", "e/../..", "/e/f", "missing", "e/f/g" };
    for (int resolve = 0; resolve <= 16; resolve = resolve == 0 ? 1 : resolve * 2)
        for (int k = 0; k < 11; k++)
            if (!(resolve == 1 && (k == 3 || k == 8)) && !((resolve == 0 || resolve == 2) && (k == 3 || k == 8)))
                try_resolve(directory, "resolve", paths[k], resolve);
    try_resolve(directory, "both", "e/f", 8 | 16);
    try_resolve(directory, "unknown", "e/f", 64);
    try_resolve(directory, "magic", "/proc/self/fd/0", 2);
    try_resolve(AT_FDCWD, "other file system", "/proc/self/status", 1);
    try_resolve(directory, "nothing", "", 8);
    struct { struct how how; uint64_t more; } longer = { { O_RDONLY, 0, 0 }, 0 };
    show_ok("longer", syscall(437, directory, "e/f", &longer, sizeof longer));
    longer.more = 1;
    show_ok("longer with more", syscall(437, directory, "e/f", &longer, sizeof longer));
    show_ok("shorter", syscall(437, directory, "e/f", &longer, 16));
    show_ok("mode without O_CREAT", open2(directory, "e/f", O_RDONLY, 0600, 0));
    show_ok("too much of a mode", open2(directory, "e/new", O_CREAT | O_WRONLY, 010000, 0));
    show_ok("unknown flags", open2(directory, "e/f", 1UL << 40, 0, 0));
    show_ok("path with more", open2(directory, "e/f", O_PATH | O_APPEND, 0, 0));
    show_ok("create beneath", open2(directory, "e/new", O_CREAT | O_WRONLY, 0600, 8));
    show_ok("create above", open2(directory, "../new", O_CREAT | O_WRONLY, 0600, 8));
    show_ok("cached and created", open2(directory, "e/newer", O_CREAT | O_WRONLY, 0600, 32));
    const char *made[] = { "d/e/f", "d/e/new", "d/inside", "d/outside", "d/absolute", "d/folder", "file", "link", "fifo", NULL };
    for (int k = 0; made[k] != NULL; k++)
        unlink(in(made[k]));
    rmdir(in("d/e"));
    rmdir(in("d"));
}

int main(void) {
    if (getuid() != 0) {
        printf("needs root\n");
        return 0;
    }
    umask(022);
    strcpy(base, "/tmp/attributes-XXXXXX");
    mkdtemp(base);
    attributes();
    temporary();
    linking();
    resolving();
    show("all gone", rmdir(base));
    return 0;
}
