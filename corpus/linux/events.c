// poll, select, epoll, eventfd, timerfd.
#include "show.h"
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static void *add_later(void *argument) {
    pause_for(20);
    eventfd_write(*(int *)argument, 1);
    return NULL;
}

static int ready(int epoll, int most) {
    struct epoll_event events[8];
    int count = epoll_wait(epoll, events, most, 0);
    for (int k = 0; k < count; k++)
        printf("  %d: %x\n", (int)events[k].data.u32, (unsigned)events[k].events);
    return count;
}

static int control(int epoll, int operation, int fd, unsigned events, unsigned data) {
    struct epoll_event event = { .events = events, .data.u32 = data };
    return epoll_ctl(epoll, operation, fd, &event);
}

static void counters(void) {
    uint64_t value = 0;
    char small[4];
    show("eventfd unknown flag", eventfd(0, 2));
    int fd = eventfd(3, EFD_NONBLOCK);
    show("read", read(fd, &value, 8));
    show("value", (long)value);
    show("read 0", read(fd, &value, 8));
    show("read too little", read(fd, small, 4));
    show("write too little", write(fd, small, 4));
    value = UINT64_MAX;
    show("write the largest", write(fd, &value, 8));
    value = UINT64_MAX - 1;
    show("write the second largest", write(fd, &value, 8));
    value = 1;
    show("write one more", write(fd, &value, 8));
    struct pollfd polls = { fd, POLLIN | POLLOUT, 0 };
    poll(&polls, 1, 0);
    show("poll", polls.revents);
    read(fd, &value, 8);
    close(fd);
    fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
    show("semaphore", read(fd, &value, 8));
    show("one", (long)value);
    read(fd, &value, 8);
    show("none left", read(fd, &value, 8));
    close(fd);
    fd = eventfd(0, 0);
    pthread_t thread = start(add_later, &fd);
    show("read waits", read(fd, &value, 8));
    pthread_join(thread, NULL);
    close(fd);
}

static void watching(void) {
    int p[2], file = open("/tmp", O_RDONLY);
    uint64_t value;
    pipe(p);
    show("flags", epoll_create1(1));
    int epoll = epoll_create1(EPOLL_CLOEXEC), event = eventfd(0, EFD_NONBLOCK);
    show("add", control(epoll, EPOLL_CTL_ADD, p[0], EPOLLIN, 1));
    show("again", control(epoll, EPOLL_CTL_ADD, p[0], EPOLLIN, 1));
    show("a directory", control(epoll, EPOLL_CTL_ADD, file, EPOLLIN, 1));
    show("itself", control(epoll, EPOLL_CTL_ADD, epoll, EPOLLIN, 1));
    show("not epoll", control(p[0], EPOLL_CTL_ADD, p[1], EPOLLIN, 1));
    show("closed", control(epoll, EPOLL_CTL_ADD, 99, EPOLLIN, 1));
    show("modify what is not there", control(epoll, EPOLL_CTL_MOD, p[1], EPOLLIN, 1));
    show("delete what is not there", control(epoll, EPOLL_CTL_DEL, p[1], EPOLLIN, 1));
    show("unknown operation", control(epoll, 9, p[0], EPOLLIN, 1));
    show("no room", epoll_wait(epoll, (struct epoll_event *)&value, 0, 0));
    show("nothing", ready(epoll, 8));
    write(p[1], "x", 1);
    show("level", ready(epoll, 8));
    show("level again", ready(epoll, 8));
    read(p[0], &value, 1);
    show("nothing after the read", ready(epoll, 8));
    show("edge", control(epoll, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET, 2));
    write(p[1], "x", 1);
    show("edge", ready(epoll, 8));
    show("no second edge", ready(epoll, 8));
    write(p[1], "y", 1);
    show("another edge", ready(epoll, 8));
    show("oneshot", control(epoll, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT, 3));
    show("once", ready(epoll, 8));
    write(p[1], "z", 1);
    show("not twice", ready(epoll, 8));
    show("armed again", control(epoll, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT, 4));
    show("once more", ready(epoll, 8));
    show("writer", control(epoll, EPOLL_CTL_ADD, p[1], EPOLLOUT | EPOLLRDNORM, 5));
    show("event", control(epoll, EPOLL_CTL_ADD, event, EPOLLIN | EPOLLEXCLUSIVE, 6));
    show("modify an exclusive one", control(epoll, EPOLL_CTL_MOD, event, EPOLLIN, 6));
    show("exclusive and once", control(epoll, EPOLL_CTL_ADD, p[1], EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 6));
    eventfd_write(event, 1);
    show("one of two", ready(epoll, 1));
    show("the other", ready(epoll, 1));
    show("both", ready(epoll, 8));
    int copy = dup(event);
    close(event);
    show("still there by its copy", ready(epoll, 8));
    close(copy);
    show("gone", ready(epoll, 8));
    close(p[0]);
    show("no reader", ready(epoll, 8));

    int outer = epoll_create1(0), third = epoll_create1(0);
    show("nested", control(outer, EPOLL_CTL_ADD, epoll, EPOLLIN, 7));
    show("a loop", control(epoll, EPOLL_CTL_ADD, outer, EPOLLIN, 7));
    show("nested twice", control(third, EPOLL_CTL_ADD, outer, EPOLLIN, 8));
    show("a longer loop", control(epoll, EPOLL_CTL_ADD, third, EPOLLIN, 7));
    show("through three", ready(third, 8));
    close(p[1]);
    show("nothing through three", ready(third, 8));
    event = eventfd(0, 0);
    control(epoll, EPOLL_CTL_ADD, event, EPOLLIN, 9);
    pthread_t thread = start(add_later, &event);
    struct epoll_event found;
    show("waits through three", epoll_wait(third, &found, 1, -1));
    pthread_join(thread, NULL);
    struct pollfd polls = { epoll, POLLIN, 0 };
    poll(&polls, 1, 0);
    show("poll of an epoll", polls.revents);
    close(event);
    show("times out", epoll_wait(third, &found, 1, 10));
    close(file);
}

