// execve: what stays, what goes, scripts, and what cannot be executed.
#include "show.h"
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;
static const char *self = "/proc/self/exe";
static char script[64], empty[64], text[64], loop[64];

static void on_signal(int signal) { (void)signal; }

// In the program that is executed: prints what it is asked for.
static int child_main(int argc, char **argv) {
    if (strcmp(argv[1], "arguments") == 0) {
        printf("argv[0] %s argc %d\n", argv[0], argc);
        for (int k = 2; k < argc; k++)
            printf("argument %s\n", argv[k]);
        for (char **e = environ; *e; e++)
            printf("environment %s\n", *e);
    } else if (strcmp(argv[1], "state") == 0) {
        struct sigaction action;
        sigset_t mask, pending;
        sigaction(SIGUSR1, NULL, &action);
        printf("handler is default %d\n", action.sa_handler == SIG_DFL);
        sigaction(SIGUSR2, NULL, &action);
        printf("ignored stays %d\n", action.sa_handler == SIG_IGN);
        sigprocmask(SIG_SETMASK, NULL, &mask);
        sigpending(&pending);
        printf("blocked %d pending %d\n", sigismember(&mask, SIGTERM), sigismember(&pending, SIGTERM));
        show("kept descriptor", fcntl(50, F_GETFD));
        show("closed descriptor", fcntl(51, F_GETFD));
        stack_t stack;
        sigaltstack(NULL, &stack);
        printf("alternate stack %d\n", stack.ss_flags == SS_DISABLE);
        printf("same process %d\n", getpid() == atoi(argv[2]));
        printf("leads its threads %d\n", getpid() == syscall(SYS_gettid));
    } else if (strcmp(argv[1], "exit") == 0) {
        return atoi(argv[2]);
    } else {
        printf("script argument %s, %d more, the script is %d\n", argv[1], argc - 3, argc > 2 && strcmp(argv[2], script) == 0);
    }
    fflush(stdout);
    return 0;
}

static pid_t begin(void) {
    fflush(stdout);
    return fork();
}

static void finish(const char *what, pid_t child) {
    int status;
    waitpid(child, &status, 0);
    if (WIFEXITED(status))
        printf("%s: exited %d\n", what, WEXITSTATUS(status));
    else
        printf("%s: killed %d\n", what, WTERMSIG(status));
}

static void *executes(void *argument) {
    char *argv[] = { "thread", "state", argument, NULL };
    execv(self, argv);
    return NULL;
}

static void *loops(void *argument) {
    for (volatile long k = 0;; k++)
        ;
    return argument;
}

static void make(char *path, const char *name, const char *content, int mode) {
    sprintf(path, "/tmp/cheri2il-%s-%d", name, (int)getpid());
    int file = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, mode);
    write(file, content, strlen(content));
    close(file);
    chmod(path, mode);
}

static void succeeds(void) {
    char *environment[] = { "A=1", "EMPTY=", "no equals sign", NULL };
    pid_t child = begin();
    if (child == 0) {
        char *argv[] = { "a name of its own", "arguments", "one", "", "three words here", NULL };
        execve(self, argv, environment);
        _exit(99);
    }
    finish("arguments", child);

    child = begin();
    if (child == 0) {
        char id[16];
        sprintf(id, "%d", (int)getpid());
        char *argv[] = { "state", "state", id, NULL };
        static char stack[32768];
        stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
        sigaltstack(&alternate, NULL);
        signal(SIGUSR1, on_signal);
        signal(SIGUSR2, SIG_IGN);
        sigset_t block;
        sigemptyset(&block);
        sigaddset(&block, SIGTERM);
        sigprocmask(SIG_BLOCK, &block, NULL);
        raise(SIGTERM);
        dup2(1, 50);
        dup3(1, 51, O_CLOEXEC);
        execv(self, argv);
        _exit(99);
    }
    finish("state", child);

    // One of several threads.
    child = begin();
    if (child == 0) {
        char id[16];
        sprintf(id, "%d", (int)getpid());
        start(loops, NULL);
        start(loops, NULL);
        start(executes, id);
        for (;;)
            pause();
    }
    finish("from a thread", child);

    char *argv[] = { "spawned", "exit", "23", NULL };
    fflush(stdout);
    show("posix_spawn", posix_spawn(&child, self, NULL, NULL, argv, environ));
    finish("spawned", child);
    show("posix_spawn of nothing", posix_spawn(&child, "/nowhere", NULL, NULL, argv, environ) == ENOENT);

    fflush(stdout);
    child = vfork();
    if (child == 0) {
        execv(self, argv);
        _exit(99);
    }
    finish("vfork", child);

    child = begin();
    if (child == 0) {
        int file = open(self, O_RDONLY | O_CLOEXEC);
        syscall(SYS_execveat, file, "", argv, environ, AT_EMPTY_PATH);
        _exit(99);
    }
    finish("execveat of a descriptor", child);

    child = begin();
    if (child == 0) {
        char *arguments[] = { "ignored", "more", "and more", NULL };
        execve(script, arguments, environment);
        _exit(99);
    }
    finish("script", child);
}

static void fails(void) {
    char *argv[] = { "x", NULL };
    show("nothing there", execv("/nowhere", argv));
    show("a directory", execv("/tmp", argv));
    show("no directory", execv("/dev/null/x", argv));
    show("not executable", execv(text, argv));
    show("empty", execv(empty, argv));
    show("empty path", execv("", argv));
    show("a script of itself", execv(loop, argv));
    show("bad path", syscall(SYS_execve, 8, argv, environ));
    show("bad arguments", syscall(SYS_execve, self, 8, environ));
    char *bad[] = { "x", (char *)8, NULL };
    show("bad argument", execv(self, bad));
    char *large = malloc(200000);
    memset(large, 'x', 199999);
    large[199999] = 0;
    char *too_long[] = { "x", large, NULL };
    show("argument too long", execv(self, too_long));
    large[100000] = 0;
    char *many[100];
    for (int k = 0; k < 99; k++)
        many[k] = large;
    many[99] = NULL;
    show("arguments too long", execv(self, many));
    show("execveat flags", syscall(SYS_execveat, AT_FDCWD, "/nowhere", argv, environ, 1));
    show("execveat of no descriptor", syscall(SYS_execveat, 77, "", argv, environ, AT_EMPTY_PATH));
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    if (argc > 1) {
        sprintf(script, "/tmp/cheri2il-script-%d", (int)getppid());
        return child_main(argc, argv);
    }
    make(script, "script", "#! /proc/self/exe  from script \nrest\n", 0700);
    make(empty, "empty", "", 0700);
    make(text, "text", "text\n", 0600);
    sprintf(loop, "#!/tmp/cheri2il-loop-%d\n", (int)getpid());
    char content[64];
    strcpy(content, loop);
    make(loop, "loop", content, 0700);
    succeeds();
    fails();
    unlink(script);
    unlink(empty);
    unlink(text);
    unlink(loop);
    return 0;
}
