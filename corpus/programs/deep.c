// A million nested calls, on a stack of 128 MiB, and as many returns; then again with a function that calls itself
// through a pointer.
// expect: exit 0
#include <corpus/thread.h>
#include <stdio.h>
#include <sys/mman.h>

enum { DEPTH = 1000000, STACK = 128 << 20 };

__attribute__((noinline)) static uint64_t direct(uint64_t n)
{
    if (n == 0)
        return 1;
    uint64_t below = direct(n - 1);
    return below * 3 + n;
}

static uint64_t indirect(uint64_t n);
static uint64_t (*volatile pointer)(uint64_t) = indirect;

__attribute__((noinline)) static uint64_t indirect(uint64_t n)
{
    if (n == 0)
        return 1;
    uint64_t below = pointer(n - 1);
    return below * 5 + n;
}

int main(void)
{
    long stack = memory_map(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE);
    if (stack < 0)
        return 1;
    void *top = (char *)stack + STACK;
    for (int i = 0; i < 3; i++)
        printf("direct %lx\n", call_on_stack(top, direct, DEPTH + (uint64_t)i));
    printf("indirect %lx\n", call_on_stack(top, indirect, DEPTH));
    return 0;
}
