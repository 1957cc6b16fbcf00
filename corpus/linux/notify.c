// Signals that tell of files: signalfd, also one that was inherited, and O_ASYNC with F_SETOWN and F_SETSIG.
#include "show.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>

#ifndef F_SETSIG
#define F_SETSIG 10
#define F_GETSIG 11
#endif
#ifndef F_SETOWN_EX
#define F_SETOWN_EX 15
#define F_GETOWN_EX 16
#endif
struct owner { int type; pid_t pid; };

static volatile sig_atomic_t count, code, band, descriptor, sender;
static void on_event(int signal, siginfo_t *info, void *context) {
    (void)signal;
    (void)context;
    count++;
    code = info->si_code;
    band = info->si_band;
    descriptor = info->si_fd;
    sender = info->si_pid;
}

static void told(const char *what) { printf("%s: %d\n", what, count); count = 0; }

static void read_signal(const char *what, int fd) {
    struct signalfd_siginfo info;
    long n = read(fd, &info, sizeof info);
    if (n < 0)
        show(what, n);
    else
        printf("%s: signal %u code %d value %d\n", what, info.ssi_signo == (unsigned)SIGRTMIN ? 34 : info.ssi_signo, info.ssi_code, info.ssi_int);
}

static void *reads_in_thread(void *argument) {
    read_signal("another thread", *(int *)argument);
    return NULL;
}

