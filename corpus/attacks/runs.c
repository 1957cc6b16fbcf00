// Runs of copies and fills that start in mapped memory and leave it, at both ends of the slot, upwards and downwards.
// expect copy-up: signal SIGSEGV
// expect copy-down: signal SIGSEGV
// expect fill-up: signal SIGSEGV
// expect move-down: signal SIGSEGV
// expect read-up: signal SIGSEGV
// expect read-down: signal SIGSEGV
// expect string-up: signal SIGSEGV
// expect stride-up: signal SIGSEGV
// expect stride-huge: signal SIGSEGV
// expect index-negative: signal SIGSEGV
// expect whole: signal SIGSEGV
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, WINDOW = 64 << 10 };

static volatile unsigned char sink;

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    const char *kind = argv[1];
    unsigned char *low = (unsigned char *)(uint64_t)WINDOW;
    unsigned char *high = (unsigned char *)((UINT64_C(1) << 36) - WINDOW - PAGE);
    int flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE, access = PROT_READ | PROT_WRITE;
    if (memory_map(low, PAGE, access, flags) != (long)low || memory_map(high, PAGE, access, flags) != (long)high)
        return 2;
    memset(low, 'x', PAGE);
    memset(high, 'y', PAGE);

    static unsigned char buffer[3 * PAGE];
    volatile uint64_t all = UINT64_C(1) << 40;
    if (strcmp(kind, "copy-up") == 0)
        memcpy(high, buffer, 2 * PAGE);
    if (strcmp(kind, "copy-down") == 0)
        memcpy(low - PAGE, buffer, 2 * PAGE);
    if (strcmp(kind, "fill-up") == 0)
        memset(high, 0, 1 << 20);
    if (strcmp(kind, "move-down") == 0)
        memmove(low - 64, low - 128, 2048);
    if (strcmp(kind, "read-up") == 0) {
        for (unsigned char *p = high;; p++)
            sink = *p;
    }
    if (strcmp(kind, "read-down") == 0) {
        for (uint64_t *p = (uint64_t *)(low + PAGE - 8);; p--)
            sink = (unsigned char)*(volatile uint64_t *)p;
    }
    if (strcmp(kind, "string-up") == 0)
        sink = (unsigned char)strlen((char *)high);
    if (strcmp(kind, "stride-up") == 0) {
        // Steps wider than the window beyond the slot: every step must be checked by itself.
        for (unsigned char *p = high;; p += 2 * WINDOW + 24)
            sink = *(volatile unsigned char *)p;
    }
    if (strcmp(kind, "stride-huge") == 0) {
        for (unsigned char *p = high;; p += UINT64_C(1) << 40)
            sink = *(volatile unsigned char *)p;
    }
    if (strcmp(kind, "index-negative") == 0) {
        for (int64_t i = PAGE - 1;; i -= 3 * WINDOW)
            sink = ((volatile unsigned char *)low)[i];
    }
    if (strcmp(kind, "whole") == 0)
        memset(buffer, 0x41, all);
    puts("still here");
    return 0;
}
