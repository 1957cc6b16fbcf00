// Rights of files, ids and capabilities, as root and as others (credentials(7), capabilities(7), path_resolution(7)).
#include "show.h"
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <grp.h>

static char base[64];

static const char *in(const char *name) {
    static char paths[4][128];
    static int next;
    char *path = paths[next++ & 3];
    snprintf(path, sizeof paths[0], "%s/%s", base, name);
    return path;
}

static void make(const char *name, mode_t mode, uid_t user, gid_t group) {
    int file = open(in(name), O_CREAT | O_WRONLY, 0600);
    write(file, "text", 4);
    close(file);
    chown(in(name), user, group);
    chmod(in(name), mode);
}

static void show_mode(const char *what, const char *name) {
    struct stat s;
    if (lstat(in(name), &s) != 0)
        printf("%s: %s\n", what, error_name(errno));
    else
        printf("%s: %o %d:%d\n", what, s.st_mode & 07777, (int)s.st_uid, (int)s.st_gid);
}

// Runs a function as somebody else, in a process of its own.
static void as(uid_t user, gid_t group, void (*function)(void)) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        gid_t groups[] = { group, 500 };
        setgroups(2, groups);
        setresgid(group, group, group);
        setresuid(user, user, user);
        function();
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
}

static void try_open(const char *name) {
    char what[64];
    int flags[] = { O_RDONLY, O_WRONLY, O_RDWR, O_RDONLY | O_TRUNC, O_PATH };
    const char *names[] = { "r", "w", "rw", "trunc", "path" };
    for (int k = 0; k < 5; k++) {
        snprintf(what, sizeof what, "open %s %s", name, names[k]);
        int file = open(in(name), flags[k]);
        show_ok(what, file);
        if (file >= 0)
            close(file);
    }
    snprintf(what, sizeof what, "access %s", name);
    printf("%s:", what);
    for (int mode = 0; mode < 8; mode++)
        printf(" %d", access(in(name), mode) == 0);
    printf("\n");
}

static void files(void) {
    const char *names[] = { "own", "group", "member", "other", "none", "nobody" };
    for (int k = 0; k < 6; k++)
        try_open(names[k]);
    show("read a directory", open(in("noread"), O_RDONLY | O_DIRECTORY) < 0 ? -1 : 0);
    show("search it", access(in("noread/file"), F_OK));
    show("search one without x", access(in("nosearch/file"), F_OK));
    show("missing in it", access(in("nosearch/missing"), F_OK));
    show("chdir to it", chdir(in("nosearch")));
    show("create in it", open(in("nosearch/new"), O_CREAT | O_WRONLY, 0600) < 0 ? -1 : 0);
    show("create in a directory of root's", open(in("new"), O_CREAT | O_WRONLY, 0600) < 0 ? -1 : 0);
    show("mkdir there", mkdir(in("newdir"), 0700));
    show("mkdir of what exists", mkdir(in("noread"), 0700));
    show("symlink there", symlink("x", in("newlink")));
    show("mknod there", mknod(in("newfifo"), S_IFIFO | 0600, 0));
    show("unlink there", unlink(in("own")));
    show("unlink a directory there", unlink(in("noread")));
    show("rmdir a file there", rmdir(in("own")));
    show("rename there", rename(in("own"), in("moved")));
    show("rename what is missing", rename(in("missing"), in("moved")));
    show("truncate of another's", truncate(in("other"), 1));
    show("truncate of a directory", truncate(in("noread"), 1));
    show("device", mknod(in("open/device"), S_IFCHR | 0600, 0x103));
}

