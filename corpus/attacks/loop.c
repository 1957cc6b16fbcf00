// Programs that never end by themselves: "limit" means that the host's time limit or kill must end them.
// expect self: limit
// expect two-blocks: limit
// expect arithmetic: limit
// expect load: limit
// expect calls: limit
// expect indirect: limit
// expect tail-calls: limit
// expect computed: limit
// expect switch: limit
// expect faults: limit
// expect system-calls: limit
// expect wait: limit
#include <corpus/syscall.h>
#include <corpus/thread.h>
#include <signal.h>
#include <string.h>

__attribute__((noinline)) static uint64_t step(uint64_t x)
{
    __asm__ volatile("" : "+r"(x));
    return x * 5 + 1;
}

static uint64_t (*volatile pointer)(uint64_t) = step;
static volatile uint64_t word;

// Two functions that jump to each other and never return.
__asm__(".text\n.type ping, @function\nping:\n addi a0, a0, 1\n tail pong\n.size ping, . - ping\n"
        ".type pong, @function\npong:\n xori a0, a0, 3\n tail ping\n.size pong, . - pong\n");
void ping(void);

static void retry(int number, siginfo_t *info, ucontext_t *context)
{
    (void)number;
    (void)info;
    (void)context; // the pc stays, so the same instruction faults again
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    const char *kind = argv[1];
    uint64_t x = 1;
    if (strcmp(kind, "self") == 0)
        __asm__ volatile("1: j 1b");
    if (strcmp(kind, "two-blocks") == 0)
        __asm__ volatile("1: beqz zero, 2f\n nop\n2: bnez ra, 1b\n j 1b");
    if (strcmp(kind, "arithmetic") == 0)
        __asm__ volatile("1: addi t0, t0, 1\n mul t1, t0, t0\n xor t2, t2, t1\n bne t0, zero, 1b\n j 1b"
                         : : : "t0", "t1", "t2");
    if (strcmp(kind, "load") == 0) {
        while (word == 0) {
        }
    }
    if (strcmp(kind, "calls") == 0) {
        for (;;)
            x = step(x);
    }
    if (strcmp(kind, "indirect") == 0) {
        for (;;)
            x = pointer(x);
    }
    if (strcmp(kind, "tail-calls") == 0)
        ping();
    if (strcmp(kind, "computed") == 0)
        __asm__ volatile("lla t0, 1f\n1: jr t0" : : : "t0");
    if (strcmp(kind, "switch") == 0) {
        for (;;) {
            switch (word + x++ % 7) {
            case 0: word = 1; break;
            case 1: word = x; break;
            case 2: word = 3 - x; break;
            case 3: word ^= 2; break;
            case 4: word = x * x; break;
            case 5: word--; break;
            default: word = x & 3; break;
            }
        }
    }
    if (strcmp(kind, "faults") == 0) {
        signal_install(SIGSEGV, retry, 0);
        *(volatile int *)0 = 1;
    }
    if (strcmp(kind, "system-calls") == 0) {
        for (;;)
            corpus_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
    }
    if (strcmp(kind, "wait") == 0) {
        static uint32_t futex;
        for (;;)
            futex_wait(&futex, 0);
    }
    return (int)x | 1;
}
