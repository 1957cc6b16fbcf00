/*
 * Prints results and flags of every RV64 F and D computational instruction on corner values, one line each:
 *
 *     mnemonic rm operand... result fflags
 *
 * rm is 0..4, or 7 where the instruction has none; values are bit patterns in hexadecimal. Compile for riscv64 and
 * run on the machine that is to be the oracle; generate-float-vectors.sh says how the committed table was made.
 */
#include <stdint.h>
#include <stdio.h>

static const uint64_t doubles[] = {
    0x0000000000000000, 0x8000000000000000, 0x0000000000000001, 0x800fffffffffffff, 0x0010000000000000,
    0x8010000000000001, 0x3ca0000000000000, 0x3fe0000000000000, 0xbfe0000000000001, 0x3ff0000000000000,
    0xbff8000000000000, 0x4004000000000000, 0x41dfffffffe00000, 0xc1e0000000100000, 0x41efffffffffffff,
    0x433fffffffffffff, 0x43e0000000000000, 0xc3e0000000000000, 0x43efffffffffffff, 0x7fefffffffffffff,
    0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, 0xfff8000000000123, 0x7ff0000000000001,
};

static const uint32_t singles[] = {
    0x00000000, 0x80000000, 0x00000001, 0x807fffff, 0x00800000, 0x80800001, 0x33800000, 0x3f000000, 0xbf000001,
    0x3f800000, 0xbfc00000, 0x40200000, 0x4effffff, 0xcf000000, 0x4f800000, 0x4b7fffff, 0x5f000000, 0xdf000000,
    0x5f7fffff, 0x7f7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00123, 0x7f800001,
};

static const uint64_t integers[] = {
    0, 1, 2, 0x7fffffff, 0x80000000, 0xffffffff, 0x1000000, 0x1000001, 0x1000003, 0xfeffffff, 0xff000001,
    0x20000000000000, 0x20000000000001, 0x20000000000003, 0x7fffffffffffffff, 0x8000000000000000, 0x8000000000000001,
    0xffffffffffffffff, 0xffdfffffffffffff, 0xfffffffffffff800, 0xfffffffffffffbff, 0xfffffffffffffc00,
    0xfffffffffffffc01, 0x7ffffffffffffdff, 0x7ffffffffffffe00, 0xffffff7fffffffff, 0x00ffffffffffffff,
    0x8000004000000000, 0x8000004000000001, 0xffffffff80000000, 0xffffffff7fffffff,
};

/* Indices of the operands of the fused multiply-add: zeros, subnormal, small, one, 1.5, large, infinities, NaNs. */
static const unsigned char fused[] = { 0, 1, 2, 5, 6, 8, 9, 10, 15, 19, 20, 21, 22, 24 };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define EACH(index, array) for (unsigned index = 0; index < COUNT(array); index++)

#define CLEAR "fsflags zero\n\t"
#define FLAGS "\n\tfrflags %1"

/* BITS: type of the bit pattern; W: its hexadecimal digits; IN: move from integer register; OUT: move to one. */
#define BINARY(NAME, RM, CODE, BITS, W, IN, OUT, VALUES)                                                             \
    EACH(i, VALUES) EACH(j, VALUES)                                                                                  \
    {                                                                                                                \
        uint64_t result, flags, a = VALUES[i], b = VALUES[j];                                                        \
        __asm__ volatile(CLEAR IN " ft0, %2\n\t" IN " ft1, %3\n\t" NAME " ft2, ft0, ft1" RM "\n\t" OUT " %0, ft2"     \
                         FLAGS : "=&r"(result), "=&r"(flags) : "r"(a), "r"(b) : "ft0", "ft1", "ft2");                \
        printf(NAME " %d %0" W "lx %0" W "lx %0" W "lx %lx\n", CODE, a, b, (uint64_t)(BITS)result, flags);           \
    }

#define UNARY(NAME, RM, CODE, BITS, W, IN, OUT, VALUES)                                                              \
    EACH(i, VALUES)                                                                                                  \
    {                                                                                                                \
        uint64_t result, flags, a = VALUES[i];                                                                       \
        __asm__ volatile(CLEAR IN " ft0, %2\n\t" NAME " ft2, ft0" RM "\n\t" OUT " %0, ft2"                           \
                         FLAGS : "=&r"(result), "=&r"(flags) : "r"(a) : "ft0", "ft2");                               \
        printf(NAME " %d %lx %0" W "lx %lx\n", CODE, a, (uint64_t)(BITS)result, flags);                              \
    }

