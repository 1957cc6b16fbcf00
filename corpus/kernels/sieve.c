// Sieve of Eratosthenes over bytes: stores with a constant stride, and a counting loop.
#include "kernel.h"
#include <string.h>

enum { LIMIT = 4000000 };

static unsigned char composite[LIMIT + 1];

int main(int argc, char **argv)
{
    int rounds = 24 * kernel_scale(argc, argv);
    uint64_t checksum = 0;
    int64_t started = kernel_clock();
    for (int round = 0; round < rounds; round++) {
        // The limit moves with the round, so that no round can be reused.
        int limit = LIMIT - round % 1000;
        memset(composite, 0, sizeof composite);
        for (int i = 2; i * i <= limit; i++) {
            if (composite[i])
                continue;
            for (int j = i * i; j <= limit; j += i)
                composite[j] = 1;
        }
        int primes = 0, last = 0;
        for (int i = 2; i <= limit; i++) {
            if (!composite[i]) {
                primes++;
                last = i;
            }
        }
        checksum = kernel_mix(checksum, (uint64_t)primes << 32 | (uint32_t)last);
    }
    return kernel_report("sieve", checksum, started);
}
