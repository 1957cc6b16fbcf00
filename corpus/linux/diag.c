// Sockets by netlink (sock_diag): those of this program, which are known by their inodes.
#include "show.h"
#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct inet_id { unsigned short source, destination; unsigned from[4], to[4], interface, cookie[2]; };
struct inet_request { unsigned char family, protocol, extensions, pad; unsigned states; struct inet_id id; };
struct inet_answer { unsigned char family, state, timer, retransmits; struct inet_id id; unsigned expires, received, sent, user, inode; };
struct unix_request { unsigned char family, protocol; unsigned short pad; unsigned states, inode, shown, cookie[2]; };
struct unix_answer { unsigned char family, type, state, pad; unsigned inode, cookie[2]; };
struct operation { unsigned char code, yes; unsigned short no; };

#define MOST 32
static struct { unsigned long inode; unsigned short port; const char *name; int file; } known[MOST];
static int count, netlink;
static char bytes[65536];

static int keep(const char *name, int file) {
    struct stat status;
    struct sockaddr_in6 address = { 0 };
    socklen_t length = sizeof address;
    fstat(file, &status);
    getsockname(file, (void *)&address, &length);
    known[count].inode = status.st_ino;
    known[count].port = address.sin6_family == AF_UNIX ? 0 : address.sin6_port;
    known[count].file = file;
    known[count++].name = name;
    return file;
}

static void forget(void) {
    while (count > 0)
        close(known[--count].file);
}

static const char *inode_name(unsigned inode) {
    for (int k = 0; k < count; k++)
        if (known[k].inode == inode)
            return known[k].name;
    return inode ? "another" : "none";
}

static const char *port_name(unsigned short port) {
    for (int k = 0; k < count; k++)
        if (port && known[k].port == port)
            return known[k].name;
    return port ? "another" : "none";
}

static int server(const char *name, int family, int type, int only) {
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    struct sockaddr_in one = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int file = socket(family, type, 0);
    if (only)
        setsockopt(file, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only), six.sin6_addr = in6addr_any;
    bind(file, family == AF_INET ? (void *)&one : (void *)&six, family == AF_INET ? sizeof one : sizeof six);
    if (type == SOCK_STREAM)
        listen(file, 5);
    return keep(name, file);
}

static int client(const char *name, int to, int type) {
    struct sockaddr_in6 address;
    socklen_t length = sizeof address;
    getsockname(to, (void *)&address, &length);
    int file = socket(address.sin6_family, type, 0);
    connect(file, (void *)&address, length);
    return keep(name, file);
}

static void attributes(const char *at, int left, int family) {
    while (left >= 4) {
        int length = *(unsigned short *)at, type = *(unsigned short *)(at + 2);
        const unsigned *words = (const void *)(at + 4);
        if (length < 4 || length > left)
            break;
        if (family != AF_UNIX) {
            if (type == 1)
                printf(", memory %d", length == 20);
            else if (type == 2)
                printf(", information %d of state %u", length >= 236, ((unsigned char *)words)[0]);
            else if (type == 5 || type == 6)
                printf(", %s %u", type == 5 ? "service" : "class", ((unsigned char *)words)[0]);
            else if (type == 7)
                printf(", memory of the socket %d, room %d", length == 40, words[1] > 0 && words[3] > 0);
            else if (type == 8)
                printf(", over %u", ((unsigned char *)words)[0]);
            else if (type == 11)
                printf(", IPv6 only %u", ((unsigned char *)words)[0]);
        } else if (type == 0)
            printf(", name %d:%s", length - 4, ((char *)words)[0] ? (char *)words : (char *)words + 1);
        else if (type == 1) {
            struct stat status;
            printf(", file %d", stat("named", &status) == 0 && status.st_ino == words[0]);
        } else if (type == 2)
            printf(", with %s", inode_name(words[0]));
        else if (type == 3) {
            printf(", waiting");
            for (int k = 0; k < (length - 4) / 4; k++)
                printf(" %s", inode_name(words[k]));
        } else if (type == 4)
            printf(", queue %u", words[0]);
        else if (type == 6)
            printf(", over %u", ((unsigned char *)words)[0]);
        else if (type == 7)
            printf(", of this user %d", words[0] == getuid());
        at += (length + 3) & ~3, left -= (length + 3) & ~3;
    }
    printf("\n");
}

