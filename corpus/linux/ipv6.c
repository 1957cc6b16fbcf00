// IPv6: addresses that sockets may have, both families at one socket, what excludes what, and scopes.
#include "network.h"
#include <arpa/inet.h>
#include <netinet/in.h>

// An address of either family as text, and a port; its length.
static socklen_t at(struct sockaddr_storage *to, const char *text, int port, unsigned scope) {
    struct sockaddr_in *one = (void *)to;
    struct sockaddr_in6 *six = (void *)to;
    memset(to, 0, sizeof *to);
    if (strchr(text, ':')) {
        six->sin6_family = AF_INET6, six->sin6_port = htons(port), six->sin6_scope_id = scope;
        inet_pton(AF_INET6, text, &six->sin6_addr);
        return sizeof *six;
    }

    one->sin_family = AF_INET, one->sin_port = htons(port);
    inet_pton(AF_INET, text, &one->sin_addr);
    return sizeof *one;
}

static const char *text_of(const struct sockaddr_storage *address) {
    static char text[128];
    if (address->ss_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)address)->sin_addr, text, sizeof text);
    else if (address->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)address)->sin6_addr, text, sizeof text);
    else
        sprintf(text, "family %d", address->ss_family);
    return text;
}

static int port_of(int file) {
    struct sockaddr_in6 name;
    socklen_t length = sizeof name;
    getsockname(file, (void *)&name, &length);
    return ntohs(name.sin6_port);
}

static void names(const char *what, int file) {
    struct sockaddr_storage name = { 0 }, peer = { 0 };
    socklen_t length = sizeof name, length_of_peer = sizeof peer;
    getsockname(file, (void *)&name, &length);
    printf("%s: %s (%u bytes)", what, text_of(&name), length);
    if (getpeername(file, (void *)&peer, &length_of_peer) == 0)
        printf(" with %s (%u bytes, the same port %d)", text_of(&peer), length_of_peer, ((struct sockaddr_in *)&name)->sin_port == ((struct sockaddr_in *)&peer)->sin_port);
    printf("\n");
}

static int bind_to(int file, const char *text, int port, unsigned scope) {
    struct sockaddr_storage address;
    socklen_t length = at(&address, text, port, scope);
    return bind(file, (void *)&address, length);
}

static int connect_to(int file, const char *text, int port, unsigned scope) {
    struct sockaddr_storage address;
    socklen_t length = at(&address, text, port, scope);
    return connect(file, (void *)&address, length);
}

static long send_to(int file, const char *text, int port) {
    struct sockaddr_storage address;
    socklen_t length = at(&address, text, port, 0);
    return sendto(file, "message", 7, 0, (void *)&address, length);
}

static int only6(int file) {
    return setsockopt(file, IPPROTO_IPV6, IPV6_V6ONLY, &(int){ 1 }, sizeof(int));
}

static void binding(int type) {
    static const struct { const char *address; unsigned scope; } all[] = {
        { "::", 0 }, { "::1", 0 }, { "::1", 1 }, { "::1", 1000000 }, { "::ffff:127.0.0.1", 0 }, { "::ffff:0.0.0.0", 0 }, { "::ffff:192.0.2.77", 0 },
        { "2001:db8::1", 0 }, { "fe80::dead", 0 }, { "fe80::dead", 1 }, { "fe80::dead", 1000000 }, { "127.0.0.1", 0 },
    };
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        for (int only = 0; only < 2; only++) {
            int file = socket(AF_INET6, type, 0);
            if (only)
                only6(file);
            printf("%s%%%u%s ", all[k].address, all[k].scope, only ? ", IPv6 only" : "");
            if (show("bind", bind_to(file, all[k].address, 0, all[k].scope)) == 0)
                names("  it is", file);
            close(file);
        }
    int file = socket(AF_INET6, type, 0);
    struct sockaddr_storage address;
    at(&address, "::1", 0, 0);
    show("without scope", bind(file, (void *)&address, 24));
    show("option when bound", only6(file));
    int value = -1;
    socklen_t length = sizeof value;
    getsockopt(file, IPPROTO_IPV6, IPV6_V6ONLY, &value, &length);
    show("its value", value);
    close(file);
    file = socket(AF_INET6, type, 0);
    show("too short", bind(file, (void *)&address, 20));
    close(file);
    file = socket(AF_INET, type, 0);
    show("of IPv4", bind(file, (void *)&address, sizeof(struct sockaddr_in6)));
    show("its option", only6(file));
    close(file);
}

