// Code written at run time: into a fresh writable and executable mapping, rewritten and fenced many times, written to
// pages made executable by mprotect afterwards, and the program's own function patched in place.
// expect: exit 0
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <stdint.h>

typedef int function(int);

enum { ADDI_A0_A0 = 0x00050513, RET = 0x00008067, PAGE = 4096 };

static void fence(void)
{
    __asm__ volatile("fence.i" ::: "memory");
}

// addi a0, a0, immediate; ret
static void write_adder(uint32_t *at, int immediate)
{
    at[0] = ADDI_A0_A0 | (uint32_t)immediate << 20;
    at[1] = RET;
}

__attribute__((noinline, aligned(PAGE))) static int patched(int x)
{
    __asm__ volatile(".option push\n .option norvc\n addi %0, %0, 1\n .option pop" : "+r"(x));
    return x;
}

int main(void)
{
    uint32_t *code = (uint32_t *)memory_map(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE);
    function *volatile call = (function *)code;
    write_adder(code, 5);
    fence();
    printf("fresh: %d\n", call(100));

    int sum = 0;
    for (int i = 0; i < 200; i++) {
        write_adder(code, i);
        fence();
        sum += call(1);
    }
    printf("rewritten 200 times: %d\n", sum);

    // A longer function over the old one, with a loop: a0 = a0 * (a0 + 1) / 2 by addition.
    static const uint32_t loop[] = {
        0x00000593, // li a1, 0
        0x00a585b3, // add a1, a1, a0
        0xfff50513, // addi a0, a0, -1
        0xfe051ce3, // bnez a0, -8
        0x00058513, // mv a0, a1
        RET,
    };
    memcpy(code, loop, sizeof loop);
    fence();
    printf("loop: %d\n", call(1000));

    uint32_t *sealed = (uint32_t *)memory_map(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    write_adder(sealed, 42);
    if (memory_protect(sealed, PAGE, PROT_READ | PROT_EXEC) != 0)
        return 1;
    fence();
    call = (function *)sealed;
    printf("sealed: %d\n", call(0));
    if (memory_protect(sealed, PAGE, PROT_READ | PROT_WRITE) != 0)
        return 1;
    write_adder(sealed, 43);
    if (memory_protect(sealed, PAGE, PROT_READ | PROT_EXEC) != 0)
        return 1;
    fence();
    printf("sealed again: %d\n", call(0));

    function *volatile own = patched;
    printf("before the patch: %d\n", own(10));

    if (memory_protect((void *)((uintptr_t)patched & ~(uintptr_t)(PAGE - 1)), PAGE,
                       PROT_READ | PROT_WRITE | PROT_EXEC) != 0)
        return 1;
    uint32_t *at = (uint32_t *)(void *)patched;
    while ((*at & 0xfff0707f) != 0x00100013) // addi with an immediate of 1
        at = (uint32_t *)((char *)at + 2);
    *at = (*at & 0x000fffff) | 7u << 20;
    fence();
    printf("after the patch: %d\n", own(10));
    return 0;
}
