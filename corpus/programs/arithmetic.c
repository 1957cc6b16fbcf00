// Corner cases of the integer and floating-point instructions, each executed with operands the compiler cannot see.
// expect: exit 0
#include <stdint.h>
#include <stdio.h>

static uint64_t checksum;

static void note(const char *name, uint64_t value)
{
    printf("%s %lx\n", name, value);
    checksum = checksum * 31 + value;
}

#define INTEGER(op, left, right)                                                               \
    do {                                                                                       \
        uint64_t result;                                                                       \
        __asm__ volatile(op " %0, %1, %2" : "=r"(result) : "r"((uint64_t)(left)), "r"((uint64_t)(right))); \
        note(op " " #left ", " #right, result);                                                \
    } while (0)

// Prints the result's bits and the flags raised, under a rounding mode.
#define FLOATING(op, mode, constraint, left, right)                                            \
    do {                                                                                       \
        uint64_t result, flags;                                                                \
        __asm__ volatile("fscsr %1, zero\n fmv.d.x ft0, %2\n fmv.d.x ft1, %3\n" op "\n csrr %1, fflags" \
                         : "=&" constraint(result), "=&r"(flags)                               \
                         : "r"((uint64_t)(left)), "r"((uint64_t)(right))                       \
                         : "ft0", "ft1", "ft2");                                               \
        note(mode " " #left ", " #right, result);                                              \
        note("  flags", flags);                                                                \
    } while (0)

#define ADD(left, right, rm) FLOATING("fadd.d ft2, ft0, ft1, " rm "\n fmv.x.d %0, ft2", "fadd.d " rm, "r", left, right)
#define MULTIPLY(left, right, rm) \
    FLOATING("fmul.d ft2, ft0, ft1, " rm "\n fmv.x.d %0, ft2", "fmul.d " rm, "r", left, right)
#define DIVIDE(left, right, rm) \
    FLOATING("fdiv.d ft2, ft0, ft1, " rm "\n fmv.x.d %0, ft2", "fdiv.d " rm, "r", left, right)
#define MINIMUM(left, right) FLOATING("fmin.d ft2, ft0, ft1\n fmv.x.d %0, ft2", "fmin.d", "r", left, right)
#define MAXIMUM(left, right) FLOATING("fmax.d ft2, ft0, ft1\n fmv.x.d %0, ft2", "fmax.d", "r", left, right)
#define LESS(left, right) FLOATING("flt.d %0, ft0, ft1", "flt.d", "r", left, right)
#define EQUAL(left, right) FLOATING("feq.d %0, ft0, ft1", "feq.d", "r", left, right)
#define TO_WORD(value, rm) FLOATING("fcvt.w.d %0, ft0, " rm, "fcvt.w.d " rm, "r", value, 0)
#define TO_UNSIGNED_WORD(value, rm) FLOATING("fcvt.wu.d %0, ft0, " rm, "fcvt.wu.d " rm, "r", value, 0)
#define TO_LONG(value, rm) FLOATING("fcvt.l.d %0, ft0, " rm, "fcvt.l.d " rm, "r", value, 0)
#define TO_UNSIGNED_LONG(value, rm) FLOATING("fcvt.lu.d %0, ft0, " rm, "fcvt.lu.d " rm, "r", value, 0)
#define TO_SINGLE(value, rm) \
    FLOATING("fcvt.s.d ft2, ft0, " rm "\n fmv.x.d %0, ft2", "fcvt.s.d " rm, "r", value, 0)
#define ROOT(value, rm) FLOATING("fsqrt.d ft2, ft0, " rm "\n fmv.x.d %0, ft2", "fsqrt.d " rm, "r", value, 0)
#define CLASS(value) FLOATING("fclass.d %0, ft0", "fclass.d", "r", value, 0)
#define UNBOX(value) FLOATING("fadd.s ft2, ft0, ft0\n fmv.x.d %0, ft2", "fadd.s of unboxed", "r", value, 0)

#define ONE 0x3ff0000000000000
#define THREE 0x4008000000000000
#define TINY 0x0000000000000001
#define LARGEST 0x7fefffffffffffff
#define INFINITE 0x7ff0000000000000
#define MINUS_ZERO 0x8000000000000000
#define QUIET 0x7ff8000000000001
#define SIGNALLING 0x7ff0000000000001
#define MINUS_HALF 0xbfe0000000000000
#define TWO_TO_63 0x43e0000000000000
#define TWO_TO_31 0x41e0000000000000
#define MINUS_HUGE 0xc3f0000000000000

int main(void)
{
    INTEGER("div", 7, 0);
    INTEGER("divu", 7, 0);
    INTEGER("rem", 7, 0);
    INTEGER("remu", 7, 0);
    INTEGER("div", INT64_MIN, -1);
    INTEGER("rem", INT64_MIN, -1);
    INTEGER("divw", INT32_MIN, -1);
    INTEGER("remw", INT32_MIN, -1);
    INTEGER("divuw", 0x1ffffffff, 0x100000000);
    INTEGER("remuw", 0x1ffffffff, 0x100000000);
    INTEGER("mulh", INT64_MIN, INT64_MIN);
    INTEGER("mulhsu", -1, -1);
    INTEGER("mulhu", -1, -1);
    INTEGER("mulw", 0x80000001, 0x7fffffff);
    INTEGER("sll", 1, 65);
    INTEGER("sraw", 0x80000000, 33);
    INTEGER("srlw", 0xffffffff80000000, 4);
    INTEGER("addw", 0x7fffffff, 1);
    INTEGER("subw", 0x80000000, 1);
    INTEGER("slt", -1, 1);
    INTEGER("sltu", -1, 1);

    ADD(ONE, TINY, "rne");
    ADD(ONE, TINY, "rup");
    ADD(LARGEST, LARGEST, "rne");
    ADD(LARGEST, LARGEST, "rtz");
    ADD(INFINITE, 0xfff0000000000000, "rne");
    ADD(SIGNALLING, ONE, "rne");
    ADD(QUIET, ONE, "rne");
    ADD(ONE, 0xbff0000000000000, "rdn");
    MULTIPLY(TINY, TINY, "rne");
    MULTIPLY(TINY, TINY, "rup");
    MULTIPLY(INFINITE, MINUS_ZERO, "rne");
    DIVIDE(ONE, THREE, "rne");
    DIVIDE(ONE, THREE, "rdn");
    DIVIDE(ONE, THREE, "rup");
    DIVIDE(ONE, MINUS_ZERO, "rne");
    DIVIDE(MINUS_ZERO, 0, "rne");
    MINIMUM(0, MINUS_ZERO);
    MAXIMUM(MINUS_ZERO, 0);
    MINIMUM(QUIET, ONE);
    MINIMUM(SIGNALLING, ONE);
    MAXIMUM(QUIET, SIGNALLING);
    LESS(QUIET, ONE);
    EQUAL(QUIET, QUIET);
    EQUAL(SIGNALLING, ONE);
    EQUAL(0, MINUS_ZERO);
    TO_WORD(MINUS_HALF, "rne");
    TO_WORD(MINUS_HALF, "rdn");
    TO_WORD(TWO_TO_31, "rtz");
    TO_WORD(QUIET, "rtz");
    TO_WORD(MINUS_HUGE, "rtz");
    TO_UNSIGNED_WORD(MINUS_HALF, "rtz");
    TO_UNSIGNED_WORD(MINUS_HALF, "rdn");
    TO_UNSIGNED_WORD(TWO_TO_31, "rtz");
    TO_LONG(TWO_TO_63, "rtz");
    TO_LONG(MINUS_HUGE, "rtz");
    TO_UNSIGNED_LONG(TWO_TO_63, "rtz");
    TO_UNSIGNED_LONG(QUIET, "rtz");
    TO_UNSIGNED_LONG(0xbff0000000000000, "rtz");
    TO_SINGLE(LARGEST, "rne");
    TO_SINGLE(LARGEST, "rtz");
    TO_SINGLE(SIGNALLING, "rne");
    TO_SINGLE(TINY, "rup");
    ROOT(0xbff0000000000000, "rne");
    ROOT(MINUS_ZERO, "rne");
    ROOT(THREE, "rup");
    CLASS(INFINITE);
    CLASS(TINY);
    CLASS(MINUS_ZERO);
    CLASS(SIGNALLING);
    CLASS(QUIET);
    UNBOX(0x000000003f800000);
    UNBOX(0xffffffff3f800000);
    printf("checksum %lx\n", checksum);
    return 0;
}
