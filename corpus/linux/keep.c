// Changes a tree, and in a later run shows what became of it.
//
//   keep change DIR    changes it, and waits to be killed
//   keep again DIR     in a later run, goes on with what is there, and waits to be killed
//   keep show DIR      shows it
//   keep SEED DIR      makes random changes, shows what became of it, and waits to be killed
#include "show.h"
#include <dirent.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

static void put(const char *path, const char *text, int flags) {
    int fd = open(path, O_WRONLY | O_CREAT | flags, 0644);
    show_ok(path, fd);
    write(fd, text, strlen(text));
    show("  fsync", fsync(fd));
    close(fd);
}

static void show_text(const char *path) {
    char text[64] = "";
    int fd = open(path, O_RDONLY);
    read(fd, text, sizeof text - 1);
    close(fd);
    printf("%s: %s\n", path, text);
}

// Names come and go, and each time another is left.
static void names(void) {
    put("stays", "under its first name", O_EXCL);
    show("link", link("stays", "second"));
    show("unlink", unlink("second"));
    show("link once more", link("stays", "third"));
    show_text("stays");
    put("moves", "under its last name", O_EXCL);
    show("link", link("moves", "made/other"));
    show("unlink", unlink("moves"));
    show("rename", rename("made/other", "made/last"));
    show("unlink the last", unlink("pairs/a2"));
    put("pairs/a1", "changed", 0);
    show("unlink the first", unlink("pairs/b1"));
    put("pairs/b2", "changed", 0);
    show("replace the last", rename("pairs/b3", "pairs/c2"));
    put("pairs/c1", "changed", 0);
    // The other name is in a directory that nobody has looked into.
    char path[64];
    int fd = open("here/name", O_RDONLY);
    show("unlink an open one", unlink("here/name"));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    put(path, "changed", 0);
}

static int change(void) {
    put("new", "a new file", O_EXCL);
    put("lower", "changed", 0);
    put("appended", " and more", O_APPEND);
    put("emptied", "", O_TRUNC);
    show("truncate", truncate("shortened", 3));
    show("mkdir", mkdir("made", 0750));
    put("made/inside", "inside", 0);
    show("rename a file", rename("renamed", "made/moved"));
    show("rename a directory", rename("directory", "made/tree"));
    put("made/tree/inner/leaf", "in a moved tree", O_TRUNC);
    show("replace", rename("made/tree/first", "made/tree/second"));
    show("unlink", unlink("removed"));
    put("removed", "again", O_EXCL);
    show("unlink again", unlink("gone"));
    show("symlink", symlink("made/inside", "link"));
    show("link", link("new", "made/linked"));
    show("chmod", chmod("lower", 0600));
    show("chown", chown("made", 7, 8));
    struct timespec times[2] = { { 1000, 0 }, { 2000, 5 } };
    show("utimensat", utimensat(AT_FDCWD, "lower", times, 0));
    show("mkfifo", mkfifo("fifo", 0600));
    names();
    int fd = open("large", O_RDWR | O_CREAT, 0600);
    pwrite(fd, "far away", 8, 300000);
    show("fsync", fsync(fd));
    fd = open("/dev/shm/volatile", O_RDWR | O_CREAT, 0600);
    show("another file system", rename("/dev/shm/volatile", "volatile") == 0 ? 0 : errno == EXDEV);
    fd = open(".", O_RDONLY);
    show("fsync of the directory", fsync(fd));
    printf("changed\n");
    pause();
    return 0;
}

static int again(void) {
    put("appended", " and again", O_APPEND);
    put("new", "A NEW", 0);
    put("made/moved", "?", O_APPEND);
    put("made/inside", "", O_TRUNC);
    put("third", "UNDER", 0);
    put("pairs/a1", " again", O_APPEND);
    put("there/name", " again", O_APPEND);
    show("truncate", truncate("large", 300004));
    printf("changed\n");
    pause();
    return 0;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path) {
    char *names[64], full[512], buffer[512] = "";
    int count = 0;
    DIR *directory = opendir(path);
    if (directory == NULL) {
        printf("%s cannot be opened\n", path);
        return;
    }
    for (struct dirent *entry; (entry = readdir(directory)) != NULL && count < 64;)
        if (entry->d_name[0] != '.')
            names[count++] = strdup(entry->d_name);
    closedir(directory);
    qsort(names, count, sizeof names[0], compare);
    for (int k = 0; k < count; k++) {
        struct stat status;
        char value[16];
        snprintf(full, sizeof full, "%s/%s", path, names[k]);
        lstat(full, &status);
        printf("%s mode %o links %d", full, status.st_mode, S_ISDIR(status.st_mode) ? 0 : (int)status.st_nlink);
        ssize_t attribute = lgetxattr(full, "user.a", value, sizeof value);
        if (attribute >= 0)
            printf(" attribute %.*s", (int)attribute, value);
        if (S_ISREG(status.st_mode)) {
            int fd = open(full, O_RDONLY);
            long length = pread(fd, buffer, sizeof buffer - 1, status.st_size > 500 ? status.st_size - 8 : 0);
            printf(" size %ld: %.*s", (long)status.st_size, (int)length, buffer);
            close(fd);
        } else if (S_ISLNK(status.st_mode)) {
            printf(" -> %.*s", (int)readlink(full, buffer, sizeof buffer), buffer);
        }
        printf("\n");
        if (S_ISDIR(status.st_mode))
            list(full);
    }
}

