// Alignment: ordinary accesses work at any address; atomics do not.
// expect plain: exit 0
// expect amo4: signal SIGBUS
// expect amo8: signal SIGBUS
// expect lr4: signal SIGBUS
// expect lr8: signal SIGBUS
// expect sc8: signal SIGBUS
// qemu-differs: lr4 lr8 sc8 amo4 amo8
#include <stdint.h>
#include <string.h>

static unsigned char bytes[64] __attribute__((aligned(64)));

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    const char *kind = argv[1];
    if (strcmp(kind, "plain") == 0) {
        for (int i = 0; i < 64; i++)
            bytes[i] = (unsigned char)i;
        for (int offset = 0; offset < 16; offset++) {
            uint64_t value, expected = 0;
            for (int i = 7; i >= 0; i--)
                expected = expected << 8 | bytes[offset + i];
            __asm__ volatile("ld %0, 0(%1)" : "=r"(value) : "r"(bytes + offset) : "memory");
            if (value != expected)
                return 1;
            __asm__ volatile("sd %0, 0(%1)" : : "r"(~value), "r"(bytes + 32 + offset) : "memory");
            for (int i = 0; i < 8; i++) {
                if (bytes[32 + offset + i] != (unsigned char)~bytes[offset + i])
                    return 2;
            }
            double number;
            __asm__ volatile("fld %0, 0(%1)\n fsd %0, 0(%2)" : "=&f"(number) : "r"(bytes + offset), "r"(bytes + 33) : "memory");
            if (memcmp(bytes + offset, bytes + 33, 8) != 0)
                return 3;
        }
        return 0;
    }
    if (strcmp(kind, "amo4") == 0)
        __asm__ volatile("amoadd.w t0, t0, (%0)" : : "r"(bytes + 2) : "t0", "memory");
    if (strcmp(kind, "amo8") == 0)
        __asm__ volatile("amoswap.d t0, t0, (%0)" : : "r"(bytes + 4) : "t0", "memory");
    if (strcmp(kind, "lr4") == 0)
        __asm__ volatile("lr.w t0, (%0)" : : "r"(bytes + 1) : "t0", "memory");
    if (strcmp(kind, "lr8") == 0)
        __asm__ volatile("lr.d t0, (%0)" : : "r"(bytes + 4) : "t0", "memory");
    if (strcmp(kind, "sc8") == 0)
        __asm__ volatile("lr.d t0, (%0)\n sc.d t0, t0, (%1)" : : "r"(bytes), "r"(bytes + 4) : "t0", "memory");
    return 65;
}
