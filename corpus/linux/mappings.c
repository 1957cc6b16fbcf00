// Mappings of files: shared ones are the file, private ones are not, and processes see the same.
#include "show.h"
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static char path[64];

static char *map(int file, int flags, int protection, long length, long offset) {
    return mmap(NULL, length, protection, flags, file, offset);
}

static void one_process(void) {
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    char buffer[32] = { 0 };
    write(file, "0123456789", 10);
    char *shared = map(file, MAP_SHARED, PROT_READ | PROT_WRITE, 8192, 0);
    char *again = map(file, MAP_SHARED, PROT_READ, 4096, 0);
    char *private = map(file, MAP_PRIVATE, PROT_READ | PROT_WRITE, 4096, 0);
    printf("mapped %d %d %d\n", shared != MAP_FAILED, again != MAP_FAILED, private != MAP_FAILED);
    printf("contents %.10s zeros behind %d\n", shared, shared[10] == 0 && shared[4095] == 0);
    shared[0] = 'A';
    printf("other mapping %c\n", again[0]);
    pread(file, buffer, 10, 0);
    printf("read %s\n", buffer);
    pwrite(file, "B", 1, 1);
    printf("written %c %c\n", shared[1], again[1]);
    private[2] = 'P';
    printf("private %c shared %c\n", private[2], shared[2]);
    show("msync", msync(shared, 4096, MS_SYNC));
    shared[20] = 'x';
    struct stat status;
    fstat(file, &status);
    show("size", status.st_size);
    show("extend", ftruncate(file, 5000));
    printf("zero %d\n", shared[4999] == 0);
    shared[4500] = 'E';
    pread(file, buffer, 1, 4500);
    printf("in the file %c\n", buffer[0]);
    show("cut", ftruncate(file, 5));
    show("extend again", ftruncate(file, 4600));
    printf("cut off %d %d kept %c\n", shared[9] == 0, shared[4500] == 0, shared[1]);
    munmap(again, 4096);
    close(file);
    shared[3] = 'C';
    file = open(path, O_RDONLY);
    pread(file, buffer, 5, 0);
    printf("after close %.5s\n", buffer);
    show("writable mapping of a file that is only read", map(file, MAP_SHARED, PROT_READ | PROT_WRITE, 4096, 0) == MAP_FAILED ? -1 : 0);
    show("private one", map(file, MAP_PRIVATE, PROT_READ | PROT_WRITE, 4096, 0) == MAP_FAILED ? -1 : 0);
    char *read_only = map(file, MAP_SHARED, PROT_READ, 4096, 0);
    printf("read only %c\n", read_only[1]);
    show("make it writable", mprotect(read_only, 4096, PROT_READ | PROT_WRITE));
    close(file);
    file = open(path, O_WRONLY);
    show("mapping of a file that is only written", map(file, MAP_SHARED, PROT_WRITE, 4096, 0) == MAP_FAILED ? -1 : 0);
    close(file);
    show("mapping of no file", map(77, MAP_SHARED, PROT_READ, 4096, 0) == MAP_FAILED ? -1 : 0);
    show("odd offset", map(1, MAP_SHARED, PROT_READ, 4096, 1) == MAP_FAILED ? -1 : 0);

    // Moved, it is the file still.
    char *moved = mremap(shared, 8192, 16384, MREMAP_MAYMOVE);
    moved[4] = 'M';
    file = open(path, O_RDWR);
    pread(file, buffer, 5, 0);
    printf("moved %.5s\n", buffer);
    munmap(moved, 16384);

    // Without a name, it lives on.
    unlink(path);
    shared = map(file, MAP_SHARED, PROT_READ | PROT_WRITE, 4096, 0);
    close(file);
    shared[0] = 'U';
    printf("unlinked %.5s\n", shared);
    munmap(shared, 4096);
}

static sigjmp_buf back;
static volatile int signal_number, signal_code;
static void on_fault(int signal, siginfo_t *info, void *context) {
    (void)context;
    signal_number = signal;
    signal_code = info->si_code;
    siglongjmp(back, 1);
}

static void touch(const char *what, volatile char *address) {
    if (sigsetjmp(back, 1) == 0) {
        *address = 1;
        printf("%s: no fault\n", what);
    } else {
        printf("%s: signal %d code %d\n", what, signal_number, signal_code);
    }
}

static void behind_the_end(void) {
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
    sigaction(SIGBUS, &action, NULL);
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    ftruncate(file, 4096);
    char *shared = map(file, MAP_SHARED, PROT_READ | PROT_WRITE, 12288, 0);
    touch("in the file", shared);
    touch("behind it", shared + 8192);
    ftruncate(file, 0);
    touch("in what was cut off", shared);
    show("a call that writes there", read(open("/dev/zero", O_RDONLY), shared, 10));
    ftruncate(file, 4096);
    touch("in what came back", shared);
    munmap(shared, 12288);
    close(file);
    unlink(path);
}

static void processes(void) {
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    ftruncate(file, 65536 * 3);
    volatile int *words = (volatile int *)map(file, MAP_SHARED, PROT_READ | PROT_WRITE, 65536, 65536);
    char *private = map(file, MAP_PRIVATE, PROT_READ | PROT_WRITE, 4096, 0);
    private[0] = 'p';
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        // A mapping of its own, of another opening.
        int other = open(path, O_RDWR);
        volatile int *mine = (volatile int *)map(other, MAP_SHARED, PROT_READ | PROT_WRITE, 4096, 65536);
        for (int k = 0; k < 10000; k++)
            __atomic_add_fetch(&mine[0], 1, __ATOMIC_SEQ_CST);
        private[1] = 'c';
        mine[1] = private[0] == 'p';
        mine[2] = 1;
        syscall(SYS_futex, &mine[2], 1, 1, NULL, NULL, 0);
        _exit(0);
    }
    for (int k = 0; k < 10000; k++)
        __atomic_add_fetch(&words[0], 1, __ATOMIC_SEQ_CST);
    while (words[2] == 0)
        syscall(SYS_futex, &words[2], 0, 0, NULL, NULL, 0);
    waitpid(child, NULL, 0);
    printf("counted %d private copied %d private kept %d\n", words[0], words[1], private[1] == 0);
    int word;
    pread(file, &word, 4, 65536);
    printf("in the file %d\n", word);
    close(file);
    unlink(path);
}

int main(void) {
    sprintf(path, "/tmp/cheri2il-mappings-%d", (int)getpid());
    one_process();
    behind_the_end();
    processes();
    return 0;
}