static void changes(void) {
    show("chmod of another's", chmod(in("other"), 0777));
    show("chmod of mine", chmod(in("own"), 06755));
    show_mode("then", "own");
    show("chmod of mine in another group", chmod(in("foreign"), 02755));
    show_mode("then", "foreign");
    show("chown of another's", chown(in("other"), 1000, -1));
    show("give away", chown(in("own"), 1001, -1));
    show("keep", chown(in("own"), 1000, -1));
    show("to a group of mine", chown(in("own"), -1, 500));
    show_mode("then", "own");
    show("to another group", chown(in("own"), -1, 77));
    show("to no other", chown(in("own"), -1, -1));
    struct timespec times[2] = { { 1000, 0 }, { 2000, 0 } };
    struct timespec now[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
    struct timespec half[2] = { { 0, UTIME_OMIT }, { 0, UTIME_NOW } };
    struct timespec none[2] = { { 0, UTIME_OMIT }, { 0, UTIME_OMIT } };
    show("times of mine", utimensat(AT_FDCWD, in("own"), times, 0));
    show("times of another's", utimensat(AT_FDCWD, in("writable"), times, 0));
    show("now, of one that I may write", utimensat(AT_FDCWD, in("writable"), now, 0));
    show("null, of one that I may write", utimensat(AT_FDCWD, in("writable"), NULL, 0));
    show("half, of one that I may write", utimensat(AT_FDCWD, in("writable"), half, 0));
    show("now, of one that I may not", utimensat(AT_FDCWD, in("other"), now, 0));
    show("nothing, of what is missing", utimensat(AT_FDCWD, in("missing"), none, 0));
}

static void sticky(void) {
    show("sticky: make", open(in("sticky/mine"), O_CREAT | O_WRONLY, 0600) < 0 ? -1 : 0);
    show("sticky: unlink another's", unlink(in("sticky/theirs")));
    show("sticky: rename another's", rename(in("sticky/theirs"), in("sticky/x")));
    show("sticky: over another's", rename(in("sticky/mine"), in("sticky/theirs")));
    show("sticky: unlink mine", unlink(in("sticky/mine")));
    show("open: unlink another's", unlink(in("open/theirs")));
    mkdir(in("open/sub"), 0700);
    show("open: move another's directory", rename(in("open/theirdir"), in("open/sub/d")));
    show("open: rename another's directory", rename(in("open/theirdir"), in("open/otherdir")));
    show("setgid: make", open(in("setgid/file"), O_CREAT | O_WRONLY, 0666) < 0 ? -1 : 0);
    show("setgid: mkdir", mkdir(in("setgid/dir"), 0777));
    show_mode("file in it", "setgid/file");
    show_mode("directory in it", "setgid/dir");
    show("setgid: make with the bit", open(in("setgid/bit"), O_CREAT | O_WRONLY, 02777) < 0 ? -1 : 0);
    show_mode("file with the bit", "setgid/bit");
}

struct header { uint32_t version; int pid; };
struct data { uint32_t effective, permitted, inheritable; };

static void show_capabilities(const char *what) {
    struct header header = { 0x20080522, 0 };
    struct data data[2] = { { 0 } };
    long result = syscall(SYS_capget, &header, data);
    printf("%s: %ld, chown %d %d, setuid %d %d, any %d %d\n", what, result, data[0].effective & 1, data[0].permitted & 1,
        data[0].effective >> 7 & 1, data[0].permitted >> 7 & 1, (data[0].effective | data[1].effective) != 0, (data[0].permitted | data[1].permitted) != 0);
}

static void show_ids(const char *what) {
    uid_t r, e, s;
    gid_t gr, ge, gs;
    getresuid(&r, &e, &s);
    getresgid(&gr, &ge, &gs);
    printf("%s: %d %d %d, %d %d %d\n", what, (int)r, (int)e, (int)s, (int)gr, (int)ge, (int)gs);
}

static void ids(void) {
    show_capabilities("root");
    show("seteuid 1000", seteuid(1000));
    show_ids("ids");
    show_capabilities("as 1000");
    show("file of root's", open(in("none"), O_RDONLY) < 0 ? -1 : 0);
    show("setuid to a third", setuid(1001));
    show("setgid", setgid(5));
    show("setgroups", setgroups(0, NULL));
    show("back", seteuid(0));
    show_capabilities("back");
    show("setfsuid", syscall(SYS_setfsuid, 1000));
    show("file of root's", open(in("none"), O_RDONLY) < 0 ? -1 : 0);
    show("setfsuid says", syscall(SYS_setfsuid, -1));
    show("setfsuid back", syscall(SYS_setfsuid, 0));
    show("file of root's", open(in("none"), O_RDONLY) < 0 ? -1 : 0);
    show("keepcaps", prctl(PR_SET_KEEPCAPS, 1));
    show("setresuid", setresuid(1000, 1000, 1000));
    show_capabilities("kept");
    struct header header = { 0x20080522, 0 };
    struct data data[2] = { { 0 } };
    syscall(SYS_capget, &header, data);
    data[0].effective = 1 | 1 << 7;
    data[0].permitted = 1 | 1 << 7;
    data[1].effective = data[1].permitted = 0;
    show("capset", syscall(SYS_capset, &header, data));
    show_capabilities("taken");
    show("chown", chown(in("own"), 1234, 4321));
    show("but no read", open(in("none"), O_RDONLY) < 0 ? -1 : 0);
    data[0].permitted |= 2;
    show("capset of more", syscall(SYS_capset, &header, data));
    header.version = 7;
    show("another version", syscall(SYS_capget, &header, data));
    printf("version: %x\n", header.version);
    show("another process", (header.version = 0x20080522, header.pid = -1, syscall(SYS_capget, &header, data)));
    show("setuid", setuid(0));
    show_ids("ids");
}

static void others(void) {
    show("kill root's", kill(getppid(), 0));
    show("setuid 0", setuid(0));
    show("setresuid", setresuid(-1, 0, -1));
    show("setreuid", setreuid(0, -1));
    show("bounding set", prctl(PR_CAPBSET_DROP, 0));
    show("bounding set of none", prctl(PR_CAPBSET_READ, 63));
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = { AF_UNIX, "" };
    strcpy(address.sun_path, in("socket"));
    show("connect to root's", connect(s, (struct sockaddr *)&address, sizeof address));
    strcpy(address.sun_path, in("nosearch/socket"));
    show("bind where I may not", bind(s, (struct sockaddr *)&address, sizeof address));
    char *arguments[] = { "x", NULL };
    show("execute without x", execv(in("own"), arguments));
    show("execute where I may not search", execv(in("nosearch/file"), arguments));
}

static pid_t looked_at;
static int looked_at_file;

// Looks into another process.
static void look(void) {
    static const char *files[] = { "environ", "maps", "smaps", "limits", "stat", "status", "cmdline" };
    char path[64], target[128];
    for (int k = 0; k < 7; k++) {
        snprintf(path, sizeof path, "/proc/%d/%s", looked_at, files[k]);
        int may = access(path, R_OK), file = open(path, O_RDONLY);
        printf("  %s: %d %s\n", files[k], may, file < 0 ? error_name(errno) : "open");
        close(file);
    }
    snprintf(path, sizeof path, "/proc/%d/fd", looked_at);
    show("  its files", open(path, O_RDONLY | O_DIRECTORY) < 0 ? -1 : 0);
    show("  may list them", access(path, R_OK | X_OK));
    snprintf(path, sizeof path, "/proc/%d/fd/%d", looked_at, looked_at_file);
    show("  one of them", open(path, O_RDONLY) < 0 ? -1 : 0);
    show("  stat", access(path, F_OK));
    show("  where it leads", readlink(path, target, sizeof target) < 0 ? -1 : 0);
    snprintf(path, sizeof path, "/proc/%d/cwd", looked_at);
    show("  its directory", readlink(path, target, sizeof target) < 0 ? -1 : 0);
    show("  open it", open(path, O_PATH) < 0 ? -1 : 0);
    show("  go through it", access(strcat(path, "/."), F_OK));
}

static void look_at_itself(void) {
    looked_at = getpid();
    look();
}

// Processes look into one that is 1000, and may or may not be dumpable.
static void look_at(int dumpable) {
    char path[64], byte;
    int started[2], end[2];
    struct stat s;
    pipe(started);
    pipe(end);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setgroups(0, NULL);
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        printf("dumpable %d\n", (int)prctl(PR_GET_DUMPABLE));
        if (dumpable)
            prctl(PR_SET_DUMPABLE, 1);
        fflush(stdout);
        close(end[1]);
        write(started[1], "", 1);
        read(end[0], &byte, 1);
        _exit(0);
    }
    read(started[0], &byte, 1);
    looked_at = child;
    static const char *names[] = { "", "environ", "maps", "status", "exe", "cwd" };
    for (int k = 0; k < 6; k++) {
        snprintf(path, sizeof path, "/proc/%d/%s", child, names[k]);
        lstat(path, &s);
        printf("'%s': %d:%d\n", names[k], (int)s.st_uid, (int)s.st_gid);
    }
    snprintf(path, sizeof path, "/proc/%d/fd", child);
    stat(path, &s);
    printf("its files: %o %d:%d\n", s.st_mode, (int)s.st_uid, (int)s.st_gid);
    snprintf(path, sizeof path, "/proc/%d/fd/%d", child, looked_at_file);
    lstat(path, &s);
    printf("one of them: %o %d:%d\n", s.st_mode, (int)s.st_uid, (int)s.st_gid);
    printf("the same user looks\n");
    as(1000, 1000, look);
    printf("the same user in another group looks\n");
    as(1000, 1001, look);
    printf("a stranger looks\n");
    as(1002, 1002, look);
    close(end[1]);
    waitpid(child, NULL, 0);
    close(end[0]);
    close(started[0]);
    close(started[1]);
}

