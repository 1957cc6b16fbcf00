// Timers that send signals: setitimer, timer_create, and clocks of processor time.
#include "show.h"
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

static volatile sig_atomic_t alarms, profiles, timers, last_code, last_value, last_overrun;
static void on_alarm(int signal) { alarms += signal == SIGALRM; }
static void on_profile(int signal) { profiles += signal == SIGPROF; }
static void on_timer(int signal, siginfo_t *info, void *context) {
    (void)signal;
    (void)context;
    timers++;
    last_code = info->si_code;
    last_value = info->si_value.sival_int;
    if (last_overrun < info->si_overrun)
        last_overrun = info->si_overrun;
}

// musl's and glibc's timer_create have ids of their own: the kernel's are used here.
static long create(int clock, void *event, int *id) { return syscall(SYS_timer_create, clock, event, id); }
static long settime(int id, int flags, long first, long interval, struct itimerspec *before) {
    struct itimerspec time = { { interval / 1000000000, interval % 1000000000 }, { first / 1000000000, first % 1000000000 } };
    return syscall(SYS_timer_settime, id, flags, &time, before);
}

// However late this thread is, it sees what comes.
static void until(volatile sig_atomic_t *count, int least) {
    while (*count < least)
        pause_for(1);
}

static void interval_timers(void) {
    signal(SIGALRM, on_alarm);
    struct itimerval far = { .it_value = { 20, 0 } }, once = { .it_value = { 0, 20000 } }, before, bad = { .it_value = { 0, 1000000 } };
    show("unknown timer", setitimer(3, &once, NULL));
    show("bad time", setitimer(ITIMER_REAL, &bad, NULL));
    show("bad address", setitimer(ITIMER_REAL, (void *)8, NULL));
    show("setitimer", setitimer(ITIMER_REAL, &far, NULL));
    show("getitimer", getitimer(ITIMER_REAL, &before));
    printf("left %d\n", before.it_value.tv_sec > 0 && before.it_value.tv_sec <= 20);
    sigset_t block, none_blocked;
    sigemptyset(&none_blocked);
    sigemptyset(&block);
    sigaddset(&block, SIGALRM);
    sigprocmask(SIG_BLOCK, &block, NULL);
    setitimer(ITIMER_REAL, &once, NULL);
    show("sigsuspend", sigsuspend(&none_blocked));
    sigprocmask(SIG_UNBLOCK, &block, NULL);
    printf("alarms %d\n", alarms);
    getitimer(ITIMER_REAL, &before);
    printf("nothing left %ld %ld\n", (long)before.it_value.tv_sec, (long)before.it_value.tv_usec);

    struct itimerval again = { { 0, 5000 }, { 0, 5000 } }, none = { 0 };
    alarms = 0;
    setitimer(ITIMER_REAL, &again, NULL);
    until(&alarms, 5);
    show("stop it", setitimer(ITIMER_REAL, &none, &before));
    printf("interval %ld\n", (long)before.it_interval.tv_usec);
    alarms = 0;
    pause_for(20);
    printf("stopped %d\n", alarms);

    alarm(100);
    printf("seconds left %u\n", alarm(0));

    signal(SIGPROF, on_profile);
    struct itimerval profile = { { 0, 10000 }, { 0, 10000 } };
    setitimer(ITIMER_PROF, &profile, NULL);
    for (volatile long k = 0; profiles < 3; k++)
        ;
    setitimer(ITIMER_PROF, &none, NULL);
    printf("profiled\n");
}

static void restarts(void) {
    // A handler with SA_RESTART leaves a read waiting; one without ends it.
    int p[2];
    char byte;
    pipe(p);
    struct sigaction action = { .sa_handler = on_alarm, .sa_flags = 0 };
    sigaction(SIGALRM, &action, NULL);
    struct itimerval again = { { 0, 10000 }, { 0, 10000 } }, none = { 0 };
    setitimer(ITIMER_REAL, &again, NULL);
    show("read interrupted", read(p[0], &byte, 1));
    struct timespec nap = { 30, 0 }, left = { 0 };
    show("nanosleep interrupted", nanosleep(&nap, &left));
    setitimer(ITIMER_REAL, &none, NULL);
    printf("time left %d\n", left.tv_sec > 0 && left.tv_sec < 30);
    close(p[0]);
    close(p[1]);
}

