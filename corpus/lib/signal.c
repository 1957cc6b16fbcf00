// Thin wrappers of the signal system calls.
#include <corpus/syscall.h>
#include <signal.h>

struct kernel_sigaction {
    void *handler;
    uint64_t flags;
    uint64_t mask;   // riscv64 has no restorer before it
    uint64_t unused; // where qemu-user 7.2 looks for the mask
};

_Static_assert(sizeof(siginfo_t) == 128, "siginfo of the kernel");
_Static_assert(sizeof(mcontext_t) == 784, "mcontext of the kernel: 256 of integer and 528 of floating-point state");
_Static_assert(offsetof(ucontext_t, uc_mcontext) == 176, "ucontext of the kernel");

int signal_install(int number, signal_handler *handler, unsigned flags)
{
    struct kernel_sigaction action = { (void *)handler, flags | SA_SIGINFO, 0, 0 };
    return (int)corpus_syscall(SYS_rt_sigaction, number, (long)&action, 0, sizeof action.mask, 0, 0);
}

int signal_default(int number)
{
    struct kernel_sigaction action = { 0, 0, 0, 0 };
    return (int)corpus_syscall(SYS_rt_sigaction, number, (long)&action, 0, sizeof action.mask, 0, 0);
}

int signal_mask(int how, uint64_t mask, uint64_t *old)
{
    return (int)corpus_syscall(SYS_rt_sigprocmask, how, (long)&mask, (long)old, sizeof mask, 0, 0);
}

int signal_stack(void *base, size_t size)
{
    stack_t stack = { base, 0, size };
    return (int)corpus_syscall(SYS_sigaltstack, (long)&stack, 0, 0, 0, 0, 0);
}

int signal_raise(int number)
{
    long process = corpus_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
    long thread = corpus_syscall(SYS_gettid, 0, 0, 0, 0, 0, 0);
    return (int)corpus_syscall(SYS_tgkill, process, thread, number, 0, 0, 0);
}
