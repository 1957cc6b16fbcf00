// Job control: the controlling terminal of a session, its foreground group, and what processes in the background may not do.
#include "show.h"
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>

static int master, slave, ready[2];
static volatile sig_atomic_t seen[65];
static void on_signal(int signal) { seen[signal]++; }

static void catch(int signal) {
    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    sigaction(signal, &action, NULL);
}

static void type(const char *text) {
    write(master, text, strlen(text));
    pause_for(30);
}

static pid_t child_of(int (*function)(void)) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int status = function();
        fflush(stdout);
        _exit(status);
    }
    return child;
}

static void wait_with(const char *what, pid_t child, int options) {
    int status = 0;
    if (waitpid(child, &status, options) != child)
        printf("%s: %s\n", what, error_name(errno));
    else if (WIFEXITED(status))
        printf("%s: exited %d\n", what, WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        printf("%s: killed %d\n", what, WTERMSIG(status));
    else if (WIFSTOPPED(status))
        printf("%s: stopped %d\n", what, WSTOPSIG(status));
    else
        printf("%s: continued\n", what);
}

static void tell(void) { write(ready[1], "", 1); }
static void await(void) { char byte; read(ready[0], &byte, 1); }
static void until_seen(int signal) {
    for (int k = 0; k < 500 && !seen[signal]; k++)
        pause_for(20);
}

static void wait_for(const char *what, pid_t child) { wait_with(what, child, WUNTRACED | WCONTINUED); }

// In a session of its own: nothing of it depends on where the program was started. Over when all of its processes have ended.
static void in_session(const char *what, int (*function)(void)) {
    printf("-- %s\n", what);
    fflush(stdout);
    int alive[2];
    pipe(alive);
    pipe(ready);
    pid_t leader = fork();
    if (leader == 0) {
        close(alive[0]);
        setsid();
        int status = function();
        fflush(stdout);
        _exit(status);
    }
    int status;
    close(alive[1]);
    waitpid(leader, &status, 0);
    read(alive[0], &master, 1);
    close(alive[0]);
    close(ready[0]);
    close(ready[1]);
    printf("%s %d\n", WIFEXITED(status) ? "exited" : "killed", WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static int open_pair(int flags) {
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    int unlock = 0, number;
    char path[64];
    ioctl(master, TIOCSPTLCK, &unlock);
    ioctl(master, TIOCGPTN, &number);
    snprintf(path, sizeof path, "/dev/pts/%d", number);
    return slave = open(path, flags);
}

static pid_t group_of(int (*function)(void)) {
    pid_t child = child_of(function);
    setpgid(child, child);
    return child;
}

static int reads(void) {
    setpgid(0, 0);
    char bytes[100];
    long n = read(slave, bytes, sizeof bytes);
    if (n < 0)
        show("read", n);
    return (int)n;
}
static int writes(void) {
    setpgid(0, 0);
    show("write", write(slave, "x", 1));
    return 3;
}
static int ignores_and_writes(void) {
    signal(SIGTTOU, SIG_IGN);
    return writes();
}
static int ignores_and_reads(void) {
    signal(SIGTTIN, SIG_IGN);
    return reads() < 0;
}
static int blocks_and_sets(void) {
    setpgid(0, 0);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTTOU);
    sigprocmask(SIG_BLOCK, &set, NULL);
    struct termios t;
    tcgetattr(slave, &t);
    show("TCSETS with SIGTTOU blocked", ioctl(slave, TCSETS, &t));
    return 0;
}
static int sets(void) {
    setpgid(0, 0);
    struct termios t;
    show("TCGETS in the background", ioctl(slave, TCGETS, &t));
    show("TCSETS", ioctl(slave, TCSETS, &t));
    return 0;
}
static int takes_foreground(void) {
    setpgid(0, 0);
    show("tcsetpgrp", tcsetpgrp(slave, getpid()));
    printf("in the foreground %d\n", tcgetpgrp(slave) == getpid());
    return 0;
}
static int catches_and_takes_foreground(void) {
    setpgid(0, 0);
    struct sigaction action = { .sa_handler = on_signal };
    sigaction(SIGTTOU, &action, NULL);
    show("tcsetpgrp", tcsetpgrp(slave, getpid()));
    printf("caught %d\n", seen[SIGTTOU]);
    return 0;
}
static int waits(void) { for (;;) pause(); return 1; }
static int leaves_session(void) {
    setsid();
    show("/dev/tty in another session", open("/dev/tty", O_RDWR));
    show("tcgetpgrp", tcgetpgrp(slave));
    show("TIOCSCTTY of another's", ioctl(slave, TIOCSCTTY, 0));
    return 0;
}

static int owns(void) {
    pid_t group;
    show("/dev/tty without terminal", open("/dev/tty", O_RDWR));
    open_pair(O_RDWR | O_NOCTTY);
    show("TIOCGPGRP of no terminal of ours", ioctl(slave, TIOCGPGRP, &group));
    show("TIOCGSID", ioctl(slave, TIOCGSID, &group));
    show("TIOCGSID of the master", ioctl(master, TIOCGSID, &group));
    show("TIOCGPGRP of the master", ioctl(master, TIOCGPGRP, &group));
    printf("group %d\n", group);
    show("TIOCSPGRP", tcsetpgrp(slave, getpid()));
    show("TIOCNOTTY", ioctl(slave, TIOCNOTTY));
    show("TIOCSCTTY", ioctl(slave, TIOCSCTTY, 0));
    show("TIOCSCTTY again", ioctl(slave, TIOCSCTTY, 0));
    printf("ours %d %d\n", tcgetpgrp(slave) == getpgrp(), tcgetsid(slave) == getsid(0));
    ioctl(master, TIOCGPGRP, &group);
    printf("the master knows %d\n", group == getpgrp());
    int tty = open("/dev/tty", O_RDWR);
    show_ok("/dev/tty", tty);
    struct stat info;
    fstat(tty, &info);
    printf("device %x\n", (int)info.st_rdev);
    write(tty, "hello\n", 6);
    char bytes[16] = "";
    pause_for(20);
    read(master, bytes, sizeof bytes);
    printf("wrote %d\n", !strcmp(bytes, "hello\r\n"));
    wait_for("another session", child_of(leaves_session));
    show("tcsetpgrp to nobody", tcsetpgrp(slave, 4000000));
    show("tcsetpgrp to a bad group", tcsetpgrp(slave, -5));
    show("tcsetpgrp to another session", tcsetpgrp(slave, getppid()));
    int own = slave;
    int first = master;
    open_pair(O_RDWR);
    show("a second one", tcgetpgrp(slave));
    show("TIOCSCTTY of a second one", ioctl(slave, TIOCSCTTY, 0));
    show("TIOCNOTTY of a second one", ioctl(slave, TIOCNOTTY));
    signal(SIGHUP, SIG_IGN);
    show("TIOCNOTTY", ioctl(own, TIOCNOTTY));
    show("/dev/tty", open("/dev/tty", O_RDWR));
    show("open makes it ours", open_pair(O_RDWR) < 0);
    printf("%d\n", tcgetpgrp(slave) == getpgrp());
    close(first);
    return 0;
}

static int background(void) {
    open_pair(O_RDWR);
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    signal(SIGTTOU, SIG_IGN);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGTTOU, SIG_DFL);
        _exit(reads());
    }
    setpgid(child, child);
    wait_for("reader", child);
    show("tcsetpgrp", tcsetpgrp(slave, child));
    kill(-child, SIGCONT);
    wait_for("reader", child);
    type("line\n");
    wait_for("reader", child);
    tcsetpgrp(slave, getpgrp());

    child = group_of(waits);
    tcsetpgrp(slave, child);
    type("typed");
    type("\32");
    wait_for("^Z", child);
    int left = -1;
    ioctl(slave, FIONREAD, &left);
    printf("left %d\n", left);
    kill(-child, SIGCONT);
    wait_for("goes on", child);
    type("\3");
    wait_for("^C", child);
    child = group_of(waits);
    tcsetpgrp(slave, child);
    type("\34");
    wait_for("^\\", child);
    child = group_of(waits);
    tcsetpgrp(slave, child);
    show("TIOCSIG of another", ioctl(master, TIOCSIG, SIGTERM));
    show("TIOCSIG", ioctl(master, TIOCSIG, SIGINT));
    wait_for("TIOCSIG", child);
    tcsetpgrp(slave, getpgrp());
    char echo[100];
    long n = read(master, echo, sizeof echo);
    printf("echo %ld\n", n);

    signal(SIGTTOU, SIG_DFL);
    wait_for("writer in the background", group_of(writes));
    struct termios t;
    tcgetattr(slave, &t);
    t.c_lflag |= TOSTOP;
    tcsetattr(slave, TCSANOW, &t);
    child = group_of(writes);
    wait_for("writer with TOSTOP", child);
    tcsetpgrp(slave, child);
    kill(-child, SIGCONT);
    wait_with("writer in the foreground", child, 0);
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(slave, getpgrp());
    signal(SIGTTOU, SIG_DFL);
    wait_for("writer that ignores SIGTTOU", group_of(ignores_and_writes));
    wait_for("reader that ignores SIGTTIN", group_of(ignores_and_reads));
    wait_for("blocks SIGTTOU", group_of(blocks_and_sets));
    child = group_of(sets);
    wait_for("sets modes", child);
    kill(-child, SIGKILL);
    wait_for("sets modes", child);
    child = group_of(takes_foreground);
    wait_for("takes the foreground", child);
    kill(-child, SIGKILL);
    wait_for("takes the foreground", child);
    wait_for("with a handler", group_of(catches_and_takes_foreground));
    return 0;
}

