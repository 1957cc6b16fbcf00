// Code in both encoding modes: functions in capability mode called from integer mode and back, and a function whose bytes serve
// both, entered in either, so that what is where says nothing about what it means.
// expect: exit 0
// expect many: exit 0
// expect same-bytes: exit 0
// expect integer-target: LengthViolation of pcc
// expect pointer-as-integer: TagViolation of ca1
#include <cheri/hybrid.h>
#include <stdlib.h>
#include <string.h>

enum { INTEGER, CAPABILITY };

// long call_in_mode(const capability *code, long a, const capability *b): a0 is a; ca1 is the capability b.
long call_in_mode(const capability *code, long a, const capability *b);

// jalr.cap cra, ct0; every register that a callee may change is saved by the compiler, which sees a call.
__asm__(".text\n"
        "call_in_mode:\n\t"
        "addi sp, sp, -16\n\tsd ra, 0(sp)\n\t"
        CHERI_GET("t0", "a0") CHERI_GET("t1", "a2")
        "mv a0, a1\n\t"
        CHERI_OP2(10, "a1", "t1") // cmove
        CHERI_OP2(12, "ra", "t0") // jalr.cap
        "ld ra, 0(sp)\n\taddi sp, sp, 16\n\tret\n");

// add a0, a0, a0; ret, or, in capability mode, cjr cra.
extern char twice[];
__asm__(".balign 4\ntwice:\n\tadd a0, a0, a0\n\t.insn i 0x67, 0, x0, 0(ra)\n");

// ld a0, 0(a1): through DDC in integer mode and through ca1 in capability mode.
extern char load[];
__asm__(".balign 4\nload:\n\t.insn i 0x03, 3, a0, 0(a1)\n\t.insn i 0x67, 0, x0, 0(ra)\n");

static void code_in_mode(capability *to, const char *code, int mode)
{
    cheri_get_pcc(to);
    cheri_at(to, to, (uintptr_t)code);
    cheri_set_mode(to, to, mode);
}

int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "";
    static _Alignas(16) long value = 42;
    capability code[2], pointer, null = {{0}};
    code_in_mode(&code[INTEGER], load, INTEGER);
    code_in_mode(&code[CAPABILITY], load, CAPABILITY);
    cheri_of(&pointer, &value, sizeof value);

    if (strcmp(way, "pointer-as-integer") == 0) {
        // In integer mode the same load needs no tag.
        cheri_clear_tag(&pointer, &pointer);
        if (call_in_mode(&code[INTEGER], 0, &pointer) != 42)
            return 1;
        return (int)call_in_mode(&code[CAPABILITY], 0, &pointer);
    }

    if (strcmp(way, "integer-target") == 0) {
        // The mode says nothing about bounds: one instruction of two, and the second is outside.
        cheri_bound(&code[CAPABILITY], &code[CAPABILITY], 4);
        return (int)call_in_mode(&code[CAPABILITY], 0, &pointer);
    }

    long turns = strcmp(way, "many") == 0 ? 200000 : 100, sum = 0;
    if (strcmp(way, "same-bytes") == 0) {
        capability both[2];
        code_in_mode(&both[INTEGER], twice, INTEGER);
        code_in_mode(&both[CAPABILITY], twice, CAPABILITY);
        for (long i = 0; i < turns; i++)
            sum += call_in_mode(&both[i & 1], i, &null);
        return sum != turns * (turns - 1);
    }

    for (long i = 0; i < turns; i++)
        sum += call_in_mode(&code[i & 1], 0, &pointer);
    return sum != 42 * turns;
}