static uint64_t state;

static unsigned below(unsigned limit) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % limit;
}

static const char *any(void) {
    static const char *directories[] = { ".", "pairs", "here", "there", "directory", "directory/inner", "x", "x/y", "directory/x" };
    static const char *names[] = { "a1", "a2", "b1", "b2", "name", "leaf", "first", "x", "y", "inner", "lower", "directory" };
    static char paths[2][64];
    static int next;
    char *path = paths[next++ & 1];
    snprintf(path, sizeof paths[0], "%s/%s", directories[below(9)], names[below(12)]);
    return path;
}

static int random_changes(void) {
    struct timespec times[2] = { { 1, 2 }, { 3, 4 } };
    for (int k = 0; k < 1500; k++) {
        const char *path = any();
        int fd;
        switch (below(12)) {
            case 0: mkdir(path, 0700 + below(64)); break;
            case 1: unlink(path); break;
            case 2: rmdir(path); break;
            case 3: link(path, any()); break;
            case 4: symlink("x", path); break;
            case 5: chmod(path, 0600 + below(64)); break;
            case 6: setxattr(path, "user.a", "value", 1 + below(5), 0); break;
            case 7: removexattr(path, "user.a"); break;
            case 8: syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, any(), 2); break;
            case 9:
                fd = open(path, O_WRONLY | O_CREAT | O_NONBLOCK, 0600);
                pwrite(fd, path, 1 + below(3), below(20));
                fsync(fd);
                if (below(2))
                    unlink(path);
                close(fd);
                break;
            case 10: utimensat(AT_FDCWD, path, times, 0); break;
            default: rename(path, any());
        }
    }
    list(".");
    printf("changed\n");
    for (;;)
        pause();
}

// Changes that are undone again, many times.
static int back(void) {
    int failed = 0;
    for (int k = 0; k < 5000; k++) {
        failed += rename("lower", "moved") != 0;
        failed += rename("moved", "lower") != 0;
    }
    printf("%d\nchanged\n", failed);
    for (;;)
        pause();
}

// Fills what keeps changes, and goes on.
static int fill(void) {
    // All that there is to the last byte: what the journal says of changes that were undone is no room for long.
    int moves = 0, filler = open("filler", O_CREAT | O_WRONLY, 0600);
    static char zeros[4096];
    for (unsigned size = sizeof zeros; size > 0; size /= 2)
        while (write(filler, zeros, size) > 0)
            ;
    while (moves < 1000000 && rename(moves % 2 ? "moved" : "lower", moves % 2 ? "lower" : "moved") == 0)
        moves++;
    show("rename", rename(moves % 2 ? "moved" : "lower", moves % 2 ? "lower" : "moved"));
    show("chmod", chmod("untouched", 0600));
    show("create", open("created", O_CREAT | O_WRONLY, 0600));
    show("mkdir", mkdir("created", 0700));
    show("open to write", open("appended", O_WRONLY));
    show("truncate", truncate("shortened", 3));
    show("link", link("untouched", "linked"));
    struct stat status;
    stat("untouched", &status);
    show("links", status.st_nlink);
    int fd = open(".", O_TMPFILE | O_RDWR, 0600);
    show("link one without name", linkat(fd, "", AT_FDCWD, "linked", AT_EMPTY_PATH));
    show("unlink", unlink("removed"));
    printf("%s\nchanged\n", moves % 2 ? "moved" : "lower");
    for (;;)
        pause();
}

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IONBF, 0);
    if (count != 3 || chdir(arguments[2]) != 0)
        return 64;
    umask(022);
    if (strcmp(arguments[1], "change") == 0)
        return change();
    if (strcmp(arguments[1], "again") == 0)
        return again();
    if (strcmp(arguments[1], "fill") == 0)
        return fill();
    if (strcmp(arguments[1], "back") == 0)
        return back();
    if ((state = strtoul(arguments[1], NULL, 10)) != 0)
        return random_changes();
    list(".");
    struct stat status;
    stat("made", &status);
    printf("owner %d %d\n", status.st_uid, status.st_gid);
    stat("lower", &status);
    printf("times %ld %ld.%ld\n", (long)status.st_atime, (long)status.st_mtime, (long)status.st_mtim.tv_nsec);
    return 0;
}
