// Network interfaces and their addresses by netlink.
#include "show.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void list(void) {
    struct if_nameindex *all = if_nameindex();
    printf("first: %u %s\n", all ? all[0].if_index : 0, all ? all[0].if_name : "none");
    if_freenameindex(all);
    struct ifaddrs *addresses;
    show("getifaddrs", getifaddrs(&addresses));
    for (struct ifaddrs *one = addresses; one; one = one->ifa_next) {
        char text[64] = "", mask[64] = "";
        if (strcmp(one->ifa_name, "lo") != 0 || !one->ifa_addr)
            continue;
        int family = one->ifa_addr->sa_family;
        if (family == AF_INET) {
            inet_ntop(family, &((struct sockaddr_in *)one->ifa_addr)->sin_addr, text, sizeof text);
            inet_ntop(family, &((struct sockaddr_in *)one->ifa_netmask)->sin_addr, mask, sizeof mask);
        } else if (family == AF_INET6) {
            inet_ntop(family, &((struct sockaddr_in6 *)one->ifa_addr)->sin6_addr, text, sizeof text);
            inet_ntop(family, &((struct sockaddr_in6 *)one->ifa_netmask)->sin6_addr, mask, sizeof mask);
        }

        printf("lo: family %d, flags %x, %s %s\n", family, one->ifa_flags, text, mask);
    }

    freeifaddrs(addresses);
}

// Sends a request, and prints what is answered.
static void ask(int file, const char *what, int type, int flags, int index) {
    struct { struct nlmsghdr header; struct ifinfomsg info; } request = {
        { .nlmsg_len = sizeof request, .nlmsg_type = type, .nlmsg_flags = flags, .nlmsg_seq = 7 }, { .ifi_index = index },
    };
    show(what, send(file, &request, sizeof request, 0));
    static char bytes[65536];
    struct sockaddr_nl from;
    int messages = 0, done = 0;
    while (!done) {
        socklen_t length = sizeof from;
        long count = recvfrom(file, bytes, sizeof bytes, MSG_DONTWAIT, (void *)&from, &length);
        if (count < 0) {
            printf("  %s\n", error_name(errno));
            return;
        }

        if (from.nl_pid != 0 || length != sizeof from)
            printf("  from another\n");
        for (struct nlmsghdr *one = (void *)bytes; NLMSG_OK(one, (unsigned)count); one = NLMSG_NEXT(one, count)) {
            if (one->nlmsg_seq != 7 || one->nlmsg_pid != (unsigned)getpid())
                printf("  of another request\n");
            if (one->nlmsg_type == NLMSG_ERROR) {
                struct nlmsgerr *error = NLMSG_DATA(one);
                printf("  error %s about %d\n", error->error ? error_name(-error->error) : "none", error->msg.nlmsg_type);
                done = 1;
            } else if (one->nlmsg_type == NLMSG_DONE) {
                printf("  done, flags %x, some %d\n", one->nlmsg_flags & NLM_F_MULTI, messages > 0);
                done = 1;
            } else if (messages++ == 0) {
                struct ifinfomsg *info = NLMSG_DATA(one);
                printf("  type %d, flags %x, index %d\n", one->nlmsg_type, one->nlmsg_flags & NLM_F_MULTI, info->ifi_index);
                done = !(one->nlmsg_flags & NLM_F_MULTI);
            }
        }
    }
}

// Asks for the link of a name.
static void ask_name(int file, const char *what, int attribute, const char *name) {
    struct { struct nlmsghdr header; struct ifinfomsg info; struct rtattr attribute; char name[16]; } request = {
        { .nlmsg_len = sizeof request, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = 9 }, { .ifi_index = 0 }, { .rta_type = attribute, .rta_len = 4 + strlen(name) + 1 }, "",
    };
    strcpy(request.name, name);
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)) + RTA_ALIGN(request.attribute.rta_len);
    static char bytes[65536];
    send(file, &request, request.header.nlmsg_len, 0);
    recv(file, bytes, sizeof bytes, MSG_DONTWAIT);
    struct nlmsghdr *answer = (void *)bytes;
    if (answer->nlmsg_type == NLMSG_ERROR) {
        struct nlmsgerr *error = NLMSG_DATA(answer);
        printf("%s: %s\n", what, error_name(-error->error));
        return;
    }

    struct ifinfomsg *info = NLMSG_DATA(answer);
    int left = IFLA_PAYLOAD(answer);
    printf("%s: type %d, index %d, mtu and queue:", what, answer->nlmsg_type, info->ifi_index);
    for (struct rtattr *one = IFLA_RTA(info); RTA_OK(one, left); one = RTA_NEXT(one, left))
        if (one->rta_type == IFLA_MTU || one->rta_type == IFLA_TXQLEN)
            printf(" %u", *(unsigned *)RTA_DATA(one));
    printf("\n");
}

