// /proc/PID/task: a directory for each thread, the same for as long as the thread lasts; /proc/thread-self; the last id in /proc/loadavg.
#include "show.h"
#include <limits.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int tid, to[2];

static void *waiter(void *argument)
{
    char c;
    char self[64] = "", wanted[64];
    tid = syscall(SYS_gettid);
    snprintf(wanted, sizeof wanted, "%d/task/%d", getpid(), tid);
    readlink("/proc/thread-self", self, sizeof self - 1);
    printf("thread-self of another thread: %d\n", strcmp(self, wanted) == 0);
    write(to[1], "x", 1);
    read(*(int *)argument, &c, 1);
    return NULL;
}

static void look(const char *what, int id)
{
    char path[64], at[PATH_MAX] = "";
    struct stat first, second;
    snprintf(path, sizeof path, "/proc/%d/task/%d", getpid(), id);
    show("chdir", chdir(path));
    printf("%s: where it went: %d\n", what, getcwd(at, sizeof at) && strcmp(at, path) == 0);
    stat(path, &first);
    stat(".", &second);
    printf("%s: the same directory: %d\n", what, first.st_ino == second.st_ino);
    int fd = open("stat", O_RDONLY);
    strcat(path, "/stat");
    stat(path, &first);
    fstat(fd, &second);
    printf("%s: the same file: %d\n", what, first.st_ino == second.st_ino);
    close(fd);
    chdir("/");
}

int main(void)
{
    int from[2], last = 0, fd, k;
    char c, path[64];
    if (pipe(to) || pipe(from))
        return 1;
    pthread_t thread = start(waiter, &from[0]);
    read(to[0], &c, 1);
    look("main", getpid());
    look("other", tid);

    snprintf(path, sizeof path, "/proc/self/task/%d", tid);
    int directory = open(path, O_RDONLY | O_DIRECTORY);
    show_ok("its stat", fd = openat(directory, "stat", O_RDONLY));
    close(fd);
    write(from[1], "x", 1);
    pthread_join(thread, NULL);
    // It is joined a little before it is gone.
    for (k = 0; k < 500 && (fd = openat(directory, "stat", O_RDONLY)) >= 0; k++) {
        close(fd);
        pause_for(10);
    }
    show_ok("after its end", fd);
    show_ok("its directory", open(path, O_RDONLY | O_DIRECTORY));

    int child = fork();
    if (child == 0)
        _exit(0);
    wait(NULL);
    FILE *file = fopen("/proc/loadavg", "r");
    fscanf(file, "%*s %*s %*s %*s %d", &last);
    printf("last id: %d\n", last >= child);
    return 0;
}
