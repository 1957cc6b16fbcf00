// What a program without hostcalls does with /cap: open and ioctl. Exits with 0, or the number of what was not so.
#include <cheri2il.h>
#include <corpus/syscall.h>
#include <corpus/thread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SYS_ioctl = 29, SYS_openat = 56, SYS_lseek = 62, SYS_read = 63, FIONREAD = 0x541b, FIONBIO = 0x5421, EAGAIN = 11, EFAULT = 14, EINVAL = 22, ENOTTY = 25, ETIMEDOUT = 110 };

static char ring[4096] __attribute__((aligned(16))), table[100];

static void check(int number, int holds)
{
    if (!holds) {
        printf("%d does not hold\n", number);
        exit(number);
    }
}

static int open_cap(const char *path, int flags) { return (int)corpus_syscall(SYS_openat, -100, (long)path, flags, 0, 0, 0); }

static long control(int file, unsigned request, void *argument) { return corpus_syscall(SYS_ioctl, file, (long)request, (long)argument, 0, 0, 0); }

static int left(int file)
{
    int bytes = -1;
    long error = control(file, FIONREAD, &bytes);
    return error < 0 ? (int)error : bytes;
}

static long sum(long a, long b, long c, size_t lent)
{
    unsigned char bytes[8] = { 0 };
    cp_lent_read(0, bytes, lent);
    for (size_t k = 0; k < lent; k++)
        c += bytes[k]++;
    cp_lent_write(0, bytes, lent);
    return a + b + c;
}

static void serve(void *fd) { cp_call_serve((int)(long)fd); }

int main(void)
{
    cp_file_publish("table", table, sizeof table, CP_READ | CP_WRITE);
    int file = open_cap("/cap/table", CP_RDWR);
    check(1, file >= 0 && left(file) == sizeof table);
    corpus_syscall(SYS_lseek, file, 90, 0, 0, 0, 0);
    check(2, left(file) == 10);
    struct cp_event event = { 0, -1 };
    check(3, control(file, CP_IOCTL_WAKE, 0) == 0 && control(file, CP_IOCTL_WAIT, &event) == 0 && event.count == 1);
    event.timeout = 1000;
    check(4, control(file, CP_IOCTL_WAIT, &event) == -ETIMEDOUT && control(file, CP_IOCTL_WAIT, (void *)8) == -EFAULT);
    check(5, control(file, CP_IOCTL_CALL, &event) == -ENOTTY && control(file, 0x1234, &event) == -ENOTTY);

    int in = cp_stream_create("messages", CP_MESSAGES, ring, sizeof ring), out = open_cap("/cap/messages", CP_WRONLY), on = 1;
    check(6, left(in) == 0);
    for (int k = 1; k <= 12; k++) {
        // Across the end of the ring, too.
        check(7, corpus_syscall(SYS_write, out, (long)ring, 700 + k, 0, 0, 0) == 700 + k && left(in) == 700 + k);
        check(8, corpus_syscall(SYS_read, in, (long)(char[1000]){ 0 }, 1000, 0, 0, 0) == 700 + k && left(in) == 0);
    }
    check(9, control(in, FIONBIO, &on) == 0 && corpus_syscall(SYS_read, in, (long)table, 1, 0, 0, 0) == -EAGAIN);
    check(10, left(out) == -ENOTTY);

    static char stack[65536] __attribute__((aligned(16)));
    struct thread thread = { .stack = stack, .stack_size = sizeof stack };
    long served = cp_call_publish("sum", sum);
    thread_start(&thread, serve, (void *)served, 0);
    int call = open_cap("/cap/sum", CP_RDONLY);
    unsigned char lent[3] = { 10, 20, 30 };
    struct cp_invocation invocation = { { 1, 2, 3 }, (long)lent, sizeof lent, 0 };
    check(11, control(call, CP_IOCTL_CALL, &invocation) == 0 && invocation.value == 66 && lent[0] == 10);
    for (long flags = 0; flags <= CP_CARRIER; flags++) {
        struct cp_manner manner = { CP_LEND_WRITABLE | flags, -1 };
        check(12, control(call, CP_IOCTL_SET, &manner) == 0 && control(call, CP_IOCTL_CALL, &invocation) == 0);
        check(13, invocation.value == 66 + 3 * flags && lent[0] == 11 + flags);
    }
    struct cp_manner wrong = { 4, -1 };
    check(14, control(call, CP_IOCTL_SET, &wrong) == -EINVAL && control(call, CP_IOCTL_CALL, (void *)8) == -EFAULT && control(call, CP_IOCTL_SET, (void *)8) == -EFAULT);
    invocation.length = -1;
    check(15, control(call, CP_IOCTL_CALL, &invocation) == -EFAULT && control(call, CP_IOCTL_WAKE, 0) == -ENOTTY);
    return 0;
}
