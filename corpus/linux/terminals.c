// Terminals: pseudo-terminals, the line discipline, modes, what one waits for, and hang-ups.
#include "show.h"
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

static int master, slave;

static void print_bytes(const char *what, const char *bytes, long count) {
    printf("%s: \"", what);
    for (long k = 0; k < count; k++) {
        unsigned char c = bytes[k];
        if (c == '\n')
            printf("\\n");
        else if (c == '\r')
            printf("\\r");
        else if (c < 32 || c > 126)
            printf("\\%o", c);
        else
            putchar(c);
    }
    printf("\"\n");
}

// What comes out of a descriptor until nothing does for a while.
static void drain(const char *what, int fd) {
    char bytes[4096];
    long count = 0;
    struct pollfd wait = { fd, POLLIN, 0 };
    while (count < (long)sizeof bytes && poll(&wait, 1, 60) > 0) {
        long n = read(fd, bytes + count, sizeof bytes - count);
        if (n <= 0) {
            if (n < 0)
                printf("%s ends: %s\n", what, error_name(errno));
            break;
        }
        count += n;
    }
    print_bytes(what, bytes, count);
}

static void take(const char *what, int fd, int most) {
    char bytes[4096];
    long n = read(fd, bytes, most);
    if (n < 0)
        show(what, n);
    else
        print_bytes(what, bytes, n);
}

static void type(const char *text) { write(master, text, strlen(text)); }

static int open_pair(void) {
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    int unlock = 0, number;
    char path[64];
    ioctl(master, TIOCSPTLCK, &unlock);
    ioctl(master, TIOCGPTN, &number);
    snprintf(path, sizeof path, "/dev/pts/%d", number);
    return slave = open(path, O_RDWR | O_NOCTTY);
}

static void close_pair(void) {
    close(slave);
    close(master);
}

static struct termios modes(void) {
    struct termios t;
    tcgetattr(slave, &t);
    return t;
}

static void opening(void) {
    char path[64];
    int number, locked = -1;
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    show_ok("open ptmx", master);
    show("TIOCGPTN", ioctl(master, TIOCGPTN, &number));
    snprintf(path, sizeof path, "/dev/pts/%d", number);
    show("open while locked", open(path, O_RDWR | O_NOCTTY));
    show("TIOCGPTLCK", ioctl(master, TIOCGPTLCK, &locked));
    printf("locked %d\n", locked);
    show("TIOCGPTPEER while locked", ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY));
    locked = 0;
    show("TIOCSPTLCK", ioctl(master, TIOCSPTLCK, &locked));
    slave = open(path, O_RDWR | O_NOCTTY);
    show_ok("open", slave);
    int peer = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY);
    show_ok("TIOCGPTPEER", peer);
    struct stat one, other;
    fstat(slave, &one);
    fstat(peer, &other);
    printf("same %d character device %d major %d\n", one.st_ino == other.st_ino && one.st_rdev == other.st_rdev, S_ISCHR(one.st_mode), (int)(one.st_rdev >> 8));
    printf("isatty %d %d\n", isatty(slave), isatty(master));
    close(peer);
    show("TIOCGPTN of the slave", ioctl(slave, TIOCGPTN, &number));
    show("TIOCSPTLCK at nowhere", ioctl(master, TIOCSPTLCK, (void *)1));
    show("unknown request", ioctl(slave, 0x54ff, 0));
    show("seek", lseek(slave, 0, SEEK_CUR));
    int word = -1;
    show("TIOCGETD", ioctl(slave, TIOCGETD, &word));
    printf("discipline %d\n", word);
    show("TIOCOUTQ", ioctl(slave, TIOCOUTQ, &word));
    printf("queued %d\n", word);
    show("TIOCMGET", ioctl(slave, TIOCMGET, &word));
    show("TIOCEXCL", ioctl(slave, TIOCEXCL));
    show("TIOCGEXCL", ioctl(slave, TIOCGEXCL, &word));
    printf("exclusive %d\n", word);
    show("TIOCNXCL", ioctl(slave, TIOCNXCL));
    unsigned device = 0;
    show("TIOCGDEV", ioctl(master, TIOCGDEV, &device));
    printf("the slave's %d\n", device == one.st_rdev);
    close_pair();
    show("open after the end", open(path, O_RDWR | O_NOCTTY));
}