static void signal_files(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    int fd = signalfd(-1, &set, SFD_NONBLOCK);
    int poller = epoll_create1(0);
    struct epoll_event event = { EPOLLIN, { 0 } };
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    read_signal("nothing", fd);
    kill(getpid(), SIGUSR1);
    sigqueue(getpid(), SIGRTMIN, (union sigval) { .sival_int = 7 });
    struct pollfd wait = { fd, POLLIN, 0 };
    show("poll", poll(&wait, 1, 0));
    show("epoll", epoll_wait(poller, &event, 1, 0));
    read_signal("first", fd);
    read_signal("second", fd);
    show("epoll", epoll_wait(poller, &event, 1, 0));

    // A child reads its own signals, not those of its parent.
    kill(getpid(), SIGUSR2);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        show("child: poll", poll(&wait, 1, 0));
        read_signal("child: not the parent's", fd);
        kill(getpid(), SIGUSR1);
        show("child: poll", poll(&wait, 1, 1000));
        read_signal("child: its own", fd);
        fcntl(fd, F_SETFL, 0);
        kill(getppid(), SIGRTMIN);
        pause_for(20);
        kill(getpid(), SIGUSR2);
        read_signal("child: waits", fd);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    read_signal("parent", fd);
    read_signal("parent", fd);
    fcntl(fd, F_SETFL, O_NONBLOCK);

    // Of the thread's own signals a reader finds those of its thread.
    pthread_t self = pthread_self();
    pthread_kill(self, SIGUSR1);
    pthread_t thread = start(reads_in_thread, &fd);
    pthread_join(thread, NULL);
    read_signal("the thread itself", fd);

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    show_ok("changed", signalfd(fd, &set, 0));
    kill(getpid(), SIGUSR1);
    show("poll", poll(&wait, 1, 0));
    kill(getpid(), SIGUSR2);
    read_signal("changed", fd);
    show("O_ASYNC is kept", fcntl(fd, F_SETFL, O_ASYNC) || !(fcntl(fd, F_GETFL) & O_ASYNC));
    int on = 0;
    ioctl(fd, FIOASYNC, &on);
    show("FIOASYNC", ioctl(eventfd(0, 0), FIOASYNC, (on = 1, &on)));
    sigaddset(&set, SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    close(fd);
}

static void owners(int fd) {
    struct owner owner = { -1, -1 };
    show("F_GETOWN", fcntl(fd, F_GETOWN));
    show("F_GETSIG", fcntl(fd, F_GETSIG));
    show("F_SETOWN nobody", fcntl(fd, F_SETOWN, 4000000));
    show("F_SETOWN no group", syscall(SYS_fcntl, fd, F_SETOWN, -4000000));
    show("F_SETOWN", fcntl(fd, F_SETOWN, getpid()));
    printf("own %d\n", fcntl(fd, F_GETOWN) == getpid());
    show("F_SETSIG", fcntl(fd, F_SETSIG, 65));
    show("F_SETSIG", fcntl(fd, F_SETSIG, SIGRTMIN + 1));
    printf("signal %d\n", fcntl(fd, F_GETSIG) == SIGRTMIN + 1);
    fcntl(fd, F_SETSIG, 0);
    show("F_GETOWN_EX", fcntl(fd, F_GETOWN_EX, &owner));
    printf("type %d own %d\n", owner.type, owner.pid == getpid());
    owner = (struct owner) { 2, getpgrp() };
    show("F_SETOWN_EX of a group", fcntl(fd, F_SETOWN_EX, &owner));
    printf("negative %d\n", syscall(SYS_fcntl, fd, F_GETOWN_EX, &owner) == 0 && owner.type == 2 && owner.pid == getpgrp());
    owner.type = 3;
    show("F_SETOWN_EX of nothing", fcntl(fd, F_SETOWN_EX, &owner));
    show("F_SETOWN_EX at nowhere", fcntl(fd, F_SETOWN_EX, (void *)1));
    show("F_SETOWN 0", fcntl(fd, F_SETOWN, 0));
    show("F_GETOWN", fcntl(fd, F_GETOWN));
}

static void pipes(void) {
    struct sigaction action = { .sa_sigaction = on_event, .sa_flags = SA_SIGINFO | SA_RESTART };
    sigaction(SIGIO, &action, NULL);
    sigaction(SIGRTMIN + 1, &action, NULL);
    int ends[2];
    char bytes[70000] = "";
    pipe(ends);
    owners(ends[0]);
    fcntl(ends[0], F_SETFL, O_ASYNC);
    printf("flag %d\n", !!(fcntl(ends[0], F_GETFL) & O_ASYNC));
    write(ends[1], "x", 1);
    told("without an owner");
    fcntl(ends[0], F_SETOWN, getpid());
    write(ends[1], "x", 1);
    told("written");
    printf("code %x sender %d\n", code, sender);
    fcntl(ends[0], F_SETSIG, SIGRTMIN + 1);
    write(ends[1], "x", 1);
    told("written");
    printf("code %d band %x descriptor %d\n", code, (int)band, descriptor == ends[0]);
    read(ends[0], bytes, 3);
    told("read");
    fcntl(ends[0], F_SETFL, 0);
    write(ends[1], "x", 1);
    told("switched off");
    fcntl(ends[1], F_SETOWN, getpid());
    fcntl(ends[1], F_SETSIG, SIGRTMIN + 1);
    int on = 1;
    show("FIOASYNC", ioctl(ends[1], FIOASYNC, &on));
    fcntl(ends[1], F_SETFL, O_ASYNC | O_NONBLOCK);
    write(ends[1], bytes, sizeof bytes);
    told("filled");
    read(ends[0], bytes, sizeof bytes);
    told("emptied");
    printf("code %d band %x descriptor %d\n", code, (int)band, descriptor == ends[1]);
    signal(SIGPIPE, SIG_IGN);
    close(ends[0]);
    told("reader gone");
    close(ends[1]);
    pipe(ends);
    fcntl(ends[0], F_SETOWN, getpid());
    fcntl(ends[0], F_SETFL, O_ASYNC);
    int copy = dup(ends[1]);
    close(ends[1]);
    told("one writer gone");
    close(copy);
    told("writer gone");
    close(ends[0]);
}

static void sockets_and_terminals(void) {
    int pair[2];
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    fcntl(pair[0], F_SETOWN, getpid());
    fcntl(pair[0], F_SETSIG, SIGRTMIN + 1);
    fcntl(pair[0], F_SETFL, O_ASYNC);
    write(pair[1], "x", 1);
    told("socket");
    printf("code %d band %x descriptor %d\n", code, (int)band, descriptor == pair[0]);
    struct owner thread = { 0, syscall(SYS_gettid) };
    show("F_SETOWN_EX of a thread", fcntl(pair[0], F_SETOWN_EX, &thread));
    write(pair[1], "x", 1);
    told("thread");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        write(pair[1], "x", 1);
        printf("child told %d\n", count);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    told("parent");
    close(pair[0]);
    close(pair[1]);

    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), unlock = 0, number;
    char path[64];
    ioctl(master, TIOCSPTLCK, &unlock);
    ioctl(master, TIOCGPTN, &number);
    snprintf(path, sizeof path, "/dev/pts/%d", number);
    int slave = open(path, O_RDWR | O_NOCTTY);
    fcntl(slave, F_SETFL, O_ASYNC);
    printf("owner %d\n", fcntl(slave, F_GETOWN) == getpid());
    write(master, "li", 2);
    pause_for(50);
    told("unfinished line");
    write(master, "ne\n", 3);
    pause_for(50);
    told("line");
    fcntl(master, F_SETOWN, getpid());
    fcntl(master, F_SETFL, O_ASYNC);
    write(slave, "out", 3);
    pause_for(50);
    told("output");
    close(master);
    close(slave);
}

int main(void) {
    signal_files();
    pipes();
    sockets_and_terminals();
    return 0;
}
