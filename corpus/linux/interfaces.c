// Network interfaces and their addresses by netlink.
#include "show.h"
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
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
