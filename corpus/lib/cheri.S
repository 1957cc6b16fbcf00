# long cheri_invoke(const capability *code, const capability *data, const capability *seal, long argument)
#include <cheri/capabilities.h>

    .set    FRAME, 144                  # DDC, then ra, gp, tp and s0 to s11
    .macro  each_saved instruction
    \instruction ra, 16(sp)
    \instruction gp, 24(sp)
    \instruction tp, 32(sp)
    \instruction s0, 40(sp)
    \instruction s1, 48(sp)
    \instruction s2, 56(sp)
    \instruction s3, 64(sp)
    \instruction s4, 72(sp)
    \instruction s5, 80(sp)
    \instruction s6, 88(sp)
    \instruction s7, 96(sp)
    \instruction s8, 104(sp)
    \instruction s9, 112(sp)
    \instruction s10, 120(sp)
    \instruction s11, 128(sp)
    .endm

    .text
    .globl  cheri_invoke
    .type   cheri_invoke, @function
cheri_invoke:
    addi    sp, sp, -FRAME
    each_saved sd
    cgetddc t1
    csc     t1, 0, sp

    # The way back: this code, and the frame.
    clc     t2, 0, a2
    csetaddr t0, t1, sp
    li      t3, FRAME
    csetbounds t0, t0, t3
    cseal   t0, t0, t2
    cgetpcc t1
    lla     t3, returned
    csetaddr t1, t1, t3
    cseal   ra, t1, t2

    clc     t1, 0, a0
    clc     t2, 0, a1
    mv      a0, a3
    li      t3, 0
    csetddc t3
    .irp    register, sp, gp, tp, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, a1, a2, a3, a4, a5, a6, a7, t4, t5, t6
    li      \register, 0
    .endr
    cinvoke t1, t2

returned:                               # c31 is the frame
    .insn   r OPCODE_CHERI, 0, 0x7d, t0, t6, x31        # lc.cap
    csetddc t0
    mv      sp, t6
    each_saved ld
    addi    sp, sp, FRAME
    ret
    .size   cheri_invoke, . - cheri_invoke
    .section .note.GNU-stack, "", @progbits
