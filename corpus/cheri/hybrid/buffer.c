// A buffer of N bytes handed to code that writes M: exactly N bytes change, and the access that leaves them is refused.
// expect: exit 0
// expect fill 16 16: exit 0
// expect fill 16 17: LengthViolation of ct0
// expect fill 1 1: exit 0
// expect fill 1 2: LengthViolation of ct0
// expect fill 0 1: LengthViolation of ct0
// expect fill 4095 4095: exit 0
// expect fill 4095 4096: LengthViolation of ct0
// expect words 16 16: exit 0
// expect words 17 24: LengthViolation of ct0
// expect below: LengthViolation of ct0
// expect straddle: LengthViolation of ct0
// expect wrap: LengthViolation of ct0
// expect rounded: exit 0
#include <cheri/hybrid.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 8192, SENTINEL = 0x5a };

static _Alignas(16) unsigned char room[ROOM];

// The code that is not trusted to know the buffer's size.
static void fill(const capability *buffer, long count)
{
    for (long i = 0; i < count; i++) {
        capability at;
        cheri_advance(&at, buffer, (uint64_t)i);
        cheri_store8(&at, (uint8_t)i);
    }
}

static void fill_words(const capability *buffer, long count)
{
    for (long i = 0; i < count; i += 8) {
        capability at;
        cheri_advance(&at, buffer, (uint64_t)i);
        cheri_store64(&at, 0);
    }
}

static int changed_outside(long size)
{
    for (long i = size; i < ROOM; i++)
        if (room[i] != SENTINEL)
            return 1;
    return 0;
}

// Bounds that cannot be exact: the tag goes with csetboundsexact, and csetbounds widens them within what there is.
static int rounded(void)
{
    capability all, some;
    cheri_of(&all, (const void *)(1 << 20), 1 << 20);
    cheri_advance(&some, &all, 1);
    cheri_bound_exact(&some, &some, 0x4001);
    if (cheri_tag(&some) != 0)
        return 1;
    cheri_advance(&some, &all, 1);
    cheri_bound(&some, &some, 0x4001);
    return cheri_tag(&some) == 1 && cheri_base(&some) <= (1 << 20) + 1 && cheri_base(&some) >= 1 << 20
        && cheri_base(&some) + cheri_length(&some) >= (1 << 20) + 0x4002 ? 0 : 2;
}

int main(int argc, char **argv)
{
    memset(room, SENTINEL, ROOM);
    capability buffer;
    if (argc == 1)
        return changed_outside(0);
    if (argc == 4) {
        long size = atoi(argv[2]), count = atoi(argv[3]);
        cheri_of(&buffer, room, (size_t)size);
        if (strcmp(argv[1], "fill") == 0)
            fill(&buffer, count);
        else
            fill_words(&buffer, count);
        return changed_outside(size);
    }
    cheri_of(&buffer, room + 64, 16);
    if (strcmp(argv[1], "rounded") == 0)
        return rounded();
    if (strcmp(argv[1], "below") == 0)
        cheri_advance(&buffer, &buffer, (uint64_t)-1);
    else if (strcmp(argv[1], "straddle") == 0)
        cheri_advance(&buffer, &buffer, 9);
    else {
        // From the whole address space, whose last bytes nothing can be stored across.
        cheri_get_ddc(&buffer);
        cheri_at(&buffer, &buffer, (uint64_t)-4);
    }
    cheri_store64(&buffer, 0);
    return 9;
}
