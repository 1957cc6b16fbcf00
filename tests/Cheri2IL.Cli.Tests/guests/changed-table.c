// A switch whose jump table is changed: made writable and written to, mapped over, moved over, and unmapped. Freestanding: the exit status is 0, or the
// number of the step that went wrong; at the end it is a segmentation fault.
typedef unsigned long word;

enum { Page = 4096, Read = 1, Write = 2, Private = 2, Fixed = 16, Anonymous = 32, MayMove = 1, FixedMove = 2, Munmap = 215, Mremap = 216, Mmap = 222, Mprotect = 226 };

static word call(word number, word a, word b, word c, word d, word e, word f) {
    register word a7 __asm__("a7") = number, a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c, a3 __asm__("a3") = d, a4 __asm__("a4") = e,
                  a5 __asm__("a5") = f;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7) : "memory");
    return a0;
}

// 1 and 2 for 0 and 1, else 0; a page of its own for the table.
word chosen(word k);
extern int table[Page / 4];
__asm__(".text\n.globl chosen\n.type chosen, @function\nchosen:\n"
        "li t0, 1\nbltu t0, a0, 3f\nlla t1, table\nslli a0, a0, 2\nadd a0, a0, t1\nlw a0, 0(a0)\nadd a0, a0, t1\njr a0\n"
        "1: li a0, 1\nret\n2: li a0, 2\nret\n3: li a0, 0\nret\n"
        ".size chosen, . - chosen\n"
        ".section .rodata\n.globl table\n.balign 4096\ntable: .word 1b - table, 2b - table\n.zero 4088\n.text\n");

static word both(void) { return chosen(0) * 16 + chosen(1); }

static word steps(void) {
    volatile int *entry = table;
    int first = entry[0], second = entry[1];
    if (both() != 0x12)
        return 1;
    if (call(Mprotect, (word)table, Page, Read | Write, 0, 0, 0) != 0)
        return 2;
    if (both() != 0x12)
        return 3;
    entry[0] = second;
    if (both() != 0x22)
        return 4;
    entry[1] = first;
    if (both() != 0x21)
        return 5;
    if (call(Mprotect, (word)table, Page, Read, 0, 0, 0) != 0 || both() != 0x21)
        return 6;
    if (call(Mmap, (word)table, Page, Read | Write, Private | Fixed | Anonymous, -1, 0) != (word)table)
        return 7;
    entry[0] = entry[1] = first;
    if (both() != 0x11)
        return 8;
    word other = call(Mmap, 0, Page, Read | Write, Private | Anonymous, -1, 0);
    ((volatile int *)other)[0] = ((volatile int *)other)[1] = second;
    if (call(Mremap, other, Page, Page, MayMove | FixedMove, (word)table, 0) != (word)table || both() != 0x22)
        return 9;
    if (call(Munmap, (word)table, Page, 0, 0, 0, 0) != 0 || chosen(2) != 0)
        return 10;
    chosen(0);
    return 11;
}

void _start(void) {
    call(93, steps(), 0, 0, 0, 0, 0);
    __builtin_unreachable();
}
