// Urgent data of TCP: its byte, the mark in the stream, and who is told of it.
#include "show.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>

static int one, other;

static void connected(int family) {
    struct sockaddr_in6 address = { .sin6_family = family };
    socklen_t length = sizeof address;
    int server = socket(family, SOCK_STREAM, 0);
    bind(server, (void *)&address, sizeof address);
    listen(server, 1);
    getsockname(server, (void *)&address, &length);
    one = socket(family, SOCK_STREAM, 0);
    connect(one, (void *)&address, length);
    other = accept(server, NULL, NULL);
    close(server);
}

static void finish(void) {
    close(one), close(other);
}

static int events_of(int file) {
    struct pollfd entry = { .fd = file, .events = POLLIN | POLLPRI };
    poll(&entry, 1, 0);
    return entry.revents;
}

// Until what was sent has come through the loopback device.
static void arrives(int file, int events) {
    struct pollfd entry = { .fd = file, .events = events };
    poll(&entry, 1, 10000);
}

// What can be said of the end that receives without reading.
static void look(const char *what) {
    int mark = -1, bytes = -1;
    ioctl(other, SIOCATMARK, &mark);
    ioctl(other, FIONREAD, &bytes);
    printf("%s: at mark %d, bytes %d, events %x\n", what, mark, bytes, events_of(other));
}

static void take(const char *what, size_t room, int flags) {
    char bytes[100] = { 0 };
    long count = recv(other, bytes, room, flags | MSG_DONTWAIT);
    if (count < 0)
        printf("%s: %s\n", what, error_name(errno));
    else
        printf("%s: %ld \"%.*s\"\n", what, count, (int)count, bytes);
}

static void put(const char *text, int flags) {
    if (send(one, text, strlen(text), flags) != (long)strlen(text))
        show("send", -1);
}

static void simple(int family) {
    connected(family);
    take("nothing urgent", 1, MSG_OOB);
    look("nothing");
    put("ab", 0), put("c", MSG_OOB), put("de", 0);
    arrives(other, POLLPRI), pause_for(20);
    look("abc!de");
    take("peek", 100, MSG_PEEK);
    take("up to the mark", 100, 0);
    look("there");
    take("peek at the byte", 1, MSG_OOB | MSG_PEEK);
    look("there");
    take("the byte", 1, MSG_OOB);
    take("again", 1, MSG_OOB);
    look("there");
    take("peek beyond", 100, MSG_PEEK);
    take("beyond", 100, 0);
    look("behind it");
    take("the byte", 1, MSG_OOB);
    finish();
}

// A byte that nobody asks for is gone when the reader has passed it.
static void passing(void) {
    connected(AF_INET);
    put("abc", MSG_OOB);
    arrives(other, POLLPRI);
    look("ab(c)");
    take("two", 2, 0);
    look("at the mark");
    take("peek", 10, MSG_PEEK);
    look("at the mark");
    take("past it", 10, 0);
    look("past it");
    take("the byte", 1, MSG_OOB);
    put("d", MSG_OOB);
    arrives(other, POLLPRI);
    look("(d)");
    take("with no room", 0, MSG_OOB);
    take("and again", 1, MSG_OOB);
    put("e", 0);
    arrives(other, POLLIN);
    look("(d)e");
    take("e", 10, 0);
    finish();
}

// A second one makes the first an ordinary byte, unless the reader has come to it.
static void twice(void) {
    connected(AF_INET);
    put("ab", 0), put("c", MSG_OOB), put("d", 0), put("e", MSG_OOB), put("f", 0);
    pause_for(50);
    look("abcd(e)f");
    take("up to the second", 100, 0);
    take("the second", 1, MSG_OOB);
    take("the rest", 100, 0);
    put("g", MSG_OOB);
    arrives(other, POLLPRI);
    look("(g)");
    put("h", MSG_OOB);
    pause_for(50);
    look("(h)");
    take("the byte", 1, MSG_OOB);
    put("i", 0);
    arrives(other, POLLIN);
    take("the rest", 100, 0);
    put("j", MSG_OOB);
    arrives(other, POLLPRI);
    take("the byte", 1, MSG_OOB);
    put("k", MSG_OOB);
    arrives(other, POLLPRI);
    take("the next", 1, MSG_OOB);
    take("nothing", 100, 0);
    finish();
}

static void in_line(void) {
    connected(AF_INET);
    setsockopt(other, SOL_SOCKET, SO_OOBINLINE, &(int){ 1 }, sizeof(int));
    put("ab", 0), put("c", MSG_OOB), put("d", 0);
    pause_for(50);
    look("ab(c)d");
    take("the byte apart", 1, MSG_OOB);
    take("up to the mark", 100, 0);
    look("there");
    take("one", 1, 0);
    look("past it");
    take("the rest", 100, 0);
    put("e", MSG_OOB);
    arrives(other, POLLIN);
    look("(e)");
    take("it", 100, 0);
    finish();
}

// A read that wants all ends at the mark.
static void whole(void) {
    char bytes[10];
    connected(AF_INET);
    put("abc", MSG_OOB), put("d", 0);
    pause_for(50);
    show("all of ten", recv(other, bytes, sizeof bytes, MSG_WAITALL));
    shutdown(one, SHUT_WR);
    show("all of ten", recv(other, bytes, sizeof bytes, MSG_WAITALL));
    show("end", recv(other, bytes, sizeof bytes, MSG_WAITALL));
    finish();
    connected(AF_INET);
    put("abc", MSG_OOB);
    shutdown(one, SHUT_WR);
    pause_for(50);
    look("ab(c), end");
    show("all of ten", recv(other, bytes, sizeof bytes, 0));
    look("(c), end");
    show("at the end", recv(other, bytes, sizeof bytes, 0));
    take("the byte", 1, MSG_OOB);
    finish();
}