// Asks for sockets what is refused everywhere.
static void ask_sockets(const char *what, int type, int family, int length) {
    struct { struct nlmsghdr header; struct { unsigned char family, protocol; char rest[54]; } body; } request = {
        { .nlmsg_len = NLMSG_LENGTH(length), .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP, .nlmsg_seq = 3 }, { .family = family },
    };
    char bytes[4096] = "";
    int file = socket(AF_NETLINK, SOCK_RAW, 4);
    send(file, &request, NLMSG_LENGTH(length), 0);
    recv(file, bytes, sizeof bytes, MSG_DONTWAIT);
    struct nlmsghdr *answer = (void *)bytes;
    struct nlmsgerr *error = NLMSG_DATA(answer);
    printf("%s: %s\n", what, answer->nlmsg_type == NLMSG_ERROR ? error_name(-error->error) : "an answer");
    close(file);
}

int main(void) {
    list();
    show("stream", socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE));
    show("unknown protocol", socket(AF_NETLINK, SOCK_RAW, 100));
    int file = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE), other = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE);
    struct sockaddr_nl name = { .nl_family = AF_NETLINK };
    socklen_t length = sizeof name;
    show("short address", bind(file, (void *)&name, 8));
    show("bind", bind(file, (void *)&name, sizeof name));
    getsockname(file, (void *)&name, &length);
    printf("number of the process: %d, length %u\n", name.nl_pid == (unsigned)getpid(), length);
    show("the same for another", bind(other, (void *)&name, sizeof name));
    show("again", bind(file, (void *)&name, sizeof name));
    name.nl_pid++;
    show("another number", bind(file, (void *)&name, sizeof name));
    ask(file, "links", RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 0);
    ask(file, "link 1", RTM_GETLINK, NLM_F_REQUEST, 1);
    ask(file, "link 1000000", RTM_GETLINK, NLM_F_REQUEST, 1000000);
    ask(file, "no request", RTM_GETLINK, 0, 1);
    ask(file, "unknown type", 1000, NLM_F_REQUEST, 1);
    ask(file, "control", 3, NLM_F_REQUEST | NLM_F_ACK, 1);
    ask_name(file, "lo by name", IFLA_IFNAME, "lo");
    ask_name(file, "lo by another name", 53, "lo");
    ask_name(file, "no such name", IFLA_IFNAME, "nothing0");
    ask(file, "neither name nor number", RTM_GETLINK, NLM_F_REQUEST, 0);
    ask_sockets("sockets of no family", 20, 255, 56);
    ask_sockets("sockets of a family that has none to tell of", 20, 5, 56);
    ask_sockets("too short", 20, 2, 1);
    ask_sockets("unknown", 100, 2, 56);
    struct ifreq queue = { .ifr_name = "lo" };
    show("queue length", ioctl(socket(AF_INET, SOCK_DGRAM, 0), 0x8942, &queue));
    printf("%d\n", queue.ifr_ifru.ifru_ivalue);
    char bytes[4] = { 0 };
    show("too short to be one", send(file, bytes, sizeof bytes, 0));
    show("nothing came", recv(file, bytes, sizeof bytes, MSG_DONTWAIT));
    struct { struct nlmsghdr head; struct ifinfomsg info; } request = { { sizeof request, RTM_GETLINK, NLM_F_REQUEST, 1, 0 }, { .ifi_index = 1 } };
    int written = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    close(file);
    show("written", write(written, &request, sizeof request));
    getsockname(written, (void *)&name, &length);
    printf("number of the process: %d\n", name.nl_pid == (unsigned)getpid());
    close(written), close(other);
    return 0;
}