static int row(struct nlmsghdr *one, int family, int quiet) {
    struct inet_answer *inet = NLMSG_DATA(one);
    struct unix_answer *local = NLMSG_DATA(one);
    const char *name = inode_name(family == AF_UNIX ? local->inode : inet->inode);
    // What others' connections of before have left (6, TIME_WAIT) may have had the same ports.
    int waits = family != AF_UNIX && inet->inode == 0 && inet->state != 6 && strcmp(port_name(inet->id.source), "another") != 0;
    if (!waits && (strcmp(name, "another") == 0 || strcmp(name, "none") == 0))
        return 0;
    if (quiet)
        return 1;
    if (family == AF_UNIX) {
        printf("  %s: type %u, state %u", name, local->type, local->state);
        attributes((char *)(local + 1), one->nlmsg_len - NLMSG_LENGTH(sizeof *local), family);
    } else {
        printf("  %s: family %u, state %u, %s %08x%08x%08x%08x to %s %08x%08x%08x%08x, waiting %u", waits ? "one that waits" : name, inet->family, inet->state,
            port_name(inet->id.source), ntohl(inet->id.from[0]), ntohl(inet->id.from[1]), ntohl(inet->id.from[2]), ntohl(inet->id.from[3]),
            port_name(inet->id.destination), ntohl(inet->id.to[0]), ntohl(inet->id.to[1]), ntohl(inet->id.to[2]), ntohl(inet->id.to[3]), inet->received);
        if (inet->state == 10)
            printf(" of %u", inet->sent);
        printf(", this user %d", inet->user == getuid());
        attributes((char *)(inet + 1), one->nlmsg_len - NLMSG_LENGTH(sizeof *inet), family);
    }

    return 1;
}

// Sends a request, and prints the rows of known sockets, in the order in which they are known.
static int list(const char *what, const void *request, int length, int flags, int family, int quiet) {
    struct { struct nlmsghdr header; char body[512]; } message = { { .nlmsg_len = NLMSG_LENGTH(length), .nlmsg_type = 20, .nlmsg_flags = NLM_F_REQUEST | flags, .nlmsg_seq = 5 }, "" };
    memcpy(message.body, request, length);
    send(netlink, &message, message.header.nlmsg_len, 0);
    if (what)
        printf("%s\n", what);
    int total = 0, used = 0, done = !flags;
    do {
        long part = recv(netlink, bytes + used, sizeof bytes - used, 0);
        struct nlmsghdr *one = (void *)(bytes + used);
        if (part <= 0) {
            printf("  %s\n", error_name(errno));
            return total;
        }

        for (long left = part; NLMSG_OK(one, (unsigned)left); one = NLMSG_NEXT(one, left)) {
            int error = one->nlmsg_type == NLMSG_DONE || one->nlmsg_type == NLMSG_ERROR ? *(int *)NLMSG_DATA(one) : 0;
            done |= one->nlmsg_type == NLMSG_DONE || one->nlmsg_type == NLMSG_ERROR;
            if (error)
                printf("  %s %s\n", one->nlmsg_type == NLMSG_DONE ? "ends with" : "error", error_name(-error));
            if (one->nlmsg_type == 20)
                total += row(one, family, 1);
        }

        used += quiet ? 0 : (part + 3) & ~3;
    } while (!done);
    for (int k = 0; k <= count && !quiet; k++) {
        struct nlmsghdr *one = (void *)bytes;
        for (long left = used; NLMSG_OK(one, (unsigned)left); one = NLMSG_NEXT(one, left)) {
            unsigned inode = family == AF_UNIX ? ((struct unix_answer *)NLMSG_DATA(one))->inode : ((struct inet_answer *)NLMSG_DATA(one))->inode;
            if (one->nlmsg_type == 20 && inode == (k < count ? known[k].inode : 0))
                row(one, family, 0);
        }
    }
    return total;
}

static void list_inet(const char *what, int family, int protocol, unsigned states, int extensions) {
    struct inet_request request = { .family = family, .protocol = protocol, .extensions = extensions, .states = states };
    list(what, &request, sizeof request, NLM_F_DUMP, family, 0);
}

