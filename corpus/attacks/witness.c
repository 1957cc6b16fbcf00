// No attack, but what attacks must leave alone: fills the lowest and the highest page that its slot can have, and a
// megabyte in between, with a pattern made from its argument; then verifies every byte, and some work on its stack,
// again and again, and counts the rounds that found all of it right. It writes to nothing but its stack and the counter.
// expect: limit
// expect 7: limit
#include <corpus/syscall.h>
#include <stdint.h>
#include <sys/mman.h>

enum { PAGE = 4096, WINDOW = 64 << 10, BLOCK = 1 << 20, SYS_nanosleep = 101 };

static const uint64_t counter = UINT64_C(0x20000); // the tests read it there

static uint64_t pattern(uint64_t seed, uint64_t address)
{
    uint64_t x = (address + seed) * UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}

static volatile uint64_t *map(uint64_t address, uint64_t size)
{
    int flags = MAP_PRIVATE | (address != 0 ? MAP_FIXED_NOREPLACE : 0);
    long result = memory_map((void *)address, size, PROT_READ | PROT_WRITE, flags);
    return result < 0 ? NULL : (volatile uint64_t *)result;
}

__attribute__((noinline)) static uint64_t fibonacci(uint64_t n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

int main(int argc, char **argv)
{
    const uint64_t seed = argc > 1 ? (uint64_t)argv[1][0] : 0;
    volatile uint64_t *areas[3] = { map(WINDOW, PAGE), map((UINT64_C(1) << 36) - WINDOW - PAGE, PAGE), map(0, BLOCK) };
    const uint64_t sizes[3] = { PAGE, PAGE, BLOCK };
    volatile uint64_t *rounds = map(counter, PAGE);
    if (areas[0] == NULL || areas[1] == NULL || areas[2] == NULL || rounds == NULL)
        return 2;
    for (int a = 0; a < 3; a++) {
        for (uint64_t i = 0; i < sizes[a] / 8; i++)
            areas[a][i] = pattern(seed, (uint64_t)&areas[a][i]);
    }
    for (;;) {
        for (int a = 0; a < 3; a++) {
            for (uint64_t i = 0; i < sizes[a] / 8; i++) {
                if (areas[a][i] != pattern(seed, (uint64_t)&areas[a][i]))
                    return 1;
            }
        }
        if (fibonacci(15) != 610)
            return 1;
        ++*rounds;
        long pause[2] = { 0, 1000000 };
        if (corpus_syscall(SYS_nanosleep, (long)pause, 0, 0, 0, 0, 0) != 0)
            return 3;
    }
}