static pid_t leaving;
static int orphan(void) {
    while (getppid() == leaving)
        pause_for(10);
    char bytes[10];
    show("read of an orphan", read(slave, bytes, sizeof bytes));
    struct termios t;
    tcgetattr(slave, &t);
    show("TCSETS of an orphan", ioctl(slave, TCSETS, &t));
    show("tcsetpgrp of an orphan", tcsetpgrp(slave, getpgrp()));
    raise(SIGTSTP);
    printf("SIGTSTP does not stop an orphan\n");
    fflush(stdout);
    tell();
    return 0;
}
static int leaves_orphan(void) {
    setpgid(0, 0);
    leaving = getpid();
    child_of(orphan);
    return 0;
}
static int stopped_orphan(void) {
    catch(SIGHUP);
    catch(SIGCONT);
    raise(SIGSTOP);
    until_seen(SIGHUP);
    until_seen(SIGCONT);
    printf("hung up %d continued %d\n", seen[SIGHUP], seen[SIGCONT]);
    fflush(stdout);
    tell();
    return 0;
}
static int leaves_stopped(void) {
    setpgid(0, 0);
    pid_t child = child_of(stopped_orphan);
    wait_for("child", child);
    return 0;
}
static int orphans(void) {
    open_pair(O_RDWR);
    pid_t child = group_of(leaves_orphan);
    wait_for("parent of an orphan", child);
    await();
    child = group_of(leaves_stopped);
    wait_for("parent of a stopped one", child);
    await();
    return 0;
}

