// Signals as the riscv64 kernel defines them: structures are the kernel's own, not a library's.
#ifndef CORPUS_SIGNAL_H
#define CORPUS_SIGNAL_H

#include <stddef.h>
#include <stdint.h>

enum { SIGILL = 4, SIGTRAP = 5, SIGABRT = 6, SIGBUS = 7, SIGFPE = 8, SIGUSR1 = 10, SIGSEGV = 11, SIGUSR2 = 12 };
enum { SA_SIGINFO = 4, SA_ONSTACK = 0x08000000, SA_NODEFER = 0x40000000, SA_RESETHAND = (int)0x80000000 };
enum { SIG_BLOCK = 0, SIG_UNBLOCK = 1, SIG_SETMASK = 2 };
enum { SEGV_MAPERR = 1, SEGV_ACCERR = 2 };

typedef struct {
    int si_signo;
    int si_errno;
    int si_code;
    int padding;
    void *si_addr; // of a fault; the sender's pid and uid for kill and tgkill
    unsigned char rest[128 - 24];
} siginfo_t;

typedef struct {
    void *ss_sp;
    int ss_flags;
    size_t ss_size;
} stack_t;

typedef struct {
    uint64_t pc;
    uint64_t x[31]; // x1 to x31
    uint64_t f[32];
    uint32_t fcsr;
    uint32_t padding;
    uint8_t quad[528 - 264]; // the union with the Q extension's state is 528 bytes
} mcontext_t __attribute__((aligned(16)));

typedef struct ucontext {
    uint64_t uc_flags;
    struct ucontext *uc_link;
    stack_t uc_stack;
    uint64_t uc_sigmask;
    uint8_t padding[128 - 8];
    mcontext_t uc_mcontext;
} ucontext_t;

typedef void signal_handler(int number, siginfo_t *info, ucontext_t *context);

// Installs a handler with SA_SIGINFO and these flags; the kernel's trampoline returns from it. 0 or -errno.
int signal_install(int number, signal_handler *handler, unsigned flags);
int signal_default(int number);
int signal_mask(int how, uint64_t mask, uint64_t *old);
int signal_stack(void *base, size_t size);
// Sends to the calling thread.
int signal_raise(int number);

#endif
