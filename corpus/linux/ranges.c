// Room, holes and limits of files: fallocate, SEEK_DATA and SEEK_HOLE, RLIMIT_FSIZE.
#include "show.h"
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define KEEP_SIZE 1
#define PUNCH_HOLE 2
#define COLLAPSE_RANGE 8
#define ZERO_RANGE 16
#define INSERT_RANGE 32

enum { BLOCK = 4096, CHUNK = 65536 };

static void put(int file, long offset, char letter, long count) {
    char *bytes = malloc(count);
    memset(bytes, letter, count);
    pwrite(file, bytes, count, offset);
    free(bytes);
}

// Runs of equal bytes.
static void describe(int file) {
    static char bytes[16 * CHUNK];
    long count = pread(file, bytes, sizeof bytes, 0);
    for (long start = 0, k = 1; k <= count; k++) {
        if (k == count || bytes[k] != bytes[start]) {
            if (bytes[start] == 0)
                printf(" 0x%ld", k - start);
            else
                printf(" %cx%ld", bytes[start], k - start);
            start = k;
        }
    }
    printf("\n");
}

static void show_size(const char *what, int file) {
    struct stat status;
    fstat(file, &status);
    printf("%s: %ld bytes, %ld blocks\n", what, (long)status.st_size, (long)status.st_blocks);
}

static int make(void) {
    int file = open("file", O_RDWR | O_CREAT | O_TRUNC, 0600);
    for (int k = 0; k < 8; k++)
        put(file, (long)k * CHUNK, "abcdefgh"[k], CHUNK);
    fsync(file);
    return file;
}

static void try_arguments(void) {
    int file = make(), ends[2], sockets[2];
    pipe(ends);
    socketpair(AF_UNIX, SOCK_STREAM, 0, sockets);
    int only_read = open("file", O_RDONLY), directory = open(".", O_RDONLY), null = open("/dev/null", O_RDWR);
    show("negative offset", fallocate(file, 0, -1, 1));
    show("no length", fallocate(file, 0, 0, 0));
    show("negative length, unknown mode", fallocate(file, 0x100, 0, -1));
    show("unknown mode", fallocate(file, 0x100, 0, 1));
    show("unknown mode, only read", fallocate(only_read, 0x100, 0, 1));
    show("punch without keeping the size", fallocate(file, PUNCH_HOLE, 0, 1));
    show("two modes", fallocate(file, PUNCH_HOLE | ZERO_RANGE | KEEP_SIZE, 0, 1));
    show("collapse, keeping the size", fallocate(file, COLLAPSE_RANGE | KEEP_SIZE, 0, BLOCK));
    show("insert, keeping the size", fallocate(file, INSERT_RANGE | KEEP_SIZE, 0, BLOCK));
    show("only read", fallocate(only_read, 0, 0, 1));
    show("directory", fallocate(directory, 0, 0, 1));
    show("pipe", fallocate(ends[1], 0, 0, 1));
    show("end of a pipe that is read", fallocate(ends[0], 0, 0, 1));
    show("socket", fallocate(sockets[0], 0, 0, 1));
    show("device", fallocate(null, 0, 0, 1));
    show("too long", fallocate(file, 0, 1, INT64_MAX));
    show("no file", fallocate(-1, 0, -1, 0));
    show("collapse, offset inside a block", fallocate(file, COLLAPSE_RANGE, 1, BLOCK));
    show("collapse, length of part of a block", fallocate(file, COLLAPSE_RANGE, 0, 1));
    show("collapse to the end", fallocate(file, COLLAPSE_RANGE, 0, 8 * CHUNK));
    show("collapse beyond the end", fallocate(file, COLLAPSE_RANGE, 8 * CHUNK, BLOCK));
    show("insert at the end", fallocate(file, INSERT_RANGE, 8 * CHUNK, BLOCK));
    show("insert, offset inside a block", fallocate(file, INSERT_RANGE, 1, BLOCK));
    show("insert too much", fallocate(file, INSERT_RANGE, 0, INT64_MAX - BLOCK + 1));
    describe(file);
    close(only_read), close(directory), close(null), close(ends[0]), close(ends[1]), close(sockets[0]), close(sockets[1]), close(file);
}

