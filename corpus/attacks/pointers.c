// Wild pointers by the thousand, with a handler that recovers from each: loads, stores, calls through pointers made of
// random bits. A call may land in code, so only the ranges outside the slot are called.
// expect: exit 0
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

enum { ROUNDS = 1500 };

static jmp_buf recovery;
static volatile int faults;
static volatile uint64_t seed = 99;

static void on_fault(int number, siginfo_t *info, ucontext_t *context)
{
    (void)info;
    (void)context;
    faults++;
    longjmp(recovery, number);
}

// Bits that are no address of the slot: 2^36 and up, of every magnitude.
static uint64_t wild(void)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed | UINT64_C(1) << 63) >> (seed >> 20) % 16;
}

int main(void)
{
    signal_install(SIGSEGV, on_fault, SA_NODEFER);
    volatile int round = 0;
    for (; round < ROUNDS; round++) {
        if (setjmp(recovery) != 0)
            continue;
        uint64_t target = wild();
        switch (round % 3) {
        case 0: seed ^= *(volatile uint64_t *)target; break;
        case 1: *(volatile uint32_t *)target = 1; break;
        default: ((void (*)(void))target)(); break;
        }
        printf("%lx is no fault\n", target);
        return 1;
    }
    printf("%d faults\n", faults);
    return faults == ROUNDS ? 0 : 1;
}
