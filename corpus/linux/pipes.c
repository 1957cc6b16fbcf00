// Pipes and FIFOs, and the calls that move bytes between files.
#include "show.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static char big[200000];
static volatile int signals;
static void count(int signal) { signals += signal == SIGPIPE; }

static int events(int fd, int wanted) {
    struct pollfd poll_fd = { .fd = fd, .events = wanted };
    return poll(&poll_fd, 1, 0) < 0 ? -1 : poll_fd.revents;
}

static void *write_later(void *argument) {
    pause_for(20);
    if (write(*(int *)argument, "late", 4) != 4)
        printf("no write\n");
    return NULL;
}

static void *read_all(void *argument) {
    long total = 0, part;
    char buffer[3000];
    while ((part = read(*(int *)argument, buffer, sizeof buffer)) > 0) {
        for (long k = 0; k < part; k++)
            if (buffer[k] != big[total + k])
                printf("wrong byte at %ld\n", total + k);
        total += part;
    }
    return (void *)total;
}

static void basics(void) {
    int p[2];
    char buffer[70000];
    show("pipe2 unknown flag", pipe2(p, 1));
    show("pipe2", pipe2(p, O_CLOEXEC));
    show("cloexec", fcntl(p[0], F_GETFD));
    show("flags of the reader", fcntl(p[0], F_GETFL) & O_ACCMODE);
    show("flags of the writer", fcntl(p[1], F_GETFL) & O_ACCMODE);
    show("read the writer", read(p[1], buffer, 1));
    show("write the reader", write(p[0], buffer, 1));
    show("seek", lseek(p[0], 0, SEEK_CUR));
    show("pread", pread(p[0], buffer, 1, 0));
    show("size", fcntl(p[0], F_GETPIPE_SZ));
    show("poll an empty reader", events(p[0], POLLIN));
    show("poll an empty writer", events(p[1], POLLOUT));
    show("write", write(p[1], "hello, world", 12));
    int available = -1;
    show("FIONREAD", ioctl(p[0], FIONREAD, &available));
    show("available", available);
    show("poll a full reader", events(p[0], POLLIN | POLLRDNORM));
    show("read a part", read(p[0], buffer, 5));
    show("read the rest", read(p[0], buffer, sizeof buffer));
    show("nothing is read", read(p[0], buffer, 0));
    show("nothing is written", write(p[1], buffer, 0));
    fcntl(p[0], F_SETFL, O_NONBLOCK);
    fcntl(p[1], F_SETFL, O_NONBLOCK);
    show("read nothing", read(p[0], buffer, 1));
    show("fill", write(p[1], big, 65536));
    show("overfill", write(p[1], big, 1));
    show("poll a filled writer", events(p[1], POLLOUT));
    show("make room", read(p[0], buffer, 4096));
    show("poll with room", events(p[1], POLLOUT));
    show("take a little more", read(p[0], buffer, 100));
    show("write what fits", write(p[1], big, 4096));
    show("an atomic write does not fit", write(p[1], big, 4096));
    show("smaller than a page, too small", fcntl(p[0], F_SETPIPE_SZ, 4096));
    show("empty", read(p[0], buffer, sizeof buffer));
    show("smaller", fcntl(p[0], F_SETPIPE_SZ, 100));
    show("smaller than it was", write(p[1], big, 10000));
    show("larger", fcntl(p[1], F_SETPIPE_SZ, 200000));
    show("write more", write(p[1], big, 200000));
    show("too large", fcntl(p[1], F_SETPIPE_SZ, 1 << 30));
    show("bad address", read(p[0], (void *)8, 10));
    close(p[1]);
    show("poll without writer", events(p[0], POLLIN));
    while (read(p[0], buffer, sizeof buffer) > 0) { }
    show("poll at the end", events(p[0], POLLIN));
    show("read at the end", read(p[0], buffer, 1));
    close(p[0]);

    show("pipe", pipe(p));
    close(p[0]);
    show("poll without reader", events(p[1], POLLOUT));
    signal(SIGPIPE, count);
    show("write without reader", write(p[1], "x", 1));
    show("signals", signals);
    signal(SIGPIPE, SIG_IGN);
    show("write without reader, ignored", write(p[1], "x", 1));
    show("write nothing without reader", write(p[1], "x", 0));
    close(p[1]);
}

static void waiting(void) {
    int p[2];
    char buffer[16];
    pipe(p);
    pthread_t thread = start(write_later, &p[1]);
    show("read waits", read(p[0], buffer, sizeof buffer));
    pthread_join(thread, NULL);
    thread = start(write_later, &p[1]);
    struct pollfd polls[2] = { { .fd = p[0], .events = POLLIN }, { .fd = -1 } };
    show("poll waits", poll(polls, 2, -1));
    show("with", polls[0].revents);
    read(p[0], buffer, sizeof buffer);
    pthread_join(thread, NULL);
    show("poll times out", poll(polls, 2, 10));
    for (unsigned k = 0; k < sizeof big; k++)
        big[k] = (char)(k * 7 + k / 251);
    thread = start(read_all, &p[0]);
    show("write waits for room", write(p[1], big, sizeof big));
    close(p[1]);
    void *total;
    pthread_join(thread, &total);
    show("read in all", (long)total);
    close(p[0]);
}

static void *open_writer(void *path) {
    pause_for(20);
    int fd = open(path, O_WRONLY);
    write(fd, "fifo", 4);
    close(fd);
    return NULL;
}