static void try_modes(int is_shared) {
    printf("-- %s\n", is_shared ? "with a mapping" : "without");
    int file = make();
    char *map = MAP_FAILED;
    if (is_shared) {
        map = mmap(NULL, 8 * CHUNK, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        map[0] = 'a';
    }
    show_size("full", file);
    show("punch", fallocate(file, PUNCH_HOLE | KEEP_SIZE, CHUNK, 2 * CHUNK));
    show("punch inside", fallocate(file, PUNCH_HOLE | KEEP_SIZE, 4 * CHUNK + 100, 200));
    show("punch beyond the end", fallocate(file, PUNCH_HOLE | KEEP_SIZE, 9 * CHUNK, CHUNK));
    show_size("with a hole", file);
    describe(file);
    show("data", lseek(file, 0, SEEK_DATA));
    show("hole", lseek(file, 0, SEEK_HOLE));
    show("hole inside it", lseek(file, CHUNK + 1000, SEEK_HOLE));
    show("data behind it", lseek(file, CHUNK + 1000, SEEK_DATA));
    show("the last hole", lseek(file, 3 * CHUNK, SEEK_HOLE));
    show("at the end", lseek(file, 8 * CHUNK, SEEK_DATA));
    show("negative", lseek(file, -1, SEEK_DATA));
    show("keep the size", fallocate(file, KEEP_SIZE, 8 * CHUNK, CHUNK));
    show_size("kept", file);
    show("fill the hole", fallocate(file, 0, CHUNK, 2 * CHUNK));
    show_size("filled", file);
    if (is_shared)
        printf("mapped: %d %d\n", map[CHUNK], map[3 * CHUNK]);
    show("zero", fallocate(file, ZERO_RANGE, 3 * CHUNK, 6 * CHUNK));
    show_size("zeroed", file);
    show("zero, keeping the size", fallocate(file, ZERO_RANGE | KEEP_SIZE, 100, 50));
    describe(file);
    show("truncate", ftruncate(file, CHUNK));
    show_size("truncated", file);
    show("extend", fallocate(file, 0, 4 * CHUNK - 10, 10));
    show("length", lseek(file, 0, SEEK_END));
    describe(file);
    if (is_shared)
        munmap(map, 8 * CHUNK);
    close(file);

    file = make();
    if (is_shared)
        map = mmap(NULL, 8 * CHUNK, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    show("collapse", fallocate(file, COLLAPSE_RANGE, CHUNK, CHUNK));
    describe(file);
    show("collapse less", fallocate(file, COLLAPSE_RANGE, BLOCK, 3 * BLOCK));
    describe(file);
    show("insert", fallocate(file, INSERT_RANGE, 2 * BLOCK, CHUNK));
    describe(file);
    show("insert less", fallocate(file, INSERT_RANGE, 5 * CHUNK, BLOCK));
    describe(file);
    show("length", lseek(file, 0, SEEK_END));
    ftruncate(file, 6 * CHUNK + 77);
    show("collapse of what ends inside a block", fallocate(file, COLLAPSE_RANGE, 0, BLOCK));
    describe(file);
    show("hole of the insertion", lseek(file, BLOCK, SEEK_HOLE) >= 0);
    if (is_shared)
        munmap(map, 8 * CHUNK);
    close(file);
}

static void try_memory(void) {
    int file = memfd_create("memory", MFD_ALLOW_SEALING);
    put(file, 0, 'm', 2 * CHUNK);
    show("zero in memory", fallocate(file, ZERO_RANGE, 0, CHUNK));
    show("collapse in memory", fallocate(file, COLLAPSE_RANGE, 0, CHUNK));
    show("insert in memory", fallocate(file, INSERT_RANGE, 0, CHUNK));
    show("punch in memory", fallocate(file, PUNCH_HOLE | KEEP_SIZE, 0, CHUNK));
    describe(file);
    fcntl(file, F_ADD_SEALS, F_SEAL_GROW);
    show("beyond a sealed end", fallocate(file, KEEP_SIZE, 0, 3 * CHUNK));
    show("up to it", fallocate(file, 0, 0, 2 * CHUNK));
    fcntl(file, F_ADD_SEALS, F_SEAL_WRITE);
    show("punch in what is sealed", fallocate(file, PUNCH_HOLE | KEEP_SIZE, 0, CHUNK));
    close(file);
}

static volatile sig_atomic_t exceeded;

static void on_exceeded(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    exceeded++;
    if (info->si_code != SI_USER || info->si_pid != getpid())
        printf("another sender\n");
}

// What is printed may go into a file, too.
static void limit_to(rlim_t most) {
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = most;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void show_limited(const char *what, long result) {
    int error = errno;
    limit_to(RLIM_INFINITY);
    errno = error;
    show(what, result);
    printf("signals: %d\n", exceeded);
    exceeded = 0;
    limit_to(1000);
}

static void try_limit(void) {
    struct sigaction action = { .sa_sigaction = on_exceeded, .sa_flags = SA_SIGINFO };
    sigaction(SIGXFSZ, &action, NULL);
    int file = open("limited", O_RDWR | O_CREAT | O_TRUNC, 0600), other = make(), ends[2];
    pipe(ends);
    char bytes[2000];
    memset(bytes, 'x', sizeof bytes);
    limit_to(1000);
    show_limited("write", write(file, bytes, 600));
    show_limited("write across", write(file, bytes, 600));
    show_limited("write at the limit", write(file, bytes, 600));
    show_limited("write nothing there", write(file, bytes, 0));
    show_limited("write inside", pwrite(file, bytes, 600, 0));
    show_limited("write beyond", pwrite(file, bytes, 600, 5000));
    show_limited("write across, at an offset", pwrite(file, bytes, 600, 900));
    show_limited("extend", ftruncate(file, 1001));
    show_limited("extend by name", truncate("limited", 1001));
    show_limited("cut off", ftruncate(file, 900));
    show_limited("extend to the limit", ftruncate(file, 1000));
    show_limited("allocate", fallocate(file, 0, 0, 1001));
    show_limited("allocate, keeping the size", fallocate(file, KEEP_SIZE, 0, 1001));
    show_limited("insert, offset inside a block", fallocate(other, INSERT_RANGE, 1, BLOCK));
    show_limited("insert at the end", fallocate(other, INSERT_RANGE, 8 * CHUNK, BLOCK));
    show_limited("collapse beyond the end", fallocate(other, COLLAPSE_RANGE, 8 * CHUNK, BLOCK));
    show_limited("collapse, offset inside a block", fallocate(other, COLLAPSE_RANGE, 1, 9 * CHUNK));
    show_limited("collapse", fallocate(other, COLLAPSE_RANGE, 7 * CHUNK, BLOCK));
    lseek(file, 0, SEEK_END);
    show_limited("copy", copy_file_range(other, NULL, file, NULL, 100, 0));
    show_limited("a longer file, inside", pwrite(other, bytes, 600, 0));
    show_limited("a longer file, beyond", pwrite(other, bytes, 600, 2000));
    show_limited("a longer file, cut off", ftruncate(other, 5000));
    show_limited("pipe", write(ends[1], bytes, 2000));
    int appending = open("limited", O_WRONLY | O_APPEND);
    ftruncate(file, 990);
    show_limited("append across", write(appending, bytes, 600));
    show_limited("append", write(appending, bytes, 600));
    show_limited("size", lseek(file, 0, SEEK_END));
    signal(SIGXFSZ, SIG_IGN);
    show_limited("ignored", write(appending, bytes, 600));
    close(file), close(other), close(appending), close(ends[0]), close(ends[1]);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    show("seek as far as possible", lseek(open("far", O_RDWR | O_CREAT, 0600), INT64_MAX, SEEK_SET));
    try_arguments();
    try_modes(0);
    try_modes(1);
    try_memory();
    try_limit();
    return 0;
}