static void posix_timers(void) {
    struct sigaction action = { .sa_sigaction = on_timer, .sa_flags = SA_SIGINFO };
    sigaction(SIGUSR1, &action, NULL);
    int id;
    struct { union sigval value; int signal, notify, thread, rest[11]; } event = { .value.sival_int = 77, .signal = SIGUSR1, .notify = SIGEV_SIGNAL };
    show("unknown clock", create(99, &event, &id));
    event.signal = 65;
    show("bad signal", create(CLOCK_MONOTONIC, &event, &id));
    event.signal = SIGUSR1;
    event.notify = 8;
    show("bad notification", create(CLOCK_MONOTONIC, &event, &id));
    event.notify = SIGEV_SIGNAL;
    show("timer_create", create(CLOCK_MONOTONIC, &event, &id));
    struct itimerspec before;
    show("timer_settime", settime(id, 0, 10000000, 0, NULL));
    until(&timers, 1);
    printf("timer %d code %d value %d overrun %d\n", timers, last_code, last_value, last_overrun);
    show("overrun", syscall(SYS_timer_getoverrun, id));

    // Blocked, it is pending once, and counts what it missed.
    sigset_t block, old;
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    sigprocmask(SIG_BLOCK, &block, &old);
    timers = 0;
    settime(id, 0, 2000000, 2000000, NULL);
    pause_for(60);
    sigset_t pending;
    sigpending(&pending);
    printf("pending %d\n", sigismember(&pending, SIGUSR1));
    sigprocmask(SIG_SETMASK, &old, NULL);
    printf("delivered %d missed %d\n", timers > 0, last_overrun > 0);
    settime(id, 0, 0, 0, &before);
    printf("interval %ld left %d\n", before.it_interval.tv_nsec, before.it_value.tv_nsec > 0);

    // At a time that has passed.
    timers = 0;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    settime(id, TIMER_ABSTIME, 1, 0, NULL);
    until(&timers, 1);
    printf("at once %d\n", timers);
    show("timer_gettime", syscall(SYS_timer_gettime, id, &before));
    printf("left %ld\n", before.it_value.tv_nsec);
    show("timer_delete", syscall(SYS_timer_delete, id));
    show("timer_delete again", syscall(SYS_timer_delete, id));
    show("timer_settime of none", settime(id, 0, 1, 0, NULL));

    // A thread gets it.
    event.notify = SIGEV_SIGNAL | 4;
    event.thread = syscall(SYS_gettid);
    timers = 0;
    show("for a thread", create(CLOCK_REALTIME, &event, &id));
    settime(id, 0, 1000000, 0, NULL);
    until(&timers, 1);
    printf("it got %d\n", timers);
    syscall(SYS_timer_delete, id);
    event.thread = 0x3fffff;
    show("for no thread", create(CLOCK_REALTIME, &event, &id));

    // Processor time passes while it works.
    event.notify = SIGEV_SIGNAL;
    timers = 0;
    show("processor time", create(CLOCK_PROCESS_CPUTIME_ID, &event, &id));
    settime(id, 0, 100000000, 0, NULL);
    pause_for(120);
    printf("asleep %d\n", timers);
    for (volatile long k = 0; timers == 0; k++)
        ;
    printf("awake %d\n", timers);
    syscall(SYS_timer_delete, id);
}

static void inheritance(void) {
    alarm(100);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(alarm(0));
    int status;
    waitpid(child, &status, 0);
    printf("child has %d seconds\n", WEXITSTATUS(status));
    // The child may have taken more than half a second of them.
    printf("parent has some %d\n", alarm(0) > 50);

    // Uncaught, it ends the process.
    child = fork();
    if (child == 0) {
        signal(SIGALRM, SIG_DFL);
        struct itimerval once = { .it_value = { 0, 1000 } };
        setitimer(ITIMER_REAL, &once, NULL);
        for (;;)
            pause();
    }
    waitpid(child, &status, 0);
    printf("killed by %d\n", WTERMSIG(status));
}

// Only what is refused: nobody's clock is set.
static void clocks_that_are_set(void) {
    struct timespec good = { 1, 0 }, bad = { 1, 1000000000 };
    struct { long seconds, microseconds; } wrong = { 1, 1000000 }, right = { 1, 0 };
    show("monotonic", syscall(SYS_clock_settime, CLOCK_MONOTONIC, &good));
    show("processor time", syscall(SYS_clock_settime, CLOCK_PROCESS_CPUTIME_ID, &good));
    show("unknown", syscall(SYS_clock_settime, 1000, &good));
    show("nowhere", syscall(SYS_clock_settime, CLOCK_REALTIME, 8));
    show("too many nanoseconds", syscall(SYS_clock_settime, CLOCK_REALTIME, &bad));
    show("too many microseconds", syscall(SYS_settimeofday, &wrong, NULL));
    show("from nowhere", syscall(SYS_settimeofday, 8, NULL));
    show("zone from nowhere", syscall(SYS_settimeofday, NULL, 8));
    if (geteuid() == 0)
        seteuid(1);
    show("without being allowed to", syscall(SYS_clock_settime, CLOCK_REALTIME, &good));
    show("time of day", syscall(SYS_settimeofday, &right, NULL));
}

int main(void) {
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    interval_timers();
    restarts();
    posix_timers();
    inheritance();
    clocks_that_are_set();
    return 0;
}