static void headers(void) {
    char bytes[10];
    struct iovec vector = { bytes, sizeof bytes };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
    connected(AF_INET6);
    struct iovec parts[2] = { { "ab", 2 }, { "cd", 2 } };
    struct msghdr sent = { .msg_iov = parts, .msg_iovlen = 2 };
    show("sendmsg", sendmsg(one, &sent, MSG_OOB));
    arrives(other, POLLPRI);
    show("recvmsg", recvmsg(other, &message, MSG_OOB));
    printf("'%c', flags %x\n", bytes[0], message.msg_flags);
    message.msg_iovlen = 0;
    put("e", MSG_OOB);
    arrives(other, POLLPRI);
    show("without room", recvmsg(other, &message, MSG_OOB));
    printf("flags %x\n", message.msg_flags);
    take("the rest", 10, 0);
    finish();
}

static volatile int signals, from_kernel, told;

static void count_signal(int signal, siginfo_t *info, void *context) {
    (void)context;
    if (signal == SIGURG)
        signals++, from_kernel += info->si_code == SI_KERNEL || info->si_code == SI_USER;
    else if (info->si_code == POLL_PRI)
        told = info->si_band;
}

static void waits(volatile int *counter, int value) {
    for (int k = 0; k < 1000 && *counter != value; k++)
        pause_for(5);
}

static void signalling(void) {
    struct sigaction action = { .sa_sigaction = count_signal, .sa_flags = SA_SIGINFO | SA_RESTART };
    sigaction(SIGURG, &action, NULL), sigaction(SIGRTMIN, &action, NULL);
    connected(AF_INET);
    put("a", MSG_OOB);
    arrives(other, POLLPRI);
    printf("without owner: %d\n", signals);
    show("owner", fcntl(other, F_SETOWN, getpid()));
    put("b", MSG_OOB);
    waits(&signals, 1);
    printf("with one: %d\n", signals);
    put("c", 0);
    pause_for(20);
    printf("ordinary data: %d\n", signals);
    int group = -getpgrp(), pid = 0;
    show("owner by ioctl", ioctl(other, 0x8901, &group));
    show("asked", ioctl(other, 0x8903, &pid));
    printf("the group: %d\n", pid == group);
    pid = getpid();
    show("owner by another", ioctl(other, 0x8902, &pid));
    pid = 0;
    show("asked", ioctl(other, 0x8904, &pid));
    printf("the process: %d\n", pid == getpid());
    fcntl(other, F_SETFL, O_ASYNC);
    fcntl(other, 10, SIGRTMIN);
    put("d", MSG_OOB);
    waits(&signals, 2);
    waits(&told, 0x82);
    printf("and by another signal: %d, %x\n", signals, told);
    finish();
}

static void *send_later(void *argument) {
    (void)argument;
    pause_for(50);
    put("x", MSG_OOB);
    return NULL;
}

static void waiting(void) {
    connected(AF_INET);
    struct pollfd entry = { .fd = other, .events = POLLPRI };
    pthread_t thread = start(send_later, NULL);
    show("poll", poll(&entry, 1, 10000));
    printf("events %x\n", entry.revents);
    pthread_join(thread, NULL);
    fd_set set, in;
    struct timeval none = { 0 };
    FD_ZERO(&set);
    FD_SET(other, &set);
    in = set;
    show("select", select(other + 1, &in, NULL, &set, &none));
    printf("readable %d, exceptional %d\n", !!FD_ISSET(other, &in), !!FD_ISSET(other, &set));
    finish();

    connected(AF_INET);
    int epoll = epoll_create1(0);
    struct epoll_event event = { .events = EPOLLPRI | EPOLLIN | EPOLLET }, got;
    epoll_ctl(epoll, EPOLL_CTL_ADD, other, &event);
    put("y", 0);
    show("epoll", epoll_wait(epoll, &got, 1, 10000));
    printf("events %x\n", got.events);
    put("z", MSG_OOB);
    show("epoll", epoll_wait(epoll, &got, 1, 10000));
    printf("events %x\n", got.events);
    close(epoll);
    finish();
}

static void refused(void) {
    int pair[2], datagram = socket(AF_INET, SOCK_DGRAM, 0), stream = socket(AF_INET, SOCK_STREAM, 0), mark = 7;
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof address;
    char byte;
    bind(datagram, (void *)&address, sizeof address);
    getsockname(datagram, (void *)&address, &length);
    show("datagram", sendto(datagram, "x", 1, MSG_OOB, (void *)&address, length));
    show("mark of datagrams", ioctl(datagram, SIOCATMARK, &mark));
    show("unconnected", recv(stream, &byte, 1, MSG_OOB));
    show("its mark", ioctl(stream, SIOCATMARK, &mark));
    printf("%d\n", mark);
    listen(stream, 1);
    show("listening", recv(stream, &byte, 1, MSG_OOB));
    show("bad address", ioctl(stream, SIOCATMARK, (void *)8));
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    show("unix datagram", send(pair[0], "x", 1, MSG_OOB));
    connected(AF_INET);
    put("a", MSG_OOB);
    arrives(other, POLLPRI);
    show("bad address", recv(other, (void *)8, 1, MSG_OOB));
    finish();
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    simple(AF_INET), simple(AF_INET6);
    passing();
    twice();
    in_line();
    whole();
    headers();
    signalling();
    waiting();
    refused();
    return 0;
}
