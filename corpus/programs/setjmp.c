// longjmp out of nested calls, out of recursion of a thousand frames, out of a signal handler, and many times over.
// expect: exit 0
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

static jmp_buf target;
static volatile int depth;

__attribute__((noinline)) static int descend(int levels)
{
    depth++;
    if (levels == 0)
        longjmp(target, depth);
    int result = descend(levels - 1) + 1;
    __asm__ volatile("" : "+r"(result)); // keeps the call from becoming a jump
    return result;
}

static void on_fault(int number, siginfo_t *info, ucontext_t *context)
{
    (void)info;
    (void)context;
    longjmp(target, number);
}

int main(void)
{
    int value = setjmp(target);
    if (value == 0) {
        descend(3);
        return 1;
    }
    printf("returned %d from depth %d\n", value, depth);

    depth = 0;
    value = setjmp(target);
    if (value == 0) {
        descend(999);
        return 1;
    }
    printf("returned %d from depth %d\n", value, depth);

    value = setjmp(target);
    if (value == 0)
        longjmp(target, 0);
    printf("a value of 0 arrives as %d\n", value);

    volatile int rounds = 0;
    volatile double sum = 0;
    value = setjmp(target);
    rounds++;
    sum += 0.5 * value;
    if (rounds < 10000)
        longjmp(target, rounds % 7 + 1);
    printf("%d rounds, sum %d\n", rounds, (int)sum);

    // SA_NODEFER: longjmp does not restore the signal mask.
    signal_install(SIGSEGV, on_fault, SA_NODEFER);
    volatile int recovered = 0;
    for (int i = 0; i < 100; i++) {
        value = setjmp(target);
        if (value == 0) {
            *(volatile int *)(uint64_t)(4 * i) = 1;
            return 1;
        }
        recovered += value == SIGSEGV;
    }
    printf("recovered from %d faults\n", recovered);
    return 0;
}
