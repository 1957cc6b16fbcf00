// A server that answers what it is told, and a client that tells it: two cVMs, or one and a program of the host.
//
//   talk serve PORT              answers one connection
//   talk ask HOST PORT BYTES     sends so many bytes, and compares the answer
//   talk hear PORT               tells from where the first datagram comes, and answers it
//   talk post HOST PORT          sends datagrams there, and to the next port, and tells what comes back
//   talk pretend HOST PORT       sends datagrams and connects as 127.0.0.1 and ::1, and then as itself
//   talk ping HOST               asks for an echo
//   talk urge HOST PORT          sends a byte that is urgent, and waits for another
//   talk addresses               tells of its addresses that are not of the loopback device
//
// serve6, ask6, hear6, post6, ping6 and pretend6 have no other addresses than those of IPv6.
#include "show.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int family = AF_INET;

static const char *text_of(const void *address) {
    static char text[64];
    const struct sockaddr_in6 *six = address;
    return six->sin6_family == AF_INET6 ? inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof text)
        : inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text, sizeof text);
}

static int serve(int port) {
    struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) }, peer;
    socklen_t length = sizeof peer;
    char buffer[10000];
    int server = socket(AF_INET6, SOCK_STREAM, 0), only = family == AF_INET6;
    setsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    show("bind", bind(server, (struct sockaddr *)&address, sizeof address));
    show("listen", listen(server, 5));
    int client = accept(server, (struct sockaddr *)&peer, &length);
    show_ok("accept", client);
    printf("from %s\n", text_of(&peer));
    long part, total = 0;
    while ((part = recv(client, buffer, sizeof buffer, 0)) > 0) {
        total += part;
        if (send(client, buffer, part, 0) != part)
            break;
    }
    show("served", total);
    close(client);
    close(server);
    return 0;
}

static int fd;
static long bytes;

static void *ask_all(void *argument) {
    char buffer[7000];
    (void)argument;
    for (long done = 0; done < bytes;) {
        long part = bytes - done < (long)sizeof buffer ? bytes - done : (long)sizeof buffer;
        for (long k = 0; k < part; k++)
            buffer[k] = (char)((done + k) * 11 + (done + k) / 241);
        if (send(fd, buffer, part, 0) != part)
            break;
        done += part;
    }
    shutdown(fd, SHUT_WR);
    return NULL;
}

static int ask(const char *host, const char *port) {
    struct addrinfo *found, hints = { .ai_family = family, .ai_socktype = SOCK_STREAM };
    int error = getaddrinfo(host, port, &hints, &found);
    if (error != 0) {
        printf("%s is not found\n", host);
        return 1;
    }
    for (int tries = 0;; tries++) {
        fd = socket(family, SOCK_STREAM, 0);
        if (connect(fd, found->ai_addr, found->ai_addrlen) == 0)
            break;
        if (errno != ECONNREFUSED || tries == 500) {
            printf("no connection: %s\n", error_name(errno));
            return 1;
        }
        close(fd);
        pause_for(10);
    }
    pthread_t thread = start(ask_all, NULL);
    char buffer[9000];
    long part, total = 0;
    while ((part = recv(fd, buffer, sizeof buffer, 0)) > 0) {
        for (long k = 0; k < part; k++)
            if (buffer[k] != (char)((total + k) * 11 + (total + k) / 241)) {
                printf("wrong byte at %ld\n", total + k);
                return 1;
            }
        total += part;
    }
    pthread_join(thread, NULL);
    show("answered", total);
    return 0;
}

