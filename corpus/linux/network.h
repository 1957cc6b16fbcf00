// A network of the program's own, in which nobody else has ports or sends anything.
#ifndef NETWORK_H
#define NETWORK_H

#include "show.h"
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

// -1 where it cannot be had. Everybody may ask for echoes in it.
static inline int own_network(void) {
    if (unshare(CLONE_NEWNET) != 0)
        return -1;
    struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    int file = socket(AF_INET, SOCK_DGRAM, 0), range = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY);
    ioctl(file, SIOCSIFFLAGS, &request);
    write(range, "0 2147483647", 12);
    close(range), close(file);
    return 0;
}

#endif
