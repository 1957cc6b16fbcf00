// Datagrams of IP: how they came and how they are sent, by control messages; network interfaces; names of the host.
#include "show.h"
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static int server_of(int family) {
    int server = socket(family, SOCK_DGRAM, 0);
    struct sockaddr_in one = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    show("bind", family == AF_INET ? bind(server, (void *)&one, sizeof one) : bind(server, (void *)&six, sizeof six));
    return server;
}

static int client_of(int server) {
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    getsockname(server, (void *)&name, &length);
    int client = socket(name.ss_family, SOCK_DGRAM, 0);
    show("connect", connect(client, (void *)&name, length));
    return client;
}

static void set(int file, int level, int option, int value) {
    if (setsockopt(file, level, option, &value, sizeof value) != 0)
        show("setsockopt", -1);
}

// Receives with so many bytes of room for control messages, and prints them.
static void receive(int file, size_t room) {
    char bytes[100], control[512];
    memset(control, 0x55, sizeof control);
    struct iovec vector = { bytes, sizeof bytes };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = room ? control : NULL, .msg_controllen = room };
    show("received", recvmsg(file, &message, MSG_DONTWAIT));
    printf("  control %zu%s\n", (size_t)message.msg_controllen, message.msg_flags & MSG_CTRUNC ? ", cut off" : "");
    for (size_t at = 0; at + CMSG_LEN(0) <= message.msg_controllen;) {
        struct cmsghdr *one = (struct cmsghdr *)(control + at);
        at += CMSG_ALIGN(one->cmsg_len);
        int value = 0;
        size_t length = one->cmsg_len - CMSG_LEN(0);
        memcpy(&value, CMSG_DATA(one), length < sizeof value ? length : sizeof value);
        printf("  level %d type %d length %zu", one->cmsg_level, one->cmsg_type, length);
        if (one->cmsg_level == IPPROTO_IPV6 && one->cmsg_type == 50 && length == 20)
            printf(" to loopback %d by %d\n", ((char *)CMSG_DATA(one))[15], ((int *)CMSG_DATA(one))[4]);
        else if (one->cmsg_level == IPPROTO_IP && one->cmsg_type == IP_PKTINFO && length == 12)
            printf(" to %08x, %08x by %d\n", ntohl(((int *)CMSG_DATA(one))[1]), ntohl(((int *)CMSG_DATA(one))[2]), value);
        else
            printf(" value %d\n", value);
    }
}

// Sends with one control message.
static void send_with(int file, const char *what, int level, int type, const void *data, size_t length) {
    char control[256] = { 0 };
    struct iovec vector = { "message", 7 };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(length) };
    struct cmsghdr *one = CMSG_FIRSTHDR(&message);
    one->cmsg_level = level, one->cmsg_type = type, one->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(one), data, length);
    show(what, sendmsg(file, &message, 0));
}

static void send_number(int file, const char *what, int level, int type, int value) {
    send_with(file, what, level, type, &value, sizeof value);
}

static void try_six(void) {
    printf("-- IPv6\n");
    int server = server_of(AF_INET6), client = client_of(server);
    send(client, "first", 5, 0);
    receive(server, 512);
    set(server, IPPROTO_IPV6, 49, 1);
    set(server, IPPROTO_IPV6, 51, 1);
    set(server, IPPROTO_IPV6, 66, 1);
    send(client, "second", 6, 0);
    receive(server, 512);
    set(client, IPPROTO_IPV6, 16, 7);
    set(client, IPPROTO_IPV6, 67, 12);
    send(client, "third", 5, 0);
    receive(server, 512);
    send_number(client, "hop limit", IPPROTO_IPV6, 52, 3);
    receive(server, 512);
    send_number(client, "usual hop limit", IPPROTO_IPV6, 52, -1);
    receive(server, 512);
    send_number(client, "traffic class", IPPROTO_IPV6, 67, 200);
    receive(server, 512);
    send_number(client, "hop limit of 256", IPPROTO_IPV6, 52, 256);
    send_number(client, "traffic class of -2", IPPROTO_IPV6, 67, -2);
    send_number(client, "unknown type", IPPROTO_IPV6, 1000, 0);
    send_number(client, "another level", IPPROTO_TCP, 1000, 0);
    receive(server, 512);
    send_number(client, "of the socket", SOL_SOCKET, 1000, 0);
    send_with(client, "short hop limit", IPPROTO_IPV6, 52, "x", 1);
    struct { struct in6_addr address; int index; } info = { IN6ADDR_LOOPBACK_INIT, 1 };
    send_with(client, "source", IPPROTO_IPV6, 50, &info, sizeof info);
    receive(server, 512);
    info.index = 1000;
    send_with(client, "source by an interface that is none", IPPROTO_IPV6, 50, &info, sizeof info);
    for (size_t room = 0; room <= CMSG_SPACE(20) + CMSG_SPACE(4) + 18; room += room < CMSG_SPACE(20) ? 13 : 9) {
        printf("room %zu\n", room);
        send(client, "x", 1, 0);
        receive(server, room);
    }

    int value = 5;
    socklen_t length = sizeof value;
    show("getsockopt", getsockopt(server, IPPROTO_IPV6, 51, &value, &length));
    printf("  %d\n", value);
    close(server), close(client);
}

