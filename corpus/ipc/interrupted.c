// What signals do to calls that wait for others. A timer sends one every 20 ms; what its handler does ends the calls that are made again (SA_RESTART).
// Prints what each call returned: without SA_RESTART, with it, and with it where the call has a time-out.
#include <cheri2il.h>
#include <corpus/syscall.h>
#include <corpus/thread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { SYS_read = 63, SYS_ppoll = 73, SYS_setitimer = 103, SIGALRM = 14, SA_RESTART = 0x10000000, EAGAIN = 11, RING = 4096, MESSAGE = 1000 };

static const int64_t MINUTE = INT64_C(60000000000);

enum action { NOTHING, WAKE, SEND, RECEIVE, PUBLISH, REVOKE };

static char ring[RING] __attribute__((aligned(16))), byte_ring[RING] __attribute__((aligned(16))), buffer[3 * RING];
static volatile int signals, action;
static int file, in, out, bytes_out, unserved, call;
static int64_t timeout;
static uint32_t released;

static void on_alarm(int number, siginfo_t *info, ucontext_t *context)
{
    (void)number, (void)info, (void)context;
    int64_t offset;
    signals++;
    switch (action) {
        case WAKE: cp_wake(file); break;
        case SEND: corpus_syscall(SYS_write, out, (long)buffer, 1, 0, 0, 0); break;
        case RECEIVE:
            while (cp_stream_receive(in, &offset, 0) > 0)
                ;
            break;
        case PUBLISH: cp_file_publish("late", buffer, 1, CP_READ); break;
        case REVOKE: cp_revoke("served"); break;
        default: break;
    }
}

static void set_timer(long microseconds)
{
    long values[4] = { 0, microseconds, 0, microseconds };
    corpus_syscall(SYS_setitimer, 0, (long)values, 0, 0, 0, 0);
}

static long with_signals(long (*operation)(void), unsigned flags, enum action what, int64_t limit)
{
    signal_install(SIGALRM, on_alarm, flags);
    action = what, timeout = limit, signals = 0;
    set_timer(20000);
    long result = operation();
    set_timer(0);
    return result;
}

static void try(const char *name, long (*operation)(void), enum action what)
{
    printf("%s: %d", name, (int)with_signals(operation, 0, NOTHING, CP_FOREVER));
    printf(" %d", (int)with_signals(operation, SA_RESTART, what, CP_FOREVER));
    printf(" %d\n", (int)with_signals(operation, SA_RESTART, NOTHING, MINUTE));
}

static void drain(void)
{
    int64_t offset;
    while (cp_stream_receive(in, &offset, 0) > 0)
        ;
}

static long wait_for_event(void)
{
    long seen = cp_wait(file, -1, 0), count = cp_wait(file, seen, timeout);
    return count < 0 ? count : count > seen;
}

static long receive(void)
{
    int64_t offset;
    drain();
    return cp_stream_receive(in, &offset, timeout);
}

static long read_message(void)
{
    drain();
    return corpus_syscall(SYS_read, in, (long)buffer, 16, 0, 0, 0);
}

static long send_when_full(void)
{
    int filler = cp_open("messages", CP_WRONLY | CP_NONBLOCK, 0);
    while (corpus_syscall(SYS_write, filler, (long)buffer, MESSAGE, 0, 0, 0) == MESSAGE)
        ;
    return corpus_syscall(SYS_write, out, (long)buffer, MESSAGE, 0, 0, 0);
}

static long send_more_than_fits(void) { return corpus_syscall(SYS_write, bytes_out, (long)buffer, sizeof buffer, 0, 0, 0); }

static long open_late(void)
{
    int opened = cp_open("late", CP_RDONLY, timeout);
    cp_revoke("late");
    return opened < 0 ? opened : 1;
}

static long call_unserved(void)
{
    long value;
    cp_call_set(unserved, 0, timeout);
    return cp_call(unserved, 0, 0, 0, 0, 0, &value);
}