static volatile int caught;
static void catch(int signal) { caught = signal; }

static void masks(void) {
    sigset_t blocked, none;
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    signal(SIGUSR1, catch);
    raise(SIGUSR1);
    show("blocked", caught);
    show("ppoll", ppoll(NULL, 0, NULL, &none));
    show("caught", caught == SIGUSR1);
    caught = 0;
    raise(SIGUSR1);
    show("pselect", pselect(0, NULL, NULL, NULL, NULL, &none));
    show("caught", caught == SIGUSR1);
    caught = 0;
    raise(SIGUSR1);
    struct epoll_event event;
    int epoll = epoll_create1(0);
    show("epoll_pwait", epoll_pwait(epoll, &event, 1, -1, &none));
    show("caught", caught == SIGUSR1);
    caught = 0;
    raise(SIGUSR1);
    struct timespec time = { 0, 1000000 };
    show("ppoll without mask", ppoll(NULL, 0, &time, NULL));
    show("not caught", caught);
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    show("blocked again", sigismember(&now, SIGUSR1));
    close(epoll);
}

static void selecting(void) {
    int p[2];
    pipe(p);
    fd_set reads, writes;
    FD_ZERO(&reads);
    FD_ZERO(&writes);
    FD_SET(p[0], &reads);
    FD_SET(p[1], &writes);
    struct timeval time = { 0, 0 };
    show("select", select(p[1] + 1, &reads, &writes, NULL, &time));
    show("readable", FD_ISSET(p[0], &reads) != 0);
    show("writable", FD_ISSET(p[1], &writes) != 0);
    write(p[1], "x", 1);
    FD_SET(p[0], &reads);
    show("select both", select(p[1] + 1, &reads, &writes, NULL, NULL));
    close(p[0]);
    show("select a closed one", select(p[1] + 1, &reads, &writes, NULL, &time));
    show("negative", select(-1, NULL, NULL, NULL, &time));
    struct pollfd polls[2] = { { p[0], POLLIN, 0 }, { p[1], 0, 0 } };
    show("poll", poll(polls, 2, 0));
    show("closed", polls[0].revents);
    show("no reader", polls[1].revents);
    close(p[1]);
}

