// What a program asks of the Intravisor beyond Linux: sharing memory, streams and functions with other cVMs. docs/ipc.md explains it.
// For riscv64 programs of any C library, or none. Every function returns a negated errno on failure; outside of an Intravisor that is
// -ENOSYS (-38). A CP_File needs none of this to be used: it is the file /cap/NAME.
#ifndef CHERI2IL_H
#define CHERI2IL_H

#include <stddef.h>
#include <stdint.h>

enum {
    CHERI2IL_TIME = 0x4000 + 25,
    CHERI2IL_FILE_PUBLISH = 0x4000 + 405,
    CHERI2IL_OPEN = 0x4000 + 406,
    CHERI2IL_WAIT = 0x4000 + 407,
    CHERI2IL_WAKE = 0x4000 + 408,
    CHERI2IL_STREAM_CREATE = 0x4000 + 409,
    CHERI2IL_CALL = 0x4000 + 411,
    CHERI2IL_SELF = 0x4200,
    CHERI2IL_GRANT = 0x4200 + 1,
    CHERI2IL_REVOKE = 0x4200 + 2,
    CHERI2IL_STREAM_RECEIVE = 0x4200 + 3,
    CHERI2IL_CALL_PUBLISH = 0x4200 + 4,
    CHERI2IL_CALL_SERVE = 0x4200 + 5,
    CHERI2IL_CALL_SET = 0x4200 + 6,
    CHERI2IL_LENT_READ = 0x4200 + 7,
    CHERI2IL_LENT_WRITE = 0x4200 + 8,
    CHERI2IL_FILE_CREATE = 0x4200 + 9,
    CHERI2IL_MAP = 0x4200 + 10,
    CHERI2IL_INNER = 0x4000 + 700,
    CHERI2IL_HANDLER_SERVE = 0x4200 + 11,
    CHERI2IL_INNER_KILL = 0x4200 + 12,
    CHERI2IL_COPY = 0x4200 + 13,
    CHERI2IL_ENTRY = 0x4200 + 14,
    CHERI2IL_LENT_MAP = 0x4200 + 16,
};

// Rights of a grant.
enum { CP_READ = 1, CP_WRITE = 2, CP_CALL = 4 };

// cp_open: as for open.
enum { CP_RDONLY = 0, CP_WRONLY = 1, CP_RDWR = 2, CP_NONBLOCK = 0x800, CP_CLOEXEC = 0x80000 };

// cp_stream_create: keep the bounds of what is sent. Also CP_NONBLOCK and CP_CLOEXEC.
enum { CP_MESSAGES = 1 };

// cp_call_set: let a thread of the callee run the function; let the function write the lent buffer.
enum { CP_CARRIER = 1, CP_LEND_WRITABLE = 2 };

// Time-outs are in nanoseconds; negative: wait without limit.
#define CP_FOREVER INT64_C(-1)

// What hostcalls do, as ioctl(2) of an open /cap/NAME, for programs that cannot make hostcalls. Errors are those of the hostcalls, 0 otherwise.
#define CP_IOCTL_WAIT 0xc010ca01u // struct cp_event: cp_wait; sets the count
#define CP_IOCTL_WAKE 0xca02u     // no argument: cp_wake
#define CP_IOCTL_CALL 0xc030ca03u // struct cp_invocation: cp_call; sets the value
#define CP_IOCTL_SET 0x4010ca04u  // struct cp_manner: cp_call_set

struct cp_event {
    int64_t count, timeout;
};

struct cp_invocation {
    int64_t arguments[3], buffer;
    uint64_t length;
    int64_t value;
};

struct cp_manner {
    int64_t flags, timeout;
};

// The call itself: the result, and in *second what is in a1 afterwards.
static inline long cheri2il_hostcall2(long number, long a, long b, long c, long d, long e, long f, long *second)
{
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = d;
    register long a4 __asm__("a4") = e;
    register long a5 __asm__("a5") = f;
    register long a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7) : "memory");
    *second = a1;
    return a0;
}

static inline long cheri2il_hostcall(long number, long a, long b, long c, long d, long e, long f)
{
    long second;
    return cheri2il_hostcall2(number, a, b, c, d, e, f, &second);
}

// Number of this cVM.
static inline long cp_self(void) { return cheri2il_hostcall(CHERI2IL_SELF, 0, 0, 0, 0, 0, 0); }

