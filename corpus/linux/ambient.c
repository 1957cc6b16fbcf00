// prctl: ambient capabilities, signals when parents end; signals through /proc/PID; states in /proc.
#include "show.h"
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef PR_CAP_AMBIENT
#define PR_CAP_AMBIENT 47
#endif
enum { IS_SET = 1, RAISE, LOWER, CLEAR_ALL };

static long ambient(long what, long capability) { return prctl(PR_CAP_AMBIENT, what, capability, 0L, 0L); }

static void set_inheritable(unsigned bits)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[2];
    syscall(SYS_capget, &header, data);
    data[0].inheritable = bits;
    show("inheritable", syscall(SYS_capset, &header, data));
}

static void capabilities(const char *when)
{
    char line[128];
    FILE *file = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, file)) {
        // Those that every kernel has.
        if (strncmp(line, "CapAmb", 6) == 0 || strncmp(line, "CapInh", 6) == 0)
            printf("%s: %s", when, line);
        if (strncmp(line, "CapEff", 6) == 0 || strncmp(line, "CapPrm", 6) == 0)
            printf("%s: %.6s has %d\n", when, line, (strtoull(line + 8, NULL, 16) & (1 << CAP_KILL)) != 0);
    }
    fclose(file);
}

static char state_of(const char *path)
{
    char text[512] = "";
    int fd = open(path, O_RDONLY);
    if (fd < 0)
        return '-';
    int n = read(fd, text, sizeof text - 1);
    close(fd);
    char *at = n > 0 ? strrchr(text, ')') : NULL;
    return at ? at[2] : '?';
}

static volatile int got;
static void on_signal(int signal) { got = signal; }

static void sets(void)
{
    show("unknown", ambient(9, CAP_KILL));
    show("too large", ambient(IS_SET, 999));
    show("more arguments", prctl(PR_CAP_AMBIENT, (long)IS_SET, (long)CAP_KILL, 1L, 0L));
    show("clear with a capability", ambient(CLEAR_ALL, CAP_KILL));
    show("clear", ambient(CLEAR_ALL, 0));
    show("not inheritable", ambient(RAISE, CAP_KILL));
    set_inheritable(1 << CAP_KILL | 1 << CAP_CHOWN);
    show("raise", ambient(RAISE, CAP_KILL));
    show("raise", ambient(RAISE, CAP_CHOWN));
    show("is set", ambient(IS_SET, CAP_KILL));
    capabilities("raised");
    show("lower", ambient(LOWER, CAP_CHOWN));
    show("is set", ambient(IS_SET, CAP_CHOWN));
    set_inheritable(0);
    capabilities("not inheritable any more");
    set_inheritable(1 << CAP_KILL);
    show("raise", ambient(RAISE, CAP_KILL));
    show("keep", prctl(PR_SET_KEEPCAPS, 1L));
    show("become another", setgid(1234) | setuid(1234));
    capabilities("another");
    show("raise", ambient(RAISE, CAP_KILL));
    fflush(stdout);
    execl("/proc/self/exe", "x", "capabilities", (char *)NULL);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        capabilities(argv[1]);
        return 0;
    }
    if (geteuid() != 0) {
        puts("needs root");
        return 0;
    }
    if (fork() == 0) {
        sets();
        _exit(1);
    }
    wait(NULL);

    int signal = -1, ready[2], gone[2];
    show("none", prctl(PR_GET_PDEATHSIG, &signal));
    printf("%d\n", signal);
    show("no signal", prctl(PR_SET_PDEATHSIG, 65L));
    show("to nowhere", prctl(PR_GET_PDEATHSIG, 8L));
    if (pipe(ready) || pipe(gone))
        return 1;
    fflush(stdout);
    int parent = fork();
    if (parent == 0) {
        if (fork() == 0) {
            struct sigaction action = { .sa_handler = on_signal };
            sigaction(SIGUSR1, &action, NULL);
            show("set", prctl(PR_SET_PDEATHSIG, (long)SIGUSR1));
            prctl(PR_GET_PDEATHSIG, &signal);
            printf("%d\n", signal == SIGUSR1);
            fflush(stdout);
            if (fork() == 0) {
                prctl(PR_GET_PDEATHSIG, &signal);
                printf("a child's: %d\n", signal);
                show("become another", setuid(1234));
                fflush(stdout);
                _exit(0);
            }
            wait(NULL);
            write(ready[1], "x", 1);
            for (int k = 0; k < 500 && !got; k++)
                pause_for(10);
            printf("got it: %d\n", got == SIGUSR1);
            fflush(stdout);
            write(gone[1], "x", 1);
            _exit(0);
        }
        char c;
        read(ready[0], &c, 1);
        _exit(0);
    }
    waitpid(parent, NULL, 0);
    char c;
    read(gone[0], &c, 1);

    int sleeper = fork();
    if (sleeper == 0) {
        for (;;)
            pause();
    }
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", sleeper);
    for (int k = 0; k < 500 && state_of(path) != 'S'; k++)
        pause_for(10);
    printf("asleep: %c, running: %c\n", state_of(path), state_of("/proc/self/stat"));
    snprintf(path, sizeof path, "/proc/%d/task/%d/stat", sleeper, sleeper);
    printf("its thread: %c, another's: %c\n", state_of(path), state_of("/proc/self/task/1/stat"));
    snprintf(path, sizeof path, "/proc/%d", sleeper);
    int directory = open(path, O_RDONLY | O_DIRECTORY), other = open("/proc", O_RDONLY | O_DIRECTORY);
    show("whether it is there", syscall(SYS_pidfd_send_signal, directory, 0, NULL, 0));
    show("not a process", syscall(SYS_pidfd_send_signal, other, 0, NULL, 0));
    show("kill it", syscall(SYS_pidfd_send_signal, directory, SIGKILL, NULL, 0));
    int status;
    waitpid(sleeper, &status, 0);
    printf("killed: %d\n", WTERMSIG(status));
    show("it is gone", syscall(SYS_pidfd_send_signal, directory, 0, NULL, 0));
    return 0;
}
