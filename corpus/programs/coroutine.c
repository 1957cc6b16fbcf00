// Stackful coroutines switched in assembly: generators that feed each other, each on its own stack, with live values
// in preserved integer and floating-point registers.
// expect: exit 0
#include <corpus/thread.h>
#include <stdio.h>
#include <stdlib.h>

enum { STACK = 16 << 10 };

struct coroutine {
    void *sp; // of the suspended side
    void *caller;
    uint64_t value;
    int done;
};

// Saves the preserved registers on this stack, stores sp to *save, and goes on where sp = to was saved.
void coroutine_switch(void **save, void *to);
void coroutine_begin(void);
__asm__(".text\n"
        ".type coroutine_switch, @function\n"
        "coroutine_switch:\n"
        " addi sp, sp, -208\n"
        " sd ra, 0(sp)\n sd s0, 8(sp)\n sd s1, 16(sp)\n sd s2, 24(sp)\n sd s3, 32(sp)\n sd s4, 40(sp)\n"
        " sd s5, 48(sp)\n sd s6, 56(sp)\n sd s7, 64(sp)\n sd s8, 72(sp)\n sd s9, 80(sp)\n sd s10, 88(sp)\n"
        " sd s11, 96(sp)\n"
        " fsd fs0, 104(sp)\n fsd fs1, 112(sp)\n fsd fs2, 120(sp)\n fsd fs3, 128(sp)\n fsd fs4, 136(sp)\n"
        " fsd fs5, 144(sp)\n fsd fs6, 152(sp)\n fsd fs7, 160(sp)\n fsd fs8, 168(sp)\n fsd fs9, 176(sp)\n"
        " fsd fs10, 184(sp)\n fsd fs11, 192(sp)\n"
        " sd sp, 0(a0)\n"
        " mv sp, a1\n"
        " ld ra, 0(sp)\n ld s0, 8(sp)\n ld s1, 16(sp)\n ld s2, 24(sp)\n ld s3, 32(sp)\n ld s4, 40(sp)\n"
        " ld s5, 48(sp)\n ld s6, 56(sp)\n ld s7, 64(sp)\n ld s8, 72(sp)\n ld s9, 80(sp)\n ld s10, 88(sp)\n"
        " ld s11, 96(sp)\n"
        " fld fs0, 104(sp)\n fld fs1, 112(sp)\n fld fs2, 120(sp)\n fld fs3, 128(sp)\n fld fs4, 136(sp)\n"
        " fld fs5, 144(sp)\n fld fs6, 152(sp)\n fld fs7, 160(sp)\n fld fs8, 168(sp)\n fld fs9, 176(sp)\n"
        " fld fs10, 184(sp)\n fld fs11, 192(sp)\n"
        " addi sp, sp, 208\n"
        " ret\n"
        ".size coroutine_switch, . - coroutine_switch\n"
        ".type coroutine_begin, @function\n"
        "coroutine_begin:\n" // first activation: s0 is the coroutine, s1 its function
        " mv a0, s0\n"
        " jalr s1\n"
        " ebreak\n" // a coroutine ends by suspending for good
        ".size coroutine_begin, . - coroutine_begin\n");

static void create(struct coroutine *c, void (*function)(struct coroutine *), char *stack)
{
    uint64_t *frame = (uint64_t *)(stack + STACK - 208);
    frame[0] = (uint64_t)coroutine_begin;
    frame[1] = (uint64_t)c;
    frame[2] = (uint64_t)function;
    c->sp = frame;
    c->done = 0;
}

__attribute__((noinline)) static int next(struct coroutine *c)
{
    coroutine_switch(&c->caller, c->sp);
    return !c->done;
}

__attribute__((noinline)) static void yield(struct coroutine *c, uint64_t value)
{
    c->value = value;
    coroutine_switch(&c->sp, c->caller);
}

static void finish(struct coroutine *c)
{
    c->done = 1;
    for (;;)
        coroutine_switch(&c->sp, c->caller);
}

static struct coroutine numbers, squares, tree;
static char stacks[3][STACK] __attribute__((aligned(16)));

static void generate_numbers(struct coroutine *c)
{
    double half = 0.5; // lives in a preserved register across the switches
    for (uint64_t i = 1; i <= 20000; i++, half += 0.5)
        yield(c, (uint64_t)(half * 2) * 10 + i % 10);
    finish(c);
}

static void generate_squares(struct coroutine *c)
{
    while (next(&numbers))
        yield(c, numbers.value * numbers.value);
    finish(c);
}

// Yields from within recursion.
static void walk(struct coroutine *c, int depth, uint64_t path)
{
    if (depth == 0) {
        yield(c, path);
        return;
    }
    walk(c, depth - 1, path * 2);
    walk(c, depth - 1, path * 2 + 1);
}

static void generate_tree(struct coroutine *c)
{
    walk(c, 10, 0);
    finish(c);
}

int main(void)
{
    create(&numbers, generate_numbers, stacks[0]);
    create(&squares, generate_squares, stacks[1]);
    create(&tree, generate_tree, stacks[2]);

    uint64_t sum = 0, count = 0;
    while (next(&squares)) {
        sum = sum * 31 + squares.value;
        count++;
    }
    printf("%lu squares, checksum %lx\n", count, sum);

    uint64_t expected = 0;
    while (next(&tree)) {
        if (tree.value != expected++)
            return 1;
    }
    printf("%lu leaves in order\n", expected);
    return 0;
}
