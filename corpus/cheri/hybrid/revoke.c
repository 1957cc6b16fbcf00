// Temporal safety: before freed memory is used again, a sweep over the heap clears the tag of every capability for it.
// expect: exit 0
// expect use-after-free: TagViolation of ct0
// expect use-copy-after-free: TagViolation of ct0
// expect use-before-sweep: exit 0
#include <cheri/hybrid.h>
#include <string.h>

enum { HEAP = 65536, LINE = 64, BLOCK = 256, BLOCKS = 64 };

static _Alignas(LINE) unsigned char heap[HEAP];
static unsigned char is_free[BLOCKS];
static long next_block;

static void allocate(capability *block)
{
    cheri_of(block, heap + BLOCK * next_block++, BLOCK);
}

static void release(const capability *block)
{
    is_free[(cheri_base(block) - (uint64_t)heap) / BLOCK] = 1;
}

static int is_revoked(const capability *candidate)
{
    uint64_t offset = cheri_base(candidate) - (uint64_t)heap;
    return offset < BLOCK * BLOCKS && is_free[offset / BLOCK];
}

// Clears the tags of capabilities for free blocks in [start, start + size); how many there were.
static long sweep(unsigned char *start, size_t size)
{
    long cleared = 0;
    for (unsigned char *line = start; line < start + size; line += LINE) {
        capability all;
        cheri_of(&all, line, LINE);
        // Most lines hold none.
        for (uint64_t tags = cheri_tags(&all), i = 0; tags >> i != 0; i++) {
            capability *at = (capability *)line + i;
            if ((tags >> i & 1) != 0 && is_revoked(at)) {
                cheri_clear_tag(at, at);
                cleared++;
            }
        }
    }
    return cleared;
}

static int everything(void)
{
    // A list through the heap: the first bytes of each block are a capability for the next one.
    static _Alignas(LINE) capability roots[4];
    capability blocks[8], loaded;
    for (int i = 0; i < 8; i++)
        allocate(&blocks[i]);
    for (int i = 0; i < 7; i++)
        cheri_store_capability(&blocks[i], &blocks[i + 1]);
    cheri_copy(&roots[1], &blocks[3]);
    release(&blocks[3]);
    release(&blocks[6]);
    // In the heap: what blocks 2 and 5 point to. Among the roots: one.
    if (sweep(heap, HEAP) != 2 || sweep((unsigned char *)roots, sizeof roots) != 1)
        return 1;
    for (int i = 0; i < 7; i++) {
        cheri_load_capability(&loaded, &blocks[i]);
        if (cheri_tag(&loaded) != (i != 2 && i != 5) || cheri_base(&loaded) != cheri_base(&blocks[i + 1]))
            return 2;
    }
    return cheri_tag(&roots[1]) == 0 && sweep(heap, HEAP) == 0 ? 0 : 3;
}

int main(int argc, char **argv)
{
    static _Alignas(LINE) capability roots[4];
    if (argc < 2)
        return everything();
    allocate(&roots[0]);
    cheri_store8(&roots[0], 1);
    cheri_advance(&roots[2], &roots[0], 100);
    release(&roots[0]);
    if (strcmp(argv[1], "use-before-sweep") == 0)
        return cheri_load8(&roots[0]) == 1 ? 0 : 1;
    sweep((unsigned char *)roots, sizeof roots);
    return cheri_load8(&roots[strcmp(argv[1], "use-after-free") == 0 ? 0 : 2]);
}
