// What either end of a connection of TCP sees of what the other does.
//
//   streams                  both ends, over the loopback device
//   streams serve PORT       the one that accepts
//   streams ask HOST PORT    the one that connects
//   streams echo PORT COUNT  says back what comes by any number of connections, until so many have ended
//   streams mute PORT        accepts one connection, and reads nothing
//   streams set HOST PORT    sets options before and after it connects, and waits for the end
//
// In each scene one end does what the other, which prints what it sees, tells it to by another connection; then they change places.
#include "show.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>

enum { MANY = 8000000 };

struct command {
    char what;
    int count;
};

static int control;
static char buffer[65536];
static volatile int signals;

static void count_signal(int number) {
    (void)number;
    signals++;
}

static void handle(int number, int flags) {
    struct sigaction action = { .sa_handler = count_signal, .sa_flags = flags };
    sigaction(number, &action, NULL);
    signals = 0;
}

static void whole(int fd, void *data, size_t length, int is_write) {
    for (size_t done = 0; done < length;) {
        long part = is_write ? send(fd, (char *)data + done, length - done, MSG_NOSIGNAL) : recv(fd, (char *)data + done, length - done, 0);
        if (part < 0 && errno == EINTR)
            continue;
        if (part <= 0) {
            printf("the other end is gone\n");
            exit(1);
        }
        done += part;
    }
}

// Has the other end do something.
static long tell(char what, int count) {
    struct command command = { what, count };
    long result;
    whole(control, &command, sizeof command, 1);
    whole(control, &result, sizeof result, 0);
    return result;
}

static long drain(int fd) {
    long part, total = 0;
    while ((part = recv(fd, buffer, sizeof buffer, 0)) > 0)
        total += part;
    return part < 0 ? -errno : total;
}

static long fill(int fd, long count) {
    for (size_t k = 0; k < sizeof buffer; k++)
        buffer[k] = 'a' + k % 26;
    long done = 0;
    while (done < count) {
        long part = send(fd, buffer, count - done < (long)sizeof buffer ? count - done : (long)sizeof buffer, MSG_NOSIGNAL);
        if (part < 0)
            return -errno;
        done += part;
    }
    return done;
}

static void obey(int fd) {
    struct command command;
    struct linger reset = { 1, 0 };
    long result = 0;
    for (;;) {
        whole(control, &command, sizeof command, 0);
        if (strchr("ld", command.what) || command.what == 'q')
            whole(control, &result, sizeof result, 1);
        switch (command.what) {
        case 's': result = fill(fd, command.count); break;
        case 'r': result = recv(fd, buffer, command.count, MSG_WAITALL); break;
        case 'a': result = drain(fd); break;
        case 'w': result = shutdown(fd, SHUT_WR); break;
        case 'c': result = close(fd); fd = -1; break;
        case 'R': setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset); result = close(fd); fd = -1; break;
        case 'l': pause_for(60); result = fill(fd, command.count); continue;
        case 'd': pause_for(60); result = drain(fd); continue;
        case 'q': close(fd); return;
        }
        whole(control, &result, sizeof result, 1);
    }
}

static int ready(int fd, int wanted, int milliseconds) {
    struct pollfd one = { .fd = fd, .events = wanted };
    return poll(&one, 1, milliseconds) < 0 ? -1 : one.revents;
}

// Until so many bytes have come.
static void await(int fd, int count) {
    int have = 0;
    for (int tries = 0; tries < 500 && (ioctl(fd, FIONREAD, &have), have < count); tries++)
        pause_for(10);
}

static int error_of(int fd) {
    int error = -1;
    socklen_t length = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    return error;
}

static void show_error(const char *what, int error) { printf("%s: %s\n", what, error == 0 ? "none" : error_name(error)); }

static void patience(int fd, int option, int milliseconds) {
    struct timeval time = { milliseconds / 1000, milliseconds % 1000 * 1000 };
    setsockopt(fd, SOL_SOCKET, option, &time, sizeof time);
}

