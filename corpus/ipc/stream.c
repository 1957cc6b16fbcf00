// One end of a stream between two cVMs.
//   stream NAME receive        makes /cap/NAME, prints each message that comes, and ends when its senders have
//   stream NAME send COUNT     waits until it is there and sends so many messages
#include <cheri2il.h>
#include <corpus/syscall.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SYS_close = 57, SYS_read = 63 };

static char ring[64 << 10] __attribute__((aligned(4096)));

static int receive(const char *name)
{
    char message[256];
    long stream = cp_stream_create(name, CP_MESSAGES, ring, sizeof ring), length;
    if (stream < 0)
        return (int)-stream;
    puts("listening");
    while ((length = corpus_syscall(SYS_read, stream, (long)message, sizeof message - 1, 0, 0, 0)) > 0) {
        message[length] = '\0';
        printf("got %s\n", message);
    }
    puts("end of stream");
    return (int)-length;
}

static int send(const char *name, int count)
{
    long stream = cp_open(name, CP_WRONLY, 10 * INT64_C(1000000000));
    if (stream < 0)
        return (int)-stream;
    for (int i = 0; i < count; i++) {
        char message[] = "message 0";
        message[sizeof message - 2] = (char)('0' + i % 10);
        long sent = corpus_syscall(SYS_write, stream, (long)message, sizeof message - 1, 0, 0, 0);
        if (sent < 0)
            return (int)-sent;
    }
    printf("sent %d\n", count);
    return (int)-corpus_syscall(SYS_close, stream, 0, 0, 0, 0, 0);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[2], "receive") == 0)
        return receive(argv[1]);
    return argc == 4 && strcmp(argv[2], "send") == 0 ? send(argv[1], atoi(argv[3])) : 64;
}
