// Unix sockets: streams, datagrams and sequenced packets, names, files and credentials that travel.
#include "show.h"
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

static char big[400000];

static int events(int fd, int wanted) {
    struct pollfd poll_fd = { .fd = fd, .events = wanted };
    return poll(&poll_fd, 1, 0) < 0 ? -1 : poll_fd.revents;
}

static socklen_t name(struct sockaddr_un *address, const char *path, int is_abstract) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    strcpy(address->sun_path + is_abstract, path);
    return offsetof(struct sockaddr_un, sun_path) + is_abstract + strlen(path) + !is_abstract;
}

static void show_name(const char *what, int fd, int (*get)(int, struct sockaddr *, socklen_t *)) {
    struct sockaddr_un address = { 0 };
    socklen_t length = sizeof address;
    if (show(what, get(fd, (struct sockaddr *)&address, &length)) == 0)
        printf("  length %d family %d path %d%s\n", (int)length, address.sun_family, length > 2 ? address.sun_path[0] != 0 : -1,
            length > 2 ? address.sun_path + (address.sun_path[0] == 0) : "");
}

static void pairs(void) {
    int s[2];
    char buffer[64];
    show("family", socket(99, SOCK_STREAM, 0));
    show("type", socket(AF_UNIX, 77, 0));
    show("protocol", socket(AF_UNIX, SOCK_STREAM, 6));
    show("unsupported type", socket(AF_UNIX, SOCK_RDM, 0));
    show("inet pair", socketpair(AF_INET, SOCK_STREAM, 0, s));
    show("pair", socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s));
    show("cloexec", fcntl(s[0], F_GETFD));
    show("nonblock", (fcntl(s[0], F_GETFL) & O_NONBLOCK) != 0);
    show("read nothing", read(s[0], buffer, 1));
    show("poll", events(s[0], POLLIN | POLLOUT));
    show("write", write(s[0], "hello", 5));
    int available;
    show("FIONREAD", ioctl(s[1], FIONREAD, &available));
    show("available", available);
    show("peek", recv(s[1], buffer, 3, MSG_PEEK));
    show("read", read(s[1], buffer, sizeof buffer));
    show("lseek", lseek(s[0], 0, SEEK_SET));
    show("pwrite", pwrite(s[0], "x", 1, 0));
    show("sendto with an address", sendto(s[0], "x", 1, 0, (struct sockaddr *)&(struct sockaddr_un){ AF_UNIX, "/x" }, 5));
    show_name("name", s[0], getsockname);
    show_name("peer", s[0], getpeername);
    show("shut writing", shutdown(s[0], SHUT_WR));
    show("write after it", send(s[0], "x", 1, MSG_NOSIGNAL));
    show("end", read(s[1], buffer, 1));
    show("the other way", write(s[1], "back", 4));
    show("poll half", events(s[1], POLLIN | POLLOUT | POLLRDHUP));
    show("read", read(s[0], buffer, sizeof buffer));
    show("bad how", shutdown(s[0], 3));
    close(s[1]);
    show("poll closed", events(s[0], POLLIN | POLLOUT | POLLRDHUP));
    show("read closed", read(s[0], buffer, 1));
    close(s[0]);
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    write(s[0], "unread", 6);
    close(s[1]);
    show("reset", read(s[0], buffer, 1));
    show("then the end", read(s[0], buffer, 1));
    show("broken", send(s[0], "x", 1, MSG_NOSIGNAL));
    close(s[0]);
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    struct timeval timeout = { 0, 10000 };
    show("timeout", setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout));
    show("recv times out", recv(s[0], buffer, 1, 0));
    show("read times out", read(s[0], buffer, 1));
    show("TCP_NODELAY", setsockopt(s[0], 6, 1, &(int){ 1 }, 4));
    show("unknown option", setsockopt(s[0], SOL_SOCKET, 9999, &(int){ 1 }, 4));
    show("MSG_OOB", recv(s[0], buffer, 1, MSG_OOB));
    close(s[0]);
    close(s[1]);
}