#define FUSED(NAME, RM, CODE, BITS, W, IN, OUT, VALUES)                                                              \
    EACH(i, fused) EACH(j, fused) EACH(k, fused)                                                                     \
    {                                                                                                                \
        uint64_t result, flags, a = VALUES[fused[i]], b = VALUES[fused[j]], c = VALUES[fused[k]];                    \
        __asm__ volatile(CLEAR IN " ft0, %2\n\t" IN " ft1, %3\n\t" IN " ft3, %4\n\t" NAME                             \
                         " ft2, ft0, ft1, ft3" RM "\n\t" OUT " %0, ft2" FLAGS                                        \
                         : "=&r"(result), "=&r"(flags) : "r"(a), "r"(b), "r"(c) : "ft0", "ft1", "ft2", "ft3");       \
        printf(NAME " %d %0" W "lx %0" W "lx %0" W "lx %0" W "lx %lx\n", CODE, a, b, c, (uint64_t)(BITS)result, flags); \
    }

/* Results in an integer register. */
#define COMPARE(NAME, W, IN, VALUES)                                                                                 \
    EACH(i, VALUES) EACH(j, VALUES)                                                                                  \
    {                                                                                                                \
        uint64_t result, flags, a = VALUES[i], b = VALUES[j];                                                        \
        __asm__ volatile(CLEAR IN " ft0, %2\n\t" IN " ft1, %3\n\t" NAME " %0, ft0, ft1"                               \
                         FLAGS : "=&r"(result), "=&r"(flags) : "r"(a), "r"(b) : "ft0", "ft1");                       \
        printf(NAME " 7 %0" W "lx %0" W "lx %lx %lx\n", a, b, result, flags);                                        \
    }

#define TO_INTEGER(NAME, RM, CODE, W, IN, VALUES)                                                                    \
    EACH(i, VALUES)                                                                                                  \
    {                                                                                                                \
        uint64_t result, flags, a = VALUES[i];                                                                       \
        __asm__ volatile(CLEAR IN " ft0, %2\n\t" NAME " %0, ft0" RM                                                  \
                         FLAGS : "=&r"(result), "=&r"(flags) : "r"(a) : "ft0");                                      \
        printf(NAME " %d %0" W "lx %lx %lx\n", CODE, a, result, flags);                                              \
    }

#define FROM_INTEGER(NAME, RM, CODE, BITS, W, OUT)                                                                   \
    EACH(i, integers)                                                                                                \
    {                                                                                                                \
        uint64_t result, flags, a = integers[i];                                                                     \
        __asm__ volatile(CLEAR NAME " ft2, %2" RM "\n\t" OUT " %0, ft2"                                              \
                         FLAGS : "=&r"(result), "=&r"(flags) : "r"(a) : "ft2");                                      \
        printf(NAME " %d %lx %0" W "lx %lx\n", CODE, a, (uint64_t)(BITS)result, flags);                              \
    }

#define DOUBLE uint64_t, "16", "fmv.d.x", "fmv.x.d", doubles
#define SINGLE uint32_t, "8", "fmv.w.x", "fmv.x.w", singles
#define APPLY(MACRO, ...) MACRO(__VA_ARGS__)

