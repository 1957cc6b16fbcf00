// Counters of the network (/proc/net/snmp, snmp6 and dev), in a network of its own where that can be had, so that nobody else's traffic counts.
#include "network.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>

// A counter of /proc/net/snmp, whose names stand in the line above.
static long count_of(const char *protocol, const char *name) {
    char names[1024], values[1024], *place, *other;
    FILE *file = fopen("/proc/net/snmp", "r");
    while (file && fgets(names, sizeof names, file) && fgets(values, sizeof values, file)) {
        if (strncmp(names, protocol, strlen(protocol)) != 0 || names[strlen(protocol)] != ':')
            continue;
        fclose(file);
        char *word = strtok_r(names, " \n", &place), *value = strtok_r(values, " \n", &other);
        while (word && strcmp(word, name) != 0)
            word = strtok_r(NULL, " \n", &place), value = strtok_r(NULL, " \n", &other);
        return word && value ? atol(value) : -1;
    }
    return -1;
}

static long count6_of(const char *name) {
    char line[256], word[128];
    long value = -1, found;
    FILE *file = fopen("/proc/net/snmp6", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "%127s %ld", word, &found) == 2 && strcmp(word, name) == 0)
            value = found;
    fclose(file);
    return value;
}

static void device(const char *what) {
    char line[512];
    long bytes_in, packets_in, bytes_out, packets_out;
    FILE *file = fopen("/proc/net/dev", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, " lo: %ld %ld %*d %*d %*d %*d %*d %*d %ld %ld", &bytes_in, &packets_in, &bytes_out, &packets_out) == 4)
            printf("%s: received %ld bytes in %ld packets, sent %ld in %ld\n", what, bytes_in, packets_in, bytes_out, packets_out);
    fclose(file);
}

static void all(const char *what) {
    static const char *const names[][2] = { { "Ip", "InReceives" }, { "Ip", "OutRequests" }, { "Icmp", "InMsgs" }, { "Icmp", "OutMsgs" }, { "Icmp", "InDestUnreachs" }, { "Icmp", "OutDestUnreachs" },
        { "Icmp", "InEchos" }, { "Icmp", "OutEchoReps" }, { "Icmp", "InEchoReps" }, { "Icmp", "OutEchos" }, { "Udp", "InDatagrams" }, { "Udp", "NoPorts" }, { "Udp", "OutDatagrams" }, { "Udp", "InErrors" } };
    static const char *const names6[] = { "Ip6InReceives", "Ip6OutRequests", "Ip6InOctets", "Ip6OutOctets", "Icmp6InDestUnreachs", "Icmp6OutDestUnreachs", "Udp6InDatagrams", "Udp6NoPorts", "Udp6OutDatagrams" };
    printf("%s\n", what);
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        printf("  %s %s %ld\n", names[k][0], names[k][1], count_of(names[k][0], names[k][1]));
    for (size_t k = 0; k < sizeof names6 / sizeof *names6; k++)
        printf("  %s %ld\n", names6[k], count6_of(names6[k]));
    device("  device");
}

static void opens(const char *what) {
    printf("%s: active %ld, passive %ld, failed %ld, reset %ld, established %ld\n", what, count_of("Tcp", "ActiveOpens"), count_of("Tcp", "PassiveOpens"), count_of("Tcp", "AttemptFails"),
        count_of("Tcp", "EstabResets"), count_of("Tcp", "CurrEstab"));
}

static int bound(int family, int type, struct sockaddr_in6 *address, socklen_t *length) {
    struct sockaddr_in *one = (void *)address;
    int file = socket(family, type, 0);
    memset(address, 0, sizeof *address);
    if (family == AF_INET)
        one->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        address->sin6_addr = in6addr_loopback;
    address->sin6_family = family;
    *length = family == AF_INET ? sizeof *one : sizeof *address;
    bind(file, (void *)address, *length);
    getsockname(file, (void *)address, length);
    return file;
}

static void datagrams(int family) {
    struct sockaddr_in6 address;
    socklen_t length;
    char bytes[100];
    int receiver = bound(family, SOCK_DGRAM, &address, &length), sender = socket(family, SOCK_DGRAM, 0);
    for (int k = 0; k < 3; k++)
        sendto(sender, "message", 7, 0, (void *)&address, length);
    all("sent");
    recv(receiver, bytes, sizeof bytes, MSG_PEEK);
    for (int k = 0; k < 3; k++)
        recv(receiver, bytes, sizeof bytes, 0);
    all("received");
    close(receiver);
    sendto(sender, "message", 7, 0, (void *)&address, length);
    pause_for(50);
    printf("nobody: %ld %ld %ld %ld\n", count_of("Udp", "NoPorts"), count_of("Icmp", "InDestUnreachs"), count6_of("Udp6NoPorts"), count6_of("Icmp6InDestUnreachs"));
    close(sender);
}

static void streams(int family) {
    struct sockaddr_in6 address;
    socklen_t length;
    int listener = bound(family, SOCK_STREAM, &address, &length), client = socket(family, SOCK_STREAM, 0), failing = socket(family, SOCK_STREAM, 0);
    connect(failing, (void *)&address, length);
    opens("refused");
    listen(listener, 5);
    connect(client, (void *)&address, length);
    opens("connected");
    int accepted = accept(listener, NULL, NULL);
    write(client, "12345", 5);
    opens("used");
    shutdown(client, SHUT_WR);
    pause_for(50);
    opens("half closed");
    close(accepted);
    pause_for(50);
    opens("reset");
    close(client), close(listener), close(failing);
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    if (own_network() != 0 && errno == EPERM) {
        printf("needs root\n");
        return 0;
    }

    all("nothing");
    datagrams(AF_INET);
    datagrams(AF_INET6);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    char request[16] = { 8 };
    int echo = socket(AF_INET, SOCK_DGRAM, 1);
    sendto(echo, request, sizeof request, 0, (void *)&address, sizeof address);
    recv(echo, request, sizeof request, 0);
    all("an echo");
    streams(AF_INET);
    streams(AF_INET6);
    return 0;
}
