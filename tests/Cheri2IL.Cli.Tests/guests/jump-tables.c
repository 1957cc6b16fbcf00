// Functions whose switches become jump tables, in the shapes that compilers give them. Freestanding: the exit status is a
// checksum over every index of every table, those beyond the ends included.
#define CASES(x)                                \
    case 0: return step(x, 1) + 1;              \
    case 1: return step(x, 2) * 3;              \
    case 2: return step(x, 3) ^ 5;              \
    case 3: return step(x, 4) - 7;              \
    case 4: return step(x, 5) | 9;              \
    case 5: return step(x, 6) & 0x7ff;          \
    case 6: return step(x + 6, 7);              \
    case 7: return step(x - 7, 8);

typedef unsigned long word;

__attribute__((noinline)) static unsigned step(unsigned x, unsigned salt) {
    __asm__ volatile("" : "+r"(x));
    return (x * 2654435761u) ^ (salt * 40503u);
}

__attribute__((noinline)) unsigned dense(unsigned k, unsigned x) {
    switch (k) { CASES(x) }
    return x;
}

__attribute__((noinline)) unsigned masked(unsigned k, unsigned x) {
    switch (k & 7) { CASES(x) }
    __builtin_unreachable();
}

__attribute__((noinline)) unsigned wide(word k, unsigned x) {
    switch (k) { CASES(x) }
    return x;
}

__attribute__((noinline)) unsigned narrow(const unsigned char *k, unsigned x) {
    switch (*k) { CASES(x) }
    return x;
}

__attribute__((noinline)) unsigned holes(int k, unsigned x) {
    switch (k) {
    case -3: return step(x, 1) + 1;
    case -2: return step(x, 2) * 3;
    case 0: return step(x, 3) ^ 5;
    case 1: return step(x, 4) - 7;
    case 3: return step(x, 5) | 9;
    case 4: return step(x, 6) & 0x7ff;
    case 7: return step(x + 6, 7);
    }
    return x;
}

__attribute__((noinline)) unsigned twice(unsigned k, unsigned j, unsigned x) {
    unsigned r;
    switch (k) {
    case 0: r = step(x, 1); break;
    case 1: r = step(x, 2) + 5; break;
    case 2: r = step(x, 3) * 7; break;
    case 3: r = step(x, 4) - 9; break;
    case 4: r = step(x, 5) | 11; break;
    case 5: r = step(x, 6) ^ 13; break;
    default: r = 9;
    }
    switch (j) {
    case 0: return step(r, x);
    case 1: return step(r, 2) + x;
    case 2: return step(r, 3) * x;
    case 3: return step(r, 4) - x;
    case 4: return step(r, 5) | x;
    case 5: return step(r, 6) ^ x;
    }
    return r;
}

// A switch in a loop: the table's address is computed outside.
__attribute__((noinline)) unsigned interpret(const unsigned char *code, unsigned x) {
    for (;;) {
        switch (*code++) {
        case 0: return x;
        case 1: x += step(x, 1); break;
        case 2: x = step(x, 2); break;
        case 3: x ^= step(x, 3); break;
        case 4: x -= 3; break;
        case 5: x = step(x, 5) * 3; break;
        case 6: x |= 64; break;
        default: x++;
        }
    }
}

// Written out, because compilers do the following in large functions only.

// The table's address comes from the stack.
unsigned spilled(unsigned k, unsigned x);
__asm__(".text\n.globl spilled\n.type spilled, @function\nspilled:\n"
        ".option push\n.option norelax\n"
        "addi sp, sp, -16\nlla t1, 5f\nsd t1, 8(sp)\nli t0, 2\n"
        "1: bltu t0, a0, 4f\nld t1, 8(sp)\nslli t2, a0, 2\nadd t2, t2, t1\nlw t2, 0(t2)\nadd t2, t2, t1\naddi a0, a0, 1\njr t2\n"
        "2: addi a1, a1, 7\nj 1b\n"
        "3: slliw a1, a1, 1\nj 1b\n"
        "4: mv a0, a1\naddi sp, sp, 16\nret\n"
        ".size spilled, . - spilled\n"
        ".section .rodata\n.balign 4\n5: .word 2b - 5b, 3b - 5b, 2b - 5b\n.text\n.option pop\n");

#ifndef __PIC__
// One register has the upper half of two tables' addresses.
unsigned shared(unsigned k, unsigned x);
__asm__(".text\n.globl shared\n.type shared, @function\nshared:\n"
        ".option push\n.option norelax\n"
        "lui t3, %hi(shared_tables)\nli t0, 2\nbltu t0, a0, 3f\n"
        "slli t2, a0, 2\naddi t1, t3, %lo(shared_tables)\nadd t2, t2, t1\nlw t2, 0(t2)\njr t2\n"
        "1: addi a1, a1, 9\nj 3f\n"
        "2: slliw a1, a1, 2\n"
        "3: andi a0, a1, 1\nslli t2, a0, 2\naddi t1, t3, %lo(shared_tables + 12)\nadd t2, t2, t1\nlw t2, 0(t2)\njr t2\n"
        "4: addi a1, a1, 1\n"
        "5: mv a0, a1\nret\n"
        ".size shared, . - shared\n"
        ".section .rodata\n.balign 32\nshared_tables: .word 1b, 2b, 1b, 4b, 5b\n.text\n.option pop\n");
#else
static unsigned shared(unsigned k, unsigned x) {
    return k + x;
}
#endif

int run(void) {
    unsigned sum = 1;
    for (int k = -5; k < 12; k++) {
        unsigned char narrowed = (unsigned char)k;
        sum = sum * 31 + dense((unsigned)k, sum);
        sum = sum * 31 + masked((unsigned)k, sum);
        sum = sum * 31 + wide((word)k, sum);
        sum = sum * 31 + wide((word)k + (1ul << 32), sum);
        sum = sum * 31 + narrow(&narrowed, sum);
        sum = sum * 31 + holes(k, sum);
        sum = sum * 31 + spilled((unsigned)k, sum);
        sum = sum * 31 + shared((unsigned)k, sum);
        for (unsigned j = 0; j < 8; j++)
            sum = sum * 31 + twice((unsigned)k, j, sum);
    }
    static const unsigned char code[] = { 1, 2, 3, 4, 5, 6, 7, 255, 6, 5, 4, 3, 2, 1, 0 };
    sum = sum * 31 + interpret(code, sum);
    return (sum ^ sum >> 8 ^ sum >> 16 ^ sum >> 24) & 255;
}

__attribute__((naked, used)) void _start(void) {
    __asm__(".option push\n.option norelax\nlla gp, __global_pointer$\n.option pop\n"
            "call run\nli a7, 94\necall\n");
}