#define MODE(RM, CODE)                                                                                               \
    static void mode##CODE(void)                                                                                     \
    {                                                                                                                \
        APPLY(BINARY, "fadd.d", RM, CODE, DOUBLE)                                                                    \
        APPLY(BINARY, "fsub.d", RM, CODE, DOUBLE)                                                                    \
        APPLY(BINARY, "fmul.d", RM, CODE, DOUBLE)                                                                    \
        APPLY(BINARY, "fdiv.d", RM, CODE, DOUBLE)                                                                    \
        APPLY(UNARY, "fsqrt.d", RM, CODE, DOUBLE)                                                                    \
        APPLY(FUSED, "fmadd.d", RM, CODE, DOUBLE)                                                                    \
        APPLY(BINARY, "fadd.s", RM, CODE, SINGLE)                                                                    \
        APPLY(BINARY, "fsub.s", RM, CODE, SINGLE)                                                                    \
        APPLY(BINARY, "fmul.s", RM, CODE, SINGLE)                                                                    \
        APPLY(BINARY, "fdiv.s", RM, CODE, SINGLE)                                                                    \
        APPLY(UNARY, "fsqrt.s", RM, CODE, SINGLE)                                                                    \
        APPLY(FUSED, "fmadd.s", RM, CODE, SINGLE)                                                                    \
        UNARY("fcvt.s.d", RM, CODE, uint32_t, "8", "fmv.d.x", "fmv.x.w", doubles)                                     \
        TO_INTEGER("fcvt.w.d", RM, CODE, "16", "fmv.d.x", doubles)                                                   \
        TO_INTEGER("fcvt.wu.d", RM, CODE, "16", "fmv.d.x", doubles)                                                  \
        TO_INTEGER("fcvt.l.d", RM, CODE, "16", "fmv.d.x", doubles)                                                   \
        TO_INTEGER("fcvt.lu.d", RM, CODE, "16", "fmv.d.x", doubles)                                                  \
        TO_INTEGER("fcvt.w.s", RM, CODE, "8", "fmv.w.x", singles)                                                    \
        TO_INTEGER("fcvt.wu.s", RM, CODE, "8", "fmv.w.x", singles)                                                   \
        TO_INTEGER("fcvt.l.s", RM, CODE, "8", "fmv.w.x", singles)                                                    \
        TO_INTEGER("fcvt.lu.s", RM, CODE, "8", "fmv.w.x", singles)                                                   \
        FROM_INTEGER("fcvt.d.l", RM, CODE, uint64_t, "16", "fmv.x.d")                                                \
        FROM_INTEGER("fcvt.d.lu", RM, CODE, uint64_t, "16", "fmv.x.d")                                               \
        FROM_INTEGER("fcvt.s.w", RM, CODE, uint32_t, "8", "fmv.x.w")                                                 \
        FROM_INTEGER("fcvt.s.wu", RM, CODE, uint32_t, "8", "fmv.x.w")                                                \
        FROM_INTEGER("fcvt.s.l", RM, CODE, uint32_t, "8", "fmv.x.w")                                                 \
        FROM_INTEGER("fcvt.s.lu", RM, CODE, uint32_t, "8", "fmv.x.w")                                                \
    }

MODE(", rne", 0)
MODE(", rtz", 1)
MODE(", rdn", 2)
MODE(", rup", 3)
MODE(", rmm", 4)

int main(void)
{
    mode0();
    mode1();
    mode2();
    mode3();
    mode4();
    APPLY(BINARY, "fmin.d", "", 7, DOUBLE)
    APPLY(BINARY, "fmax.d", "", 7, DOUBLE)
    APPLY(BINARY, "fmin.s", "", 7, SINGLE)
    APPLY(BINARY, "fmax.s", "", 7, SINGLE)
    APPLY(BINARY, "fsgnj.d", "", 7, DOUBLE)
    APPLY(BINARY, "fsgnj.s", "", 7, SINGLE)
    COMPARE("feq.d", "16", "fmv.d.x", doubles)
    COMPARE("flt.d", "16", "fmv.d.x", doubles)
    COMPARE("fle.d", "16", "fmv.d.x", doubles)
    COMPARE("feq.s", "8", "fmv.w.x", singles)
    COMPARE("flt.s", "8", "fmv.w.x", singles)
    COMPARE("fle.s", "8", "fmv.w.x", singles)
    TO_INTEGER("fclass.d", "", 7, "16", "fmv.d.x", doubles)
    TO_INTEGER("fclass.s", "", 7, "8", "fmv.w.x", singles)
    UNARY("fcvt.d.s", "", 7, uint64_t, "16", "fmv.w.x", "fmv.x.d", singles)
    FROM_INTEGER("fcvt.d.w", "", 7, uint64_t, "16", "fmv.x.d")
    FROM_INTEGER("fcvt.d.wu", "", 7, uint64_t, "16", "fmv.x.d")
    return 0;
}