static void streams(void) {
    int listener = server("server", AF_INET, SOCK_STREAM, 0), one = client("client", listener, SOCK_STREAM);
    keep("accepted", accept(listener, NULL, NULL));
    client("second", listener, SOCK_STREAM);
    keep("unbound", socket(AF_INET, SOCK_STREAM, 0));
    keep("bound", socket(AF_INET, SOCK_STREAM, 0));
    write(one, "12345", 5);
    list_inet("bytes wait", AF_INET, IPPROTO_TCP, 1 << 1, 0);
    read(known[2].file, bytes, 5);
    shutdown(one, SHUT_WR);
    pause_for(100);
    read(known[2].file, bytes, 5);
    setsockopt(one, IPPROTO_IP, IP_TOS, &(int){ 16 }, sizeof(int));
    list_inet("all", AF_INET, IPPROTO_TCP, 0xfff, 0x7f);
    list_inet("those that listen", AF_INET, IPPROTO_TCP, 1 << 10, 0);
    list_inet("of IPv6", AF_INET6, IPPROTO_TCP, 0xfff, 0);

    struct inet_request request = { .family = AF_INET, .protocol = IPPROTO_TCP, .states = 0xfff, .id = { .source = known[1].port } };
    list("by the port", &request, sizeof request, NLM_F_DUMP, AF_INET, 0);
    request.id = (struct inet_id) { .source = known[1].port, .destination = known[0].port, .from = { htonl(INADDR_LOOPBACK) }, .to = { htonl(INADDR_LOOPBACK) }, .cookie = { -1, -1 } };
    list("one", &request, sizeof request, 0, AF_INET, 0);
    request.id.cookie[0] = 1, request.id.cookie[1] = 77;
    list("another cookie", &request, sizeof request, 0, AF_INET, 0);
    request.id.cookie[0] = request.id.cookie[1] = -1, request.id.destination = 0;
    list("nobody", &request, sizeof request, 0, AF_INET, 0);
    request.id.source = known[0].port;
    list("the one that listens", &request, sizeof request, 0, AF_INET, 0);
    forget();

    int listener6 = server("server", AF_INET6, SOCK_STREAM, 1);
    server("server of an address", AF_INET6, SOCK_STREAM, 0);
    client("client", listener6, SOCK_STREAM);
    list_inet("IPv6", AF_INET6, IPPROTO_TCP, 0xfff, 0x7f);
    forget();
}

static void filter(const char *what, const struct operation *code, int length) {
    struct { struct inet_request request; unsigned short size, type; char code[256]; } request = { { .family = AF_INET, .protocol = IPPROTO_TCP, .states = 0xfff }, 4 + length, 1, "" };
    memcpy(request.code, code, length);
    list(what, &request, sizeof request.request + 4 + length, NLM_F_DUMP, AF_INET, 0);
}

static void filters(void) {
    int listener = server("server", AF_INET, SOCK_STREAM, 0);
    client("client", listener, SOCK_STREAM);
    unsigned short port = ntohs(known[0].port);
    struct operation is[] = { { 11, 8, 12 }, { 0, 0, port } };
    filter("the port of the server", is, sizeof is);
    is[0].code = 12;
    filter("to the port of the server", is, sizeof is);
    // Yes of the first goes over a jump to the end.
    struct operation jump[] = { { 11, 8, 12 }, { 0, 0, port }, { 1, 4, 12 }, { 12, 8, 12 }, { 0, 0, port } };
    filter("from it or to it", jump, sizeof jump);
    struct operation range[] = { { 2, 8, 20 }, { 0, 0, port }, { 3, 8, 12 }, { 0, 0, port } };
    filter("in a range", range, sizeof range);
    struct operation host[] = { { 8, 16, 20 }, { AF_INET, 8, 0 }, { 255, 255, 65535 }, { 127, 0, 0 } };
    filter("to 127.0.0.0/8", host, sizeof host);
    host[3] = (struct operation) { 126, 0, 0 };
    filter("to 126.0.0.0/8", host, sizeof host);
    host[1].yes = 7;
    filter("to 126.0.0.0/7", host, sizeof host);
    host[1].yes = 33;
    filter("33 bits", host, sizeof host);
    struct operation automatic[] = { { 6, 4, 8 } };
    filter("with a port that was free", automatic, sizeof automatic);
    struct operation wrong[] = { { 99, 4, 8 } };
    filter("unknown", wrong, sizeof wrong);
    wrong[0] = (struct operation) { 1, 4, 2 };
    filter("between two", wrong, sizeof wrong);
    wrong[0] = (struct operation) { 1, 8, 4 };
    filter("beyond the end", wrong, sizeof wrong);
    wrong[0] = (struct operation) { 0, 0, 0 };
    filter("for ever", wrong, sizeof wrong);
    filter("cut off", is, 4);
    filter("nothing", is, 0);
    forget();
}