static void reading(int fd) {
    int count = -1;
    show("poll", ready(fd, POLLIN | POLLOUT, 0));
    show("without waiting", recv(fd, buffer, 10, MSG_DONTWAIT));
    patience(fd, SO_RCVTIMEO, 20);
    show("for 20 ms", recv(fd, buffer, 10, 0));
    show("read for 20 ms", read(fd, buffer, 10));
    patience(fd, SO_RCVTIMEO, 0);
    tell('s', 5);
    await(fd, 5);
    show("poll", ready(fd, POLLIN | POLLOUT, 1000));
    show("FIONREAD", ioctl(fd, FIONREAD, &count) < 0 ? -1 : count);
    show("peek", recv(fd, buffer, 3, MSG_PEEK));
    struct iovec parts[] = { { buffer, 1 }, { buffer + 100, 0 }, { buffer + 200, 2 }, { buffer + 300, 10 } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = 4 };
    show("peek at parts", recvmsg(fd, &message, MSG_PEEK));
    show("into bad memory", recv(fd, (void *)16, 5, 0));
    show("readv", readv(fd, parts, 4));
    printf("%c%.2s%.2s\n", buffer[0], buffer + 200, buffer + 300);
    show("from bad memory", send(fd, (void *)16, 5, 0));
    tell('l', 7);
    show("later", recv(fd, buffer, 100, 0));
    tell('s', 4);
    tell('l', 6);
    show("all of it", recv(fd, buffer, 10, MSG_WAITALL));
    tell('s', 3);
    tell('w', 0);
    await(fd, 3);
    show("poll at the end", ready(fd, POLLIN | POLLOUT | POLLRDHUP, 1000) & (POLLIN | POLLRDHUP));
    show("what came before", recv(fd, buffer, 100, MSG_WAITALL));
    show("the end", recv(fd, buffer, 100, 0));
    show("still the end", read(fd, buffer, 100));
    show("poll", ready(fd, POLLIN | POLLOUT | POLLRDHUP, 0));
    show("half-closed", send(fd, "bye", 3, 0));
    show("arrives", tell('r', 3));
    show("shutdown", shutdown(fd, SHUT_WR));
    show("poll when both are over", ready(fd, POLLIN | POLLOUT | POLLRDHUP, 0));
    handle(SIGPIPE, 0);
    show("send", send(fd, "no", 2, 0));
    show("SIGPIPE", signals);
    show("send without it", send(fd, "no", 2, MSG_NOSIGNAL));
    show("SIGPIPE", signals);
    struct iovec no = { "no", 2 };
    show("writev", writev(fd, &no, 1));
    show("SIGPIPE", signals);
}

static void shutting(int fd) {
    tell('s', 4);
    await(fd, 4);
    show("shutdown of reading", shutdown(fd, SHUT_RD));
    show("what was there", recv(fd, buffer, 10, 0));
    show("then", recv(fd, buffer, 10, 0));
    show("poll", ready(fd, POLLIN | POLLOUT | POLLRDHUP, 0));
    show("send", send(fd, "on", 2, 0));
    show("arrives", tell('r', 2));
    show("shutdown of both", shutdown(fd, SHUT_RDWR));
    show("the other end", tell('a', 0));
}

static void resets(int fd) {
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    show("getpeername", getpeername(fd, (void *)&name, &length));
    tell('R', 0);
    show("poll", ready(fd, POLLIN | POLLOUT | POLLRDHUP, 1000));
    show("getpeername", getpeername(fd, (void *)&name, &length));
    show_error("SO_ERROR", error_of(fd));
    show_error("again", error_of(fd));
    show("recv", recv(fd, buffer, 10, 0));
    show("send", send(fd, "no", 2, MSG_NOSIGNAL));
    show("shutdown", shutdown(fd, SHUT_WR));
}