static void connecting(int type) {
    static const struct { const char *address; unsigned scope; } all[] = {
        { "::", 0 }, { "::1", 0 }, { "::1", 77 }, { "::ffff:127.0.0.1", 0 }, { "::ffff:0.0.0.0", 0 }, { "fe80::dead", 0 }, { "fe80::dead", 1000000 }, { "127.0.0.1", 0 },
    };
    int server = socket(AF_INET6, type, 0);
    bind_to(server, "::", 0, 0);
    listen(server, 100);
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        for (int only = 0; only < 2; only++) {
            int file = socket(AF_INET6, type, 0);
            if (only)
                only6(file);
            printf("%s%%%u%s ", all[k].address, all[k].scope, only ? ", IPv6 only" : "");
            if (show("connect", connect_to(file, all[k].address, port_of(server), all[k].scope)) == 0)
                names("  it is", file);
            if (type == SOCK_DGRAM) {
                struct sockaddr none = { .sa_family = AF_UNSPEC };
                show("  disconnect", connect(file, &none, sizeof none));
                names("  it was", file);
            }

            close(file);
        }
    static const char *const bound[] = { "::1", "::ffff:127.0.0.1" };
    for (int k = 0; k < 4; k++) {
        int file = socket(AF_INET6, type, 0);
        bind_to(file, bound[k & 1], 0, 0);
        printf("%s to %s ", bound[k & 1], bound[k >> 1]);
        show("connect", connect_to(file, bound[k >> 1], port_of(server), 0));
        close(file);
    }
    close(server);
}

// A listener of both families or of one, and who comes.
static void accepting(const char *address, int only) {
    static const char *const all[] = { "127.0.0.1", "::1", "::ffff:127.0.0.1" };
    int server = socket(AF_INET6, SOCK_STREAM, 0);
    if (only)
        only6(server);
    bind_to(server, address, 0, 0);
    listen(server, 10);
    printf("%s%s\n", address, only ? ", IPv6 only" : "");
    for (int k = 0; k < 3; k++) {
        int client = socket(strchr(all[k], ':') ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
        printf("  %s ", all[k]);
        if (show("connect", connect_to(client, all[k], port_of(server), 0)) == 0) {
            struct sockaddr_storage peer;
            socklen_t length = sizeof peer;
            int accepted = accept(server, (void *)&peer, &length);
            printf("  from %s (%u bytes), ", text_of(&peer), length);
            names("accepted", accepted);
            names("  client", client);
            close(accepted);
        }

        close(client);
    }
    close(server);
}

static int file_for(const char *address, int type, int reuse, int reuse_port) {
    int only = strcmp(address, ":: only") == 0;
    int file = socket(strchr(address, ':') ? AF_INET6 : AF_INET, type, 0);
    if (only)
        only6(file);
    setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
    setsockopt(file, SOL_SOCKET, SO_REUSEPORT, &reuse_port, sizeof reuse_port);
    return file;
}

// Which addresses exclude which: a row for the first, a column for the second.
static void excluding(const char *what, int type, int listens, int reuse, int reuse_port) {
    static const char *const all[] = { "0.0.0.0", "127.0.0.1", "::", ":: only", "::1", "::ffff:127.0.0.1", "::ffff:0.0.0.0" };
    printf("%s\n", what);
    for (int k = 0; k < 7; k++) {
        printf("  %-17s", all[k]);
        for (int m = 0; m < 7; m++) {
            int first = file_for(all[k], type, reuse, reuse_port), second = file_for(all[m], type, reuse, reuse_port);
            bind_to(first, strcmp(all[k], ":: only") == 0 ? "::" : all[k], 0, 0);
            if (listens)
                listen(first, 1);
            int result = bind_to(second, strcmp(all[m], ":: only") == 0 ? "::" : all[m], port_of(first), 0);
            int heard = result == 0 && listens ? listen(second, 1) : 0;
            printf(" %s", result == 0 ? heard == 0 ? "+" : "l" : errno == EADDRINUSE ? "-" : "?");
            close(first), close(second);
        }
        printf("\n");
    }
}

static void receive(const char *what, int file) {
    char bytes[100], control[256];
    struct sockaddr_storage from = { 0 };
    struct iovec vector = { bytes, sizeof bytes };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control, .msg_name = &from, .msg_namelen = sizeof from };
    if (show(what, recvmsg(file, &message, MSG_DONTWAIT)) < 0)
        return;
    printf("  from %s (%u bytes)", text_of(&from), message.msg_namelen);
    for (struct cmsghdr *one = (void *)control; message.msg_controllen > 0; message.msg_controllen = 0) {
        struct { struct in6_addr address; int index; } info;
        char text[64];
        memcpy(&info, CMSG_DATA(one), sizeof info);
        printf(", level %d type %d to %s by %d", one->cmsg_level, one->cmsg_type, inet_ntop(AF_INET6, &info.address, text, sizeof text), info.index);
    }
    printf("\n");
}