int main(int count, char **arguments) {
    (void)arguments;
    if (count > 1) {
        show_ids("executed");
        show("dumpable", prctl(PR_GET_DUMPABLE));
        show_capabilities("executed");
        return 0;
    }
    if (getuid() != 0) {
        printf("needs root\n");
        return 0;
    }
    umask(022);
    chdir("/");
    strcpy(base, "/tmp/rights-XXXXXX");
    mkdtemp(base);
    chmod(base, 0755);
    make("own", 0400, 1000, 1000);
    make("group", 0040, 0, 1000);
    make("member", 0060, 0, 500);
    make("other", 0004, 0, 0);
    make("none", 0700, 0, 0);
    make("nobody", 0000, 1000, 1000);
    make("foreign", 0600, 1000, 77);
    make("writable", 0666, 0, 0);
    mkdir(in("noread"), 0711);
    make("noread/file", 0644, 0, 0);
    mkdir(in("nosearch"), 0744);
    make("nosearch/file", 0755, 0, 0);
    mkdir(in("sticky"), 0);
    chmod(in("sticky"), 01777);
    make("sticky/theirs", 0666, 1001, 1001);
    mkdir(in("open"), 0);
    chmod(in("open"), 0777);
    make("open/theirs", 0600, 1001, 1001);
    mkdir(in("open/theirdir"), 0755);
    mkdir(in("setgid"), 0);
    chown(in("setgid"), 0, 77);
    chmod(in("setgid"), 02777);
    int s = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = { AF_UNIX, "" };
    strcpy(address.sun_path, in("socket"));
    bind(s, (struct sockaddr *)&address, sizeof address);
    chmod(in("socket"), 0755);
    listen(s, 1);

    printf("as root\n");
    try_open("nobody");
    printf("as the owner\n");
    as(1000, 1000, files);
    printf("as a stranger\n");
    as(1002, 1002, files);
    as(1000, 1000, changes);
    as(1000, 1000, sticky);
    as(1000, 1000, others);
    as(0, 0, ids);

    looked_at_file = open(in("own"), O_RDONLY);
    looked_at = getpid();
    printf("looking at root's\n");
    as(1000, 1000, look);
    look_at(0);
    look_at(1);
    printf("looking at itself\n");
    as(1002, 1002, look_at_itself);

    make("suid", 0755, 1000, 1000);
    chmod(in("suid"), 06755);
    show_mode("set-user-ID", "suid");
    chown(in("suid"), 1000, 500);
    show_mode("chown clears", "suid");
    chown(in("suid"), 1000, 1000);
    show("device", mknod(in("device"), S_IFCHR | 0600, 0x103));
    int file = open(in("device"), O_RDWR);
    show("write to it", write(file, "x", 1));
    close(file);
    show("a device that there is not", mknod(in("nodevice"), S_IFCHR | 0600, 0xfffe0));
    show("open it", open(in("nodevice"), O_RDONLY) < 0 ? -1 : 0);
    show("mknod of a directory", mknod(in("dir"), S_IFDIR | 0600, 0));
    show("mknod of no kind", mknod(in("dir"), 0170000 | 0600, 0));

    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        setgroups(0, NULL);
        setgid(1000);
        setuid(1000);
        execl("/proc/self/exe", "rights", "executed", NULL);
        _exit(1);
    }
    waitpid(child, NULL, 0);

    // Cleaned by hand: there may be no rm.
    const char *made[] = { "own", "group", "member", "other", "none", "nobody", "foreign", "writable", "noread/file", "nosearch/file", "sticky/theirs", "sticky/mine", "open/theirs",
        "setgid/file", "setgid/bit", "socket", "suid", "device", "nodevice", "sticky/x", NULL };
    for (int k = 0; made[k] != NULL; k++)
        unlink(in(made[k]));
    const char *folders[] = { "noread", "nosearch", "sticky", "open/sub/d", "open/sub", "open/theirdir", "open/otherdir", "open", "setgid/dir", "setgid", NULL };
    for (int k = 0; folders[k] != NULL; k++)
        rmdir(in(folders[k]));
    show("all gone", rmdir(base));
    return 0;
}