static void fifos(void) {
    char buffer[16];
    unlink("/tmp/fifo");
    show("mkfifo", mkfifo("/tmp/fifo", 0600));
    show("again", mkfifo("/tmp/fifo", 0600));
    struct stat status;
    stat("/tmp/fifo", &status);
    show("is a fifo", S_ISFIFO(status.st_mode));
    show("open to write without reader", open("/tmp/fifo", O_WRONLY | O_NONBLOCK));
    int reader = open("/tmp/fifo", O_RDONLY | O_NONBLOCK);
    show_ok("open to read without writer", reader);
    show("read without writer", read(reader, buffer, 1));
    show("poll without a writer ever", events(reader, POLLIN));
    int writer = open("/tmp/fifo", O_WRONLY | O_NONBLOCK);
    show_ok("open to write", writer);
    show("read without data", read(reader, buffer, 1));
    close(writer);
    show("poll after a writer", events(reader, POLLIN));
    close(reader);
    pthread_t thread = start(open_writer, "/tmp/fifo");
    reader = open("/tmp/fifo", O_RDONLY);
    show_ok("open waits for a writer", reader);
    show("read", read(reader, buffer, sizeof buffer));
    pthread_join(thread, NULL);
    show("end", read(reader, buffer, sizeof buffer));
    close(reader);
    int both = open("/tmp/fifo", O_RDWR);
    show_ok("open both ends", both);
    show("write both", write(both, "ab", 2));
    show("read both", read(both, buffer, sizeof buffer));
    close(both);
    unlink("/tmp/fifo");
}

static void vectors(void) {
    int p[2];
    char a[4], b[4];
    pipe2(p, O_NONBLOCK);
    struct iovec out[3] = { { "one", 3 }, { NULL, 0 }, { "three", 5 } };
    struct iovec in[2] = { { a, 3 }, { b, 4 } };
    show("writev", writev(p[1], out, 3));
    show("readv", readv(p[0], in, 2));
    show("first", !memcmp(a, "one", 3));
    show("second", !memcmp(b, "thre", 4));
    show("too many", readv(p[0], in, 1025));
    out[0].iov_len = (size_t)-1;
    show("negative length", writev(p[1], out, 1));
    close(p[0]);
    close(p[1]);
}

static void copies(void) {
    int p[2], q[2];
    char buffer[64] = "";
    pipe2(p, O_NONBLOCK);
    pipe2(q, O_NONBLOCK);
    int file = open("/tmp/copies", O_RDWR | O_CREAT | O_TRUNC, 0600);
    write(file, "0123456789abcdef", 16);
    off_t offset = 4;
    show("sendfile at an offset", sendfile(p[1], file, &offset, 8));
    show("offset", offset);
    show("position", lseek(file, 0, SEEK_CUR));
    show("sendfile at the end", sendfile(p[1], file, NULL, 8));
    lseek(file, 2, SEEK_SET);
    show("sendfile at the position", sendfile(p[1], file, NULL, 2));
    show("position behind", lseek(file, 0, SEEK_CUR));
    show("read", read(p[0], buffer, sizeof buffer));
    printf("%.10s\n", buffer);
    show("sendfile from a pipe", sendfile(file, p[0], NULL, 2));
    show("splice without pipe", splice(file, NULL, file, NULL, 4, 0));
    show("splice an empty pipe", splice(p[0], NULL, q[1], NULL, 4, SPLICE_F_NONBLOCK));
    write(p[1], "spliced", 7);
    show("tee", tee(p[0], q[1], 5, 0));
    show("splice to a file", splice(p[0], NULL, file, &(loff_t){ 1 }, 100, 0));
    show("read the copy", read(q[0], buffer, sizeof buffer));
    printf("%.5s\n", buffer);
    pread(file, buffer, 16, 0);
    printf("%.16s\n", buffer);
    show("splice from a file", splice(file, &(loff_t){ 8 }, p[1], NULL, 4, 0));
    show("splice between pipes", splice(p[0], NULL, q[1], NULL, 4, 0));
    show("offset of a pipe", splice(p[0], &(loff_t){ 0 }, q[1], NULL, 4, 0));
    show("the same pipe", splice(p[0], NULL, p[1], NULL, 4, 0));
    struct iovec vector = { "from memory", 11 };
    show("vmsplice", vmsplice(q[1], &vector, 1, 0));
    show("read all", read(q[0], buffer, sizeof buffer));
    printf("%.15s\n", buffer);
    int other = open("/tmp/copies2", O_RDWR | O_CREAT | O_TRUNC, 0600);
    show("copy_file_range with offsets", copy_file_range(file, &(loff_t){ 3 }, other, &(loff_t){ 2 }, 6, 0));
    show("size", lseek(other, 0, SEEK_END));
    lseek(file, 0, SEEK_SET);
    show("copy_file_range at positions", copy_file_range(file, NULL, other, NULL, 100, 0));
    show("size", lseek(other, 0, SEEK_CUR));
    show("flags", copy_file_range(file, NULL, other, NULL, 1, 1));
    show("a pipe", copy_file_range(p[0], NULL, other, NULL, 1, 0));
    show("overlap", copy_file_range(file, &(loff_t){ 0 }, file, &(loff_t){ 2 }, 4, 0));
    char part[4];
    struct iovec in = { part, 4 };
    show("preadv2 at an offset", syscall(SYS_preadv2, file, &in, 1L, 2L, 0L, 0L));
    show("preadv2 at the position", syscall(SYS_preadv2, file, &in, 1L, -1L, 0L, 0L));
    show("preadv2 with an unknown flag", syscall(SYS_preadv2, file, &in, 1L, 0L, 0L, 0x4000L));
    show("pwritev2", syscall(SYS_pwritev2, file, &in, 1L, 0L, 0L, 0L));
    unlink("/tmp/copies");
    unlink("/tmp/copies2");
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    basics();
    waiting();
    fifos();
    vectors();
    copies();
    return 0;
}