static int resizes(void) {
    open_pair(O_RDWR);
    catch(SIGWINCH);
    struct winsize size = { 10, 20, 0, 0 };
    ioctl(master, TIOCSWINSZ, &size);
    printf("resized %d\n", seen[SIGWINCH]);
    ioctl(slave, TIOCSWINSZ, &size);
    printf("to the same %d\n", seen[SIGWINCH]);
    size.ws_col++;
    ioctl(slave, TIOCSWINSZ, &size);
    printf("again %d\n", seen[SIGWINCH]);
    return 0;
}

static int cut(void) {
    open_pair(O_RDWR);
    catch(SIGHUP);
    catch(SIGCONT);
    close(master);
    printf("hung up %d continued %d\n", seen[SIGHUP], seen[SIGCONT]);
    show("/dev/tty", open("/dev/tty", O_RDWR));
    show("tcgetpgrp", tcgetpgrp(slave));
    return 0;
}

static int on_hangup(void) {
    catch(SIGHUP);
    catch(SIGCONT);
    tell();
    until_seen(SIGHUP);
    pause_for(50);
    printf("foreground: hung up %d continued %d\n", seen[SIGHUP], seen[SIGCONT]);
    show("its /dev/tty", open("/dev/tty", O_RDWR));
    return 0;
}
static int gives_up(void) {
    open_pair(O_RDWR);
    signal(SIGTTOU, SIG_IGN);
    pid_t child = group_of(on_hangup);
    tcsetpgrp(slave, child);
    await();
    show("TIOCNOTTY", ioctl(slave, TIOCNOTTY));
    wait_for("child", child);
    return 0;
}
static int ends(void) {
    open_pair(O_RDWR);
    signal(SIGTTOU, SIG_IGN);
    pid_t child = group_of(on_hangup);
    tcsetpgrp(slave, child);
    await();
    return 0;
}
int main(void) {
    // Who started the program may ignore some of them, as shells do for what runs in the background.
    for (int k = 1; k < 32; k++)
        signal(k, SIG_DFL);
    in_session("owning", owns);
    in_session("background", background);
    in_session("orphans", orphans);
    in_session("size", resizes);
    in_session("cut", cut);
    in_session("giving up", gives_up);
    in_session("end of the leader", ends);
    return 0;
}
