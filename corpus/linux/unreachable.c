// Datagrams that nobody takes: errors of connected sockets, and the queue of errors (IP_RECVERR).
#include "show.h"
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

static struct sockaddr_in6 nobody;
static socklen_t length;

static socklen_t at(struct sockaddr_in6 *to, const char *text, int port) {
    struct sockaddr_in *one = (void *)to;
    memset(to, 0, sizeof *to);
    to->sin6_port = htons(port);
    to->sin6_family = strchr(text, ':') ? AF_INET6 : AF_INET;
    inet_pton(to->sin6_family, text, strchr(text, ':') ? (void *)&to->sin6_addr : &one->sin_addr);
    return strchr(text, ':') ? sizeof *to : sizeof *one;
}

// A socket, and a port of an address that nobody has.
static int fresh(int family, const char *address) {
    int other = socket(family, SOCK_DGRAM, 0);
    socklen_t any = at(&nobody, address, 0), size = sizeof nobody;
    bind(other, (void *)&nobody, any);
    getsockname(other, (void *)&nobody, &size);
    length = any;
    close(other);
    return socket(family, SOCK_DGRAM, 0);
}

// What comes of a datagram comes through the loopback device.
static void events(const char *what, int file) {
    struct pollfd entry = { .fd = file, .events = POLLIN };
    poll(&entry, 1, 50);
    printf("%s: events %x\n", what, entry.revents);
}

static void show_error(int file) {
    int value = -1;
    socklen_t size = sizeof value;
    getsockopt(file, SOL_SOCKET, SO_ERROR, &value, &size);
    printf("error: %s\n", value ? error_name(value) : "none");
}

static void next(int file, size_t room, int flags) {
    char bytes[2000], control[512], text[64];
    struct sockaddr_in6 name = { 0 };
    struct iovec vector = { bytes, room };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control, .msg_name = &name, .msg_namelen = sizeof name };
    long count = recvmsg(file, &message, MSG_ERRQUEUE | flags);
    if (count < 0) {
        printf("  queue: %s\n", error_name(errno));
        return;
    }

    printf("  queue: %ld \"%.*s\", flags %x, to %s, the port %d", count, (int)(count > 20 ? 20 : count), bytes, message.msg_flags,
        inet_ntop(name.sin6_family, name.sin6_family == AF_INET ? (void *)&((struct sockaddr_in *)&name)->sin_addr : &name.sin6_addr, text, sizeof text), name.sin6_port == nobody.sin6_port);
    for (size_t place = 0; place + CMSG_LEN(0) <= message.msg_controllen;) {
        struct cmsghdr *one = (void *)(control + place);
        place += CMSG_ALIGN(one->cmsg_len);
        if (one->cmsg_level == IPPROTO_IP ? one->cmsg_type != IP_RECVERR : one->cmsg_type != IPV6_RECVERR) {
            printf(", level %d type %d: %d", one->cmsg_level, one->cmsg_type, *(int *)CMSG_DATA(one));
            continue;
        }

        struct sock_extended_err *error = (void *)CMSG_DATA(one);
        struct sockaddr_in6 *from = (void *)(error + 1);
        printf(", level %d length %d: %s, origin %u, type %u, code %u, %u, %u from %s", one->cmsg_level, (int)(one->cmsg_len - CMSG_LEN(0)), error_name(error->ee_errno), error->ee_origin, error->ee_type,
            error->ee_code, error->ee_info, error->ee_data, inet_ntop(from->sin6_family, from->sin6_family == AF_INET ? (void *)&((struct sockaddr_in *)from)->sin_addr : &from->sin6_addr, text, sizeof text));
    }
    printf("\n");
}

static void connected(int family, const char *address) {
    char byte;
    printf("%s\n", address);
    int file = fresh(family, address);
    show("not connected", sendto(file, "first", 5, 0, (void *)&nobody, length));
    events("nothing", file);
    show("connect", connect(file, (void *)&nobody, length));
    show("send", send(file, "second", 6, 0));
    events("an error", file);
    show("send", send(file, "third", 5, 0));
    events("none", file);
    show("send", send(file, "third", 5, 0));
    events("an error", file);
    show("receive", recv(file, &byte, 1, MSG_DONTWAIT));
    show("receive", recv(file, &byte, 1, MSG_DONTWAIT));
    show("elsewhere", sendto(file, "fourth", 6, 0, (void *)&nobody, length));
    events("an error", file);
    show_error(file);
    next(file, 100, 0);
    close(file);
}

static void queued(int family, const char *address, int level, int option) {
    char byte;
    printf("%s, with a queue\n", address);
    int file = fresh(family, address);
    show("setsockopt", setsockopt(file, level, option, &(int){ 1 }, sizeof(int)));
    next(file, 100, 0);
    show("send", sendto(file, "first", 5, 0, (void *)&nobody, length));
    events("an error", file);
    show("receive", recv(file, &byte, 1, MSG_DONTWAIT));
    events("still", file);
    next(file, 100, MSG_DONTWAIT);
    events("none", file);
    show("send", sendto(file, "second", 6, 0, (void *)&nobody, length));
    events("an error", file);
    next(file, 3, 0);
    show("receive", recv(file, &byte, 1, MSG_DONTWAIT));
    next(file, 3, 0);
    static char big[1500];
    memset(big, 'x', sizeof big);
    show("big", sendto(file, big, sizeof big, 0, (void *)&nobody, length));
    events("an error", file);
    show("another", sendto(file, "x", 1, 0, (void *)&nobody, length));
    show_error(file);
    show("two", sendto(file, "y", 1, 0, (void *)&nobody, length));
    events("errors", file);
    next(file, 2000, 0);
    show_error(file);
    next(file, 2000, 0);
    next(file, 2000, 0);
    show_error(file);
    // How the answer came.
    setsockopt(file, IPPROTO_IP, IP_RECVTOS, &(int){ 1 }, sizeof(int));
    setsockopt(file, IPPROTO_IP, IP_RECVTTL, &(int){ 1 }, sizeof(int));
    if (family == AF_INET6)
        setsockopt(file, IPPROTO_IPV6, 51, &(int){ 1 }, sizeof(int));
    show("send", sendto(file, "third", 5, 0, (void *)&nobody, length));
    events("an error", file);
    next(file, 100, 0);
    show("send", sendto(file, "gone", 4, 0, (void *)&nobody, length));
    events("an error", file);
    setsockopt(file, level, option, &(int){ 0 }, sizeof(int));
    next(file, 100, 0);
    events("still", file);
    show_error(file);
    events("none", file);
    show("without", sendto(file, "fourth", 6, 0, (void *)&nobody, length));
    events("none", file);
    close(file);
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    connected(AF_INET, "127.0.0.1"), connected(AF_INET6, "::1"), connected(AF_INET6, "::ffff:127.0.0.1");
    queued(AF_INET, "127.0.0.1", IPPROTO_IP, IP_RECVERR);
    queued(AF_INET6, "::1", IPPROTO_IPV6, IPV6_RECVERR);
    queued(AF_INET6, "::ffff:127.0.0.1", IPPROTO_IP, IP_RECVERR);
    int stream = socket(AF_INET, SOCK_STREAM, 0), pair[2];
    next(stream, 10, 0);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    next(pair[0], 10, MSG_DONTWAIT);
    return 0;
}
