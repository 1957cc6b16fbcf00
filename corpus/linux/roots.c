// chroot: where paths start then, what is told of directories above, and who may.
#include "show.h"
#include <sys/syscall.h>
#include <sys/wait.h>

static char base[4096];

// The system call itself, which tells what C libraries make an error of, without the part that differs between machines.
static void where(const char *what)
{
    char buffer[4096];
    long length = syscall(SYS_getcwd, buffer, sizeof buffer);
    if (length < 0) {
        show(what, length);
        return;
    }
    char *at = strstr(buffer, base);
    if (at)
        printf("%s: %.*s<base>%s\n", what, (int)(at - buffer), buffer, at + strlen(base));
    else
        printf("%s: %s\n", what, buffer);
}

static void make(const char *path, const char *content)
{
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0644);
    if (write(fd, content, strlen(content)) < 0)
        printf("%s: not written\n", path);
    close(fd);
}

static void content(const char *path)
{
    char buffer[64];
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        show(path, fd);
        return;
    }
    int n = read(fd, buffer, sizeof buffer);
    printf("%s: %.*s\n", path, n, buffer);
    close(fd);
}

static void child(void (*body)(void))
{
    fflush(stdout);
    if (fork() == 0) {
        body();
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
}

static void errors(void)
{
    show("missing", chroot("absent"));
    show("a file", chroot("file"));
    show("nowhere", chroot((char *)8));
    show("empty", chroot(""));
    if (setgid(1234) || setuid(1234))
        return;
    show("no right", chroot("."));
    show("not to be searched", chroot("closed"));
}

static void inside(void)
{
    int above = open(".", O_RDONLY | O_DIRECTORY);
    show("chroot", chroot("jail"));
    where("still above");
    content("/file");
    content("file");
    content("/sub/../../../file");
    content("/link");
    content("/sub/up");
    show("chdir", chdir("/sub"));
    where("in it");
    show("up", chdir("../../.."));
    where("at its root");
    content("../file");
    content("out");
    show("mkdir", mkdir("/new", 0755));
    show("through a descriptor", openat(above, "file", O_RDONLY) < 0 ? -1 : 0);
    show("fchdir", fchdir(above));
    where("out again");
    content("file");
    content("../../../../../../../../../../../../jail/nothing");
    show("again", chroot("."));
    where("root here");
    content("/file");
}

static void nested(void)
{
    show("chroot", chroot("jail"));
    show("chdir", chdir("/"));
    show("deeper", chroot("sub"));
    where("outside of it");
    content("/inner");
    content("file");
    fflush(stdout);
    if (fork() == 0) {
        content("/inner");
        show("chdir", chdir("/"));
        where("the child");
        content("../file");
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    show("program", execl("/proc/self/exe", "x", (char *)NULL));
}

int main(void)
{
    if (geteuid() != 0) {
        puts("needs root");
        return 0;
    }
    char place[] = "/tmp/roots.XXXXXX";
    if (!mkdtemp(place) || chdir(place) || !getcwd(base, sizeof base) || chmod(".", 0755))
        return 1;
    make("file", "above");
    mkdir("closed", 0700);
    mkdir("jail", 0755);
    mkdir("jail/sub", 0755);
    make("jail/file", "in the jail");
    make("jail/sub/inner", "deep");
    if (symlink("/sub/inner", "jail/link") || symlink("../../../file", "jail/sub/up") || symlink("/../../tmp", "jail/out"))
        return 1;
    child(errors);
    child(inside);
    where("the parent");
    show("made inside", access("jail/new", F_OK));
    child(nested);
    const char *files[] = { "jail/link", "jail/sub/up", "jail/out", "jail/sub/inner", "jail/file", "file" };
    for (size_t k = 0; k < sizeof files / sizeof *files; k++)
        unlink(files[k]);
    const char *directories[] = { "jail/new", "jail/sub", "jail", "closed", place };
    for (size_t k = 0; k < sizeof directories / sizeof *directories; k++)
        show_ok("removed", rmdir(directories[k]));
    return 0;
}
