// System V shared memory: keys, rights, attaching and detaching, what is told of segments, and when they go.
#include "show.h"
#include <grp.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>

static const key_t key = 0x43324c31;

static void state(const char *what, int id) {
    struct shmid_ds s;
    memset(&s, 0xff, sizeof s);
    int result = shmctl(id, IPC_STAT, &s);
    if (result < 0) {
        printf("%s: %s\n", what, error_name(errno));
        return;
    }
    printf("%s: size %zu attached %ld mode %o key %d uid %d creator %d last %d times %d %d\n", what, s.shm_segsz, (long)s.shm_nattch,
        s.shm_perm.mode, s.shm_perm.__key == key ? 1 : s.shm_perm.__key, (int)s.shm_perm.uid, s.shm_cpid == getpid(), s.shm_lpid == getpid(),
        s.shm_atime != 0, s.shm_ctime != 0);
}

#define TRY(call) show_ok(#call, (long)(call))

static int child(int (*body)(void)) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        int status = body();
        fflush(stdout);
        _exit(status);
    }
    int status;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int id;
static char *at;

static int writes(void) {
    state("in the child", id);
    strcpy(at + 4096, "from the child");
    return 3;
}

static int detaches(void) {
    TRY(shmdt(at));
    TRY(shmdt(at));
    state("detached in the child", id);
    return 0;
}

static int stranger(void) {
    if (setgroups(0, NULL) || setgid(1234) || setuid(1234))
        return 1;
    TRY(shmat(id, NULL, 0));
    TRY(shmat(id, NULL, SHM_RDONLY));
    TRY(shmget(key, 0, 0600));
    TRY(shmget(key, 0, 0004));
    TRY(shmctl(id, IPC_RMID, NULL));
    state("to a stranger", id);
    return 0;
}

static void fault(int signal) {
    _exit(signal == SIGSEGV ? 42 : 43);
}

static int readsOnly(void) {
    signal(SIGSEGV, fault);
    char *r = shmat(id, NULL, SHM_RDONLY);
    printf("read: %s\n", r + 4096);
    fflush(stdout);
    r[0] = 1;
    return 0;
}

int main(int argc, char **argv) {
    if (argc > 1) {
        printf("%s\n", argv[1]);
        return 0;
    }
    if (geteuid() != 0) {
        puts("needs root");
        return 0;
    }
    int old = shmget(key, 0, 0);
    if (old >= 0)
        shmctl(old, IPC_RMID, NULL);
    TRY(shmget(key, 5000, 0600));
    TRY(shmget(key, 0, IPC_CREAT | 0600));
    id = shmget(key, 5000, IPC_CREAT | 0640);
    TRY(shmget(key, 5000, IPC_CREAT | IPC_EXCL | 0600));
    TRY(shmget(key, 5001, 0600));
    printf("found again: %d %d\n", shmget(key, 0, 0) == id, shmget(key, 4000, IPC_CREAT | 0600) == id);
    state("new", id);
    TRY(shmat(-1, NULL, 0));
    TRY(shmat(id ^ (1 << 14), NULL, 0));
    at = shmat(id, NULL, 0);
    printf("zeros: %d\n", at[0] == 0 && at[4999] == 0 && at[8191] == 0);
    strcpy(at, "hello");
    state("attached", id);
    char *second = shmat(id, NULL, 0);
    printf("twice: %s, elsewhere %d\n", second, second != at);
    state("attached twice", id);
    TRY(shmat(id, at, 0));
    TRY(shmat(id, at + 1, 0));
    TRY(shmat(id, NULL, SHM_REMAP));
    printf("over itself: %d\n", shmat(id, second, SHM_REMAP) == second);
    printf("rounded: %d\n", shmat(id, second + 100, SHM_RND | SHM_REMAP) == second);
    state("remapped", id);
    TRY(shmdt(second + 4096));
    TRY(shmdt(second + 1));
    TRY(shmdt(second));
    TRY(shmdt(second));
    state("detached once", id);
    struct shmid_ds detached;
    shmctl(id, IPC_STAT, &detached);
    printf("when: %d\n", detached.shm_dtime != 0);
    printf("child %d\n", child(writes));
    printf("parent sees: %s\n", at + 4096);
    printf("child %d\n", child(detaches));
    printf("child %d\n", child(readsOnly));
    state("after children", id);
    printf("stranger %d\n", child(stranger));
    struct shmid_ds s;
    shmctl(id, IPC_STAT, &s);
    s.shm_perm.mode = 0777604;
    s.shm_perm.uid = 77;
    TRY(shmctl(id, IPC_SET, &s));
    state("changed", id);
    printf("stranger %d\n", child(stranger));
    TRY(shmctl(id, IPC_SET, (void *)8));
    TRY(shmctl(id, IPC_STAT, (void *)8));
    TRY(shmctl(id, 99, &s));
    TRY(shmctl(-1, IPC_STAT, &s));
    TRY(shmctl(id, SHM_LOCK, NULL));
    TRY(shmctl(id, IPC_RMID, NULL));
    state("removed", id);
    TRY(shmget(key, 0, 0));
    TRY(shmctl(id, IPC_RMID, NULL));
    printf("still there: %s\n", at);
    second = shmat(id, NULL, 0);
    printf("attached after removal: %s\n", second);
    // A part of one attachment goes; shmdt takes the rest.
    TRY(munmap(second, 4096));
    TRY(shmdt(second));
    TRY(mprotect(at, 4096, PROT_READ));
    state("split", id);
    TRY(shmdt(at));
    state("all detached", id);
    TRY(shmat(id, NULL, 0));
    int private = shmget(IPC_PRIVATE, 100, 0600), another = shmget(IPC_PRIVATE, 100, 0600);
    printf("private ones differ: %d\n", private != another);
    at = shmat(private, NULL, 0);
    TRY(shmctl(private, IPC_RMID, NULL));
    printf("exec keeps nothing: ");
    fflush(stdout);
    if (fork() == 0)
        execl("/proc/self/exe", "segments", "gone", (char *)NULL);
    wait(NULL);
    TRY(shmdt(at));
    TRY(shmctl(another, IPC_RMID, NULL));
    state("gone", another);
    return 0;
}
