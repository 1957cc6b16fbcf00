// Signals sent to oneself: delivery, masks and pending signals, nesting, SA_NODEFER, SA_RESETHAND, a handler on an
// alternate stack, and recovery from a stack overflow there.
// expect: signal SIGUSR1
#include <corpus/thread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

static int nesting, deepest, delivered, nested_once;
static char alternate[64 << 10] __attribute__((aligned(16)));
static jmp_buf recovery;

static void count(int number, siginfo_t *info, ucontext_t *context)
{
    (void)context;
    nesting++;
    delivered++;
    if (nesting > deepest)
        deepest = nesting;
    printf("  signal %d, code %d, depth %d\n", number, info->si_code, nesting);
    if (number == SIGUSR1 && !nested_once) {
        nested_once = 1;
        signal_raise(SIGUSR1); // blocked until this handler returns
        signal_raise(SIGUSR2); // delivered at once, nested
    }
    nesting--;
}

static int nodefer_left;

static void nest(int number, siginfo_t *info, ucontext_t *context)
{
    (void)info;
    (void)context;
    nesting++;
    if (nesting > deepest)
        deepest = nesting;
    if (--nodefer_left > 0)
        signal_raise(number);
    nesting--;
}

static void on_overflow(int number, siginfo_t *info, ucontext_t *context)
{
    (void)info;
    char *here = __builtin_frame_address(0);
    printf("  signal %d on the %s stack\n", number,
           here >= alternate && here <= alternate + sizeof alternate ? "alternate" : "wrong");
    printf("  the faulting sp is %s\n",
           (char *)context->uc_mcontext.x[1] >= alternate
                   && (char *)context->uc_mcontext.x[1] <= alternate + sizeof alternate
               ? "wrong"
               : "elsewhere");
    longjmp(recovery, 1);
}

__attribute__((noinline)) static uint64_t recurse(uint64_t n)
{
    if (n == UINT64_MAX)
        return 0;
    uint64_t result = recurse(n + 1);
    __asm__ volatile("" : "+r"(result));
    return result + n;
}

int main(void)
{
    puts("nested");
    signal_install(SIGUSR1, count, 0);
    signal_install(SIGUSR2, count, 0);
    signal_raise(SIGUSR1);
    printf("  delivered %d, deepest %d\n", delivered, deepest);

    puts("blocked");
    uint64_t old = 0;
    delivered = 0;
    signal_mask(SIG_BLOCK, UINT64_C(1) << (SIGUSR2 - 1), NULL);
    signal_raise(SIGUSR2);
    signal_raise(SIGUSR2); // a pending signal is not counted twice
    printf("  delivered %d while blocked\n", delivered);
    signal_mask(SIG_UNBLOCK, UINT64_C(1) << (SIGUSR2 - 1), &old);
    printf("  delivered %d, mask was %lx\n", delivered, old);

    puts("without deferring");
    deepest = 0;
    nodefer_left = 50;
    signal_install(SIGUSR2, nest, SA_NODEFER);
    signal_raise(SIGUSR2);
    printf("  deepest %d\n", deepest);

    puts("stack overflow");
    if (signal_stack(alternate, sizeof alternate) != 0)
        return 1;
    signal_install(SIGSEGV, on_overflow, SA_ONSTACK | SA_NODEFER);
    for (int i = 0; i < 3; i++) {
        if (setjmp(recovery) == 0) {
            long stack = memory_map(NULL, 64 << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE);
            memory_protect((void *)stack, 4096, PROT_NONE);
            call_on_stack((char *)stack + (64 << 12), recurse, 0);
            return 1;
        }
    }

    puts("reset");
    signal_install(SIGUSR1, count, SA_RESETHAND);
    signal_raise(SIGUSR1);
    signal_raise(SIGUSR1); // ends the program
    return 1;
}