static void *receive_all(void *argument) {
    char buffer[5000];
    long total = 0, part;
    while ((part = recv(*(int *)argument, buffer, sizeof buffer, 0)) > 0) {
        for (long k = 0; k < part; k++)
            if (buffer[k] != big[total + k])
                printf("wrong byte at %ld\n", total + k);
        total += part;
    }
    return (void *)total;
}

static void *connect_and_send(void *argument) {
    struct sockaddr_un address;
    socklen_t length = name(&address, argument, 0);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    pause_for(20);
    if (connect(fd, (struct sockaddr *)&address, length) != 0)
        printf("no connection: %s\n", error_name(errno));
    send(fd, big, sizeof big, 0);
    close(fd);
    return NULL;
}

static void streams(void) {
    struct sockaddr_un address;
    char path[] = "/tmp/linux-unix-stream", buffer[16];
    unlink(path);
    socklen_t length = name(&address, path, 0);
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    show("poll unconnected", events(client, POLLIN | POLLOUT));
    show("read unconnected", read(client, buffer, 1));
    show("write unconnected", send(client, "x", 1, MSG_NOSIGNAL));
    show("peer unconnected", getpeername(client, (struct sockaddr *)&address, &length));
    length = name(&address, path, 0);
    show("nobody there", connect(client, (struct sockaddr *)&address, length));
    show("listen without name", listen(server, 1));
    show("bind", bind(server, (struct sockaddr *)&address, length));
    show("bind again", bind(server, (struct sockaddr *)&address, length));
    show("the name is taken", bind(client, (struct sockaddr *)&address, length));
    struct stat status;
    stat(path, &status);
    show("a socket", S_ISSOCK(status.st_mode));
    show("open it", open(path, O_RDONLY));
    show("nobody listens", connect(client, (struct sockaddr *)&address, length));
    show("accept before listen", accept(server, NULL, NULL));
    show("listen", listen(server, 1));
    int on;
    getsockopt(server, SOL_SOCKET, SO_ACCEPTCONN, &on, &(socklen_t){ 4 });
    show("listens", on);
    fcntl(server, F_SETFL, O_NONBLOCK);
    show("accept nothing", accept(server, NULL, NULL));
    show("connect", connect(client, (struct sockaddr *)&address, length));
    show("connect twice", connect(client, (struct sockaddr *)&address, length));
    show("poll the listener", events(server, POLLIN));
    int second = socket(AF_UNIX, SOCK_STREAM, 0), third = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    show("one more than the backlog", connect(second, (struct sockaddr *)&address, length));
    show("two more", connect(third, (struct sockaddr *)&address, length));
    close(third);
    int accepted = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    show_ok("accept", accepted);
    show_name("its name", accepted, getsockname);
    show_name("its peer", accepted, getpeername);
    show_name("the client's peer", client, getpeername);
    struct ucred cred = { 0 };
    show("peer's credentials", getsockopt(client, SOL_SOCKET, SO_PEERCRED, &cred, &(socklen_t){ sizeof cred }));
    show("are its own", cred.pid == getpid() && cred.uid == getuid());
    show("send", send(client, "hello", 5, 0));
    show("receive", recv(accepted, buffer, sizeof buffer, 0));
    close(client);
    close(accepted);
    close(second);
    fcntl(server, F_SETFL, 0);
    close(accept(server, NULL, NULL));
    for (unsigned k = 0; k < sizeof big; k++)
        big[k] = (char)(k * 3 + k / 257);
    pthread_t thread = start(connect_and_send, path);
    accepted = accept(server, NULL, NULL);
    void *total = receive_all(&accepted);
    pthread_join(thread, NULL);
    show("received", (long)total);
    close(accepted);
    second = socket(AF_UNIX, SOCK_DGRAM, 0);
    show("another type", connect(second, (struct sockaddr *)&address, length));
    close(second);
    second = socket(AF_UNIX, SOCK_STREAM, 0);
    connect(second, (struct sockaddr *)&address, length);
    close(server);
    show("never accepted", read(second, buffer, 1));
    close(second);
    unlink(path);
}

