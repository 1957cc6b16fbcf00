// Faults inside memcpy, memmove and memset, which are recognised by their code and done in the host's vectors: the handler finds the
// address, the registers and the memory of the very instruction, mends the page and returns; the function then does the rest.
// expect: exit 0
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, PAGES = 8 };

static unsigned char *area, *mended;
static int faults;

static uint64_t digest(const unsigned char *bytes, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325;
    while (size-- != 0)
        hash = (hash ^ *bytes++) * 0x100000001b3;
    return hash;
}

// Everything but the page that is away.
static uint64_t digest_of_rest(void)
{
    return digest(area, mended - area) ^ digest(mended + PAGE, area + PAGES * PAGE - mended - PAGE);
}

static void on_fault(int number, siginfo_t *info, ucontext_t *context)
{
    mcontext_t *m = &context->uc_mcontext;
    faults++;
    printf("  signal %d, code %d, at %ld, memory %lx\n   ", number, info->si_code, (long)((unsigned char *)info->si_addr - area), digest_of_rest());
    for (int i = 4; i < 31; i++) {
        // Registers that the function may have changed: temporaries and arguments. Addresses as they are in the area.
        int x = i + 1;
        if (x == 8 || x == 9 || (x >= 18 && x <= 27))
            continue;
        uint64_t offset = m->x[i] - (uint64_t)area;
        if (offset <= PAGES * PAGE)
            printf(" x%d area+%ld", x, offset);
        else if (m->x[i] < 0x10000 || m->x[i] > 0x800000000000)
            printf(" x%d %lx", x, m->x[i]);
    }
    printf("\n");
    memory_protect(mended, PAGE, PROT_READ | PROT_WRITE);
}

enum kind { COPY, MOVE, FILL };

// A function that is done in the host's vectors leaves registers alone that its own code would change: what they have then is not what is tested.
static void clear_temporaries(void)
{
    __asm__ volatile("li t0, 0\n li t1, 0\n li t2, 0\n li t3, 0\n li t4, 0\n li t5, 0\n li t6, 0\n"
                     "li a3, 0\n li a4, 0\n li a5, 0\n li a6, 0\n li a7, 0\n" ::
                         : "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a3", "a4", "a5", "a6", "a7");
}

static void try(enum kind kind, size_t to, size_t from, size_t size, size_t away, int protection)
{
    for (size_t k = 0; k < PAGES * PAGE; k++)
        area[k] = k * 7 + (k >> 8);
    mended = area + away;
    printf("%s of %ld from %ld to %ld, page %ld %s\n", kind == COPY ? "memcpy" : kind == MOVE ? "memmove" : "memset", size, from, to, away / PAGE,
           protection == PROT_NONE ? "away" : "not writable");
    memory_protect(mended, PAGE, protection);
    int before = faults;
    clear_temporaries();
    if (kind == COPY)
        memcpy(area + to, area + from, size);
    else if (kind == MOVE)
        memmove(area + to, area + from, size);
    else
        memset(area + to, 0x5a, size);
    memory_protect(mended, PAGE, PROT_READ | PROT_WRITE);
    printf("  faults %d, memory %lx\n", faults - before, digest(area, PAGES * PAGE));
}

int main(void)
{
    area = (unsigned char *)memory_map(0, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS);
    signal_install(SIGSEGV, on_fault, 0);
    static const size_t sizes[] = { 1, 3, 8, 20, 31, 32, 63, 64, 100, 128, 200, 256, 300, 1000, 5000 };
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        size_t size = sizes[k], before = size / 2 + 5;
        // The destination, then the source, comes to the page in the middle of the range, or begins in it, or does not touch it.
        try(COPY, 3 * PAGE - before, 100, size, 3 * PAGE, PROT_READ);
        try(COPY, 3 * PAGE - before, 100, size, 3 * PAGE, PROT_NONE);
        try(COPY, 5 * PAGE + 3, 3 * PAGE - before, size, 3 * PAGE, PROT_NONE);
        try(COPY, 3 * PAGE + 3, 100, size, 3 * PAGE, PROT_READ);
        try(COPY, 5 * PAGE + 3, 3 * PAGE + 1, size, 3 * PAGE, PROT_NONE);
        try(COPY, 5 * PAGE + 3, PAGE, size, 3 * PAGE, PROT_NONE);
        try(MOVE, 3 * PAGE - before, 3 * PAGE - before - 16, size, 3 * PAGE, PROT_READ);
        try(MOVE, 3 * PAGE - before - 9, 3 * PAGE - before, size, 3 * PAGE, PROT_NONE);
        try(MOVE, 3 * PAGE - before, 3 * PAGE - before - 1, size, 4 * PAGE, PROT_NONE);
        try(FILL, 3 * PAGE - before, 0, size, 3 * PAGE, PROT_READ);
        try(FILL, 3 * PAGE + 1, 0, size, 3 * PAGE, PROT_NONE);
        try(FILL, 5 * PAGE + 1, 0, size, 3 * PAGE, PROT_NONE);
    }
    return faults > 50 ? 0 : 1;
}