static void datagrams(void) {
    int receiver = server("receiver", AF_INET, SOCK_DGRAM, 0);
    client("sender", receiver, SOCK_DGRAM);
    keep("unbound", socket(AF_INET, SOCK_DGRAM, 0));
    list_inet("UDP", AF_INET, IPPROTO_UDP, 0xfff, 0);
    list_inet("connected", AF_INET, IPPROTO_UDP, 1 << 1, 1);
    server("receiver6", AF_INET6, SOCK_DGRAM, 1);
    list_inet("UDP of IPv6", AF_INET6, IPPROTO_UDP, 0xfff, 0);
    list_inet("no protocol", AF_INET, 200, 0xfff, 0);
    int echo = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
    bind(echo, (void *)&(struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(77) }, sizeof(struct sockaddr_in));
    list_inet("ICMP", AF_INET, IPPROTO_ICMP, 0xfff, 0);
    close(echo);
    list_inet("no sockets of it", AF_INET, IPPROTO_UDPLITE, 0xfff, 0);
    forget();
}

static void list_unix(const char *what, unsigned states, unsigned shown, unsigned inode, int flags) {
    struct unix_request request = { AF_UNIX, 0, 0, states, inode, shown, { -1, -1 } };
    list(what, &request, sizeof request, flags, AF_UNIX, 0);
}

static void locals(void) {
    int pair[2], datagrams[2];
    struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "named" };
    unlink("named");
    int named = keep("named", socket(AF_UNIX, SOCK_STREAM, 0));
    bind(named, (void *)&name, sizeof name);
    listen(named, 3);
    int hidden = keep("hidden", socket(AF_UNIX, SOCK_DGRAM, 0));
    bind(hidden, (void *)&(struct sockaddr_un){ .sun_family = AF_UNIX, .sun_path = "\0cheri2il-hidden" }, sizeof(sa_family_t) + 16);
    keep("nameless", socket(AF_UNIX, SOCK_SEQPACKET, 0));
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    keep("left", pair[0]), keep("right", pair[1]);
    write(pair[0], "123456", 6);
    shutdown(pair[0], SHUT_WR);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, datagrams);
    keep("one", datagrams[0]), keep("other", datagrams[1]);
    int caller = keep("caller", socket(AF_UNIX, SOCK_STREAM, 0));
    connect(caller, (void *)&name, sizeof name);
    keep("called", accept(named, NULL, NULL));
    int waiting = keep("waiting", socket(AF_UNIX, SOCK_STREAM, 0));
    connect(waiting, (void *)&name, sizeof name);
    list_unix("unix", 0xfff, 0x7f, 0, NLM_F_DUMP);
    list_unix("those that listen", 1 << 10, 0, 0, NLM_F_DUMP);
    list_unix("one", 0, 4, known[3].inode, 0);
    list_unix("none", 0xfff, 4, 0, 0);
    struct unix_request request = { AF_UNIX, 0, 0, 0, known[3].inode, 0, { 1, 77 } };
    list("another cookie", &request, sizeof request, 0, AF_UNIX, 0);
    request.inode = 1;
    list("no such socket", &request, sizeof request, 0, AF_UNIX, 0);
    list("too short", &request, 20, 0, AF_UNIX, 0);
    unlink("named");
    forget();
}

// More than fit into one message.
static void many(void) {
    struct inet_request request = { .family = AF_INET, .protocol = IPPROTO_UDP, .states = 0xfff };
    static int files[300];
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int left = 300;
    for (int k = 0; k < 300; k++)
        bind(files[k] = socket(AF_INET, SOCK_DGRAM, 0), (void *)&address, sizeof address);
    for (int first = 0; first < 300; first += 30) {
        count = 0;
        for (int k = 0; k < 30; k++)
            keep("one of many", files[first + k]);
        left -= list(NULL, &request, sizeof request, NLM_F_DUMP, AF_INET, 1);
    }
    printf("of many, not told: %d\n", left);
    // A list that nobody reads to its end is in the way of another.
    struct { struct nlmsghdr header; struct inet_request request; } message = { { sizeof message, 20, NLM_F_REQUEST | NLM_F_DUMP, 5, 0 }, request };
    message.request.extensions = 0x7f;
    send(netlink, &message, sizeof message, 0);
    send(netlink, &message, sizeof message, 0);
    int busy = 0, ends = 0;
    while (!ends || !busy) {
        long part = recv(netlink, bytes, sizeof bytes, MSG_DONTWAIT);
        if (part < 0)
            break;
        struct nlmsghdr *one = (void *)bytes;
        for (; NLMSG_OK(one, (unsigned)part); one = NLMSG_NEXT(one, part)) {
            ends += one->nlmsg_type == NLMSG_DONE;
            busy += one->nlmsg_type == NLMSG_ERROR && *(int *)NLMSG_DATA(one) == -EBUSY;
        }
    }
    printf("busy %d, ends %d\n", busy, ends);
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    netlink = socket(AF_NETLINK, SOCK_RAW, 4);
    streams();
    filters();
    datagrams();
    locals();
    many();
    return 0;
}
