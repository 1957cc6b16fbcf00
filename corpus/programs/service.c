// A service to order, for tests of many cVMs: does what its arguments say, one after another, and exits with 0 behind the last.
// expect: exit 0
// expect say hello exit 3: exit 3
// expect crash: signal SIGSEGV
// expect term: exit 0
// expect sleep 1 env HOME: exit 0
// expect wait: limit
// expect spin: limit
// expect count 3: exit 0
// expect unknown: exit 2
#include <corpus/syscall.h>
#include <corpus/thread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { SYS_openat = 56, SYS_close = 57, SYS_pipe2 = 59, O_CREAT = 0100, SYS_read = 63, SYS_ppoll = 73, SYS_nanosleep = 101, SIGTERM = 15, SIGCHLD = 17, AT_FDCWD = -100 };

static const char *usage =
    "service STEP...: say TEXT | err TEXT | env NAME | cat PATH | count N | sleep MILLISECONDS | threads MOST | memory MOST_MIB | files MOST\n"
    "  | names MOST | pipes MOST | processes MOST | exit STATUS | crash | spin | wait | ignore (SIGTERM) | term (handle SIGTERM: print, exit 0; raise it when last)\n";

static void say_and_exit(int number, siginfo_t *info, ucontext_t *context)
{
    (void)info, (void)context;
    printf("stopping on signal %d\n", number);
    exit(0);
}

static void ignore_it(int number, siginfo_t *info, ucontext_t *context)
{
    (void)number, (void)info, (void)context;
}

static void wait_for_ever(void *unused)
{
    (void)unused;
    for (;;)
        corpus_syscall(SYS_ppoll, 0, 0, 0, 0, 8, 0);
}

static void sleep_milliseconds(int milliseconds)
{
    struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000L };
    corpus_syscall(SYS_nanosleep, (long)&time, 0, 0, 0, 0, 0);
}

static const char *variable(const char *name)
{
    size_t length = strlen(name);
    for (char **at = environ; *at != NULL; at++)
        if (memcmp(*at, name, length) == 0 && (*at)[length] == '=')
            return *at + length + 1;
    return "(none)";
}

static void copy_file(const char *path)
{
    static char buffer[4096];
    long file = corpus_syscall(SYS_openat, AT_FDCWD, (long)path, 0, 0, 0, 0), count;
    if (file < 0) {
        printf("%s: error %d\n", path, (int)-file);
        exit(1);
    }
    while ((count = corpus_syscall(SYS_read, file, (long)buffer, sizeof buffer, 0, 0, 0)) > 0)
        fwrite(buffer, 1, (size_t)count, stdout);
    corpus_syscall(SYS_close, file, 0, 0, 0, 0, 0);
}

// Each of these takes until the host says no, and says how much there was.
static void take_threads(int most)
{
    int count = 0;
    for (; count < most; count++) {
        struct thread *thread = calloc(1, sizeof *thread);
        if (thread == NULL || thread_start(thread, wait_for_ever, NULL, 0) < 0)
            break;
    }
    printf("%d threads\n", count + 1);
}

static void take_memory(int most)
{
    int count = 0;
    for (; count < most; count++) {
        long block = memory_map(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE);
        if (block < 0)
            break;
        for (long at = 0; at < 1 << 20; at += 4096)
            ((volatile char *)block)[at] = 1;
    }
    printf("%d MiB\n", count);
}

static void take_names(int most)
{
    int count = 0;
    for (; count < most; count++) {
        char name[16] = "/tmp/";
        for (int i = 0, rest = count; i < 8; i++, rest /= 10)
            name[12 - i] = (char)('0' + rest % 10);
        long file = corpus_syscall(SYS_openat, AT_FDCWD, (long)name, O_CREAT, 0600, 0, 0);
        if (file < 0)
            break;
        corpus_syscall(SYS_close, file, 0, 0, 0, 0, 0);
    }
    printf("%d names\n", count);
}

static void take_pipes(int most)
{
    int count = 0, ends[2];
    while (count < most && corpus_syscall(SYS_pipe2, (long)ends, 0, 0, 0, 0, 0) == 0)
        count++;
    printf("%d pipes\n", count);
}

static void take_files(int most)
{
    int count = 0;
    while (count < most && corpus_syscall(SYS_openat, AT_FDCWD, (long)"/dev/null", 0, 0, 0, 0) >= 0)
        count++;
    printf("%d files\n", count);
}

// Each of which makes more, until none of them can.
static void take_processes(int most)
{
    int count = 0, is_child = 0;
    for (; count < most; count++) {
        long child = corpus_syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
        if (child < 0)
            break;
        if (child == 0)
            is_child = 1;
    }
    if (is_child)
        wait_for_ever(NULL);
    printf("no more processes\n");
}

int main(int argc, char **argv)
{
    for (int k = 1; k < argc; k++) {
        const char *step = argv[k];
        const char *word = k + 1 < argc ? argv[k + 1] : "";
        if (strcmp(step, "crash") == 0) {
            *(volatile int *)8 = 1;
        } else if (strcmp(step, "spin") == 0) {
            for (volatile unsigned long turns = 0;; turns++)
                ;
        } else if (strcmp(step, "wait") == 0) {
            wait_for_ever(NULL);
        } else if (strcmp(step, "ignore") == 0) {
            signal_install(SIGTERM, ignore_it, 0);
        } else if (strcmp(step, "term") == 0) {
            signal_install(SIGTERM, say_and_exit, 0);
            if (k + 1 == argc)
                signal_raise(SIGTERM);
        } else {
            k++;
            if (strcmp(step, "say") == 0) {
                puts(word);
            } else if (strcmp(step, "err") == 0) {
                fprintf(stderr, "%s\n", word);
            } else if (strcmp(step, "env") == 0) {
                printf("%s=%s\n", word, variable(word));
            } else if (strcmp(step, "cat") == 0) {
                copy_file(word);
            } else if (strcmp(step, "count") == 0) {
                for (int i = 1; i <= atoi(word); i++)
                    printf("%d\n", i);
            } else if (strcmp(step, "sleep") == 0) {
                sleep_milliseconds(atoi(word));
            } else if (strcmp(step, "threads") == 0) {
                take_threads(atoi(word));
            } else if (strcmp(step, "memory") == 0) {
                take_memory(atoi(word));
            } else if (strcmp(step, "files") == 0) {
                take_files(atoi(word));
            } else if (strcmp(step, "names") == 0) {
                take_names(atoi(word));
            } else if (strcmp(step, "pipes") == 0) {
                take_pipes(atoi(word));
            } else if (strcmp(step, "processes") == 0) {
                take_processes(atoi(word));
            } else if (strcmp(step, "exit") == 0) {
                exit(atoi(word));
            } else {
                fputs(usage, stderr);
                return 2;
            }
        }
    }
    return 0;
}
