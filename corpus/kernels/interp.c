// A byte-code interpreter with one switch: an indirect jump through a table per guest instruction. Its program counts
// the steps of the Collatz sequences below a bound.
#include "kernel.h"

enum op { PUSH, LOAD, STORE, ADD, MUL, SHIFT, AND, LESS, EQUAL, JUMP, JUMP_IF, JUMP_UNLESS, DUP, DROP, INC, HALT };

struct instruction {
    uint8_t op;
    int32_t operand;
};

enum { N, X, STEPS, LIMIT, VARIABLES };

static const struct instruction program[] = {
    /*  0 */ { PUSH, 1 },
    /*  1 */ { STORE, N },
    /*  2 */ { LOAD, N }, // next start value
    /*  3 */ { LOAD, LIMIT },
    /*  4 */ { LESS, 0 },
    /*  5 */ { JUMP_UNLESS, 33 },
    /*  6 */ { LOAD, N },
    /*  7 */ { STORE, X },
    /*  8 */ { LOAD, X }, // next step
    /*  9 */ { PUSH, 1 },
    /* 10 */ { EQUAL, 0 },
    /* 11 */ { JUMP_IF, 31 },
    /* 12 */ { INC, STEPS },
    /* 13 */ { LOAD, X },
    /* 14 */ { DUP, 0 },
    /* 15 */ { PUSH, 1 },
    /* 16 */ { AND, 0 },
    /* 17 */ { JUMP_IF, 22 },
    /* 18 */ { PUSH, 1 },
    /* 19 */ { SHIFT, 0 },
    /* 20 */ { STORE, X },
    /* 21 */ { JUMP, 8 },
    /* 22 */ { PUSH, 3 },
    /* 23 */ { MUL, 0 },
    /* 24 */ { PUSH, 1 },
    /* 25 */ { ADD, 0 },
    /* 26 */ { DUP, 0 },
    /* 27 */ { STORE, X },
    /* 28 */ { DROP, 0 },
    /* 29 */ { JUMP, 8 },
    /* 30 */ { HALT, 0 },
    /* 31 */ { INC, N },
    /* 32 */ { JUMP, 2 },
    /* 33 */ { LOAD, STEPS },
    /* 34 */ { HALT, 0 },
};

__attribute__((noinline)) static int64_t run(const struct instruction *code, int64_t limit)
{
    int64_t stack[16], variables[VARIABLES] = { 0 };
    int64_t *top = stack;
    variables[LIMIT] = limit;
    for (const struct instruction *pc = code;; pc++) {
        switch ((enum op)pc->op) {
        case PUSH: *++top = pc->operand; break;
        case LOAD: *++top = variables[pc->operand]; break;
        case STORE: variables[pc->operand] = *top--; break;
        case ADD: top--; *top += top[1]; break;
        case MUL: top--; *top *= top[1]; break;
        case SHIFT: top--; *top >>= top[1]; break;
        case AND: top--; *top &= top[1]; break;
        case LESS: top--; *top = *top < top[1]; break;
        case EQUAL: top--; *top = *top == top[1]; break;
        case JUMP: pc = code + pc->operand - 1; break;
        case JUMP_IF: if (*top-- != 0) pc = code + pc->operand - 1; break;
        case JUMP_UNLESS: if (*top-- == 0) pc = code + pc->operand - 1; break;
        case DUP: top[1] = *top; top++; break;
        case DROP: top--; break;
        case INC: variables[pc->operand]++; break;
        case HALT: return *top;
        }
    }
}

int main(int argc, char **argv)
{
    int rounds = kernel_scale(argc, argv);
    uint64_t checksum = 0;
    int64_t started = kernel_clock();
    for (int round = 0; round < rounds; round++)
        checksum = kernel_mix(checksum, (uint64_t)run(program, 60000 + round));
    return kernel_report("interp", checksum, started);
}