static int hear(int port) {
    // The port is where it is for either family.
    struct sockaddr_in6 address = { .sin6_family = family, .sin6_port = htons(port) }, peer;
    socklen_t length = sizeof peer;
    char buffer[100];
    int server = socket(family, SOCK_DGRAM, 0), only = 1;
    if (family == AF_INET6)
        setsockopt(server, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
    show("bind", bind(server, (struct sockaddr *)&address, sizeof address));
    long part = recvfrom(server, buffer, sizeof buffer, 0, (struct sockaddr *)&peer, &length);
    printf("%.*s from %s\n", (int)part, buffer, text_of(&peer));
    show("answer", sendto(server, buffer, part, 0, (struct sockaddr *)&peer, length));
    return 0;
}

static int post_to(const char *host, const char *port) {
    struct addrinfo *found, hints = { .ai_family = family, .ai_socktype = SOCK_DGRAM };
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        printf("%s is not found\n", host);
        return 1;
    }
    struct sockaddr_in6 to = { 0 }, other, from;
    socklen_t length = sizeof from;
    memcpy(&to, found->ai_addr, found->ai_addrlen);
    other = to;
    other.sin6_port = htons(ntohs(to.sin6_port) + 1);
    char buffer[2000];
    int file = socket(family, SOCK_DGRAM, 0);
    show("send", sendto(file, "who", 3, 0, (void *)&to, sizeof to));
    long part = recvfrom(file, buffer, sizeof buffer, 0, (void *)&from, &length);
    printf("%.*s, %s\n", (int)part, buffer, memcmp(&from, &to, found->ai_addrlen) == 0 ? "from there" : "from elsewhere");
    show("send elsewhere", sendto(file, "who", 3, 0, (void *)&other, sizeof other));
    show("connect elsewhere", connect(file, (void *)&other, sizeof other));
    show("connect", connect(file, (void *)&to, sizeof to));
    memset(buffer, 'x', sizeof buffer);
    show("send", send(file, buffer, 1400, 0));
    show("answer", recv(file, buffer, sizeof buffer, 0));
    show("nothing", send(file, buffer, 0, 0));
    show("answer", recv(file, buffer, sizeof buffer, 0));
    return 0;
}

static struct sockaddr_in there;
static struct sockaddr_in6 there6;

static void name(const char *host, const char *port) {
    struct addrinfo *found, hints = { .ai_family = AF_INET, .ai_socktype = SOCK_DGRAM };
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        printf("%s is not found\n", host);
        exit(1);
    }
    memcpy(&there, found->ai_addr, sizeof there);
    there6 = (struct sockaddr_in6) { .sin6_family = AF_INET6, .sin6_port = there.sin_port };
    inet_pton(AF_INET6, "::ffff:0.0.0.0", &there6.sin6_addr);
    memcpy(there6.sin6_addr.s6_addr + 12, &there.sin_addr, 4);
}

// A socket that is bound to an address as itself.
static int bound(int family, int type, const char *address) {
    struct sockaddr_in one = { .sin_family = AF_INET };
    struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
    int file = socket(family, type, 0);
    inet_pton(family, address, family == AF_INET ? (void *)&one.sin_addr : &six.sin6_addr);
    if (family == AF_INET ? bind(file, (void *)&one, sizeof one) : bind(file, (void *)&six, sizeof six))
        show("bind", -1);
    return file;
}

static long send_there(int file, int family) {
    return family == AF_INET ? sendto(file, "false", 5, 0, (void *)&there, sizeof there) : sendto(file, "false", 5, 0, (void *)&there6, sizeof there6);
}

static long connect_there(int file, int family) {
    return family == AF_INET ? connect(file, (void *)&there, sizeof there) : connect(file, (void *)&there6, sizeof there6);
}

// Sends with an address to send from.
static long post(int family, int level, int type, const void *data, size_t length) {
    char control[256] = { 0 };
    struct iovec vector = { "false", 5 };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(length),
        .msg_name = family == AF_INET ? (void *)&there : &there6, .msg_namelen = family == AF_INET ? sizeof there : sizeof there6 };
    struct cmsghdr *one = CMSG_FIRSTHDR(&message);
    one->cmsg_level = level, one->cmsg_type = type, one->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(one), data, length);
    return sendmsg(socket(family, SOCK_DGRAM, 0), &message, 0);
}

