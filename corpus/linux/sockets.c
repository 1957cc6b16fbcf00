// Sockets as /proc/net shows them: those of this program, which are known by their inodes and ports.
#include "show.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#define MOST 16
static struct { unsigned long inode; unsigned short port; const char *name; } known[MOST];
static int count;

static int keep(const char *name, int file) {
    struct stat status;
    struct sockaddr_in6 address;
    socklen_t length = sizeof address;
    fstat(file, &status);
    getsockname(file, (void *)&address, &length);
    known[count].inode = status.st_ino;
    known[count].port = address.sin6_family == AF_UNIX ? 0 : ntohs(address.sin6_port);
    known[count++].name = name;
    return file;
}

static const char *port_name(unsigned port) {
    for (int k = 0; k < count; k++)
        if (known[k].port == port)
            return known[k].name;
    return port ? "another" : "0";
}

static int start_of(int family, int type, int file) {
    struct sockaddr_in6 any6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    struct sockaddr_in any4 = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    bind(file, family == AF_INET ? (void *)&any4 : (void *)&any6, family == AF_INET ? sizeof any4 : sizeof any6);
    if (type == SOCK_STREAM)
        listen(file, 5);
    return file;
}

static int server(const char *name, int family, int type) {
    return keep(name, start_of(family, type, socket(family, type, 0)));
}

static int client(const char *name, int to, int type) {
    struct sockaddr_in6 address;
    socklen_t length = sizeof address;
    getsockname(to, (void *)&address, &length);
    int file = socket(address.sin6_family, type, 0);
    connect(file, (void *)&address, length);
    return keep(name, file);
}

// Rows of a file whose local port is known; those of others are of other programs.
static void list(const char *path) {
    char row[512], local[64], remote[64], state[8];
    unsigned port, other, uid, timeout;
    unsigned long sent, waits, inode;
    FILE *file = fopen(path, "r");
    if (!file || !fgets(row, sizeof row, file)) {
        printf("%s: nothing\n", path);
        return;
    }

    printf("%s: %s", path, row);
    // In the order in which they are known.
    for (int k = 0; k < count; k++) {
        rewind(file);
        while (fgets(row, sizeof row, file)) {
            char line[512] = "";
            if (sscanf(row, "%*d: %63[0-9A-F]:%x %63[0-9A-F]:%x %7s %lx:%lx %*x:%*x %*x %u %u %lu", local, &port, remote, &other, state, &sent, &waits, &uid, &timeout, &inode) != 10)
                continue;
            if (port != known[k].port || (inode != known[k].inode && !(inode == 0 && strcmp(known[k].name, "server") == 0)))
                continue;
            snprintf(line, sizeof line, "%s %s", local, remote);
            printf("%s %s %s %s to %s: %lu %lu, user %d, %s, %zu characters\n", inode ? known[k].name : "one that waits", state, line, port_name(port), port_name(other), sent, waits, uid == getuid(), timeout ? "with timeouts" : "no timeouts", strlen(row) > 120 && row[strlen(row) - 2] == ' ' ? strlen(row) : 0);
        }
    }

    fclose(file);
}

static void list_unix(void) {
    char row[512], path[128];
    unsigned references, protocol, flags, type, state;
    unsigned long inode;
    FILE *file = fopen("/proc/net/unix", "r");
    if (!file || !fgets(row, sizeof row, file)) {
        printf("nothing\n");
        return;
    }

    printf("%s", row);
    for (int k = 0; k < count; k++) {
        rewind(file);
        while (fgets(row, sizeof row, file)) {
            path[0] = 0;
            if (sscanf(row, "%*[^:]: %x %x %x %x %x %lu %127s", &references, &protocol, &flags, &type, &state, &inode, path) >= 6 && inode == known[k].inode)
                printf("%s: %u %u %x %u %u %s\n", known[k].name, references, protocol, flags, type, state, path);
        }
    }

    fclose(file);
}

int main(void) {
    int pair[2];
    struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "named" };
    int listener = server("server", AF_INET, SOCK_STREAM), one = client("client", listener, SOCK_STREAM);
    int accepted = keep("accepted", accept(listener, NULL, NULL));
    // The accepted one has the port of the server: it is told apart by its inode.
    write(one, "12345", 5);
    client("second", listener, SOCK_STREAM);
    list("/proc/net/tcp");
    shutdown(one, SHUT_WR);
    recv(accepted, name.sun_path + 50, 5, 0);
    // The answer to the end of what is sent comes a little later.
    pause_for(300);
    list("/proc/net/tcp");

    count = 0;
    int listener6 = server("server6", AF_INET6, SOCK_STREAM);
    client("client6", listener6, SOCK_STREAM);
    keep("accepted6", accept(listener6, NULL, NULL));
    list("/proc/net/tcp6");

    count = 0;
    int receiver = server("receiver", AF_INET, SOCK_DGRAM);
    client("sender", receiver, SOCK_DGRAM);
    list("/proc/net/udp");
    int receiver6 = server("receiver6", AF_INET6, SOCK_DGRAM);
    client("sender6", receiver6, SOCK_DGRAM);
    list("/proc/net/udp6");

    count = 0;
    unlink("named");
    int named = keep("named", socket(AF_UNIX, SOCK_STREAM, 0));
    bind(named, (void *)&name, sizeof name);
    listen(named, 5);
    int hidden = keep("hidden", socket(AF_UNIX, SOCK_DGRAM, 0));
    bind(hidden, (void *)&(struct sockaddr_un){ .sun_family = AF_UNIX, .sun_path = "\0cheri2il-hidden" }, sizeof(sa_family_t) + 16);
    keep("nameless", socket(AF_UNIX, SOCK_SEQPACKET, 0));
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    keep("left", pair[0]);
    keep("right", pair[1]);
    int caller = keep("caller", socket(AF_UNIX, SOCK_STREAM, 0));
    connect(caller, (void *)&name, sizeof name);
    keep("called", accept(named, NULL, NULL));
    list_unix();
    unlink("named");

    char row[256];
    FILE *interfaces = fopen("/proc/self/net/dev", "r");
    while (interfaces && fgets(row, sizeof row, interfaces))
        if (strchr(row, '|') || strncmp(row, "    lo:", 7) == 0)
            printf("%.7s %zu\n", row, strchr(row, '|') ? strlen(row) : 0);
    FILE *addresses = fopen("/proc/net/if_inet6", "r");
    while (addresses && fgets(row, sizeof row, addresses))
        if (strstr(row, " lo\n"))
            printf("%s", row);
    FILE *routes = fopen("/proc/net/route", "r");
    if (routes && fgets(row, sizeof row, routes))
        printf("%zu %s", strlen(row), row);
    printf("net: %zd\n", readlink("/proc/net", row, sizeof row));
    return 0;
}