static void settings(void) {
    open_pair();
    struct termios t = modes(), again;
    printf("%o %o %o %o line %d\n", t.c_iflag, t.c_oflag, t.c_cflag, t.c_lflag, t.c_line);
    for (int k = 0; k < 19; k++)
        printf("%d ", t.c_cc[k]);
    printf("speed %d\n", cfgetospeed(&t) == B38400);
    cfsetspeed(&t, B9600);
    t.c_cflag = (t.c_cflag & ~CSIZE) | CS7 | PARENB;
    t.c_iflag |= IGNPAR;
    show("TCSETS", ioctl(master, TCSETS, &t));
    again = modes();
    printf("%o %o speed %d\n", again.c_cflag, again.c_iflag, cfgetospeed(&again) == B9600);
    show("TCGETS at nowhere", ioctl(slave, TCGETS, (void *)1));
    show("TCSETS at nowhere", ioctl(slave, TCSETSF, (void *)1));
    struct { unsigned modes[4]; unsigned char line, cc[19]; unsigned in, out; } two;
    show("TCGETS2", ioctl(slave, 0x802c542a, &two));
    printf("speeds %u %u\n", two.in, two.out);
    two.modes[2] = (two.modes[2] & ~(0x100fu | 0x100fu << 16)) | 0x1000;
    two.out = 12345;
    show("TCSETS2", ioctl(slave, 0x402c542b, &two));
    show("TCGETS2", ioctl(slave, 0x802c542a, &two));
    printf("speeds %u %u\n", two.in, two.out);

    struct winsize size = { 1, 1, 1, 1 };
    show("TIOCGWINSZ", ioctl(slave, TIOCGWINSZ, &size));
    printf("%d %d %d %d\n", size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel);
    size = (struct winsize) { 24, 80, 800, 480 };
    show("TIOCSWINSZ", ioctl(master, TIOCSWINSZ, &size));
    memset(&size, 0, sizeof size);
    ioctl(slave, TIOCGWINSZ, &size);
    printf("%d %d %d %d\n", size.ws_row, size.ws_col, size.ws_xpixel, size.ws_ypixel);
    close_pair();
}

static void lines(void) {
    open_pair();
    int count;
    type("one\ntwo\nthr");
    drain("echo", master);
    show("FIONREAD", ioctl(slave, FIONREAD, &count));
    printf("%d readable\n", count);
    take("line", slave, 100);
    take("part of a line", slave, 2);
    take("its rest", slave, 100);
    fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
    take("unfinished", slave, 100);
    type("ee\n");
    pause_for(20);
    take("finished", slave, 100);
    take("nothing", slave, 0);
    type("end\4");
    pause_for(20);
    take("before EOF, exactly", slave, 3);
    take("EOF is taken with it", slave, 3);
    type("end\4\4x\n");
    pause_for(20);
    take("before EOF", slave, 100);
    take("EOF", slave, 100);
    take("after EOF", slave, 100);
    drain("echo", master);

    type("wrong\177\177\177ite\tx\177\177\n");
    drain("erase", master);
    take("erased", slave, 100);
    type("\177\177one two_3  \27\27\27four\n");
    drain("word erase", master);
    take("erased", slave, 100);
    type("forget\1\2this\25kept\n");
    drain("kill", master);
    take("killed", slave, 100);
    type("a\26\3b\26\177c\22d\n");
    drain("literal and reprint", master);
    take("literal", slave, 100);
    type("\tab\t\177\177\177\177x\n");
    drain("tabs", master);
    take("tabs", slave, 100);
    type("cr\rnul");
    write(master, "\0", 1);
    type("\377\n");
    drain("cr", master);
    take("cr is nl", slave, 100);
    take("nul and high", slave, 100);

    struct termios t = modes();
    t.c_lflag &= ~ECHOE;
    t.c_lflag &= ~ECHOKE;
    t.c_cc[VEOL] = ';';
    tcsetattr(slave, TCSANOW, &t);
    type("abc\177\177d\25e;f;\n");
    drain("without ECHOE and ECHOKE", master);
    take("until EOL", slave, 100);
    take("until EOL", slave, 100);
    take("newline", slave, 100);
    t.c_lflag |= ECHOPRT | ECHOE;
    tcsetattr(slave, TCSANOW, &t);
    type("abc\177\177d\177\177x\n");
    drain("ECHOPRT", master);
    take("line", slave, 100);
    t.c_lflag &= ~(ECHO | ECHOPRT);
    t.c_lflag |= ECHONL;
    t.c_iflag |= IGNCR | ISTRIP;
    tcsetattr(slave, TCSANOW, &t);
    type("a\rb\341\n");
    drain("ECHONL", master);
    take("IGNCR and ISTRIP", slave, 100);
    t.c_lflag |= ECHO;
    t.c_iflag = INLCR | IUTF8;
    tcsetattr(slave, TCSANOW, &t);
    type("\303\244\303\266\177\n\4");
    drain("UTF-8", master);
    take("one character erased", slave, 100);

    // A line that is too long keeps its beginning, and can be ended.
    t.c_lflag &= ~(ECHO | ECHONL);
    t.c_iflag = 0;
    tcsetattr(slave, TCSANOW, &t);
    char many[6000];
    for (int k = 0; k < 6000; k++)
        many[k] = 'a' + k % 26;
    write(master, many, sizeof many);
    write(master, "\nnext\n", 6);
    pause_for(50);
    char got[8000];
    long n = read(slave, got, sizeof got);
    printf("long line %ld, last %d %c\n", n, got[n - 1], got[n - 2]);
    take("next", slave, 100);

    type("left ");
    pause_for(20);
    t.c_lflag &= ~ICANON;
    tcsetattr(slave, TCSANOW, &t);
    take("raw from then on", slave, 100);
    type("lines");
    pause_for(20);
    t.c_lflag |= ICANON;
    tcsetattr(slave, TCSANOW, &t);
    take("a line from then on", slave, 100);
    close_pair();
}

