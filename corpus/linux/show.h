// Prints results of system calls in a form that is the same on every Linux.
#ifndef SHOW_H
#define SHOW_H

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static inline const char *error_name(int error) {
    switch (error) {
#define NAME(e) case e: return #e;
        NAME(EPERM) NAME(ENOENT) NAME(ESRCH) NAME(EINTR) NAME(EIO) NAME(ENXIO) NAME(E2BIG) NAME(ENOEXEC) NAME(EBADF) NAME(ECHILD)
        NAME(EAGAIN) NAME(ENOMEM) NAME(EACCES) NAME(EFAULT) NAME(EBUSY) NAME(EEXIST) NAME(EXDEV) NAME(ENODEV) NAME(ENOTDIR)
        NAME(EISDIR) NAME(EINVAL) NAME(ENFILE) NAME(EMFILE) NAME(ENOTTY) NAME(EFBIG) NAME(ENOSPC) NAME(ESPIPE) NAME(EROFS)
        NAME(EMLINK) NAME(EPIPE) NAME(EDOM) NAME(ERANGE) NAME(EDEADLK) NAME(ENAMETOOLONG) NAME(ENOLCK) NAME(ENOSYS)
        NAME(ENOTEMPTY) NAME(ELOOP) NAME(ENODATA) NAME(EOVERFLOW) NAME(ENOTSOCK) NAME(EDESTADDRREQ) NAME(EMSGSIZE)
        NAME(EPROTOTYPE) NAME(ENOPROTOOPT) NAME(EPROTONOSUPPORT) NAME(ESOCKTNOSUPPORT) NAME(EOPNOTSUPP) NAME(EAFNOSUPPORT)
        NAME(EADDRINUSE) NAME(EADDRNOTAVAIL) NAME(ENETUNREACH) NAME(ECONNABORTED) NAME(ECONNRESET) NAME(ENOBUFS) NAME(EISCONN)
        NAME(ENOTCONN) NAME(ETIMEDOUT) NAME(ECONNREFUSED) NAME(EHOSTUNREACH) NAME(EALREADY) NAME(EINPROGRESS) NAME(ESTALE)
#undef NAME
        default: return "another error";
    }
}

// What a call returned: its value, or the name of the error.
static inline long show(const char *what, long result) {
    if (result < 0)
        printf("%s: %s\n", what, error_name(errno));
    else
        printf("%s: %ld\n", what, result);
    return result;
}

// The same where the value itself may differ, such as a descriptor.
static inline long show_ok(const char *what, long result) {
    if (result < 0)
        printf("%s: %s\n", what, error_name(errno));
    else
        printf("%s: ok\n", what);
    return result;
}

static inline void pause_for(long milliseconds) {
    struct timespec time = { milliseconds / 1000, milliseconds % 1000 * 1000000 };
    nanosleep(&time, NULL);
}

static inline pthread_t start(void *(*function)(void *), void *argument) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, function, argument) != 0) {
        printf("no thread\n");
        exit(1);
    }
    return thread;
}

#endif