static int show_answer(int file) {
    // Until the other is there, nobody gets it.
    struct timeval patience = { .tv_usec = 20000 };
    setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    char answer[10];
    long length = -1;
    for (int tries = 0; length < 0 && tries < 500; tries++) {
        send(file, "true", 4, 0);
        length = recv(file, answer, sizeof answer, 0);
        if (length < 0 && errno == ECONNREFUSED)
            pause_for(10);
    }
    show("answered", length);
    return 0;
}

static int pretend(const char *host, const char *port) {
    name(host, port);
    show("send", send_there(bound(AF_INET, SOCK_DGRAM, "127.0.0.1"), AF_INET));
    show("send from 127.1.2.3", send_there(bound(AF_INET, SOCK_DGRAM, "127.1.2.3"), AF_INET));
    show("send by IPv6", send_there(bound(AF_INET6, SOCK_DGRAM, "::ffff:127.0.0.1"), AF_INET6));
    show("send from ::1", send_there(bound(AF_INET6, SOCK_DGRAM, "::1"), AF_INET6));
    struct { int index; struct in_addr local, header; } info = { 0, { htonl(INADDR_LOOPBACK) }, { 0 } };
    show("post", post(AF_INET, IPPROTO_IP, IP_PKTINFO, &info, sizeof info));
    struct { struct in6_addr address; int index; } info6 = { IN6ADDR_LOOPBACK_INIT, 0 };
    show("post from ::1", post(AF_INET6, IPPROTO_IPV6, 50, &info6, sizeof info6));
    inet_pton(AF_INET6, "::ffff:127.0.0.1", &info6.address);
    show("post by IPv6", post(AF_INET6, IPPROTO_IPV6, 50, &info6, sizeof info6));
    show("connect", connect_there(bound(AF_INET, SOCK_DGRAM, "127.0.0.1"), AF_INET));
    show("connect by IPv6", connect_there(bound(AF_INET6, SOCK_DGRAM, "::ffff:127.0.0.1"), AF_INET6));
    show("connect a stream", connect_there(bound(AF_INET, SOCK_STREAM, "127.0.0.1"), AF_INET));
    show("connect a stream by IPv6", connect_there(bound(AF_INET6, SOCK_STREAM, "::ffff:127.0.0.1"), AF_INET6));

    // One that was connected to itself may go elsewhere when it is so no more.
    struct sockaddr_in self = { .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr none = { .sa_family = AF_UNSPEC };
    int file = socket(AF_INET, SOCK_DGRAM, 0);
    show("connect to itself", connect(file, (void *)&self, sizeof self));
    show("and elsewhere", connect_there(file, AF_INET));
    show("disconnect", connect(file, &none, sizeof none));
    show("connect", connect_there(file, AF_INET));
    return show_answer(file);
}

// By IPv6 that is sent, and thrown away.
static int pretend6(const char *host, const char *port) {
    struct addrinfo *found, hints = { .ai_family = AF_INET6, .ai_socktype = SOCK_DGRAM };
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        printf("%s is not found\n", host);
        return 1;
    }
    memcpy(&there6, found->ai_addr, sizeof there6);
    show("send from ::1", send_there(bound(AF_INET6, SOCK_DGRAM, "::1"), AF_INET6));
    int file = bound(AF_INET6, SOCK_DGRAM, "::1");
    show("connect from ::1", connect_there(file, AF_INET6));
    show("send", send(file, "false", 5, 0));
    show("and again", send(file, "false", 5, 0));
    struct { struct in6_addr address; int index; } info = { IN6ADDR_LOOPBACK_INIT, 0 };
    show("post from ::1", post(AF_INET6, IPPROTO_IPV6, 50, &info, sizeof info));
    show("connect a stream", connect_there(bound(AF_INET6, SOCK_STREAM, "::1"), AF_INET6));
    file = socket(AF_INET6, SOCK_DGRAM, 0);
    show("connect", connect_there(file, AF_INET6));
    return show_answer(file);
}

