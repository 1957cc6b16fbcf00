// Stack exhaustion in every form, and stack pointers that point elsewhere.
// expect recursion: signal SIGSEGV
// expect pointer-recursion: signal SIGSEGV
// expect mutual: signal SIGSEGV
// expect frame: signal SIGSEGV
// expect dynamic: signal SIGSEGV
// expect zero: signal SIGSEGV
// expect negative: signal SIGSEGV
// expect top: signal SIGSEGV
// expect beyond: signal SIGSEGV
// expect far: signal SIGSEGV
// expect misaligned: exit 7
// expect code: signal SIGSEGV
// expect push-loop: signal SIGSEGV
// build: -Wno-infinite-recursion
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define KEEP(value) __asm__ volatile("" : "+r"(value))

__attribute__((noinline)) static uint64_t recurse(uint64_t n)
{
    uint64_t result = recurse(n + 1);
    KEEP(result);
    return result + n;
}

static uint64_t through_pointer(uint64_t n);
static uint64_t (*volatile pointer)(uint64_t) = through_pointer;

__attribute__((noinline)) static uint64_t through_pointer(uint64_t n)
{
    uint64_t result = pointer(n + 1);
    KEEP(result);
    return result + n;
}

static uint64_t pong(uint64_t n);

__attribute__((noinline)) static uint64_t ping(uint64_t n)
{
    uint64_t result = pong(n + 1);
    KEEP(result);
    return result * 3;
}

__attribute__((noinline)) static uint64_t pong(uint64_t n)
{
    volatile uint64_t frame[64];
    frame[n % 64] = n;
    uint64_t result = ping(n + 1);
    KEEP(result);
    return result + frame[(n + 1) % 64];
}

__attribute__((noinline)) static uint64_t huge_frame(uint64_t n)
{
    volatile char frame[1 << 30];
    __asm__ volatile("" : : "r"(frame) : "memory"); // or the compiler keeps only the bytes in use
    frame[n] = 1;
    return (uint64_t)frame[n + 1];
}

__attribute__((noinline)) static uint64_t dynamic_frame(uint64_t n)
{
    volatile char *block = __builtin_alloca(n);
    block[0] = 1;
    return (uint64_t)block[0] + dynamic_frame(n * 2);
}

// Calls a function that pushes a frame, with the given stack pointer.
static void with_stack_pointer(uint64_t sp)
{
    __asm__ volatile("mv sp, %0\n addi sp, sp, -32\n sd ra, 24(sp)\n ld ra, 24(sp)\n addi sp, sp, 32\n"
                     "li a0, 7\n li a7, 94\n ecall"
                     : : "r"(sp) : "memory");
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    const char *kind = argv[1];
    uint64_t result = 0;
    if (strcmp(kind, "recursion") == 0)
        result = recurse(0);
    if (strcmp(kind, "pointer-recursion") == 0)
        result = pointer(0);
    if (strcmp(kind, "mutual") == 0)
        result = ping(0);
    if (strcmp(kind, "frame") == 0)
        result = huge_frame(5);
    if (strcmp(kind, "dynamic") == 0)
        result = dynamic_frame(16);
    if (strcmp(kind, "zero") == 0)
        with_stack_pointer(0);
    if (strcmp(kind, "negative") == 0)
        with_stack_pointer((uint64_t)-16);
    if (strcmp(kind, "top") == 0)
        with_stack_pointer(UINT64_C(1) << 36);
    if (strcmp(kind, "beyond") == 0)
        with_stack_pointer((UINT64_C(1) << 36) + 64);
    if (strcmp(kind, "far") == 0)
        with_stack_pointer(UINT64_C(0x7ffffffffff0));
    if (strcmp(kind, "misaligned") == 0)
        with_stack_pointer((uint64_t)&result - 3);
    if (strcmp(kind, "code") == 0)
        with_stack_pointer((uint64_t)main + 32);
    if (strcmp(kind, "push-loop") == 0)
        __asm__ volatile("1: addi sp, sp, -16\n sd zero, 0(sp)\n j 1b");
    printf("still here: %lx\n", result);
    return 0;
}
