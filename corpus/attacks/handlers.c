// Signal handling turned against the kernel: handlers and stacks that do not exist, faults inside handlers, frames
// forged for sigreturn. Each ends the program, and only it.
// expect wild-handler: signal SIGSEGV
// expect data-handler: signal SIGSEGV
// expect handler-beyond: signal SIGSEGV
// expect fault-in-handler: signal SIGSEGV
// expect no-stack: signal SIGSEGV
// expect wild-alternate: signal SIGSEGV
// expect sigreturn-junk: signal SIGSEGV
// expect sigreturn-wild: signal SIGSEGV
// expect return-to-nowhere: signal SIGSEGV
// expect return-with-wild-sp: signal SIGSEGV
// expect return-to-data: signal SIGSEGV
// expect kill-handler: exit 22
#include <corpus/syscall.h>
#include <corpus/thread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *kind;
static uint64_t data[2] = { 0x0000806700700513 };

static int is(const char *name)
{
    return strcmp(kind, name) == 0;
}

static void handler(int number, siginfo_t *info, ucontext_t *context)
{
    (void)number;
    (void)info;
    mcontext_t *m = &context->uc_mcontext;
    if (is("fault-in-handler"))
        *(volatile int *)16 = 1; // SIGSEGV is blocked here
    if (is("return-to-nowhere"))
        m->pc = UINT64_C(1) << 36;
    if (is("return-with-wild-sp"))
        m->x[1] = UINT64_C(0x7ffffffffff0);
    if (is("return-to-data"))
        m->pc = (uint64_t)data;
}

__attribute__((noinline)) static void touch_stack(void)
{
    volatile char frame[64];
    frame[0] = 1;
    (void)frame[0];
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    kind = argv[1];
    signal_install(SIGSEGV, handler, 0);
    signal_install(SIGUSR1, handler, 0);
    if (is("wild-handler"))
        signal_install(SIGUSR1, (signal_handler *)UINT64_C(0x2000), 0);
    if (is("data-handler"))
        signal_install(SIGUSR1, (signal_handler *)data, 0);
    if (is("handler-beyond"))
        signal_install(SIGUSR1, (signal_handler *)UINT64_C(0x1000000000), 0);
    if (is("wild-handler") || is("data-handler") || is("handler-beyond")) {
        signal_default(SIGSEGV);
        signal_raise(SIGUSR1);
    }
    if (is("fault-in-handler"))
        *(volatile int *)8 = 1;
    if (is("no-stack")) {
        // The handler of the fault needs a frame on the very stack that faults.
        __asm__ volatile("li sp, 0x3000\n sd zero, 0(sp)" : : : "memory");
    }
    if (is("wild-alternate")) {
        signal_stack((void *)UINT64_C(0x1000000000), 64 << 10);
        signal_install(SIGUSR1, handler, SA_ONSTACK);
        signal_default(SIGSEGV); // what Linux raises when the frame cannot be written
        signal_raise(SIGUSR1);
    }
    if (is("sigreturn-junk") || is("sigreturn-wild")) {
        // The frame is read from sp: zeroes there mean a pc of 0.
        static char zeroes[4096] __attribute__((aligned(16)));
        uint64_t sp = is("sigreturn-junk") ? (uint64_t)zeroes : UINT64_C(0x1000000000);
        signal_default(SIGSEGV);
        __asm__ volatile("mv sp, %0\n li a7, 139\n ecall" : : "r"(sp) : "memory");
    }
    if (is("return-to-nowhere") || is("return-with-wild-sp") || is("return-to-data")) {
        signal_default(SIGSEGV);
        signal_raise(SIGUSR1);
        touch_stack();
    }
    if (is("kill-handler"))
        return -signal_install(9, handler, 0); // EINVAL
    puts("still here");
    return 0;
}