static int ping(const char *host) {
    struct addrinfo *found, hints = { .ai_family = family, .ai_socktype = SOCK_DGRAM };
    if (getaddrinfo(host, NULL, &hints, &found) != 0) {
        printf("%s is not found\n", host);
        return 1;
    }
    unsigned char message[12] = { family == AF_INET ? 8 : 128, 0, 0, 0, 0, 0, 0, 1, 'e', 'c', 'h', 'o' };
    struct sockaddr_in6 from;
    socklen_t length = sizeof from;
    int file = socket(family, SOCK_DGRAM, family == AF_INET ? 1 : 58);
    show("send", sendto(file, message, sizeof message, 0, found->ai_addr, found->ai_addrlen));
    show("answer", recvfrom(file, message, sizeof message, 0, (void *)&from, &length));
    printf("type %u from %s: %.4s\n", message[0], text_of(&from), message + 8);
    return 0;
}

static int urge(const char *host, const char *port) {
    struct addrinfo *found, hints = { .ai_family = family, .ai_socktype = SOCK_STREAM };
    if (getaddrinfo(host, port, &hints, &found) != 0) {
        printf("%s is not found\n", host);
        return 1;
    }
    char bytes[10];
    int file = socket(family, SOCK_STREAM, 0), mark = -1;
    show("connect", connect(file, found->ai_addr, found->ai_addrlen));
    show("send", send(file, "ab", 2, 0));
    show("send", send(file, "c", 1, MSG_OOB));
    struct pollfd entry = { .fd = file, .events = POLLPRI };
    show("poll", poll(&entry, 1, -1));
    printf("events %x\n", entry.revents);
    show("urgent", recv(file, bytes, sizeof bytes, MSG_OOB));
    show("mark", ioctl(file, SIOCATMARK, &mark));
    printf("at mark %d\n", mark);
    show("before it", recv(file, bytes + 1, sizeof bytes - 1, 0));
    show("mark", ioctl(file, SIOCATMARK, &mark));
    printf("at mark %d: %.3s\n", mark, bytes);
    show("send", send(file, "", 1, 0));
    return 0;
}

static int addresses(void) {
    struct ifaddrs *all;
    show("getifaddrs", getifaddrs(&all));
    for (struct ifaddrs *one = all; one; one = one->ifa_next)
        if (one->ifa_addr && (one->ifa_addr->sa_family == AF_INET || one->ifa_addr->sa_family == AF_INET6) && strcmp(one->ifa_name, "lo") != 0) {
            printf("%s %s", one->ifa_name, text_of(one->ifa_addr));
            printf(" mask %s\n", text_of(one->ifa_netmask));
        }
    static const char *const files[] = { "/proc/net/if_inet6", "/proc/net/ipv6_route", "/etc/hosts" };
    for (int k = 0; k < 3; k++) {
        char line[256];
        FILE *file = fopen(files[k], "r");
        while (fgets(line, sizeof line, file))
            printf("%s", line);
        fclose(file);
    }
    return 0;
}

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IONBF, 0);
    size_t end = count > 1 ? strlen(arguments[1]) : 0;
    if (end > 0 && arguments[1][end - 1] == '6')
        family = AF_INET6, arguments[1][end - 1] = 0;
    if (count == 2)
        return addresses();
    if (count == 3 && strcmp(arguments[1], "ping") == 0)
        return ping(arguments[2]);
    if (count == 3 && strcmp(arguments[1], "hear") == 0)
        return hear(atoi(arguments[2]));
    if (count == 4 && strcmp(arguments[1], "post") == 0)
        return post_to(arguments[2], arguments[3]);
    if (count == 4 && strcmp(arguments[1], "urge") == 0)
        return urge(arguments[2], arguments[3]);
    if (count == 4)
        return (family == AF_INET ? pretend : pretend6)(arguments[2], arguments[3]);
    if (count == 3)
        return serve(atoi(arguments[2]));
    if (count != 5)
        return 64;
    bytes = atol(arguments[4]);
    return ask(arguments[2], arguments[3]);
}
