// A server that answers what it is told, and a client that tells it: two cVMs, or one and a program of the host.
//
//   talk serve PORT              answers one connection
//   talk ask HOST PORT BYTES     sends so many bytes, and compares the answer
#include "show.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

static int serve(int port) {
    struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) }, peer;
    socklen_t length = sizeof peer;
    char buffer[10000], name[64];
    int server = socket(AF_INET6, SOCK_STREAM, 0);
    show("bind", bind(server, (struct sockaddr *)&address, sizeof address));
    show("listen", listen(server, 5));
    int client = accept(server, (struct sockaddr *)&peer, &length);
    show_ok("accept", client);
    printf("from %s\n", inet_ntop(AF_INET6, &peer.sin6_addr, name, sizeof name));
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
    struct addrinfo *found, hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
    int error = getaddrinfo(host, port, &hints, &found);
    if (error != 0) {
        printf("%s is not found\n", host);
        return 1;
    }
    for (int tries = 0;; tries++) {
        fd = socket(AF_INET, SOCK_STREAM, 0);
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

int main(int count, char **arguments) {
    setvbuf(stdout, NULL, _IONBF, 0);
    if (count == 3)
        return serve(atoi(arguments[2]));
    if (count != 5)
        return 64;
    bytes = atol(arguments[4]);
    return ask(arguments[2], arguments[3]);
}