static void timers(void) {
    uint64_t value = 0;
    struct itimerspec setting = { .it_value = { 0, 5000000 } }, old;
    show("unknown clock", timerfd_create(99, 0));
    show("unknown flag", timerfd_create(CLOCK_MONOTONIC, 1));
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    show("not armed", read(fd, &value, 8));
    timerfd_gettime(fd, &old);
    show("nothing left", old.it_value.tv_sec + old.it_value.tv_nsec);
    show("arm", timerfd_settime(fd, 0, &setting, &old));
    struct pollfd polls = { fd, POLLIN, 0 };
    show("poll", poll(&polls, 1, -1));
    show("read", read(fd, &value, 8));
    show("once", (long)value);
    show("read again", read(fd, &value, 8));
    show("read too little", read(fd, &value, 7));
    show("write", write(fd, &value, 8));
    setting.it_value.tv_nsec = 1000000000;
    show("bad time", timerfd_settime(fd, 0, &setting, NULL));
    show("not a timer", timerfd_settime(1, 0, &(struct itimerspec){ 0 }, NULL));
    setting = (struct itimerspec){ .it_value = { 1, 0 }, .it_interval = { 2, 0 } };
    show("with an interval, long ago", timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL));
    show("read", read(fd, &value, 8));
    show("more than once", value > 1);
    timerfd_gettime(fd, &old);
    show("interval", old.it_interval.tv_sec);
    show("less than the interval", old.it_value.tv_sec < 2);
    setting = (struct itimerspec){ .it_value = { 0, 5000000 }, .it_interval = { 0, 5000000 } };
    int epoll = epoll_create1(0);
    control(epoll, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, 1);
    timerfd_settime(fd, 0, &setting, NULL);
    struct epoll_event event;
    for (int k = 0; k < 2; k++) {
        show("an expiration is an edge", epoll_wait(epoll, &event, 1, -1));
        show("the next is none before a read", epoll_wait(epoll, &event, 1, 20));
        show("read", read(fd, &value, 8));
    }
    show("disarm", timerfd_settime(fd, 0, &(struct itimerspec){ 0 }, NULL));
    show("nothing", epoll_wait(epoll, &event, 1, 20));
    close(fd);
    fd = timerfd_create(CLOCK_REALTIME, 0);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    setting = (struct itimerspec){ .it_value = now };
    setting.it_value.tv_sec += now.tv_nsec >= 990000000;
    setting.it_value.tv_nsec = (now.tv_nsec + 10000000) % 1000000000;
    show("absolute", timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL));
    show("read waits", read(fd, &value, 8));
    show("once", (long)value);
    close(fd);
}

static void *kill_later(void *argument) {
    (void)argument;
    pause_for(20);
    kill(getpid(), SIGUSR2);
    return NULL;
}

static void signals(void) {
    sigset_t set;
    struct signalfd_siginfo info[3];
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    sigset_t all = set;
    sigdelset(&set, SIGUSR2);
    show("unknown flag", signalfd(-1, &set, 1));
    show("not one", signalfd(1, &set, 0));
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    show("one from before", read(fd, info, sizeof info));
    kill(getpid(), SIGUSR2);
    show("not that one", read(fd, info, sizeof info));
    show("that one, too", signalfd(fd, &all, 0) == fd);
    raise(SIGUSR1);
    sigqueue(getpid(), SIGRTMIN, (union sigval){ .sival_int = 7 });
    struct pollfd polls = { fd, POLLIN, 0 };
    show("poll", poll(&polls, 1, 0));
    show("too little", read(fd, info, 100));
    show("three", read(fd, info, sizeof info) / sizeof info[0]);
    int sum = 0;
    for (int k = 0; k < 3; k++) {
        sum += info[k].ssi_signo;
        if (info[k].ssi_signo == (unsigned)SIGRTMIN)
            show("value", info[k].ssi_int);
        if (info[k].ssi_pid != (unsigned)getpid())
            printf("from somebody else\n");
    }
    show("all of them", sum == SIGUSR1 + SIGUSR2 + SIGRTMIN);
    show("none left", poll(&polls, 1, 0));
    pthread_t thread = start(kill_later, NULL);
    show("poll waits", poll(&polls, 1, -1));
    pthread_join(thread, NULL);
    show("read", read(fd, info, sizeof info[0]));
    show("signal", info[0].ssi_signo == SIGUSR2);
    close(fd);
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    counters();
    watching();
    masks();
    selecting();
    timers();
    signals();
    return 0;
}
