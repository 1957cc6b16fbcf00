// A function so large that it is translated in parts, interrupted wherever it is: signals come while control passes between its parts, and registers are what they were.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include "show.h"

static volatile sig_atomic_t signals;

static void count(int number)
{
    (void)number;
    signals++;
}

// Every case uses all of the state, each in another way, so that the function is large and its registers are many.
#define CASE(n)                                                                                     \
    case n:                                                                                         \
        a = a * (2 * (n) + 3) + (b >> ((n) % 31 + 1));                                              \
        b ^= (c << ((n) % 13 + 1)) + (n) * 0x9e3779b97f4a7c15ul;                                    \
        if ((d & 7) == (n) % 8)                                                                     \
            c += d ^ memory[(a + (n)) & 255];                                                       \
        else                                                                                        \
            memory[(b + (n)) & 255] = e - c;                                                        \
        d = (d >> 3 | d << 61) + f;                                                                 \
        e += (a ^ d) >> ((n) % 17 + 1);                                                             \
        f = f * 5 + (n);                                                                            \
        continue;
#define CASES4(n) CASE(n) CASE((n) + 1) CASE((n) + 2) CASE((n) + 3)
#define CASES16(n) CASES4(n) CASES4((n) + 4) CASES4((n) + 8) CASES4((n) + 12)
#define CASES64(n) CASES16(n) CASES16((n) + 16) CASES16((n) + 32) CASES16((n) + 48)

static unsigned long __attribute__((noinline)) interpret(const unsigned char *code, int length, unsigned long *memory)
{
    unsigned long a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;
    for (int pc = 0; pc < length; ) {
        switch (code[pc++] % 160) {
        CASES64(0) CASES64(64) CASES16(128) CASES16(144)
        }
    }

    return a ^ b ^ c ^ d ^ e ^ f;
}

static unsigned long once(const unsigned char *code, int length)
{
    static unsigned long memory[256];
    memset(memory, 0, sizeof memory);
    unsigned long result = interpret(code, length, memory);
    for (int i = 0; i < 256; i++)
        result = result * 31 + memory[i];
    return result;
}

int main(void)
{
    static unsigned char code[20000];
    unsigned long seed = 1;
    for (unsigned i = 0; i < sizeof code; i++) {
        seed = seed * 6364136223846793005ul + 1442695040888963407ul;
        code[i] = seed >> 33;
    }

    unsigned long expected = once(code, sizeof code);
    printf("undisturbed: %016lx\n", expected);
    struct sigaction action = { .sa_handler = count };
    show("sigaction", sigaction(SIGALRM, &action, 0));
    struct itimerval every = { { 0, 1000 }, { 0, 1000 } };
    show("setitimer", setitimer(ITIMER_REAL, &every, 0));
    int wrong = 0;
    while (signals < 40)
        wrong += once(code, sizeof code) != expected;
    struct itimerval never = { { 0, 0 }, { 0, 0 } };
    show("setitimer", setitimer(ITIMER_REAL, &never, 0));
    printf("disturbed: %d wrong\n", wrong);
    return 0;
}