static void unread(int fd) {
    show("send", send(fd, "nobody reads this", 17, 0));
    await(fd, 0);
    pause_for(50);
    tell('c', 0);
    show("poll", ready(fd, POLLIN, 1000));
    show("recv", recv(fd, buffer, 10, 0));
    show("recv", recv(fd, buffer, 10, 0));
    show("send", send(fd, "no", 2, MSG_NOSIGNAL));
}

static void pressure(int fd) {
    long part;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (fill(fd, sizeof buffer) > 0)
        ;
    // The last piece may have gone in part.
    while ((part = send(fd, buffer, 1, MSG_NOSIGNAL)) > 0)
        ;
    show("when it is full", part);
    show("poll", ready(fd, POLLOUT, 0));
    fcntl(fd, F_SETFL, 0);
    patience(fd, SO_SNDTIMEO, 20);
    show("for 20 ms", send(fd, buffer, 1, 0));
    patience(fd, SO_SNDTIMEO, 0);
    tell('d', 0);
    show("until there is room", ready(fd, POLLOUT, 10000));
    show("all", fill(fd, MANY));
    show("shutdown", shutdown(fd, SHUT_WR));
    tell('w', 0);
    show("the end", recv(fd, buffer, 1, 0));
}

static int epoll_wait_for(int epoll, int milliseconds) {
    struct epoll_event events[8];
    int count = epoll_wait(epoll, events, 8, milliseconds), all = 0;
    if (count < 0)
        return -1;
    for (int k = 0; k < count; k++)
        all |= events[k].events & ~EPOLLOUT;
    return 1000 * count + all;
}

static void watching(int fd) {
    int epoll = epoll_create1(0), outer = epoll_create1(0), copy = dup(fd);
    struct epoll_event event = { .events = EPOLLIN }, found;
    show("add", epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    show("add again", epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    show("nothing", epoll_wait_for(epoll, 0));
    show("nothing for 10 ms", epoll_wait_for(epoll, 10));
    tell('l', 2);
    show("level", epoll_wait_for(epoll, 1000));
    show("level again", epoll_wait_for(epoll, 0));
    show("a byte", read(fd, buffer, 1));
    show("level still", epoll_wait_for(epoll, 0));
    show("a byte", read(fd, buffer, 1));
    show("nothing", epoll_wait_for(epoll, 0));

    event.events = EPOLLIN | EPOLLET;
    show("edges", epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event));
    show("nothing", epoll_wait_for(epoll, 0));
    tell('l', 1);
    show("edge", epoll_wait_for(epoll, 1000));
    show("no edge", epoll_wait_for(epoll, 0));
    tell('l', 1);
    show("edge", epoll_wait_for(epoll, 1000));
    show("both bytes", read(fd, buffer, 10));

    event.events = EPOLLIN | EPOLLONESHOT;
    show("once", epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event));
    tell('s', 1);
    show("one", epoll_wait_for(epoll, 1000));
    show("no other", epoll_wait_for(epoll, 0));
    show("armed", epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event));
    show("one", epoll_wait_for(epoll, 1000));

    event.events = EPOLLIN;
    event.data.u64 = 0x123456789abcdef;
    show("by another descriptor", epoll_ctl(epoll, EPOLL_CTL_ADD, copy, &event));
    show("one", epoll_wait(epoll, &found, 1, 1000));
    printf("data %llx\n", (unsigned long long)found.data.u64);
    show("delete", epoll_ctl(epoll, EPOLL_CTL_DEL, copy, NULL));
    show("delete again", epoll_ctl(epoll, EPOLL_CTL_DEL, copy, NULL));
    show("nothing", epoll_wait_for(epoll, 0));
    show("the byte", read(fd, buffer, 10));
    show("level", epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event));

    show("watched", epoll_ctl(outer, EPOLL_CTL_ADD, epoll, &event));
    show("nothing", epoll_wait_for(outer, 0));
    show("poll", ready(epoll, POLLIN, 0));
    tell('l', 1);
    show("through it", epoll_wait_for(outer, 1000));
    show("again", epoll_wait_for(outer, 0));
    show("poll", ready(epoll, POLLIN, 0));
    show("inside", epoll_wait_for(epoll, 0));
    show("the byte", read(fd, buffer, 10));
    show("nothing", epoll_wait_for(outer, 0));

    // With files of other kinds.
    int pipes[2];
    pipe(pipes);
    show("a pipe", epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[0], &event));
    write(pipes[1], "x", 1);
    show("the pipe", epoll_wait_for(epoll, 1000));
    tell('s', 1);
    await(fd, 1);
    show("both", epoll_wait_for(epoll, 1000));
    show("one of them", epoll_wait(epoll, &found, 1, 1000));
    read(pipes[0], buffer, 1);
    show("the connection", epoll_wait_for(epoll, 1000));
    struct pollfd many[] = { { .fd = pipes[0], .events = POLLIN }, { .fd = fd, .events = POLLIN }, { .fd = copy, .events = POLLIN | POLLOUT }, { .fd = -1 } };
    show("poll of many", poll(many, 4, 1000));
    printf("%d %d %d\n", many[0].revents, many[1].revents, many[2].revents);
    fd_set in, out;
    struct timeval time = { 1, 0 };
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_SET(fd, &in);
    FD_SET(pipes[0], &in);
    FD_SET(fd, &out);
    show("select", select(copy + 10, &in, &out, NULL, &time));
    show("the byte", read(copy, buffer, 10));
    tell('w', 0);
    show("the end", epoll_wait_for(epoll, 1000));
    close(copy);
    close(fd);
    show("closed", epoll_wait_for(epoll, 0));
    close(epoll), close(outer), close(pipes[0]), close(pipes[1]);
}