// Nanoseconds of a clock that only goes forward.
static inline int64_t cp_time(void) { return cheri2il_hostcall(CHERI2IL_TIME, 0, 0, 0, 0, 0, 0); }

// Publishes memory of the caller as /cap/NAME of whom it is granted to. It stays where it is.
static inline int cp_file_publish(const char *name, void *address, size_t length, int rights)
{
    return (int)cheri2il_hostcall(CHERI2IL_FILE_PUBLISH, (long)name, (long)address, (long)length, rights, 0, 0);
}

// Publishes LENGTH zeroed bytes that are not memory of anybody's until it is mapped: returns a descriptor to mmap (MAP_SHARED), as those
// can to whom it is granted. Loads and stores then need no call at all.
static inline int cp_file_create(const char *name, size_t length, int rights)
{
    return (int)cheri2il_hostcall(CHERI2IL_FILE_CREATE, (long)name, (long)length, rights, 0, 0, 0);
}

// For programs with capabilities: maps such a file, and stores at CAPABILITY (16 bytes, aligned) a tagged capability for exactly its bytes,
// with the permission to load, and that to store if PROTECTION (PROT_READ, or with PROT_WRITE) has it and it was granted. When the right is
// revoked, loads and stores through it, and through whatever was derived from it, fault.
static inline int cp_map(int file, void *capability, int protection)
{
    return (int)cheri2il_hostcall(CHERI2IL_MAP, file, (long)capability, protection, 0, 0, 0);
}

// Sets what a cVM ("*": any) may do with something that the caller has published; 0 takes all away.
static inline int cp_grant(const char *name, const char *cvm, int rights)
{
    return (int)cheri2il_hostcall(CHERI2IL_GRANT, (long)name, (long)cvm, rights, 0, 0, 0);
}

// Ends something that the caller has published, for everyone, also for those who have it open.
static inline int cp_revoke(const char *name) { return (int)cheri2il_hostcall(CHERI2IL_REVOKE, (long)name, 0, 0, 0, 0, 0); }

// open("/cap/NAME") that waits until there is such a thing and it is granted to the caller. -ETIMEDOUT otherwise.
static inline int cp_open(const char *name, int flags, int64_t timeout)
{
    return (int)cheri2il_hostcall(CHERI2IL_OPEN, (long)name, flags, timeout, 0, 0, 0);
}

// Events of a CP_File: cp_wake makes one more, cp_wait waits until their count is not SEEN. Both return the count.
static inline int64_t cp_wait(int file, int64_t seen, int64_t timeout) { return cheri2il_hostcall(CHERI2IL_WAIT, file, seen, timeout, 0, 0, 0); }
static inline int64_t cp_wake(int file) { return cheri2il_hostcall(CHERI2IL_WAKE, file, 0, 0, 0, 0, 0); }

// Publishes a stream to the caller, with a ring of BYTES bytes in its memory (both multiples of 16, at least 4096 bytes; a message
// takes at most half of it). Returns a descriptor to read from. Others open it CP_WRONLY, with a grant of CP_WRITE, and write.
static inline int cp_stream_create(const char *name, int flags, void *ring, size_t bytes)
{
    return (int)cheri2il_hostcall(CHERI2IL_STREAM_CREATE, (long)name, flags, (long)ring, (long)bytes, 0, 0);
}

// The next message (or some bytes) where the sender has put it: returns its length, 0 at the end, and sets *offset to where in the
// ring it is. It is valid until the next call of this function or of read.
static inline int64_t cp_stream_receive(int stream, int64_t *offset, int64_t timeout)
{
    return cheri2il_hostcall(CHERI2IL_STREAM_RECEIVE, stream, (long)offset, timeout, 0, 0, 0);
}

// A function that others call: three integers of the caller, and how many bytes it has lent.
typedef long cp_function(long a, long b, long c, size_t lent);

// Publishes a function; returns a descriptor for cp_call_serve.
static inline int cp_call_publish(const char *name, cp_function *function)
{
    return (int)cheri2il_hostcall(CHERI2IL_CALL_PUBLISH, (long)name, (long)function, 0, 0, 0, 0);
}

// Serves calls with the calling thread, until the function is revoked. Calls run on its stack, one at a time; use more threads for more.
static inline int cp_call_serve(int published) { return (int)cheri2il_hostcall(CHERI2IL_CALL_SERVE, published, 0, 0, 0, 0, 0); }

