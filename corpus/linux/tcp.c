// TCP and UDP over the loopback addresses of IPv4 and IPv6.
#include "show.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

static char big[1000000];

static int events(int fd, int wanted) {
    struct pollfd poll_fd = { .fd = fd, .events = wanted };
    return poll(&poll_fd, 1, 0) < 0 ? -1 : poll_fd.revents;
}

// Until an answer has come through the loopback device.
static int soon(int fd, int wanted) {
    struct pollfd poll_fd = { .fd = fd, .events = wanted };
    return poll(&poll_fd, 1, 1000) < 0 ? -1 : poll_fd.revents;
}

static struct sockaddr_in at(const char *host, int port) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
    inet_pton(AF_INET, host, &address.sin_addr);
    return address;
}

static int port_of(int fd) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    getsockname(fd, (struct sockaddr *)&address, &length);
    return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static int server_on(struct sockaddr_in *address, int backlog) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, 4);
    *address = at("127.0.0.1", 0);
    bind(fd, (struct sockaddr *)address, sizeof *address);
    listen(fd, backlog);
    address->sin_port = htons(port_of(fd));
    return fd;
}

static void connected(int *client, int *accepted) {
    struct sockaddr_in address;
    int server = server_on(&address, 5);
    *client = socket(AF_INET, SOCK_STREAM, 0);
    connect(*client, (struct sockaddr *)&address, sizeof address);
    *accepted = accept(server, NULL, NULL);
    close(server);
}

static long option(int fd, int level, int name) {
    int value = 0;
    socklen_t length = sizeof value;
    return getsockopt(fd, level, name, &value, &length) < 0 ? -1 : value;
}

static void names(void) {
    struct sockaddr_in address = at("127.0.0.1", 0), other;
    socklen_t length = sizeof other;
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP), client = socket(AF_INET, SOCK_STREAM, 0);
    show("protocol", socket(AF_INET, SOCK_STREAM, IPPROTO_UDP));
    show("unsupported type", socket(AF_INET, SOCK_SEQPACKET, 0));
    show("unbound", getsockname(client, (struct sockaddr *)&other, &length));
    show("port", other.sin_port);
    show("length", length);
    show("unconnected", getpeername(client, (struct sockaddr *)&other, &length));
    show("poll unconnected", events(client, POLLIN | POLLOUT));
    show("read unconnected", read(client, &other, 1));
    show("write unconnected", send(client, "x", 1, MSG_NOSIGNAL));
    show("shutdown unconnected", shutdown(client, SHUT_WR));
    show("short address", bind(server, (struct sockaddr *)&address, 8));
    address.sin_family = AF_INET6;
    show("another family", connect(client, (struct sockaddr *)&address, sizeof address));
    address = at("1.2.3.4", 0);
    show("not this host's", bind(server, (struct sockaddr *)&address, sizeof address));
    address = at("127.0.0.1", 0);
    show("bind", bind(server, (struct sockaddr *)&address, sizeof address));
    show("twice", bind(server, (struct sockaddr *)&address, sizeof address));
    address.sin_port = htons(port_of(server));
    show("got a port", port_of(server) != 0);
    show("taken", bind(client, (struct sockaddr *)&address, sizeof address));
    show("nobody listens", connect(client, (struct sockaddr *)&address, sizeof address));
    show("accept", accept(server, NULL, NULL));
    show("listen", listen(server, 5));
    show("connect a listener", connect(server, (struct sockaddr *)&address, sizeof address));
    int again = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(again, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, 4);
    show("SO_REUSEADDR does not share a listener", bind(again, (struct sockaddr *)&address, sizeof address));
    struct sockaddr_in any = at("0.0.0.0", port_of(server));
    show("nor with any address", bind(again, (struct sockaddr *)&any, sizeof any));
    close(again);
    show("connect", connect(client, (struct sockaddr *)&address, sizeof address));
    show("connect twice", connect(client, (struct sockaddr *)&address, sizeof address));
    length = sizeof other;
    int accepted = accept4(server, (struct sockaddr *)&other, &length, SOCK_NONBLOCK);
    show_ok("accept", accepted);
    show("the client's port", ntohs(other.sin_port) == port_of(client));
    show("the same port as the listener", port_of(accepted) == port_of(server));
    show("non-blocking", recv(accepted, &other, 1, 0));
    length = sizeof other;
    getpeername(client, (struct sockaddr *)&other, &length);
    show("peer", other.sin_port == address.sin_port && other.sin_addr.s_addr == address.sin_addr.s_addr);
    close(accepted);
    close(client);
    close(server);

    int one = socket(AF_INET, SOCK_STREAM, 0), two = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(one, SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, 4);
    setsockopt(two, SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, 4);
    address.sin_port = 0;
    bind(one, (struct sockaddr *)&address, sizeof address);
    address.sin_port = htons(port_of(one));
    show("SO_REUSEPORT", bind(two, (struct sockaddr *)&address, sizeof address));
    show("listen", listen(one, 1));
    show("both listen", listen(two, 1));
    close(one);
    close(two);
}