static void alarm_in(int milliseconds) {
    struct itimerval time = { .it_value = { 0, milliseconds * 1000 } };
    setitimer(ITIMER_REAL, &time, NULL);
}

static void interrupted(int fd) {
    int epoll = epoll_create1(0);
    struct epoll_event event = { .events = EPOLLIN };
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    handle(SIGALRM, 0);
    alarm_in(20);
    show("recv", recv(fd, buffer, 10, 0));
    alarm_in(20);
    show("poll", ready(fd, POLLIN, 2000));
    alarm_in(20);
    show("epoll", epoll_wait_for(epoll, 2000));
    show("signals", signals);
    handle(SIGALRM, SA_RESTART);
    alarm_in(20);
    tell('l', 4);
    show("recv that goes on", recv(fd, buffer, 10, 0));
    show("signals", signals);
    close(epoll);

    handle(SIGIO, 0);
    fcntl(fd, F_SETOWN, getpid());
    fcntl(fd, F_SETFL, O_ASYNC);
    show("before", signals);
    tell('s', 1);
    for (int tries = 0; tries < 500 && signals == 0; tries++)
        pause_for(10);
    show("SIGIO", signals > 0);
    fcntl(fd, F_SETFL, 0);
}

static void shared(int fd) {
    tell('s', 3);
    await(fd, 3);
    pid_t child = fork();
    if (child == 0)
        _exit(read(fd, buffer, 1) == 1 ? buffer[0] : 1);
    int status;
    waitpid(child, &status, 0);
    show("the child's byte", WEXITSTATUS(status));
    show("the parent's", read(fd, buffer, 1));
    show("is", buffer[0]);
    show("close", close(fd));
}

