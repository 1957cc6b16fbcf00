// Memory exhaustion and mappings that may not be: every request ends with an errno value, and the program goes on.
// expect fill: exit 0
// expect many: exit 0
// expect huge: exit 0
// expect outside: exit 0
// expect guards: exit 0
// qemu-differs: outside guards fill many
#include <corpus/syscall.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, WINDOW = 64 << 10, EINVAL = 22, ENOMEM = 12, EEXIST = 17, EPERM = 1 };

static const uint64_t top = UINT64_C(1) << 36;

static int refused(uint64_t address, uint64_t size, int flags)
{
    long result = memory_map((void *)address, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | flags);
    if (result == -ENOMEM || result == -EINVAL || result == -EPERM || result == -EEXIST)
        return 1;
    printf("mmap %lx + %lx: %lx\n", address, size, result);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    const char *kind = argv[1];
    if (strcmp(kind, "fill") == 0) {
        // Address space in halving blocks until not even a page is left.
        uint64_t total = 0;
        for (uint64_t size = UINT64_C(1) << 40; size >= PAGE; size /= 2) {
            for (;;) {
                long block = memory_map(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE);
                if (block < 0) {
                    if (block != -ENOMEM)
                        return 1;
                    break;
                }
                total += size;
                if (total > top)
                    return 2;
            }
        }
        return total > top / 2 ? 0 : 3;
    }
    if (strcmp(kind, "many") == 0) {
        // Alternate pages, so that no two mappings merge.
        for (uint64_t i = 0; i < 70000; i++) {
            long page = memory_map((void *)(UINT64_C(0x400000000) + i * 2 * PAGE), PAGE, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_FIXED);
            if (page < 0)
                return page == -ENOMEM ? 0 : 1;
        }
        return 0;
    }
    if (strcmp(kind, "huge") == 0) {
        return refused(0, UINT64_C(1) << 62, 0) && refused(0, UINT64_MAX, 0) && refused(0, UINT64_MAX - PAGE + 1, 0)
                    && refused(0, UINT64_C(1) << 63, 0) && refused(0, 0, 0)
                    && memory_unmap((void *)UINT64_C(0x10000), UINT64_MAX) == -EINVAL
                    && memory_unmap((void *)1, PAGE) == -EINVAL
                    && memory_protect((void *)1, PAGE, PROT_READ) == -EINVAL
                    && memory_protect((void *)UINT64_C(0x20000000), UINT64_MAX - PAGE, PROT_READ) == -ENOMEM
                ? 0
                : 1;
    }
    if (strcmp(kind, "outside") == 0) {
        return refused(top, PAGE, MAP_FIXED) && refused(top * 2, PAGE, MAP_FIXED) && refused(top - PAGE, 2 * PAGE, MAP_FIXED)
                    && refused((uint64_t)-PAGE, PAGE, MAP_FIXED) && refused((uint64_t)-WINDOW, PAGE, MAP_FIXED)
                    && memory_protect((void *)top, PAGE, PROT_READ | PROT_WRITE) == -ENOMEM
                ? 0
                : 1;
    }
    if (strcmp(kind, "guards") == 0) {
        // The lowest and the highest 64 KiB stay unmapped whatever the program asks for.
        for (uint64_t offset = 0; offset < WINDOW; offset += PAGE) {
            if (!refused(offset, PAGE, MAP_FIXED) || !refused(top - PAGE - offset, PAGE, MAP_FIXED))
                return 1;
        }
        return refused(0, 2 * WINDOW, MAP_FIXED) && refused(top - 2 * WINDOW, 2 * WINDOW, MAP_FIXED) ? 0 : 1;
    }
    return 65;
}
