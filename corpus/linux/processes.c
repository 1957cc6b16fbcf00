// Processes: fork, vfork, wait, process groups, signals between processes, memory that is shared and memory that is not.
#include "show.h"
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int private_word = 1;
static volatile int *shared;
static volatile sig_atomic_t children, user_signals, last_code, last_status, from_child;

static void on_child(int signal, siginfo_t *info, void *context) {
    (void)signal;
    (void)context;
    children++;
    last_code = info->si_code;
    last_status = info->si_status;
    from_child = info->si_pid;
}
static void on_user(int signal) { user_signals += signal == SIGUSR1; }

// A child that runs a function and leaves with what it returns.
static pid_t child_of(int (*function)(void)) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int status = function();
        fflush(stdout);
        _exit(status);
    }
    return child;
}

static void show_status(const char *what, int status) {
    if (WIFEXITED(status))
        printf("%s: exited %d\n", what, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        printf("%s: killed %d core %d\n", what, WTERMSIG(status), !!WCOREDUMP(status));
    else if (WIFSTOPPED(status))
        printf("%s: stopped %d\n", what, WSTOPSIG(status));
    else
        printf("%s: continued %d\n", what, WIFCONTINUED(status));
}

static void wait_and_show(const char *what, pid_t child) {
    int status = 0;
    if (waitpid(child, &status, 0) == child)
        show_status(what, status);
    else
        printf("%s: %s\n", what, error_name(errno));
}

static int copy_on_write(void) {
    printf("child sees %d and %d\n", private_word, shared[0]);
    private_word = 2;
    shared[0] = 20;
    return 7;
}

static int parent_is(void) { return getppid() == shared[1]; }
static int kills_itself(void) { raise(SIGTERM); return 1; }
static int aborts(void) { abort(); return 1; }
static int faults(void) { kill(getpid(), SIGSEGV); return 1; }
static int waits_for_signal(void) { for (;;) pause(); return 1; }
static int naps(void) { pause_for(30); return 3; }
static int inherits(void) {
    sigset_t pending, mask;
    sigpending(&pending);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    struct sigaction action;
    sigaction(SIGUSR1, NULL, &action);
    return sigismember(&pending, SIGUSR2) | sigismember(&mask, SIGUSR2) << 1 | (action.sa_handler == on_user) << 2;
}

static void copies(void) {
    shared[0] = 10;
    pid_t child = child_of(copy_on_write);
    wait_and_show("child", child);
    printf("parent has %d and %d\n", private_word, shared[0]);
    shared[1] = getpid();
    wait_and_show("knows its parent", child_of(parent_is));
    show("wait without children", wait(NULL));
    show("WNOHANG without children", waitpid(-1, NULL, WNOHANG));
    show("bad option", waitpid(-1, NULL, 0x100));
    child = child_of(naps);
    show("WNOHANG too early", waitpid(child, NULL, WNOHANG));
    show("not a child", waitpid(getpid(), NULL, 0));
    wait_and_show("after a nap", child);
}

static void ends(void) {
    wait_and_show("SIGTERM", child_of(kills_itself));
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    int status;
    waitpid(child_of(aborts), &status, 0);
    printf("abort: %d\n", WTERMSIG(status));
    waitpid(child_of(faults), &status, 0);
    printf("fault: %d\n", WTERMSIG(status));

    pid_t child = child_of(waits_for_signal);
    show("kill", kill(child, SIGKILL));
    siginfo_t info = { 0 };
    show("waitid and keep", waitid(P_PID, child, &info, WEXITED | WNOWAIT));
    printf("code %d status %d same %d\n", info.si_code, info.si_status, info.si_pid == child);
    show("signal 0 to the dead", kill(child, 0));
    show("waitid", waitid(P_PID, child, &info, WEXITED));
    show("signal 0 to nobody", kill(child, 0));
    show("waitid again", waitid(P_PID, child, &info, WEXITED));
    show("waitid for nothing", waitid(P_ALL, 0, &info, 0));
}

static void signals(void) {
    struct sigaction action = { .sa_sigaction = on_child, .sa_flags = SA_SIGINFO | SA_RESTART };
    sigaction(SIGCHLD, &action, NULL);
    pid_t child = child_of(naps);
    wait_and_show("waited over SIGCHLD", child);
    printf("SIGCHLD %d code %d status %d from it %d\n", children, last_code, last_status, from_child == child);

    signal(SIGUSR1, on_user);
    sigset_t block;
    sigemptyset(&block);
    sigaddset(&block, SIGUSR2);
    sigprocmask(SIG_BLOCK, &block, NULL);
    raise(SIGUSR2);
    wait_and_show("pending, mask, handler", child_of(inherits));
    signal(SIGUSR2, SIG_IGN);

    signal(SIGCHLD, SIG_IGN);
    child_of(naps);
    show("children of who ignores SIGCHLD", wait(NULL));
    signal(SIGCHLD, SIG_DFL);
}

static int seen[2];

// Lives until its parent has seen that it goes on: of one that has ended, that is not told any more.
static int stopped_and_continued(void) {
    char byte;
    raise(SIGSTOP);
    return read(seen[0], &byte, 1) == 1 ? 5 : 6;
}

static void stops(void) {
    int status;
    if (pipe(seen) != 0)
        return;
    pid_t child = child_of(stopped_and_continued);
    show_ok("wait for the stop", waitpid(child, &status, WUNTRACED));
    show_status("stopped", status);
    show("no event twice", waitpid(child, &status, WUNTRACED | WNOHANG));
    kill(child, SIGCONT);
    show_ok("wait for it to go on", waitpid(child, &status, WCONTINUED));
    show_status("continued", status);
    show("told to end", write(seen[1], "", 1));
    wait_and_show("at the end", child);
    close(seen[0]);
    close(seen[1]);
}

static int leads(void) {
    show("group of its own", setpgid(0, 0));
    show("leads it", getpgrp() == getpid());
    show("setsid of a leader", setsid());
    return 0;
}

static int begins_session(void) {
    show("setsid", setsid() == getpid());
    show("session", getsid(0) == getpid());
    show("group", getpgid(0) == getpid());
    show("setpgid of a session leader", setpgid(0, 0));
    return 0;
}

static void groups(void) {
    wait_and_show("leader", child_of(leads));
    wait_and_show("session leader", child_of(begins_session));
    pid_t first = child_of(waits_for_signal), second = child_of(waits_for_signal);
    show("setpgid of a child", setpgid(first, first));
    show("setpgid of another to it", setpgid(second, first));
    show("setpgid to no group", setpgid(second, 0x3fffff));
    show("setpgid of nobody", setpgid(0x3fffff, 0));
    show("negative group", setpgid(0, -1));
    show("its group", getpgid(second) == first);
    show("group of nobody", getpgid(0x3fffff));
    show("kill the group", kill(-first, SIGTERM));
    int status;
    show("wait for the group", waitpid(-first, &status, 0) > 0);
    show_status("one", status);
    show("wait for the group", waitpid(-first, &status, 0) > 0);
    show_status("the other", status);
    show("wait for a group of nobody", waitpid(-first, &status, 0));
    show("kill a group of nobody", kill(-first, SIGTERM));
    show("bad signal", kill(getpid(), 65));
}

static int counts(void) {
    for (int k = 0; k < 20000; k++)
        __atomic_add_fetch(&shared[2], 1, __ATOMIC_SEQ_CST);
    return 0;
}

static int wakes(void) {
    pause_for(20);
    shared[3] = 1;
    syscall(SYS_futex, &shared[3], 1, 1, NULL, NULL, 0);
    return 0;
}

static void sharing(void) {
    pid_t one = child_of(counts), two = child_of(counts);
    counts();
    waitpid(one, NULL, 0);
    waitpid(two, NULL, 0);
    printf("counted %d\n", shared[2]);
    pid_t child = child_of(wakes);
    while (shared[3] == 0)
        syscall(SYS_futex, &shared[3], 0, 0, NULL, NULL, 0);
    printf("woken by another process\n");
    waitpid(child, NULL, 0);

    // A moved shared mapping is the same memory.
    volatile int *moved = mremap((void *)shared, 4096, 8192, MREMAP_MAYMOVE);
    if (moved != MAP_FAILED) {
        shared = moved;
        private_word = shared[2];
        printf("moved %d\n", private_word);
    }
}

static void files(void) {
    int p[2];
    char buffer[16];
    pipe(p);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        close(p[0]);
        write(p[1], "from a child", 12);
        _exit(0);
    }
    close(p[1]);
    show("read from a child", read(p[0], buffer, sizeof buffer));
    show("its end ends the pipe", read(p[0], buffer, sizeof buffer));
    close(p[0]);
    waitpid(child, NULL, 0);

    // Descriptions are shared, descriptors are not.
    int file = open("/tmp/cheri2il-processes", O_RDWR | O_CREAT | O_TRUNC, 0600);
    fflush(stdout);
    child = fork();
    if (child == 0) {
        write(file, "abcdef", 6);
        close(file);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    show("position after the child wrote", lseek(file, 0, SEEK_CUR));
    close(file);
    unlink("/tmp/cheri2il-processes");
}

static void lends(void) {
    volatile int stage = 0;
    fflush(stdout);
    pid_t child = vfork();
    if (child == 0) {
        stage = 1;
        _exit(9);
    }
    printf("after vfork: stage %d\n", stage);
    wait_and_show("vfork", child);
}

static void descriptors_of_processes(void) {
    pid_t child = child_of(waits_for_signal);
    int fd = syscall(SYS_pidfd_open, child, 0);
    show_ok("pidfd_open", fd);
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
    show("poll while it runs", poll(&poll_fd, 1, 0));
    show("pidfd_send_signal", syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
    show("poll until it ends", poll(&poll_fd, 1, 5000));
    siginfo_t info = { 0 };
    show("waitid by descriptor", waitid(3, fd, &info, WEXITED));
    printf("code %d status %d\n", info.si_code, info.si_status);
    show("signal to the dead", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    show("pidfd of nobody", syscall(SYS_pidfd_open, 0x3fffff, 0));
    show("pidfd flags", syscall(SYS_pidfd_open, getpid(), 1));
    close(fd);

    // The directory of a process in /proc will do, too, but no other file there.
    child = child_of(waits_for_signal);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d", child);
    fd = open(path, O_RDONLY | O_DIRECTORY);
    int named = open(path, O_PATH);
    snprintf(path, sizeof path, "/proc/%d/fd", child);
    int inside = open(path, O_RDONLY | O_DIRECTORY);
    show("signal by a directory inside", syscall(SYS_pidfd_send_signal, inside, SIGTERM, NULL, 0));
    show("signal by a name of it", syscall(SYS_pidfd_send_signal, named, SIGTERM, NULL, 0));
    show("signal by the directory", syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
    show("waitid by the directory", waitid(3, fd, &info, WEXITED));
    wait_and_show("ended", child);
    show("signal to the dead", syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
    close(fd), close(named), close(inside);
}

static void *sleeps(void *argument) {
    pause_for(10000);
    return argument;
}

static int only_the_caller(void) {
    // fork copies the calling thread alone.
    return 4;
}

static int orphan(void) {
    pid_t grandchild = child_of(naps);
    (void)grandchild;
    return 0;
}

static void threads_and_orphans(void) {
    start(sleeps, NULL);
    wait_and_show("fork of a threaded process", child_of(only_the_caller));
    wait_and_show("leaves an orphan", child_of(orphan));
    pause_for(80);
    show("the orphan is not ours", waitpid(-1, NULL, WNOHANG) <= 0);
}

int main(void) {
    // Nobody else's children or signals.
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    pid_t child = fork();
    if (child == 0) {
        setpgid(0, 0);
        shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        copies();
        ends();
        signals();
        stops();
        groups();
        sharing();
        files();
        lends();
        descriptors_of_processes();
        threads_and_orphans();
        exit(0);
    }
    // As a first process it would get orphans, too.
    int status;
    waitpid(child, &status, 0);
    show_status("all", status);
    return 0;
}