static void moving(int fd) {
    int file = memfd_create("text", 0), pipes[2];
    pipe(pipes);
    for (int k = 0; k < 30; k++)
        write(file, buffer, 10000);
    lseek(file, 0, SEEK_SET);
    tell('d', 0);
    show("sendfile", sendfile(fd, file, NULL, 300000));
    show("position", lseek(file, 0, SEEK_CUR));
    long done = 0;
    for (int k = 0; k < 30; k++) {
        write(pipes[1], buffer, 10000);
        for (long left = 10000, part; left > 0; left -= part, done += part)
            if ((part = splice(pipes[0], NULL, fd, NULL, left, 0)) <= 0)
                break;
    }
    show("splice", done);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    write(pipes[1], buffer, 60000);
    int left = 60000;
    for (int tries = 0; left > 0 && tries < 100000; tries++)
        if (splice(pipes[0], NULL, fd, NULL, 60000, SPLICE_F_NONBLOCK) < 0 && errno == EAGAIN)
            ready(fd, POLLOUT, 1000);
        else
            ioctl(pipes[0], FIONREAD, &left);
    show("left in the pipe", left);
    fcntl(fd, F_SETFL, 0);
    shutdown(fd, SHUT_WR);
    tell('w', 0);
    show("the end", recv(fd, buffer, 10, 0));
    close(file), close(pipes[0]), close(pipes[1]);
}

static void coming(int fd) {
    int pipes[2];
    pipe(pipes);
    tell('l', 20000);
    long done = 0, part;
    while (done < 20000 && (part = splice(fd, NULL, pipes[1], NULL, 20000 - done, 0)) > 0) {
        done += part;
        for (long left = part; left > 0; left -= part)
            part = read(pipes[0], buffer, left);
    }
    show("splice", done);
    tell('w', 0);
    show("at the end", splice(fd, NULL, pipes[1], NULL, 10, 0));
    close(pipes[0]), close(pipes[1]);
}

static void (*const scenes[])(int) = { reading, shutting, resets, unread, pressure, watching, interrupted, shared, moving, coming };

static int serve_at(int server) {
    for (;;) {
        char greeting;
        control = accept(server, NULL, NULL);
        if (recv(control, &greeting, 1, 0) == 1 && send(control, "h", 1, 0) == 1)
            break;
        close(control);
    }
    for (size_t k = 0; k < 2 * sizeof scenes / sizeof *scenes; k++) {
        int fd = accept(server, NULL, NULL);
        if (k % 2 == 0) {
            obey(fd);
            continue;
        }
        printf("-- accepted, %zu\n", k / 2);
        scenes[k / 2](fd);
        tell('q', 0);
        close(fd);
    }
    return 0;
}

static int ask(struct sockaddr *address, socklen_t length) {
    char answer;
    for (int tries = 0;; tries++) {
        control = socket(address->sa_family, SOCK_STREAM, 0);
        if (connect(control, address, length) == 0 && send(control, "H", 1, MSG_NOSIGNAL) == 1 && recv(control, &answer, 1, 0) == 1)
            break;
        if (tries == 1000) {
            printf("no connection: %s\n", error_name(errno));
            return 1;
        }
        close(control);
        pause_for(10);
    }
    for (size_t k = 0; k < 2 * sizeof scenes / sizeof *scenes; k++) {
        int fd = socket(address->sa_family, SOCK_STREAM, 0);
        if (connect(fd, address, length) < 0) {
            printf("no connection: %s\n", error_name(errno));
            return 1;
        }
        if (k % 2 == 1) {
            obey(fd);
            continue;
        }
        printf("-- connected, %zu\n", k / 2);
        scenes[k / 2](fd);
        tell('q', 0);
        close(fd);
    }
    return 0;
}

static int listen_at(int port, struct sockaddr_in *address) {
    socklen_t length = sizeof *address;
    int server = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    *address = (struct sockaddr_in) { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(port != 0 ? INADDR_ANY : INADDR_LOOPBACK) };
    if (bind(server, (struct sockaddr *)address, length) < 0 || listen(server, 5) < 0 || getsockname(server, (struct sockaddr *)address, &length) < 0) {
        printf("no port: %s\n", error_name(errno));
        exit(1);
    }
    return server;
}