static void output(void) {
    open_pair();
    write(slave, "a\nb\tc\r\n", 7);
    drain("ONLCR", master);
    struct termios t = modes();
    t.c_oflag = OPOST | OCRNL | ONOCR | OLCUC | XTABS;
    tcsetattr(slave, TCSANOW, &t);
    write(slave, "\rabc\tdef\rx\b\ty\n\t|", 16);
    drain("OCRNL ONOCR OLCUC XTABS", master);
    t.c_oflag = ONLCR;
    tcsetattr(slave, TCSANOW, &t);
    write(slave, "raw\n", 4);
    drain("without OPOST", master);
    show("TCOOFF", tcflow(slave, TCOOFF));
    fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
    show("write while stopped", write(slave, "x", 1));
    struct pollfd wait = { slave, POLLOUT, 0 };
    show("poll while stopped", poll(&wait, 1, 0));
    show("TCOON", tcflow(slave, TCOON));
    show("write", write(slave, "x", 1));
    drain("goes on", master);
    type("\23");
    pause_for(30);
    show("write after ^S", write(slave, "y", 1));
    type("e\21");
    pause_for(30);
    show("write after ^Q", write(slave, "z", 1));
    drain("^S and ^Q", master);
    show("TCIOFF", tcflow(slave, TCIOFF));
    drain("sent", master);
    show("bad flow", ioctl(slave, TCXONC, 7));
    show("drained", tcdrain(slave));
    show("break", tcsendbreak(slave, 0));
    close_pair();
}

static volatile int woken;
static void on_alarm(int signal) { woken += signal == SIGALRM; }

static long timed_read(const char *what, int min, int time, const char *typed, int flags) {
    struct termios t = modes();
    t.c_cc[VMIN] = min;
    t.c_cc[VTIME] = time;
    tcsetattr(slave, TCSANOW, &t);
    fcntl(slave, F_SETFL, O_RDWR | flags);
    type(typed);
    pause_for(20);
    struct pollfd wait = { slave, POLLIN, 0 };
    int ready = poll(&wait, 1, 0);
    char bytes[64];
    errno = 0;
    long n = read(slave, bytes, sizeof bytes);
    printf("%s: ready %d, read %ld %s\n", what, ready, n, n < 0 ? error_name(errno) : "");
    return n;
}

static void raw(void) {
    open_pair();
    struct termios t = modes();
    cfmakeraw(&t);
    tcsetattr(slave, TCSANOW, &t);
    type("a\3\r\n\4");
    pause_for(20);
    take("raw", slave, 100);
    t.c_lflag |= ECHO | ECHOCTL;
    t.c_iflag |= ICRNL;
    tcsetattr(slave, TCSANOW, &t);
    type("a\3\r\n");
    drain("raw with echo", master);
    take("raw", slave, 100);
    t.c_lflag &= ~ECHO;
    tcsetattr(slave, TCSANOW, &t);
    timed_read("0 0", 0, 0, "", 0);
    timed_read("0 0 with data", 0, 0, "ab", 0);
    timed_read("0 0 non-blocking", 0, 0, "", O_NONBLOCK);
    timed_read("0 1", 0, 1, "", 0);
    timed_read("0 1 non-blocking", 0, 1, "", O_NONBLOCK);
    timed_read("3 0 non-blocking", 3, 0, "ab", O_NONBLOCK);
    timed_read("1 0 non-blocking", 1, 0, "", O_NONBLOCK);
    timed_read("3 1", 3, 1, "ab", 0);
    timed_read("3 0", 3, 0, "abc", 0);

    // Interrupted with some of what it wants.
    struct sigaction action = { .sa_handler = on_alarm };
    sigaction(SIGALRM, &action, NULL);
    ualarm(150000, 0);
    timed_read("5 0 interrupted", 5, 0, "ab", 0);
    ualarm(150000, 0);
    timed_read("5 0 interrupted early", 5, 0, "", 0);
    printf("woken %d\n", woken);

    fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK);
    type("forgotten");
    pause_for(20);
    show("TCIFLUSH", tcflush(slave, TCIFLUSH));
    take("flushed", slave, 100);
    type("forgotten");
    pause_for(20);
    t = modes();
    tcsetattr(slave, TCSAFLUSH, &t);
    take("flushed by TCSETSF", slave, 100);
    show("bad flush", ioctl(slave, TCFLSH, 9));
    close_pair();
}

