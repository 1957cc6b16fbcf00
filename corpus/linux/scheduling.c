// What a thread is told about its scheduling, masks of signals in /proc, and UDP-Lite.
#include "show.h"
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int allowed(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof set, &set);
    return CPU_COUNT(&set);
}

static void *in_thread(void *unused)
{
    (void)unused;
    printf("in a thread: %d\n", allowed());
    return NULL;
}

static void affinity(void)
{
    cpu_set_t all, one, none;
    sched_getaffinity(0, sizeof all, &all);
    CPU_ZERO(&none);
    CPU_ZERO(&one);
    int last = CPU_SETSIZE - 1;
    while (!CPU_ISSET(last, &all))
        last--;
    CPU_SET(last, &one);
    show("no processor", sched_setaffinity(0, sizeof none, &none));
    show("no bytes", sched_setaffinity(0, 0, &one));
    show("nowhere", syscall(SYS_sched_setaffinity, 0, sizeof one, 8));
    show("nobody", sched_setaffinity(0x3fffffff, sizeof one, &one));
    show("one", sched_setaffinity(0, sizeof one, &one));
    printf("here: %d, it: %d\n", allowed(), sched_getaffinity(0, sizeof none, &none) == 0 && CPU_EQUAL(&none, &one));
    pthread_join(start(in_thread, NULL), NULL);
    fflush(stdout);
    if (fork() == 0) {
        printf("in a child: %d\n", allowed());
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    show("all", sched_setaffinity(0, sizeof all, &all));
    char bytes[64];
    show("4 bytes", syscall(SYS_sched_getaffinity, 0, 4, bytes));
    show("12 bytes", syscall(SYS_sched_getaffinity, 0, 12, bytes));
    show("12 bytes of nobody", syscall(SYS_sched_getaffinity, 0x3fffffff, 12, bytes));
}

static void interval(void)
{
    struct timespec time = { 1, 1 };
    show("sched_rr_get_interval", sched_rr_get_interval(0, &time));
    printf("%ld s, less than a second: %d\n", (long)time.tv_sec, time.tv_nsec >= 0 && time.tv_nsec < 1000000000);
    show("negative", sched_rr_get_interval(-1, &time));
    show("nobody", sched_rr_get_interval(0x3fffffff, &time));
    show("nowhere", syscall(SYS_sched_rr_get_interval, 0, 8));
}

static void handler(int number)
{
    (void)number;
}

static void masks(void)
{
    signal(SIGUSR1, SIG_IGN);
    signal(SIGUSR2, handler);
    signal(SIGPIPE, SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    kill(getpid(), SIGTERM);
    raise(SIGHUP);
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    while (fgets(line, sizeof line, file))
        if ((strncmp(line, "Sig", 3) == 0 && line[3] != 'Q') || strncmp(line, "Shd", 3) == 0)
            printf("%.7s %08lx\n", line, strtoul(line + 7, NULL, 16) & 0x7fffffff); // the C library has signals of its own beyond
    fclose(file);
}

static void lite(void)
{
    int one = show_ok("UDP-Lite", socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE)), two = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);
    int plain = socket(AF_INET, SOCK_DGRAM, 0), value;
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    show("bind", bind(one, (void *)&address, sizeof address));
    getsockname(one, (void *)&address, &length);
    show("the same port of UDP", bind(plain, (void *)&address, sizeof address));
    show("the same port of UDP-Lite", bind(two, (void *)&address, sizeof address));
    show("sendto", sendto(two, "message", 7, 0, (void *)&address, sizeof address));
    char bytes[16];
    show("recv", recv(one, bytes, sizeof bytes, 0));
    show("recv by UDP", recv(plain, bytes, sizeof bytes, MSG_DONTWAIT));
    static const int coverage[] = { 0, 1, 7, 8, 20, 65535, 65536, -1 };
    for (unsigned k = 0; k < sizeof coverage / sizeof *coverage; k++)
        for (int option = 10; option <= 11; option++) {
            show("setsockopt", setsockopt(one, IPPROTO_UDPLITE, option, &coverage[k], sizeof(int)));
            length = sizeof value;
            getsockopt(one, IPPROTO_UDPLITE, option, &value, &length);
            printf("%d: %d\n", coverage[k], value);
        }
    show("of UDP", setsockopt(plain, IPPROTO_UDPLITE, 10, &value, sizeof value));
    length = sizeof value;
    getsockopt(one, SOL_SOCKET, SO_PROTOCOL, &value, &length);
    printf("SO_PROTOCOL %d\n", value);
    show("of a stream", socket(AF_INET, SOCK_STREAM, IPPROTO_UDPLITE));
}

int main(void)
{
    // Who started the program may ignore some of them, as shells do for what runs in the background.
    for (int k = 1; k < 32; k++)
        signal(k, SIG_DFL);
    affinity();
    interval();
    masks();
    lite();
    return 0;
}