static void posting(void) {
    int server = socket(AF_INET6, SOCK_DGRAM, 0), only = socket(AF_INET6, SOCK_DGRAM, 0), six = socket(AF_INET6, SOCK_DGRAM, 0), one = socket(AF_INET, SOCK_DGRAM, 0);
    bind_to(server, "::", 0, 0);
    setsockopt(server, IPPROTO_IPV6, 49, &(int){ 1 }, sizeof(int));
    only6(only);
    int port = port_of(server);
    show("::1", send_to(six, "::1", port));
    receive("it came", server);
    show("127.0.0.1 by IPv4", send_to(one, "127.0.0.1", port));
    receive("it came", server);
    show("::ffff:127.0.0.1", send_to(six, "::ffff:127.0.0.1", port));
    receive("it came", server);
    show("127.0.0.1 by IPv6", send_to(six, "127.0.0.1", port));
    receive("it came", server);
    show("::", send_to(six, "::", port));
    receive("it came", server);
    show("::ffff:0.0.0.0", send_to(six, "::ffff:0.0.0.0", port));
    receive("it came", server);
    show("IPv6 only, ::ffff:127.0.0.1", send_to(only, "::ffff:127.0.0.1", port));
    show("IPv6 only, 127.0.0.1", send_to(only, "127.0.0.1", port));
    show("IPv6 only, ::1", send_to(only, "::1", port));
    receive("it came", server);
    show("::1 by IPv4", send_to(one, "::1", port));
    names("sender", six);

    // An address of IPv4 answers by what it was asked.
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    char bytes[10];
    send_to(one, "127.0.0.1", port);
    recvfrom(server, bytes, sizeof bytes, 0, (void *)&from, &length);
    show("answer", sendto(server, "answer", 6, 0, (void *)&from, length));
    receive("it came", one);
    close(only), close(six), close(one);

    // Who is connected hears nobody else, of either family.
    six = socket(AF_INET6, SOCK_DGRAM, 0), one = socket(AF_INET, SOCK_DGRAM, 0);
    bind_to(six, "::", 0, 0), bind_to(one, "127.0.0.1", 0, 0);
    show("connect", connect_to(six, "::ffff:127.0.0.1", port_of(one), 0));
    show("from another", send_to(server, "::ffff:127.0.0.1", port_of(six)));
    receive("it came", six);
    show("from there", send_to(one, "127.0.0.1", port_of(six)));
    receive("it came", six);
    close(six), close(one), close(server);
}

// The row of a socket, and that of ::1.
static void shown(void) {
    char line[512];
    int server = socket(AF_INET6, SOCK_STREAM, 0), port;
    bind_to(server, "::1", 0, 0);
    listen(server, 10);
    port = port_of(server);
    FILE *file = fopen("/proc/net/tcp6", "r");
    unsigned words[4], at, state;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, " %*d: %8x%8x%8x%8x:%x %*[0-9A-F]:%*x %x", words, words + 1, words + 2, words + 3, &at, &state) == 6 && at == (unsigned)port)
            printf("tcp6: %08x %08x %08x %08x, state %u\n", words[0], words[1], words[2], words[3], state);
    fclose(file);
    file = fopen("/proc/net/if_inet6", "r");
    while (fgets(line, sizeof line, file))
        if (strstr(line, " lo\n"))
            printf("%s", line);
    fclose(file);
    close(server);
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    // Another program may have the port that is taken next.
    own_network();
    printf("streams\n");
    binding(SOCK_STREAM);
    printf("datagrams\n");
    binding(SOCK_DGRAM);
    printf("streams\n");
    connecting(SOCK_STREAM);
    printf("datagrams\n");
    connecting(SOCK_DGRAM);
    accepting("::", 0), accepting("::", 1), accepting("::1", 0), accepting("::ffff:127.0.0.1", 0);
    excluding("streams", SOCK_STREAM, 0, 0, 0);
    excluding("streams, SO_REUSEADDR", SOCK_STREAM, 0, 1, 0);
    excluding("streams that listen, SO_REUSEADDR", SOCK_STREAM, 1, 1, 0);
    excluding("streams that listen, SO_REUSEPORT", SOCK_STREAM, 1, 0, 1);
    excluding("datagrams", SOCK_DGRAM, 0, 0, 0);
    excluding("datagrams, SO_REUSEADDR", SOCK_DGRAM, 0, 1, 0);
    posting();
    shown();
    return 0;
}