static void messages(void) {
    struct sockaddr_un address, from;
    socklen_t length;
    char buffer[16];
    int s[2];
    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, s);
    show("one", send(s[0], "one", 3, 0));
    show("empty", send(s[0], "", 0, 0));
    show("three", send(s[0], "a longer message", 16, 0));
    show("receive", recv(s[1], buffer, 16, 0));
    show("receive the empty one", recv(s[1], buffer, 16, 0));
    show("peek with its length", recv(s[1], buffer, 4, MSG_PEEK | MSG_TRUNC));
    struct iovec vector = { buffer, 4 };
    struct msghdr header = { .msg_iov = &vector, .msg_iovlen = 1 };
    show("cut off", recvmsg(s[1], &header, 0));
    show("told", header.msg_flags);
    show("none left", recv(s[1], buffer, 16, 0));
    show("too large", send(s[0], big, sizeof big, 0));
    close(s[1]);
    show("nobody receives", send(s[0], "x", 1, 0));
    close(s[0]);

    int server = socket(AF_UNIX, SOCK_DGRAM, 0), client = socket(AF_UNIX, SOCK_DGRAM, 0);
    length = name(&address, "linux-unix-dgram", 1);
    show("bind abstract", bind(server, (struct sockaddr *)&address, length));
    show("taken", bind(client, (struct sockaddr *)&address, length));
    show("unconnected", send(client, "x", 1, 0));
    show("sendto", sendto(client, "to", 2, 0, (struct sockaddr *)&address, length));
    socklen_t room = sizeof from;
    show("recvfrom", recvfrom(server, buffer, 16, 0, (struct sockaddr *)&from, &room));
    show("no name", room);
    struct sockaddr_un mine;
    socklen_t mine_length = name(&mine, "linux-unix-client", 1);
    bind(client, (struct sockaddr *)&mine, mine_length);
    show("connect", connect(client, (struct sockaddr *)&address, length));
    show("send", send(client, "connected", 9, 0));
    room = sizeof from;
    show("recvfrom", recvfrom(server, buffer, 16, 0, (struct sockaddr *)&from, &room));
    show("a name", room == mine_length && !memcmp(from.sun_path, mine.sun_path, 18));
    show("answer", sendto(server, "answer", 6, 0, (struct sockaddr *)&from, room));
    show("receive", recv(client, buffer, 16, 0));
    show("listen", listen(client, 1));
    show("accept", accept(client, NULL, NULL));
    close(server);
    show("refused", send(client, "x", 1, 0));
    close(client);

    socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s);
    show("packet", send(s[0], "packet", 6, 0));
    show("another", send(s[0], "two", 3, 0));
    show("part", recv(s[1], buffer, 3, 0));
    show("next", recv(s[1], buffer, 16, 0));
    close(s[0]);
    show("end", recv(s[1], buffer, 16, 0));
    show("broken", send(s[1], "x", 1, MSG_NOSIGNAL));
    close(s[1]);

    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    struct mmsghdr many[3] = { 0 };
    struct iovec vectors[3] = { { "first", 5 }, { "second", 6 }, { "third", 5 } };
    for (int k = 0; k < 3; k++)
        many[k].msg_hdr = (struct msghdr){ .msg_iov = &vectors[k], .msg_iovlen = 1 };
    show("sendmmsg", sendmmsg(s[0], many, 3, 0));
    show("length", many[1].msg_len);
    char buffers[3][8];
    for (int k = 0; k < 3; k++)
        vectors[k] = (struct iovec){ buffers[k], 8 };
    show("recvmmsg of one", recvmmsg(s[1], many, 1, 0, NULL));
    show("recvmmsg of what there is", recvmmsg(s[1], many, 3, MSG_WAITFORONE, NULL));
    show("length", many[0].msg_len);
    close(s[0]);
    close(s[1]);
}

