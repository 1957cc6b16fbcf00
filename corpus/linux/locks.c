// Locks of files, and mappings that share a file's pages, between processes.
#include "show.h"
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static const char path[] = "/tmp/linux-locks";

static int lock(int fd, int command, int type, long start, long length) {
    struct flock request = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };
    return fcntl(fd, command, &request);
}

static void ask(const char *what, int fd, int command, int type, long start, long length, int owner) {
    struct flock request = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length };
    if (show(what, fcntl(fd, command, &request)) == 0)
        printf("  type %d start %ld length %ld %s\n", request.l_type, (long)request.l_start, (long)request.l_len,
            request.l_type == F_UNLCK ? "" : request.l_pid == owner ? "of the other" : request.l_pid == -1 ? "of a file" : "of somebody");
}

// Runs in a child, and waits for its end.
static void child(void (*function)(void)) {
    int pid = fork(), status;
    if (pid == 0) {
        function();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    if (status != 0)
        printf("child ended with %x\n", status);
}

static void conflicts(void) {
    int fd = open(path, O_RDWR);
    show("write inside", lock(fd, F_SETLK, F_WRLCK, 5, 1));
    show("read inside", lock(fd, F_SETLK, F_RDLCK, 5, 1));
    show("read where it is read", lock(fd, F_SETLK, F_RDLCK, 25, 10));
    show("write where it is read", lock(fd, F_SETLK, F_WRLCK, 25, 1));
    show("beside", lock(fd, F_SETLK, F_WRLCK, 10, 10));
    ask("who", fd, F_GETLK, F_WRLCK, 0, 0, getppid());
    ask("who reads", fd, F_GETLK, F_WRLCK, 20, 1, getppid());
    ask("nobody", fd, F_GETLK, F_RDLCK, 20, 1, getppid());
}

static void waits(void) {
    int fd = open(path, O_RDWR);
    show("waits", lock(fd, F_SETLKW, F_WRLCK, 0, 1));
}

static int pipes[2][2];

static void circle(void) {
    int fd = open(path, O_RDWR);
    char c;
    lock(fd, F_SETLK, F_WRLCK, 200, 1);
    write(pipes[0][1], "x", 1);
    read(pipes[1][0], &c, 1);
    pause_for(30);
    show("a circle", lock(fd, F_SETLKW, F_WRLCK, 100, 1));
    close(fd);
}

static void records(void) {
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600), reader = open(path, O_RDONLY);
    write(fd, "0123456789", 10);
    show("bad type", lock(fd, F_SETLK, 7, 0, 1));
    show("bad start", lock(fd, F_SETLK, F_RDLCK, -1, 1));
    show("write lock of a reader", lock(reader, F_SETLK, F_WRLCK, 50, 1));
    show("overflow", lock(fd, F_SETLK, F_WRLCK, 2, 0x7fffffffffffffff));
    show("lock", lock(fd, F_SETLK, F_WRLCK, 0, 10));
    show("lock to read", lock(fd, F_SETLK, F_RDLCK, 20, 10));
    show("once more", lock(fd, F_SETLK, F_WRLCK, 0, 10));
    show("by another descriptor", lock(reader, F_SETLK, F_RDLCK, 40, 10));
    child(conflicts);
    show("cut out", lock(fd, F_SETLK, F_UNLCK, 3, 4));
    child(conflicts);
    show("negative length", lock(fd, F_SETLK, F_WRLCK, 60, -10));
    int pid = fork();
    if (pid == 0) {
        waits();
        _exit(0);
    }
    pause_for(30);
    printf("unlock\n");
    lock(fd, F_SETLK, F_UNLCK, 0, 1);
    waitpid(pid, NULL, 0);
    close(reader);
    int again = open(path, O_RDWR);
    pid = fork();
    if (pid == 0) {
        show("closing another descriptor has unlocked", lock(again, F_SETLK, F_WRLCK, 0, 0));
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    pipe(pipes[0]);
    pipe(pipes[1]);
    lock(fd, F_SETLK, F_WRLCK, 100, 1);
    pid = fork();
    if (pid == 0) {
        circle();
        _exit(0);
    }
    char c;
    read(pipes[0][0], &c, 1);
    write(pipes[1][1], "x", 1);
    show("waits for the other", lock(fd, F_SETLKW, F_WRLCK, 200, 1));
    waitpid(pid, NULL, 0);
    close(fd);
    close(again);
}

static void files(void) {
    int one = open(path, O_RDWR), two = open(path, O_RDWR), same = dup(one);
    show("flock", flock(one, LOCK_EX));
    show("the same file", flock(same, LOCK_EX | LOCK_NB));
    show("another", flock(two, LOCK_SH | LOCK_NB));
    show("not seen by fcntl", lock(two, F_SETLK, F_WRLCK, 0, 0));
    show("shared", flock(one, LOCK_SH));
    show("both", flock(two, LOCK_SH | LOCK_NB));
    show("not exclusive", flock(one, LOCK_EX | LOCK_NB));
    show("lost by that, or not", flock(two, LOCK_UN));
    show("nothing", flock(one, LOCK_NB));
    close(one);
    flock(same, LOCK_EX);
    show("still by its copy", flock(two, LOCK_EX | LOCK_NB));
    close(same);
    show("free when closed", flock(two, LOCK_EX | LOCK_NB));
    close(two);

    one = open(path, O_RDWR);
    two = open(path, O_RDWR);
    show("of an open file", lock(one, F_OFD_SETLK, F_WRLCK, 0, 10));
    show("of another", lock(two, F_OFD_SETLK, F_WRLCK, 5, 10));
    ask("who", two, F_OFD_GETLK, F_WRLCK, 5, 10, 0);
    show("of the process", lock(two, F_SETLK, F_WRLCK, 5, 10));
    struct flock request = { .l_type = F_RDLCK, .l_pid = 1 };
    show("with a process id", fcntl(one, F_OFD_SETLK, &request));
    close(one);
    show("free when closed", lock(two, F_OFD_SETLK, F_WRLCK, 5, 10));
    close(two);
}

static char *map(int fd, int protection, int flags, long length, long offset) {
    return mmap(NULL, length, protection, flags, fd, offset);
}

static void mappings(void) {
    char buffer[16] = "";
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600), reader = open(path, O_RDONLY);
    write(fd, "before", 6);
    ftruncate(fd, 20000);
    char *shared = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED, 20000, 0), *again = map(reader, PROT_READ, MAP_SHARED, 4096, 4096);
    char *own = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE, 4096, 0);
    show("writable mapping of a reader", map(reader, PROT_READ | PROT_WRITE, MAP_SHARED, 4096, 0) == MAP_FAILED ? -1 : 0);
    printf("%.6s %.6s\n", shared, own);
    memcpy(shared, "mapped", 6);
    show("read what was stored", pread(fd, buffer, 6, 0));
    printf("%.6s\n", buffer);
    pwrite(fd, "written", 7, 4096);
    printf("%.7s %.7s\n", shared + 4096, again);
    memcpy(own, "own", 3);
    printf("%.6s\n", shared);
    int pid = fork();
    if (pid == 0) {
        memcpy(shared + 8192, "child", 5);
        memcpy(own + 100, "child", 5);
        pwrite(fd, "child", 5, 12288);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    printf("%.5s %.5s %d\n", shared + 8192, shared + 12288, own[100]);
    show("msync", msync(shared, 20000, MS_SYNC));
    close(fd);
    shared[1] = 'M';
    show("after close", pread(reader, buffer, 6, 0));
    printf("%.6s\n", buffer);
    show("unlink", unlink(path));
    shared[2] = 'P';
    pread(reader, buffer, 6, 0);
    printf("%.6s\n", buffer);
    close(reader);
    printf("%.6s\n", shared);
    char *moved = mremap(shared, 20480, 40960, MREMAP_MAYMOVE);
    printf("%.6s\n", moved);
    munmap(moved, 40960);

    int memory = syscall(SYS_memfd_create, "name", 1L);
    show_ok("memfd_create", memory);
    show("unknown flag", syscall(SYS_memfd_create, "name", 0x1000L));
    show("ftruncate", ftruncate(memory, 8192));
    shared = map(memory, PROT_READ | PROT_WRITE, MAP_SHARED, 8192, 0);
    shared[5000] = 'x';
    show("read", pread(memory, buffer, 1, 5000));
    printf("%c\n", buffer[0]);
    struct stat status;
    fstat(memory, &status);
    show("links", status.st_nlink);
    show("size", status.st_size);
    close(memory);
}

static volatile int *counter;

static void *add(void *argument) {
    (void)argument;
    for (int k = 0; k < 1000; k++)
        __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void shared_memory(void) {
    int fd = open("/dev/shm/linux-locks", O_RDWR | O_CREAT | O_EXCL, 0600);
    show_ok("/dev/shm", fd);
    ftruncate(fd, 4096);
    counter = (int *)map(fd, PROT_READ | PROT_WRITE, MAP_SHARED, 4096, 0);
    close(fd);
    int pid = fork();
    if (pid == 0) {
        fd = open("/dev/shm/linux-locks", O_RDWR);
        counter = (int *)map(fd, PROT_READ | PROT_WRITE, MAP_SHARED, 4096, 0);
        add(NULL);
        _exit(0);
    }
    add(NULL);
    waitpid(pid, NULL, 0);
    show("counted by two", *counter);
    unlink("/dev/shm/linux-locks");
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    records();
    files();
    mappings();
    shared_memory();
    return 0;
}