// How calls through a descriptor of cp_open are made: flags, and a time-out for the wait for a serving thread and then for the function.
static inline int cp_call_set(int call, int flags, int64_t timeout) { return (int)cheri2il_hostcall(CHERI2IL_CALL_SET, call, flags, timeout, 0, 0, 0); }

// Calls the function. 0 and its value in *result; -ECONNRESET: the callee ended; -ETIMEDOUT; -EACCES or -EPIPE: revoked.
static inline int cp_call(int call, long a, long b, long c, void *buffer, size_t length, long *result)
{
    return (int)cheri2il_hostcall2(CHERI2IL_CALL, call, a, b, c, (long)buffer, (long)length, result);
}

// For programs with capabilities: stores at PAIR (32 bytes, aligned to 16) a sealed pair of capabilities, code and data, by which CInvoke calls the
// function, as cp_call does with this descriptor, for as long as that is open. The arguments are in a0, a1 and a2; a4 bytes at the capability ca3
// are lent; cra is a capability to return by, best a sentry. Afterwards a0 is what cp_call returns, a1 the value, c31 is NULL, a7 anything. Code
// that has the pair, and neither the descriptor nor the right to make system calls, can call this function and do nothing else with it.
static inline int cp_entry(int call, void *pair) { return (int)cheri2il_hostcall(CHERI2IL_ENTRY, call, (long)pair, 0, 0, 0, 0); }

// Inside a function that was called: copies from and to what the caller has lent. Return the bytes copied.
static inline int64_t cp_lent_read(size_t offset, void *to, size_t length)
{
    return cheri2il_hostcall(CHERI2IL_LENT_READ, (long)offset, (long)to, (long)length, 0, 0, 0);
}
static inline int64_t cp_lent_write(size_t offset, const void *from, size_t length)
{
    return cheri2il_hostcall(CHERI2IL_LENT_WRITE, (long)offset, (long)from, (long)length, 0, 0, 0);
}

// For programs with capabilities, inside a function that was called: stores at CAPABILITY (16 bytes, aligned) a tagged capability for exactly the bytes
// that the caller has lent, as they are now, with the permission to load, and that to store if PROTECTION (PROT_READ, or with PROT_WRITE) has it and the
// caller allows it. What was stored is the caller's when the function returns. From then on, or when the caller waits no more, it leads nowhere.
static inline int cp_lent_map(void *capability, int protection)
{
    return (int)cheri2il_hostcall(CHERI2IL_LENT_MAP, (long)capability, protection, 0, 0, 0, 0);
}

// cVMs inside cVMs (docs/layers.md): a cVM that others are nested in serves their system calls. Address A of the inner cVM is INNER + A here,
// for loads, stores and system calls; check A first, for the inner one may pass anything, and use cp_copy where it may not be mapped.
typedef long cp_handler(long number, long a, long b, long c, long d, long e, long f, char *inner);

// The number by which a handler is told that the inner cVM has ended, while its memory is still there: a is its status, b the signal or 0.
enum { CP_INNER_ENDED = -1 };

// Serves system calls of inner cVMs with the calling thread; use more threads for more at a time. Returns only for an error.
static inline int cp_handler_serve(cp_handler *handler)
{
    return (int)cheri2il_hostcall(CHERI2IL_HANDLER_SERVE, (long)handler, 0, 0, 0, 0, 0);
}

// Address of an inner cVM's memory, and its size. -ENOENT: no cVM of that name is nested in the calling one.
static inline long cp_inner(const char *name, size_t *bytes) { return cheri2il_hostcall(CHERI2IL_INNER, (long)name, (long)bytes, 0, 0, 0, 0); }

// Copies between places in this memory that do not overlap, such as to and from an inner cVM's. -EFAULT, rather than a fault, where it cannot.
static inline int cp_copy(void *to, const void *from, size_t length)
{
    return (int)cheri2il_hostcall(CHERI2IL_COPY, (long)to, (long)from, (long)length, 0, 0, 0);
}

// Sends a signal to the inner cVM whose memory is at INNER.
static inline int cp_inner_kill(char *inner, int signal) { return (int)cheri2il_hostcall(CHERI2IL_INNER_KILL, (long)inner, signal, 0, 0, 0, 0); }

#endif