// Both ends; what the one that accepts prints comes last.
static int both(void) {
    struct sockaddr_in address;
    int server = listen_at(0, &address), output[2];
    pipe(output);
    pid_t child = fork();
    if (child == 0) {
        dup2(output[1], 1);
        close(output[0]);
        exit(serve_at(server));
    }
    close(output[1]);
    close(server);
    int status = ask((struct sockaddr *)&address, sizeof address);
    for (long part; (part = read(output[0], buffer, sizeof buffer)) > 0;)
        write(1, buffer, part);
    int child_status;
    waitpid(child, &child_status, 0);
    return status | child_status;
}

static int echo(int server, int count) {
    int epoll = epoll_create1(0), ended = 0, failed = 0;
    struct epoll_event event = { .events = EPOLLIN, .data.fd = server }, events[16];
    epoll_ctl(epoll, EPOLL_CTL_ADD, server, &event);
    fcntl(server, F_SETFL, O_NONBLOCK);
    while (ended < count) {
        int found = epoll_wait(epoll, events, 16, -1);
        for (int k = 0; k < found; k++) {
            int fd = events[k].data.fd;
            if (fd == server) {
                for (int client; (client = accept(server, NULL, NULL)) >= 0;) {
                    event.data.fd = client;
                    epoll_ctl(epoll, EPOLL_CTL_ADD, client, &event);
                }
                continue;
            }
            long part = recv(fd, buffer, sizeof buffer, 0);
            if (part > 0) {
                for (long done = 0, sent; done < part; done += sent)
                    if ((sent = send(fd, buffer + done, part - done, MSG_NOSIGNAL)) <= 0)
                        break;
                continue;
            }
            failed += part < 0;
            ended++;
            close(fd);
        }
    }
    show("ended", ended);
    show("of them failed", failed);
    return 0;
}

static long set(int fd, int level, int option, int value) { return setsockopt(fd, level, option, &value, sizeof value); }

static int options(struct sockaddr *address, socklen_t length) {
    struct tcp_info info;
    socklen_t size = sizeof info;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    show("keepalive", set(fd, SOL_SOCKET, SO_KEEPALIVE, 1));
    show("idle", set(fd, IPPROTO_TCP, TCP_KEEPIDLE, 77));
    show("receive buffer", set(fd, SOL_SOCKET, SO_RCVBUF, 20000));
    show("connect", connect(fd, address, length));
    show("interval", set(fd, IPPROTO_TCP, TCP_KEEPINTVL, 33));
    show("no delay", set(fd, IPPROTO_TCP, TCP_NODELAY, 0));
    show("TCP_INFO", getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size));
    show("state", info.tcpi_state);
    show("measured", info.tcpi_snd_mss > 0);
    show("send", send(fd, "x", 1, 0));
    show("the end", recv(fd, buffer, 1, 0));
    return 0;
}

static int mute(int server) {
    show_ok("accept", accept(server, NULL, NULL));
    for (;;)
        pause();
}

int main(int count, char **arguments) {
    struct sockaddr_in address;
    struct addrinfo *found, hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
    setvbuf(stdout, NULL, _IONBF, 0);
    if (count == 1)
        return both();
    if (count == 3 && strcmp(arguments[1], "mute") == 0)
        return mute(listen_at(atoi(arguments[2]), &address));
    if (count == 3)
        return serve_at(listen_at(atoi(arguments[2]), &address));
    if (count == 4 && strcmp(arguments[1], "echo") == 0)
        return echo(listen_at(atoi(arguments[2]), &address), atoi(arguments[3]));
    if (count != 4 || getaddrinfo(arguments[2], arguments[3], &hints, &found) != 0)
        return 64;
    if (strcmp(arguments[1], "set") == 0)
        return options(found->ai_addr, found->ai_addrlen);
    return ask(found->ai_addr, found->ai_addrlen);
}
