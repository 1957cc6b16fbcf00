// What every kernel shares: its scale, its clock and its report.
//
// A kernel prints one line "NAME CHECKSUM" on standard output, the same on every machine, and one line
// "seconds S.UUUUUU" on standard error: the time of the work alone, without process start and set-up.
// The optional first argument multiplies the work.
#ifndef CORPUS_KERNEL_H
#define CORPUS_KERNEL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline int kernel_scale(int argc, char **argv)
{
    int scale = argc > 1 ? atoi(argv[1]) : 1;
    if (scale < 1) {
        fprintf(stderr, "usage: %s [scale >= 1]\n", argv[0]);
        exit(64);
    }
    return scale;
}

static inline int64_t kernel_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static inline int kernel_report(const char *name, uint64_t checksum, int64_t started)
{
    int64_t microseconds = (kernel_clock() - started) / 1000;
    printf("%s %08x%08x\n", name, (unsigned)(checksum >> 32), (unsigned)checksum);
    fprintf(stderr, "seconds %d.%06d\n", (int)(microseconds / 1000000), (int)(microseconds % 1000000));
    return 0;
}

// A 64-bit linear congruential generator; the high bits are the good ones.
static inline uint32_t kernel_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 33);
}

// Mixes a value into a checksum (multiply and rotate).
static inline uint64_t kernel_mix(uint64_t checksum, uint64_t value)
{
    checksum = (checksum ^ value) * UINT64_C(0x9e3779b97f4a7c15);
    return checksum << 29 | checksum >> 35;
}

#endif
