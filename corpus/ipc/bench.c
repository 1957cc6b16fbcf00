// The guests of "cheri2il bench ipc": one of them serves, the other measures. Results go to the host through /cap/results, as 64-bit
// integers: nanoseconds for RESULTS[k] operations are at 16 k, their number at 16 k + 8.
//   bench serve                 publishes a buffer and a function, then serves it
//   bench file SIZE COUNT K     copies SIZE bytes COUNT times out of the mapped buffer (K), and reads them with pread (K + 1); best of three
//   bench receive SIZE COUNT    receives messages where they arrive
//   bench send SIZE COUNT K     sends them
//   bench latency COUNT K       a system call, a hostcall, a call on this thread and one on the callee's; the best tenth
#include <cheri2il.h>
#include <corpus/syscall.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SYS_pread64 = 67, SYS_pwrite64 = 68, BUFFER = 16 << 20, RING = 1 << 19, WARM_UP = 50, ROUNDS = 3, PARTS = 10 };

static int results;

static void *map(size_t bytes, int file)
{
    long address = corpus_syscall(SYS_mmap, 0, (long)bytes, 3, file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : 1, file, 0);
    if (address < 0) {
        fprintf(stderr, "mmap: %d\n", (int)address);
        exit(1);
    }
    return (void *)address;
}

static long checked(const char *what, long result)
{
    if (result < 0) {
        fprintf(stderr, "%s: %d\n", what, (int)result);
        exit(1);
    }
    return result;
}

static void report(int slot, int64_t nanoseconds, int64_t count)
{
    int64_t pair[2] = { nanoseconds, count };
    checked("results", corpus_syscall(SYS_pwrite64, results, (long)pair, sizeof pair, slot * 16, 0, 0));
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static long next(long a, long b, long c, size_t lent)
{
    (void)b, (void)c, (void)lent;
    return a + 1;
}

static int serve(void)
{
    int file = (int)checked("create", cp_file_create("buffer", BUFFER, CP_READ));
    memset(map(BUFFER, file), 0x5a, BUFFER);
    checked("grant", cp_grant("buffer", "*", CP_READ));
    int function = (int)checked("publish", cp_call_publish("next", next));
    checked("grant", cp_grant("next", "*", CP_CALL));
    return cp_call_serve(function) < 0;
}

static int copy_file(size_t size, int count, int slot)
{
    int file = (int)checked("open", cp_open("buffer", CP_RDONLY, CP_FOREVER));
    long address = checked("mmap", corpus_syscall(SYS_mmap, 0, BUFFER, 1, 1, file, 0));
    char *own = map(size, -1);
    for (int k = 0; k < WARM_UP; k++) {
        memcpy(own, (char *)address, size);
        checked("pread", corpus_syscall(SYS_pread64, file, (long)own, (long)size, 0, 0, 0));
    }
    int64_t copied = INT64_MAX, read = INT64_MAX;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t start = cp_time();
        for (int k = 0; k < count; k++) {
            memcpy(own, (char *)address, size);
            __asm__ volatile("" ::: "memory");
        }
        copied = least(copied, cp_time() - start);
        start = cp_time();
        for (int k = 0; k < count; k++)
            checked("pread", corpus_syscall(SYS_pread64, file, (long)own, (long)size, 0, 0, 0));
        read = least(read, cp_time() - start);
    }
    report(slot, copied, count);
    report(slot + 1, read, count);
    return own[size - 1] != 0x5a;
}

static int receive(size_t size, int count)
{
    // What fits in a cache; a message takes at most half of it. Larger ones are sent as a stream of bytes.
    int is_messages = size <= RING / 4;
    char *ring = map(RING, -1);
    int stream = (int)checked("create", cp_stream_create("stream", is_messages ? CP_MESSAGES : 0, ring, RING));
    checked("grant", cp_grant("stream", "*", CP_WRITE));
    for (int64_t left = (int64_t)size * (count + WARM_UP); !is_messages;) {
        int64_t offset, bytes = checked("receive", cp_stream_receive(stream, &offset, CP_FOREVER));
        left -= bytes;
        if (bytes == 0 || ring[offset + bytes - 1] == 0)
            return left != 0;
    }
    for (int64_t k = 0; k < count + WARM_UP; k++) {
        int64_t offset;
        if (checked("receive", cp_stream_receive(stream, &offset, CP_FOREVER)) != (long)size || *(int64_t *)(ring + offset) != k) {
            fprintf(stderr, "message %d is another\n", (int)k);
            return 1;
        }
    }
    return 0;
}

static int send(size_t size, int count, int slot)
{
    int stream = (int)checked("open", cp_open("stream", CP_WRONLY, CP_FOREVER));
    char *own = map(size, -1);
    memset(own, 0x5a, size);
    int64_t start = 0;
    for (int64_t k = 0; k < count + WARM_UP; k++) {
        if (k == WARM_UP)
            start = cp_time();
        if (size <= RING / 4)
            *(int64_t *)own = k;
        checked("send", corpus_syscall(SYS_write, stream, (long)own, (long)size, 0, 0, 0));
    }
    report(slot, cp_time() - start, count);
    return 0;
}

static long value;

// One call of the kind that is measured.
static void make_call(int kind, int call)
{
    if (kind == 0)
        corpus_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
    else if (kind == 1)
        cp_self();
    else
        checked("call", cp_call(call, value, 0, 0, 0, 0, &value));
}

// The time of the fastest part: what else the machine does passes by some of them.
static void measure(int kind, int call, int count, int slot)
{
    int64_t best = INT64_MAX;
    for (int k = 0; k < WARM_UP; k++)
        make_call(kind, call);
    for (int part = 0; part < PARTS; part++) {
        int64_t start = cp_time();
        for (int k = 0; k < count; k++)
            make_call(kind, call);
        best = least(best, cp_time() - start);
    }
    report(slot, best, count);
}

static int latency(int count, int slot)
{
    int call = (int)checked("open", cp_open("next", CP_RDONLY, CP_FOREVER));
    count = count / PARTS + 1;
    measure(0, call, count, slot);
    measure(1, call, count, slot + 1);
    for (int flags = 0; flags <= CP_CARRIER; flags += CP_CARRIER) {
        int calls = flags == 0 ? count : count / 10 + 1;
        value = 0;
        checked("set", cp_call_set(call, flags, CP_FOREVER));
        measure(2, call, calls, slot + 2 + flags);
        if (value != (long)calls * PARTS + WARM_UP)
            exit(1);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 64;
    results = (int)checked("results", cp_open("results", CP_RDWR, CP_FOREVER));
    switch (argv[1][0]) {
        case 's':
            if (argc == 5)
                return send((size_t)atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
            return serve();
        case 'f': return argc == 5 ? copy_file((size_t)atoi(argv[2]), atoi(argv[3]), atoi(argv[4])) : 64;
        case 'r': return argc == 4 ? receive((size_t)atoi(argv[2]), atoi(argv[3])) : 64;
        case 'l': return argc == 4 ? latency(atoi(argv[2]), atoi(argv[3])) : 64;
        default: return 64;
    }
}
