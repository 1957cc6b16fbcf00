// The C library's memory and string functions on short and middling blocks at every alignment: what text processing
// and protocol code spend their time in.
#include "kernel.h"
#include <string.h>

enum { SIZE = 1 << 18, LONGEST = 600 };

static char from[SIZE + LONGEST + 1], to[SIZE + LONGEST + 1];

int main(int argc, char **argv)
{
    int rounds = 6000000 * kernel_scale(argc, argv);
    uint64_t seed = 8, checksum = 0;
    for (int i = 0; i < SIZE + LONGEST; i++)
        from[i] = (char)('a' + kernel_random(&seed) % 26);
    int64_t started = kernel_clock();
    for (int round = 0; round < rounds; round++) {
        uint32_t random = kernel_random(&seed);
        size_t source = random & (SIZE - 1), target = random * 5 & (SIZE - 1);
        // Mostly short, sometimes hundreds of bytes.
        size_t length = (random >> 20 & 7) == 0 ? 64 + (random >> 16) % (LONGEST - 64) : 1 + (random >> 16) % 63;
        switch (random >> 26 & 3) {
        case 0:
        case 1:
            memcpy(to + target, from + source, length);
            checksum += (unsigned char)to[target + length / 2];
            break;
        case 2: {
            char saved = from[source + length];
            from[source + length] = 0;
            checksum += strlen(from + source);
            const char *found = memchr(from + source, 'q', length);
            checksum += found == NULL ? 1000 : (size_t)(found - (from + source));
            from[source + length] = saved;
            break;
        }
        default:
            memmove(to + source, to + target, length);
            checksum += (uint64_t)(memcmp(to + source, to + target, length) == 0);
            memset(to + target, (int)('A' + length % 26), length / 2);
            break;
        }
    }
    for (int i = 0; i < SIZE + LONGEST; i++)
        checksum = kernel_mix(checksum, (unsigned char)to[i]);
    return kernel_report("memcpy", checksum, started);
}