static void travel(void) {
    int s[2], p[2], received[4];
    char buffer[16] = "", control[128];
    socketpair(AF_UNIX, SOCK_STREAM, 0, s);
    pipe(p);
    struct iovec vector = { "with files", 10 };
    struct msghdr header = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(8) };
    struct cmsghdr *message = CMSG_FIRSTHDR(&header);
    *message = (struct cmsghdr){ .cmsg_len = CMSG_LEN(8), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
    memcpy(CMSG_DATA(message), p, 8);
    send(s[0], "plain", 5, 0);
    show("send files", sendmsg(s[0], &header, 0));
    send(s[0], "after", 5, 0);
    ((int *)CMSG_DATA(message))[0] = 99;
    show("send a closed one", sendmsg(s[0], &header, 0));
    message->cmsg_type = 77;
    show("unknown", sendmsg(s[0], &header, 0));
    message->cmsg_len = 3;
    show("bad length", sendmsg(s[0], &header, 0));
    close(p[0]);
    close(p[1]);
    vector = (struct iovec){ buffer, 5 };
    header.msg_controllen = sizeof control;
    show("what is in front", recvmsg(s[1], &header, 0));
    show("no files with it", (long)header.msg_controllen);
    header.msg_controllen = sizeof control;
    vector.iov_len = 4;
    show("part of it", recvmsg(s[1], &header, MSG_CMSG_CLOEXEC));
    message = CMSG_FIRSTHDR(&header);
    show("files", message != NULL && message->cmsg_type == SCM_RIGHTS && message->cmsg_len == CMSG_LEN(8));
    memcpy(received, CMSG_DATA(message), 8);
    show("cloexec", fcntl(received[0], F_GETFD));
    show("write to it", write(received[1], "through", 7));
    show("read from it", read(received[0], buffer, 16));
    header.msg_controllen = sizeof control;
    vector.iov_len = 16;
    show("the rest of it and what is behind", recvmsg(s[1], &header, 0));
    memcpy(control, &(struct cmsghdr){ .cmsg_len = CMSG_LEN(8), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS }, sizeof(struct cmsghdr));
    memcpy(control + sizeof(struct cmsghdr), received, 8);
    header.msg_controllen = CMSG_SPACE(8);
    vector.iov_len = 4;
    send(s[0], "in front", 8, 0);
    sendmsg(s[0], &header, 0);
    send(s[0], "behind", 6, 0);
    vector.iov_len = 16;
    header.msg_controllen = sizeof control;
    show("up to what comes with files", recvmsg(s[1], &header, 0));
    show("files", (long)header.msg_controllen);
    header.msg_controllen = sizeof control;
    show("and what is behind", recvmsg(s[1], &header, 0));
    show("no files", (long)header.msg_controllen);

    header = (struct msghdr){ .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(8) };
    message = CMSG_FIRSTHDR(&header);
    *message = (struct cmsghdr){ .cmsg_len = CMSG_LEN(8), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
    memcpy(CMSG_DATA(message), received, 8);
    vector = (struct iovec){ buffer, 1 };
    sendmsg(s[0], &header, 0);
    header.msg_controllen = CMSG_LEN(4);
    show("room for one", recvmsg(s[1], &header, 0));
    show("cut off", (header.msg_flags & MSG_CTRUNC) != 0);
    show("one came", (long)header.msg_controllen == (long)CMSG_LEN(4));
    sendmsg(s[0], &(struct msghdr){ .msg_iov = &vector, .msg_iovlen = 1 }, 0);

    show("SO_PASSCRED", setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &(int){ 1 }, 4));
    recv(s[1], buffer, 16, 0);
    send(s[0], "who", 3, 0);
    header.msg_controllen = sizeof control;
    show("receive", recvmsg(s[1], &header, 0));
    message = CMSG_FIRSTHDR(&header);
    show("credentials", message != NULL && message->cmsg_type == SCM_CREDENTIALS);
    struct ucred cred;
    memcpy(&cred, CMSG_DATA(message), sizeof cred);
    show("its own", cred.pid == getpid() && cred.uid == getuid() && cred.gid == getgid());
    close(s[0]);
    close(s[1]);
}

int main(void) {
    setvbuf(stdout, NULL, _IONBF, 0);
    signal(SIGPIPE, SIG_IGN);
    pairs();
    streams();
    messages();
    travel();
    return 0;
}