static void transfer(void) {
    int client, accepted;
    char buffer[64];
    connected(&client, &accepted);
    show("send", send(client, "hello", 5, 0));
    show("poll", soon(accepted, POLLIN | POLLOUT));
    show("peek", recv(accepted, buffer, 64, MSG_PEEK));
    show("receive", recv(accepted, buffer, 2, 0));
    int available;
    ioctl(accepted, FIONREAD, &available);
    show("available", available);
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    show("recvfrom", recvfrom(accepted, buffer, 64, 0, (struct sockaddr *)&from, &length));
    show("no address", length);
    show("MSG_DONTWAIT", recv(accepted, buffer, 1, MSG_DONTWAIT));
    struct iovec vectors[2] = { { "abc", 3 }, { "defgh", 5 } };
    show("sendmsg", sendmsg(client, &(struct msghdr){ .msg_iov = vectors, .msg_iovlen = 2 }, 0));
    show("MSG_WAITALL", recv(accepted, buffer, 8, MSG_WAITALL));
    printf("%.8s\n", buffer);
    show("urgent data", recv(accepted, buffer, 1, MSG_OOB));
    show("shutdown", shutdown(client, SHUT_WR));
    show("poll the end", soon(accepted, POLLIN | POLLRDHUP | POLLOUT));
    show("read the end", read(accepted, buffer, 1));
    show("write back", write(accepted, "back", 4));
    show("read it", read(client, buffer, 64));
    show("write after shutdown", send(client, "x", 1, MSG_NOSIGNAL));
    shutdown(accepted, SHUT_WR);
    show("poll both ends", soon(client, POLLIN | POLLRDHUP) & (POLLIN | POLLHUP | POLLRDHUP));
    close(client);
    close(accepted);

    connected(&client, &accepted);
    close(accepted);
    show("end", read(client, buffer, 1));
    show("write to the closed end", send(client, "x", 1, MSG_NOSIGNAL));
    pause_for(10);
    show("write again", send(client, "x", 1, MSG_NOSIGNAL));
    show("read", read(client, buffer, 1));
    close(client);

    connected(&client, &accepted);
    send(client, "unread", 6, 0);
    soon(accepted, POLLIN);
    close(accepted);
    show("poll the reset", soon(client, POLLIN) & (POLLIN | POLLERR | POLLHUP));
    show("reset", read(client, buffer, 1));
    show("then the end", read(client, buffer, 1));
    show("peer", getpeername(client, (struct sockaddr *)&from, &length));
    close(client);

    connected(&client, &accepted);
    show("linger", setsockopt(accepted, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger)));
    close(accepted);
    show("reset by linger", read(client, buffer, 1));
    close(client);

    connected(&client, &accepted);
    show("shut reading", shutdown(accepted, SHUT_RD));
    show("read", read(accepted, buffer, 1));
    show("the other end may send", send(client, "x", 1, MSG_NOSIGNAL));
    close(client);
    close(accepted);
}

static void *send_all(void *argument) {
    long sent = send(*(int *)argument, big, sizeof big, 0);
    shutdown(*(int *)argument, SHUT_WR);
    return (void *)sent;
}