static long function(long what, long b, long c, size_t lent)
{
    (void)b, (void)c, (void)lent;
    long tenth[2] = { 0, 100000000 };
    if (what == 1)
        while (__atomic_load_n(&released, __ATOMIC_ACQUIRE) == 0)
            futex_wait(&released, 0);
    return what == 2 ? corpus_syscall(SYS_ppoll, 0, 0, (long)tenth, 0, 0, 0) : what;
}

static void serve(void *fd) { cp_call_serve((int)(long)fd); }

static long call_long(void)
{
    long value;
    return cp_call(call, 1, 0, 0, 0, 0, &value);
}

// On this thread: the function is not disturbed, and the signal comes when it has returned.
static long call_here(void)
{
    long value, error;
    cp_call_set(call, 0, CP_FOREVER);
    error = cp_call(call, 2, 0, 0, 0, 0, &value);
    return error != 0 ? error : value == 0 && signals > 0;
}

static long serve_here(void) { return cp_call_serve((int)unserved); }

int main(void)
{
    struct thread thread = { .stack_size = 65536 };
    static char stack[65536] __attribute__((aligned(16)));
    thread.stack = stack;
    file = cp_file_create("events", 4096, CP_READ);
    in = cp_stream_create("messages", CP_MESSAGES, ring, RING);
    out = cp_open("messages", CP_WRONLY, 0);
    cp_stream_create("bytes", 0, byte_ring, RING);
    bytes_out = cp_open("bytes", CP_WRONLY, 0);
    cp_call_publish("idle", function);
    unserved = cp_open("idle", CP_RDONLY, 0);

    try("cp_wait", wait_for_event, WAKE);
    try("cp_stream_receive", receive, SEND);
    printf("read: %d", (int)with_signals(read_message, 0, NOTHING, CP_FOREVER));
    printf(" %d\n", (int)with_signals(read_message, SA_RESTART, SEND, CP_FOREVER));
    printf("write: %d", (int)with_signals(send_when_full, 0, NOTHING, CP_FOREVER));
    printf(" %d\n", (int)with_signals(send_when_full, SA_RESTART, RECEIVE, CP_FOREVER));
    printf("write, of bytes: %d\n", (int)with_signals(send_more_than_fits, SA_RESTART, NOTHING, CP_FOREVER));
    try("cp_open", open_late, PUBLISH);
    printf("cp_call that nobody serves: %d", (int)with_signals(call_unserved, 0, NOTHING, CP_FOREVER));
    printf(" %d\n", (int)with_signals(call_unserved, SA_RESTART, NOTHING, MINUTE));

    // The thread that serves takes no signals.
    long served = cp_call_publish("served", function), value;
    signal_mask(SIG_BLOCK, UINT64_C(1) << (SIGALRM - 1), NULL);
    thread_start(&thread, serve, (void *)served, 0);
    signal_mask(SIG_UNBLOCK, UINT64_C(1) << (SIGALRM - 1), NULL);
    call = cp_open("served", CP_RDONLY, 0);
    cp_call_set(call, CP_CARRIER, CP_FOREVER);
    printf("cp_call on the callee's thread: %d\n", (int)with_signals(call_long, SA_RESTART, NOTHING, CP_FOREVER));
    __atomic_store_n(&released, 1, __ATOMIC_RELEASE);
    futex_wake(&released, 1);
    printf("cp_call again: %d\n", (int)cp_call(call, 7, 0, 0, 0, 0, &value));
    printf("cp_call on the caller's thread: %d\n", (int)with_signals(call_here, 0, NOTHING, CP_FOREVER));
    unserved = (int)served;
    printf("cp_call_serve: %d", (int)with_signals(serve_here, 0, NOTHING, CP_FOREVER));
    printf(" %d\n", (int)with_signals(serve_here, SA_RESTART, REVOKE, CP_FOREVER));
    return 0;
}
