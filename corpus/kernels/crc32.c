// CRC-32 (reflected, polynomial 0xEDB88320) one byte at a time through a table: a chain of dependent loads.
#include "kernel.h"

enum { SIZE = 1 << 20 };

static unsigned char data[SIZE];
static uint32_t table[256];

static void make_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++)
            value = value & 1 ? value >> 1 ^ 0xEDB88320u : value >> 1;
        table[i] = value;
    }
}

int main(int argc, char **argv)
{
    int rounds = 60 * kernel_scale(argc, argv);
    uint64_t seed = 1;
    for (int i = 0; i < SIZE; i++)
        data[i] = (unsigned char)kernel_random(&seed);
    int64_t started = kernel_clock();
    make_table();
    uint32_t crc = 0;
    for (int round = 0; round < rounds; round++) {
        crc = ~crc;
        for (int i = 0; i < SIZE; i++)
            crc = table[(crc ^ data[i]) & 0xff] ^ crc >> 8;
        crc = ~crc;
    }
    return kernel_report("crc32", crc, started);
}
