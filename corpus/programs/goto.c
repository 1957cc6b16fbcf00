// Computed gotos: a threaded interpreter whose targets lie in a table of label addresses, and one whose table holds
// 32-bit differences.
// expect: exit 0
#include <stdint.h>
#include <stdio.h>

enum { ADD, SUBTRACT, DOUBLE, SWAP, LOOP, END };

__attribute__((noinline)) static int64_t absolute(const uint8_t *code, int64_t rounds)
{
    static const void *const labels[] = { &&add, &&subtract, &&twice, &&swap, &&loop, &&end };
    const uint8_t *pc = code;
    int64_t a = 1, b = 2;
    goto *labels[*pc];
add:
    a += b;
    goto *labels[*++pc];
subtract:
    a -= 3;
    goto *labels[*++pc];
twice:
    b = b * 5 + 1;
    goto *labels[*++pc];
swap: {
    int64_t saved = a;
    a = b & 0xffff;
    b = saved;
    goto *labels[*++pc];
}
loop:
    if (--rounds > 0) {
        pc = code;
        goto *labels[*pc];
    }
    goto *labels[*++pc];
end:
    return a ^ b;
}

__attribute__((noinline)) static int64_t relative(const uint8_t *code, int64_t rounds)
{
    static const int32_t labels[] = {
        &&add - &&add, &&subtract - &&add, &&twice - &&add, &&swap - &&add, &&loop - &&add, &&end - &&add,
    };
    const uint8_t *pc = code;
    int64_t a = 1, b = 2;
    goto *(&&add + labels[*pc]);
add:
    a += b;
    goto *(&&add + labels[*++pc]);
subtract:
    a -= 3;
    goto *(&&add + labels[*++pc]);
twice:
    b = b * 5 + 1;
    goto *(&&add + labels[*++pc]);
swap: {
    int64_t saved = a;
    a = b & 0xffff;
    b = saved;
    goto *(&&add + labels[*++pc]);
}
loop:
    if (--rounds > 0) {
        pc = code;
        goto *(&&add + labels[*pc]);
    }
    goto *(&&add + labels[*++pc]);
end:
    return a ^ b;
}

int main(void)
{
    static const uint8_t code[] = { ADD, DOUBLE, SUBTRACT, SWAP, ADD, LOOP, SWAP, END };
    printf("absolute %lx\n", absolute(code, 100000));
    printf("relative %lx\n", relative(code, 100000));
    return 0;
}
