// Sweeps both ends of the slot with a handler that counts: maps the lowest and the highest page a slot can have, and
// tries every kind of access at every offset near the edges and at a stride through the 64 KiB beyond them. An access
// that lies inside the page must succeed and one that leaves it must fault with an address inside the access. With an
// argument, tries every offset of the 64 KiB instead, loading from even ones and storing to odd ones.
// expect: exit 0
// expect every: exit 0
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

enum { PAGE = 4096, WINDOW = 64 << 10, STRIDE = 509 };

static const uint64_t lowest = WINDOW, highest = (UINT64_C(1) << 36) - WINDOW - PAGE;

// uint64_t probe(address): 0, or 1 when the handler has ended it. Leaves, so that the handler can return for them.
#define PROBE(name, instruction)          \
    uint64_t name(uint64_t address);      \
    __asm__(".text\n.type " #name ", @function\n" #name ":\n " instruction "\n li a0, 0\n ret\n.size " #name ", . - " #name "\n");

PROBE(load1, "lb a1, 0(a0)")
PROBE(load2, "lhu a1, 0(a0)")
PROBE(load4, "lw a1, 0(a0)")
PROBE(load8, "ld a1, 0(a0)")
PROBE(store1, "sb zero, 0(a0)")
PROBE(store2, "sh zero, 0(a0)")
PROBE(store4, "sw zero, 0(a0)")
PROBE(store8, "sd zero, 0(a0)")
PROBE(load_single, "flw ft0, 0(a0)")
PROBE(load_double, "fld ft0, 0(a0)")
PROBE(store_double, "fsd ft0, 0(a0)")
// The same with an immediate, given the address the access is to have.
PROBE(below2048, "addi a0, a0, 2047\n addi a0, a0, 1\n ld a1, -2048(a0)")
PROBE(below1, "addi a0, a0, 1\n ld a1, -1(a0)")
PROBE(above2047, "addi a0, a0, -2047\n ld a1, 2047(a0)")
PROBE(above8, "addi a0, a0, -8\n sd zero, 8(a0)")
PROBE(below1000, "addi a0, a0, 1000\n sw zero, -1000(a0)")
// Offsets that add up from one base: the first access is inside the page whenever the address is near it.
PROBE(chain, "addi a0, a0, -1024\n addi a2, a0, 512\n ld a1, 512(a2)")

struct probe {
    uint64_t (*access)(uint64_t);
    int width;
};

static const struct probe probes[] = {
    { load1, 1 },       { load2, 2 },       { load4, 4 },        { load8, 8 },      { store1, 1 },    { store2, 2 },
    { store4, 4 },      { store8, 8 },      { load_single, 4 },  { load_double, 8 }, { store_double, 8 },
    { below2048, 8 },   { below1, 8 },      { above2047, 8 },    { above8, 8 },     { below1000, 4 }, { chain, 8 },
};

static uint64_t fault_address;

static void on_fault(int number, siginfo_t *info, ucontext_t *context)
{
    (void)number;
    fault_address = (uint64_t)info->si_addr;
    context->uc_mcontext.x[9] = 1;
    context->uc_mcontext.pc = context->uc_mcontext.x[0]; // as if the probe had returned
}

static int wrong, tried, faulted;

static void try(const struct probe *probe, uint64_t page, uint64_t address)
{
    uint64_t last = address + (uint64_t)probe->width - 1;
    int inside = address - page < PAGE && last - page < PAGE;
    fault_address = 0;
    int fault = (int)probe->access(address);
    tried++;
    faulted += fault;
    // The kernel reports the first byte, or the first byte of the next page, of an access that crosses into it.
    int right = fault == !inside && (!fault || fault_address - address < (uint64_t)probe->width);
    if (!right && wrong++ < 10)
        printf("probe %d at %lx: fault %d at %lx\n", (int)(probe - probes), address, fault, fault_address);
}

static void try_every(uint64_t page, int side)
{
    for (uint64_t offset = 0; offset < WINDOW; offset++)
        try(&probes[offset % 2 == 0 ? 0 : 4], page, side == 0 ? page - 1 - offset : page + PAGE + offset);
}

int main(int argc, char **argv)
{
    (void)argv;
    signal_install(SIGSEGV, on_fault, 0);
    for (int side = 0; side < 2; side++) {
        uint64_t page = side == 0 ? lowest : highest;
        if (memory_map((void *)page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED_NOREPLACE) != (long)page) {
            printf("cannot map %lx\n", page);
            return 2;
        }
        if (argc > 1) {
            try_every(page, side);
            continue;
        }
        // The neighbour inside the slot must not be mapped either, or the sweep would see it.
        for (const struct probe *p = probes; p < probes + sizeof probes / sizeof *probes; p++) {
            for (uint64_t offset = -40; offset != 40; offset++) {
                try(p, page, page + offset);
                try(p, page, page + PAGE + offset);
            }
            for (uint64_t offset = 0; offset < WINDOW + WINDOW / 4; offset += STRIDE) {
                try(p, page, side == 0 ? page - 8 - offset : page + PAGE + offset);
            }
            for (uint64_t offset = 40; offset < PAGE - 40; offset += STRIDE)
                try(p, page, page + offset);
        }
    }
    printf("%d accesses, %d faults, %d wrong\n", tried, faulted, wrong);
    return wrong == 0 ? 0 : 1;
}