static void waiting(void) {
    int client, accepted;
    char buffer[7000];
    connected(&client, &accepted);
    for (unsigned k = 0; k < sizeof big; k++)
        big[k] = (char)(k * 5 + k / 253);
    pthread_t thread = start(send_all, &client);
    long total = 0, part;
    while ((part = read(accepted, buffer, sizeof buffer)) > 0) {
        if (memcmp(buffer, big + total, part) != 0)
            printf("wrong bytes at %ld\n", total);
        total += part;
    }
    void *sent;
    pthread_join(thread, &sent);
    show("received", total);
    show("sent", (long)sent);
    close(client);
    close(accepted);

    struct sockaddr_in address;
    int server = server_on(&address, 5), epoll = epoll_create1(0);
    client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    show("non-blocking connect", connect(client, (struct sockaddr *)&address, sizeof address));
    show("writable", soon(client, POLLOUT));
    show("SO_ERROR", option(client, SOL_SOCKET, SO_ERROR));
    show("connect again", connect(client, (struct sockaddr *)&address, sizeof address));
    show("and again", connect(client, (struct sockaddr *)&address, sizeof address));
    accepted = accept(server, NULL, NULL);
    epoll_ctl(epoll, EPOLL_CTL_ADD, accepted, &(struct epoll_event){ .events = EPOLLIN | EPOLLRDHUP | EPOLLET });
    struct epoll_event event;
    show("nothing yet", epoll_wait(epoll, &event, 1, 0));
    send(client, "x", 1, 0);
    show("edge", epoll_wait(epoll, &event, 1, -1));
    show("events", event.events);
    show("no edge", epoll_wait(epoll, &event, 1, 0));
    close(client);
    show("edge at the end", epoll_wait(epoll, &event, 1, -1));
    show("events", event.events);
    close(accepted);
    close(server);
    client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    show("nobody listens", connect(client, (struct sockaddr *)&address, sizeof address));
    show("poll", soon(client, POLLOUT) & (POLLOUT | POLLERR | POLLHUP));
    show("SO_ERROR", option(client, SOL_SOCKET, SO_ERROR) == ECONNREFUSED);
    close(client);
    close(epoll);
}

static void options(void) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    show("SO_TYPE", option(fd, SOL_SOCKET, SO_TYPE));
    show("SO_DOMAIN", option(fd, SOL_SOCKET, SO_DOMAIN));
    show("SO_PROTOCOL", option(fd, SOL_SOCKET, SO_PROTOCOL));
    show("SO_KEEPALIVE", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, 4));
    show("is on", option(fd, SOL_SOCKET, SO_KEEPALIVE));
    show("TCP_KEEPIDLE", setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){ 300 }, 4));
    show("is", option(fd, IPPROTO_TCP, TCP_KEEPIDLE));
    show("TCP_KEEPINTVL", setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){ 100 }, 4));
    show("TCP_KEEPCNT", setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){ 3 }, 4));
    show("is", option(fd, IPPROTO_TCP, TCP_KEEPCNT));
    show("TCP_KEEPCNT too large", setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){ 300 }, 4));
    show("TCP_NODELAY", setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 5 }, 4));
    show("is", option(fd, IPPROTO_TCP, TCP_NODELAY));
    show("TCP_CORK", setsockopt(fd, IPPROTO_TCP, TCP_CORK, &on, 4));
    show("SO_RCVBUF", setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){ 10000 }, 4));
    show("is doubled", option(fd, SOL_SOCKET, SO_RCVBUF));
    show("SO_RCVBUF small", setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &(int){ 1 }, 4));
    show("is", option(fd, SOL_SOCKET, SO_RCVBUF));
    show("SO_REUSEADDR", option(fd, SOL_SOCKET, SO_REUSEADDR));
    show("SO_ACCEPTCONN", option(fd, SOL_SOCKET, SO_ACCEPTCONN));
    show("SO_TYPE is not set", setsockopt(fd, SOL_SOCKET, SO_TYPE, &on, 4));
    show("short", setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, 2));
    show("IP_TTL", option(fd, IPPROTO_IP, IP_TTL));
    show("IPV6_V6ONLY of IPv4", option(fd, IPPROTO_IPV6, IPV6_V6ONLY));
    show("unknown level", option(fd, 99, 1));
    char device[16] = "x";
    socklen_t device_length = sizeof device;
    show("SO_BINDTODEVICE", getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, &device_length));
    printf("%u bytes\n", device_length);
    device_length = 1;
    show("without room", getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, &device_length));
    show("no device", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "", 0));
    show("a name without letters", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "\0\0", 2));
    show("none of this name", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "nothing0", 8));
    show("nowhere", setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, (void *)8, 4));
    show("unknown level is not set", setsockopt(fd, 99, 1, &on, 4));
    show("IPV6_V6ONLY is not set", setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, 4));
    show("TCP level of UDP", option(socket(AF_INET, SOCK_DGRAM, 0), IPPROTO_TCP, TCP_NODELAY));
    show("unknown option", option(fd, IPPROTO_TCP, 999));
    show("not a socket", option(1, SOL_SOCKET, SO_TYPE));
    show("negative length", getsockopt(fd, SOL_SOCKET, SO_TYPE, &on, &(socklen_t){ -1 }));
    struct timeval time = { 1, 500000 };
    socklen_t length = sizeof time;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
    time = (struct timeval){ 0 };
    getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, &length);
    show("SO_SNDTIMEO", time.tv_sec * 1000000 + time.tv_usec);
    time.tv_usec = 1000000;
    show("bad time", setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time));
    close(fd);
}