static void try_four(void) {
    printf("-- IPv4\n");
    int server = server_of(AF_INET), client = client_of(server);
    set(server, IPPROTO_IP, IP_PKTINFO, 1);
    set(server, IPPROTO_IP, IP_RECVTTL, 1);
    set(server, IPPROTO_IP, IP_RECVTOS, 1);
    send(client, "first", 5, 0);
    receive(server, 512);
    set(client, IPPROTO_IP, IP_TTL, 9);
    set(client, IPPROTO_IP, IP_TOS, 16);
    send(client, "second", 6, 0);
    receive(server, 512);
    send_number(client, "time to live", IPPROTO_IP, IP_TTL, 3);
    receive(server, 512);
    send_number(client, "time to live of 0", IPPROTO_IP, IP_TTL, 0);
    send_number(client, "service", IPPROTO_IP, IP_TOS, 8);
    receive(server, 512);
    send_with(client, "service in a byte", IPPROTO_IP, IP_TOS, "\x20", 1);
    receive(server, 512);
    send_number(client, "service of 256", IPPROTO_IP, IP_TOS, 256);
    send_number(client, "unknown type", IPPROTO_IP, 1000, 0);
    struct { int index; struct in_addr local, header; } info = { 0, { htonl(0x7f000002) }, { 0 } };
    send_with(client, "source", IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    char byte;
    recvfrom(server, &byte, 1, MSG_DONTWAIT, (void *)&from, &length);
    printf("from %s\n", inet_ntoa(from.sin_addr));
    send_with(client, "source, short", IPPROTO_IP, IP_PKTINFO, &info, 8);
    close(server), close(client);
}

static int bound_to(const char *address) {
    struct sockaddr_in6 name = { .sin6_family = AF_INET6 };
    inet_pton(AF_INET6, address, &name.sin6_addr);
    int file = socket(AF_INET6, SOCK_DGRAM, 0);
    if (bind(file, (void *)&name, sizeof name) != 0)
        show("bind", -1);
    return file;
}

static struct sockaddr_in6 name_of(int file) {
    struct sockaddr_in6 name;
    socklen_t length = sizeof name;
    getsockname(file, (void *)&name, &length);
    return name;
}

static void try_sources(void) {
    printf("-- sources\n");
    int one = bound_to("::ffff:127.0.0.1"), six = bound_to("::1");
    struct sockaddr_in6 name1 = name_of(one), name6 = name_of(six);
    show("IPv4 to IPv6", sendto(one, "x", 1, 0, (void *)&name6, sizeof name6));
    show("IPv6 to IPv4", sendto(six, "x", 1, 0, (void *)&name1, sizeof name1));
    show("IPv4 connects to IPv6", connect(one, (void *)&name6, sizeof name6));
    show("IPv6 connects to IPv4", connect(six, (void *)&name1, sizeof name1));

    // Who is connected to another address of the sender gets what comes from that.
    struct sockaddr_in to = { .sin_family = AF_INET }, name;
    socklen_t length = sizeof name;
    int sender = socket(AF_INET, SOCK_DGRAM, 0), receiver = server_of(AF_INET);
    bind(sender, (void *)&to, sizeof to);
    getsockname(sender, (void *)&to, &length);
    getsockname(receiver, (void *)&name, &length);
    to.sin_addr.s_addr = htonl(0x7f000002);
    show("connect", connect(receiver, (void *)&to, sizeof to));
    show("connect", connect(sender, (void *)&name, sizeof name));
    struct { int index; struct in_addr local, header; } info = { 0, { htonl(0x7f000002) }, { 0 } };
    send_with(sender, "from there", IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    receive(receiver, 0);
    struct sockaddr none = { .sa_family = AF_UNSPEC };
    show("disconnect", connect(sender, &none, sizeof none));
    getsockname(sender, (void *)&name, &length);
    printf("as %s\n", inet_ntoa(name.sin_addr));
    close(one), close(six), close(sender), close(receiver);
}

static void ask(int file, const char *what, unsigned long request, const char *name) {
    struct ifreq interface = { 0 };
    strncpy(interface.ifr_name, name, sizeof interface.ifr_name - 1);
    printf("%s of ", what);
    if (show(name, ioctl(file, request, &interface)) < 0)
        return;
    if (request == SIOCGIFADDR || request == SIOCGIFNETMASK || request == SIOCGIFBRDADDR)
        printf("  %s\n", inet_ntoa(((struct sockaddr_in *)&interface.ifr_addr)->sin_addr));
    else if (request == SIOCGIFHWADDR)
        printf("  %d %02x\n", interface.ifr_hwaddr.sa_family, interface.ifr_hwaddr.sa_data[0]);
    else if (request == SIOCGIFFLAGS)
        printf("  %x\n", interface.ifr_flags);
    else
        printf("  %d\n", interface.ifr_ifindex);
}

static void try_interfaces(void) {
    printf("-- interfaces\n");
    char name[IF_NAMESIZE] = "";
    show("index of lo", if_nametoindex("lo"));
    printf("name of 1: %s\n", if_indextoname(1, name) ? name : "none");
    show("index of none", if_nametoindex("none") ? 1 : -1);
    show("name of none", if_indextoname(123456, name) ? 1 : -1);
    int file = socket(AF_INET, SOCK_DGRAM, 0), other = socket(AF_UNIX, SOCK_STREAM, 0);
    ask(file, "address", SIOCGIFADDR, "lo");
    ask(file, "mask", SIOCGIFNETMASK, "lo");
    ask(file, "broadcast", SIOCGIFBRDADDR, "lo");
    ask(file, "flags", SIOCGIFFLAGS, "lo");
    ask(file, "size", SIOCGIFMTU, "lo");
    ask(file, "hardware", SIOCGIFHWADDR, "lo");
    ask(file, "index", SIOCGIFINDEX, "");
    ask(other, "index", SIOCGIFINDEX, "lo");
    ask(other, "address", SIOCGIFADDR, "lo");
    show("nowhere", ioctl(file, SIOCGIFINDEX, NULL));
    struct ifreq all[20];
    struct ifconf list = { .ifc_len = sizeof all[0], .ifc_req = all };
    show("first", ioctl(file, SIOCGIFCONF, &list));
    printf("  %d bytes, %s, %s\n", list.ifc_len, all[0].ifr_name, inet_ntoa(((struct sockaddr_in *)&all[0].ifr_addr)->sin_addr));
    list = (struct ifconf) { .ifc_len = 0, .ifc_req = NULL };
    show("how many", ioctl(file, SIOCGIFCONF, &list));
    printf("  %d\n", list.ifc_len >= (int)sizeof all[0] && list.ifc_len % sizeof all[0] == 0);
    list = (struct ifconf) { .ifc_len = 10, .ifc_req = all };
    show("no room", ioctl(file, SIOCGIFCONF, &list));
    printf("  %d\n", list.ifc_len);
    close(file), close(other);
}

int main(void) {
    if (getuid() != 0) {
        printf("needs root\n");
        return 0;
    }

    try_six();
    try_four();
    try_sources();
    try_interfaces();
    printf("-- names\n");
    show("sethostname, too long", sethostname("x", 65));
    show("sethostname, nowhere", sethostname((char *)1, 5));
    show("setdomainname, too long", setdomainname("x", 65));
    show("setdomainname, nowhere", setdomainname((char *)1, 5));
    seteuid(1);
    show("sethostname of others", sethostname((char *)1, 65));
    return 0;
}