static void full(void) {
    open_pair();
    struct termios t = modes();
    cfmakeraw(&t);
    tcsetattr(slave, TCSANOW, &t);
    char bytes[1000];
    memset(bytes, 'x', sizeof bytes);
    for (int side = 0; side < 2; side++) {
        int from = side ? master : slave, to = side ? slave : master;
        fcntl(from, F_SETFL, O_RDWR | O_NONBLOCK);
        fcntl(to, F_SETFL, O_RDWR | O_NONBLOCK);
        long sent = 0, received = 0, n;
        struct pollfd wait = { from, POLLOUT, 0 };
        // Linux moves what was written to the reader's buffer in a thread of the kernel's: it is full when that has no more to move.
        int rounds = 0;
        do {
            while ((n = write(from, bytes, sizeof bytes)) > 0)
                sent += n;
        } while (poll(&wait, 1, 20) > 0 && ++rounds < 100);
        show("full", n);
        printf("more than 4 KiB %d\n", sent > 4096);
        show("poll while full", poll(&wait, 1, 0));
        for (struct pollfd more = { to, POLLIN, 0 }; poll(&more, 1, 60) > 0 && (n = read(to, bytes, sizeof bytes)) > 0;)
            received += n;
        printf("all of it %d\n", sent == received);
        show("poll again", poll(&wait, 1, 1000));
    }
    close_pair();
}

static void closing(void) {
    open_pair();
    struct pollfd wait = { master, POLLIN | POLLOUT, 0 };
    write(slave, "last words\n", 11);
    type("unread\n");
    pause_for(20);
    close(slave);
    show("poll", poll(&wait, 1, 0));
    printf("hung up %d readable %d\n", !!(wait.revents & POLLHUP), !!(wait.revents & POLLIN));
    drain("what was left", master);
    show("read", read(master, &wait, 1));
    char path[64];
    int number;
    ioctl(master, TIOCGPTN, &number);
    snprintf(path, sizeof path, "/dev/pts/%d", number);
    slave = open(path, O_RDWR | O_NOCTTY);
    show_ok("opened again", slave);
    wait.events = POLLIN;
    wait.revents = 0;
    show("poll", poll(&wait, 1, 0));
    take("typed before", slave, 100);
    type("more\n");
    pause_for(20);
    close(master);
    wait.fd = slave;
    show("poll of the slave", poll(&wait, 1, 0));
    printf("events %x\n", wait.revents);
    take("end", slave, 100);
    show("write", write(slave, "x", 1));
    show("TCGETS", ioctl(slave, TCGETS, &wait));
    show("TIOCSPGRP", ioctl(slave, TIOCSPGRP, &number));
    show("FIONREAD", ioctl(slave, FIONREAD, &number));
    snprintf(path, sizeof path, "/proc/self/fd/%d", slave);
    show("open again", open(path, O_RDWR | O_NOCTTY));
    close(slave);
}

static void packets(void) {
    open_pair();
    int on = 1, is = -1;
    show("TIOCPKT", ioctl(master, TIOCPKT, &on));
    show("TIOCGPKT", ioctl(master, TIOCGPKT, &is));
    printf("packet mode %d\n", is);
    write(slave, "data", 4);
    drain("data", master);
    tcflush(slave, TCIFLUSH);
    drain("flushed", master);
    struct pollfd wait = { master, POLLPRI, 0 };
    tcflow(slave, TCOOFF);
    show("poll", poll(&wait, 1, 1000));
    drain("stopped", master);
    tcflow(slave, TCOON);
    drain("started", master);
    struct termios t = modes();
    t.c_iflag &= ~IXON;
    tcsetattr(slave, TCSANOW, &t);
    drain("no flow control", master);
    close_pair();
}

static void *reads_line(void *argument) {
    char bytes[100];
    long n = read(slave, bytes, sizeof bytes);
    *(long *)argument = n;
    return NULL;
}

static void waiting(void) {
    open_pair();
    long got = -1;
    pthread_t thread = start(reads_line, &got);
    pause_for(30);
    type("wa");
    pause_for(30);
    printf("still waits %d\n", got == -1);
    type("ke\n");
    pthread_join(thread, NULL);
    printf("woken with %ld\n", got);
    got = -1;
    thread = start(reads_line, &got);
    pause_for(30);
    close(master);
    pthread_join(thread, NULL);
    printf("hung up: %ld\n", got);
    close(slave);
}

int main(void) {
    opening();
    settings();
    lines();
    output();
    raw();
    full();
    closing();
    packets();
    waiting();
    return 0;
}