static void version6(void) {
    struct sockaddr_in6 address = { .sin6_family = AF_INET6 }, other;
    struct sockaddr_in address4;
    socklen_t length = sizeof other;
    char buffer[16];
    int server = socket(AF_INET6, SOCK_STREAM, 0);
    show_ok("socket", server);
    show("IPV6_V6ONLY", option(server, IPPROTO_IPV6, IPV6_V6ONLY));
    show("bind any", bind(server, (struct sockaddr *)&address, sizeof address));
    show("listen", listen(server, 5));
    address.sin6_port = htons(port_of(server));
    address.sin6_addr = in6addr_loopback;
    int client = socket(AF_INET6, SOCK_STREAM, 0);
    show("connect", connect(client, (struct sockaddr *)&address, sizeof address));
    int accepted = accept(server, (struct sockaddr *)&other, &length);
    show("accepted from ::1", !memcmp(&other.sin6_addr, &in6addr_loopback, 16));
    show("send", send(client, "six", 3, 0));
    show("receive", recv(accepted, buffer, 16, 0));
    close(client);
    close(accepted);
    client = socket(AF_INET, SOCK_STREAM, 0);
    address4 = at("127.0.0.1", ntohs(address.sin6_port));
    show("connect with IPv4", connect(client, (struct sockaddr *)&address4, sizeof address4));
    length = sizeof other;
    accepted = accept(server, (struct sockaddr *)&other, &length);
    show("accepted from a mapped address", IN6_IS_ADDR_V4MAPPED(&other.sin6_addr) && other.sin6_addr.s6_addr[12] == 127);
    int four = socket(AF_INET, SOCK_STREAM, 0);
    address4 = at("0.0.0.0", ntohs(address.sin6_port));
    show("the port is taken for IPv4, too", bind(four, (struct sockaddr *)&address4, sizeof address4));
    close(four);
    close(client);
    close(accepted);
    close(server);
    server = socket(AF_INET6, SOCK_STREAM, 0);
    show("only", setsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 1 }, 4));
    address.sin6_addr = in6addr_any;
    address.sin6_port = 0;
    bind(server, (struct sockaddr *)&address, sizeof address);
    listen(server, 1);
    client = socket(AF_INET, SOCK_STREAM, 0);
    address4 = at("127.0.0.1", port_of(server));
    show("refuses IPv4", connect(client, (struct sockaddr *)&address4, sizeof address4));
    close(client);
    close(server);
}

static void datagrams(void) {
    struct sockaddr_in address = at("127.0.0.1", 0), from;
    socklen_t length = sizeof from;
    char buffer[16];
    int server = socket(AF_INET, SOCK_DGRAM, 0), client = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    bind(server, (struct sockaddr *)&address, sizeof address);
    address.sin_port = htons(port_of(server));
    show("no destination", send(client, "x", 1, 0));
    show("receive nothing", recv(client, buffer, 16, 0));
    show("sendto", sendto(client, "datagram", 8, 0, (struct sockaddr *)&address, sizeof address));
    show("has a port", port_of(client) != 0);
    show("peek with length", recv(server, buffer, 3, MSG_PEEK | MSG_TRUNC));
    show("recvfrom", recvfrom(server, buffer, 16, 0, (struct sockaddr *)&from, &length));
    show("from there", ntohs(from.sin_port) == port_of(client) && from.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    show("answer", sendto(server, "answer", 6, 0, (struct sockaddr *)&from, length));
    show("receive", recv(client, buffer, 16, 0));
    show("connect", connect(client, (struct sockaddr *)&address, sizeof address));
    show("send", send(client, "", 0, 0));
    show("receive an empty one", recv(server, buffer, 16, 0));
    show("too large", send(client, big, 65508, 0));
    int other = socket(AF_INET, SOCK_DGRAM, 0);
    from.sin_port = htons(port_of(client));
    sendto(other, "filtered", 8, 0, (struct sockaddr *)&from, sizeof from);
    show("only from its peer", recv(client, buffer, 16, 0));
    close(other);
    close(server);
    show("nobody there", send(client, "x", 1, 0));
    pause_for(10);
    show("told then", recv(client, buffer, 16, 0));
    show("once", recv(client, buffer, 16, 0));
    show("disconnect", connect(client, (struct sockaddr *)&(struct sockaddr){ AF_UNSPEC, "" }, sizeof(struct sockaddr)));
    show("no destination again", send(client, "x", 1, 0));
    show("listen", listen(client, 1));
    close(client);
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    signal(SIGPIPE, SIG_IGN);
    names();
    transfer();
    waiting();
    options();
    version6();
    datagrams();
    return 0;
}
