// A handler of SIGSEGV sees the address, the pc and every register of the faulting instruction, changes some of them,
// and resumes behind it through sigreturn; a second fault stores.
// expect: exit 0
#include <signal.h>
#include <stdio.h>

// Loads known values into every register but sp, gp, tp and a0 (the address), faults, and stores what it finds after.
__asm__(".text\n"
        ".option push\n"
        ".option norvc\n" // the handler adds 4 to the pc
        ".macro set name, value\n li \\name, \\value\n .endm\n"
        ".type probe, @function\n"
        "probe:\n"
        " addi sp, sp, -128\n"
        " sd ra, 0(sp)\n sd s0, 8(sp)\n sd s1, 16(sp)\n sd s2, 24(sp)\n sd s3, 32(sp)\n sd s4, 40(sp)\n"
        " sd s5, 48(sp)\n sd s6, 56(sp)\n sd s7, 64(sp)\n sd s8, 72(sp)\n sd s9, 80(sp)\n sd s10, 88(sp)\n"
        " sd s11, 96(sp)\n sd a1, 104(sp)\n fsd fs0, 112(sp)\n"
        " set ra, 0x101\n set t0, 0x105\n set t1, 0x106\n set t2, 0x107\n set s0, 0x108\n set s1, 0x109\n"
        " set a1, 0x10b\n set a2, 0x10c\n set a3, 0x10d\n set a4, 0x10e\n set a5, 0x10f\n set a6, 0x110\n"
        " set a7, 0x111\n set s2, 0x112\n set s3, 0x113\n set s4, 0x114\n set s5, 0x115\n set s6, 0x116\n"
        " set s7, 0x117\n set s8, 0x118\n set s9, 0x119\n set s10, 0x11a\n set s11, 0x11b\n set t3, 0x11c\n"
        " set t4, 0x11d\n set t5, 0x11e\n set t6, 0x11f\n"
        " fcvt.d.l fs0, t6\n fcvt.d.l ft11, s2\n"
        "probe_load:\n"
        " ld a0, 24(a0)\n"
        "probe_store:\n"
        " sw t6, -8(s2)\n"
        " ld t0, 104(sp)\n"
        " sd a0, 0(t0)\n sd s3, 8(t0)\n sd t6, 16(t0)\n sd ra, 24(t0)\n fsd fs0, 32(t0)\n fsd ft11, 40(t0)\n"
        " ld ra, 0(sp)\n ld s0, 8(sp)\n ld s1, 16(sp)\n ld s2, 24(sp)\n ld s3, 32(sp)\n ld s4, 40(sp)\n"
        " ld s5, 48(sp)\n ld s6, 56(sp)\n ld s7, 64(sp)\n ld s8, 72(sp)\n ld s9, 80(sp)\n ld s10, 88(sp)\n"
        " ld s11, 96(sp)\n fld fs0, 112(sp)\n"
        " addi sp, sp, 128\n"
        " ret\n"
        ".size probe, . - probe\n"
        ".option pop\n");

void probe(uint64_t address, uint64_t *results);
extern char probe_load[], probe_store[];

static int faults;

static uint64_t bits(double value)
{
    union {
        double value;
        uint64_t bits;
    } both = { value };
    return both.bits;
}

static void on_fault(int number, siginfo_t *info, ucontext_t *context)
{
    mcontext_t *m = &context->uc_mcontext;
    printf("fault %d: signal %d, code %d, address %lx\n", ++faults, number, info->si_code, (uint64_t)info->si_addr);
    printf("  pc is the %s\n", m->pc == (uint64_t)probe_load    ? "load"
                               : m->pc == (uint64_t)probe_store ? "store"
                                                                : "wrong one");
    for (int i = 0; i < 31; i++) {
        int number_of_x = i + 1;
        if (number_of_x < 2 || number_of_x > 4)
            printf("  x%d %lx\n", number_of_x, m->x[i]);
    }
    printf("  sp is %s\n", (m->x[1] & 15) == 0 ? "aligned" : "misaligned");
    printf("  fs0 %lx ft11 %lx\n", m->f[8], m->f[31]);

    m->x[9] = 0xabcdef;                         // a0, as if the load had succeeded
    m->x[18] = 0x5eed;                          // s3
    m->x[17] = 0x123400000000;                  // s2, the base of the store that follows
    m->f[8] = bits(2.5);                        // fs0
    m->pc += 4;
}

int main(void)
{
    uint64_t results[6] = { 0 };
    signal_install(SIGSEGV, on_fault, 0);
    probe(0x2000, results);
    printf("a0 %lx s3 %lx t6 %lx ra %lx fs0 %lx ft11 %lx\n", results[0], results[1], results[2], results[3], results[4],
           results[5]);
    return faults == 2 ? 0 : 1;
}
