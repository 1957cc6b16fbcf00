// The native side of "cheri2il bench ipc": what two processes of this machine exchange by the means of its kernel.
//   native throughput NAME PINNED BUDGET SIZE...   prints "SIZE MBYTES-PER-SECOND" for each size
//   native latency NAME PINNED COUNT               prints nanoseconds for one round trip, or call
// Copies within one process: memcpy and mmap_memcpy, for one SIZE alone. PINNED 1: both processes run on one processor; 0: the kernel decides. BUDGET is how many bytes are moved for each size, about.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { RING = 1 << 20, LARGEST = 16 << 20, WARM_UP = 20, ROUNDS = 3 };

static int pinned;

static void check(int good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *shared(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(memory != MAP_FAILED, "mmap");
    return memory;
}

static void write_all(int file, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t count = write(file, data, size);
        check(count > 0, "write");
        data += count, size -= (size_t)count;
    }
}

static void read_all(int file, char *data, size_t size)
{
    while (size > 0) {
        ssize_t count = read(file, data, size);
        check(count > 0, "read");
        data += count, size -= (size_t)count;
    }
}

// ends[0] is read, ends[1] written, of one direction; for sockets both are both.
static void connect_ends(const char *name, int ends[2])
{
    if (!strcmp(name, "pipe")) {
        check(pipe(ends) == 0, "pipe");
        fcntl(ends[0], 1031 /* F_SETPIPE_SZ */, 1 << 20);
        return;
    }
    if (!strcmp(name, "unix")) {
        check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
        return;
    }
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    check(listener >= 0 && bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 1) == 0, "listen");
    check(getsockname(listener, (struct sockaddr *)&address, &length) == 0, "getsockname");
    ends[1] = socket(AF_INET, SOCK_STREAM, 0);
    check(connect(ends[1], (struct sockaddr *)&address, length) == 0, "connect");
    ends[0] = accept(listener, NULL, NULL);
    check(ends[0] >= 0, "accept");
    close(listener);
    setsockopt(ends[0], IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(ends[1], IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

// A ring of bytes in shared memory, for one sender and one receiver that look again and again.
struct ring {
    _Alignas(64) volatile uint64_t written;
    _Alignas(64) volatile uint64_t taken;
    _Alignas(64) char data[RING];
};

static void relax(int turns)
{
    if (pinned || turns > 1000)
        sched_yield();
    else
        __builtin_ia32_pause();
}

static void ring_send(struct ring *r, const char *data, size_t size)
{
    while (size > 0) {
        uint64_t written = r->written, room;
        for (int turns = 0; (room = RING - (written - __atomic_load_n(&r->taken, __ATOMIC_ACQUIRE))) == 0; turns++)
            relax(turns);
        size_t at = written % RING, part = size < room ? size : room;
        if (part > RING - at)
            part = RING - at;
        memcpy(r->data + at, data, part);
        __atomic_store_n(&r->written, written + part, __ATOMIC_RELEASE);
        data += part, size -= part;
    }
}

static void ring_receive(struct ring *r, char *data, size_t size)
{
    while (size > 0) {
        uint64_t taken = r->taken, there;
        for (int turns = 0; (there = __atomic_load_n(&r->written, __ATOMIC_ACQUIRE) - taken) == 0; turns++)
            relax(turns);
        size_t at = taken % RING, part = size < there ? size : there;
        if (part > RING - at)
            part = RING - at;
        memcpy(data, r->data + at, part);
        __atomic_store_n(&r->taken, taken + part, __ATOMIC_RELEASE);
        data += part, size -= part;
    }
}

// The copy that everything is compared with. Through a pointer that is not known, or the compiler would do without.
static void *(*volatile copy)(void *, const void *, size_t) = memcpy;

// From pages of a file to anonymous ones of the same size, as what it is compared with.
static double copy_seconds(size_t size, long count, int maps)
{
    static char *from, *to;
    static int file = -1;
    if (from == NULL) {
        file = memfd_create("bench", 0);
        check(file >= 0 && ftruncate(file, LARGEST) == 0, "memfd_create");
        from = mmap(NULL, LARGEST, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        check(from != MAP_FAILED, "mmap");
        memset(from, 1, LARGEST);
        from = mmap(NULL, LARGEST, PROT_READ, MAP_SHARED, file, 0);
        to = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        check(from != MAP_FAILED && to != MAP_FAILED, "mmap");
    }
    double start = 0;
    for (long k = -WARM_UP; k < count; k++) {
        if (k == 0)
            start = now();
        if (maps) {
            void *window = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
            check(window != MAP_FAILED, "mmap");
            copy(to, window, size);
            munmap(window, size);
        } else {
            copy(to, from, size);
        }
    }
    return now() - start;
}

static double transfer_seconds(const char *name, size_t size, long count)
{
    struct ring *ring = !strcmp(name, "shm_ring") ? shared(sizeof *ring) : NULL;
    double *seconds = shared(sizeof *seconds);
    int ends[2] = { -1, -1 };
    if (ring == NULL)
        connect_ends(name, ends);
    char *data = malloc(size);
    memset(data, 3, size);
    pid_t child = fork();
    check(child >= 0, "fork");
    if (child == 0) {
        for (long k = 0; k < count + WARM_UP; k++) {
            if (ring)
                ring_send(ring, data, size);
            else
                write_all(ends[1], data, size);
        }
        _exit(0);
    }
    double start = 0;
    for (long k = -WARM_UP; k < count; k++) {
        if (k == 0)
            start = now();
        if (ring)
            ring_receive(ring, data, size);
        else
            read_all(ends[0], data, size);
    }
    *seconds = now() - start;
    double result = *seconds;
    waitpid(child, NULL, 0);
    if (ring)
        munmap(ring, sizeof *ring);
    else
        close(ends[0]), close(ends[1]);
    munmap(seconds, sizeof *seconds);
    free(data);
    return result;
}

static void throughput(const char *name, double budget, char **sizes)
{
    for (; *sizes; sizes++) {
        size_t size = (size_t)atol(*sizes);
        long count = (long)(budget / (double)size);
        if (size > LARGEST || size == 0)
            exit(64);
        if (count > 300000)
            count = 300000;
        if (count < 12)
            count = 12;
        int is_copy = !strcmp(name, "memcpy"), is_map = !strcmp(name, "mmap_memcpy");
        double best = 0;
        for (int round = 0; round < ROUNDS; round++) {
            double seconds = is_copy || is_map ? copy_seconds(size, is_map && count > 20000 ? (count = 20000) : count, is_map) : transfer_seconds(name, size, count);
            double rate = (double)size * (double)count / seconds / 1e6;
            if (rate > best)
                best = rate;
        }
        printf("%zu %.3f\n", size, best);
        fflush(stdout);
    }
}

static void futex_hand_over(volatile int *word, int mine, int theirs)
{
    for (int turns = 0; __atomic_load_n(word, __ATOMIC_ACQUIRE) != mine; turns++)
        syscall(SYS_futex, word, FUTEX_WAIT, theirs, NULL, NULL, 0);
    __atomic_store_n(word, theirs, __ATOMIC_RELEASE);
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static double latency(const char *name, long count)
{
    if (!strcmp(name, "native_getppid")) {
        double start = now();
        for (long k = 0; k < count; k++)
            syscall(SYS_getppid);
        return (now() - start) / (double)count * 1e9;
    }
    int there[2] = { -1, -1 }, back[2] = { -1, -1 }, is_futex = !strcmp(name, "futex");
    volatile int *word = shared(4096);
    if (!is_futex) {
        connect_ends(name, there);
        connect_ends(name, back);
    }
    pid_t child = fork();
    check(child >= 0, "fork");
    char byte = 1;
    double start = 0;
    if (child == 0) {
        for (long k = 0; k < count + WARM_UP; k++) {
            if (is_futex)
                futex_hand_over(word, 1, 0);
            else
                read_all(there[0], &byte, 1), write_all(back[1], &byte, 1);
        }
        _exit(0);
    }
    for (long k = -WARM_UP; k < count; k++) {
        if (k == 0)
            start = now();
        if (is_futex)
            futex_hand_over(word, 0, 1);
        else
            write_all(there[1], &byte, 1), read_all(back[0], &byte, 1);
    }
    double result = (now() - start) / (double)count * 1e9;
    waitpid(child, NULL, 0);
    return result;
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 64;
    alarm(120);
    pinned = atoi(argv[3]);
    if (pinned) {
        cpu_set_t one, all;
        check(sched_getaffinity(0, sizeof all, &all) == 0, "sched_getaffinity");
        CPU_ZERO(&one);
        for (int k = 0; k < CPU_SETSIZE; k++) {
            if (CPU_ISSET(k, &all)) {
                CPU_SET(k, &one);
                break;
            }
        }
        check(sched_setaffinity(0, sizeof one, &one) == 0, "sched_setaffinity");
    }
    if (!strcmp(argv[1], "throughput")) {
        throughput(argv[2], atof(argv[4]), argv + 5);
    } else {
        double best = 1e18;
        for (int round = 0; round < ROUNDS; round++) {
            double one = latency(argv[2], atol(argv[4]));
            if (one < best)
                best = one;
        }
        printf("0 %.3f\n", best);
    }
    return 0;
}
