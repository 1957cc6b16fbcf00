// Echoes of ICMP by datagram sockets, in a network of its own where that can be had, for there they may be allowed to.
#include "network.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>

struct message { unsigned char type, code; unsigned short sum, id, sequence; char data[1000]; };

static socklen_t at(struct sockaddr_in6 *to, const char *text, int port) {
    struct sockaddr_in *one = (void *)to;
    memset(to, 0, sizeof *to);
    to->sin6_port = htons(port);
    to->sin6_family = strchr(text, ':') ? AF_INET6 : AF_INET;
    inet_pton(to->sin6_family, text, strchr(text, ':') ? (void *)&to->sin6_addr : &one->sin_addr);
    return strchr(text, ':') ? sizeof *to : sizeof *one;
}

static int is6;

static struct message request(const char *text) {
    struct message message = { .type = is6 ? 128 : 8, .id = htons(7), .sequence = htons(3), .sum = 1234 };
    strcpy(message.data, text);
    return message;
}

static long ask(int file, const char *to, const char *text) {
    struct sockaddr_in6 address;
    struct message message = request(text);
    socklen_t length = at(&address, to, 0);
    return sendto(file, &message, 8 + strlen(text), 0, (void *)&address, length);
}

// Of all words, with the addresses in front where it is IPv6.
static unsigned sum_of(const struct message *message, int length) {
    unsigned sum = is6 ? 1 + 1 + length + 58 : 0;
    const unsigned char *bytes = (const void *)message;
    for (int k = 0; k < length; k++)
        sum += bytes[k] << (k & 1 ? 0 : 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static void receive(const char *what, int file, size_t room) {
    struct message message = { 0 };
    char control[256], text[64];
    struct sockaddr_in6 from = { 0 };
    struct iovec vector = { &message, room };
    struct msghdr header = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control, .msg_name = &from, .msg_namelen = sizeof from };
    struct pollfd entry = { .fd = file, .events = POLLIN };
    poll(&entry, 1, 1000);
    long count = show(what, recvmsg(file, &header, MSG_DONTWAIT));
    if (count < 8)
        return;
    struct sockaddr_in6 name;
    socklen_t length = sizeof name;
    getsockname(file, (void *)&name, &length);
    printf("  from %s port %u (%u bytes), flags %x: type %u, code %u, our number %d, sequence %u, right %d, \"%.*s\"",
        inet_ntop(from.sin6_family, from.sin6_family == AF_INET ? (void *)&((struct sockaddr_in *)&from)->sin_addr : &from.sin6_addr, text, sizeof text), from.sin6_port, header.msg_namelen,
        header.msg_flags, message.type, message.code, message.id == name.sin6_port, ntohs(message.sequence), header.msg_flags & MSG_TRUNC || sum_of(&message, count) == 0xffff, (int)room - 8, message.data);
    for (size_t place = 0; place + CMSG_LEN(0) <= header.msg_controllen;) {
        struct cmsghdr *one = (void *)(control + place);
        place += CMSG_ALIGN(one->cmsg_len);
        printf(", level %d type %d", one->cmsg_level, one->cmsg_type);
        if (one->cmsg_len == CMSG_LEN(4))
            printf(": %d", *(int *)CMSG_DATA(one));
    }
    printf("\n");
}

static void echoes(int family, const char *self, const char *other) {
    is6 = family == AF_INET6;
    struct sockaddr_in6 name, elsewhere;
    socklen_t length = sizeof name;
    int file = socket(family, SOCK_DGRAM, is6 ? 58 : 1), second = socket(family, SOCK_DGRAM, is6 ? 58 : 1), value = 0;
    struct message message = request("");
    memset(message.data, 0, sizeof message.data);
    show("no destination", send(file, &message, 8, 0));
    show("echo", ask(file, self, "hello"));
    getsockname(file, (void *)&name, &length);
    printf("got a number: %d\n", name.sin6_port != 0);
    receive("answer", file, 1000);
    setsockopt(file, is6 ? IPPROTO_IPV6 : IPPROTO_IP, is6 ? 51 : IP_RECVTTL, &(int){ 1 }, sizeof(int));
    show("odd", ask(file, self, "hello!!"));
    receive("answer", file, 1000);
    show("without data", ask(file, self, ""));
    receive("answer", file, 1000);
    show("long", ask(file, self, "more than there is room for"));
    receive("answer", file, 12);
    receive("nothing", file, 12);
    show("other family", ask(file, other, "hello"));
    show("too short", sendto(file, &message, 7, 0, (void *)&name, length));
    message.type = is6 ? 129 : 0;
    at(&elsewhere, self, 0);
    show("an answer", sendto(file, &message, 8, 0, (void *)&elsewhere, length));
    message.type = is6 ? 128 : 8, message.code = 1;
    show("a code", sendto(file, &message, 8, 0, (void *)&elsewhere, length));
    message.code = 0;
    show("urgent", sendto(file, &message, 8, MSG_OOB, (void *)&elsewhere, length));
    show("shared", bind(second, (void *)&name, length));
    close(second);
    second = socket(family, SOCK_DGRAM, is6 ? 58 : 1);
    length = at(&elsewhere, self, 4711);
    show("bind", bind(second, (void *)&elsewhere, length));
    show("again", bind(second, (void *)&elsewhere, length));
    show("connect", connect(second, (void *)&elsewhere, length));
    length = sizeof name;
    getpeername(second, (void *)&name, &length);
    printf("with port %u\n", ntohs(name.sin6_port));
    getsockname(second, (void *)&name, &length);
    printf("number %u\n", ntohs(name.sin6_port));
    show("send", send(second, &message, 20, 0));
    receive("answer", second, 1000);
    show("listen", listen(second, 1));
    length = sizeof value;
    show("type", getsockopt(second, SOL_SOCKET, SO_TYPE, &value, &length) == 0 ? value : -1);
    show("protocol", getsockopt(second, SOL_SOCKET, SO_PROTOCOL, &value, &length) == 0 ? value : -1);
    show("filter", setsockopt(second, 255, 1, &value, sizeof value));
    at(&elsewhere, is6 ? "2001:db8::1" : "192.0.2.77", 0);
    show("nobody", sendto(file, &message, 8, 0, (void *)&elsewhere, is6 ? sizeof elsewhere : sizeof(struct sockaddr_in)));

    char line[512];
    unsigned port, found = 0;
    FILE *rows = fopen(is6 ? "/proc/net/icmp6" : "/proc/net/icmp", "r");
    fgets(line, sizeof line, rows);
    printf("%s", line);
    while (fgets(line, sizeof line, rows))
        found += sscanf(line, "%*d: %*[0-9A-F]:%x", &port) == 1 && port == 4711;
    printf("rows: %u\n", found);
    fclose(rows), close(file), close(second);
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    if (own_network() != 0 && errno == EPERM) {
        printf("needs root\n");
        return 0;
    }

    show("IPv4 by IPv6", socket(AF_INET6, SOCK_DGRAM, 1));
    show("IPv6 by IPv4", socket(AF_INET, SOCK_DGRAM, 58));
    echoes(AF_INET, "127.0.0.1", "::1");
    echoes(AF_INET6, "::1", "::ffff:127.0.0.1");
    return 0;
}
