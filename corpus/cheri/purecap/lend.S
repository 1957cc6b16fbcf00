// A function "lend" that uses what its callers lend through a capability, and keeps it. a0 says what it does:
//   0  adds 1 to each byte; returns their sum before
//   1  permissions and length of a capability to read
//   2  loads through the one that was kept before, which kills
//   3  loads the byte behind the last, which kills
//   4  whether this capability leads elsewhere than the kept one
//   5  stores, and loads until that kills
//   6  what cp_lent_map returns for one to write
// Otherwise the status is the number of the step that found something else.
#include "steps.h"

    .set    SYS_exit, 93
    .set    CALL_PUBLISH, 0x4204
    .set    CALL_SERVE, 0x4205
    .set    GRANT, 0x4201
    .set    LENT_MAP, 0x4210
    .set    EBADF, 9
    .set    EINVAL, 22

    function _start
    li      s1, 0
    slot    ca0, keep_slot
    li      a1, 1
    call    LENT_MAP
    require_value a0, -EBADF
    li      a1, 2
    slot    ca0, keep_slot
    call    LENT_MAP
    require_value a0, -EINVAL
    slot    ca0, name_slot
    slot    ca1, lend_slot
    call    CALL_PUBLISH
    bltz    a0, failed
    mv      s2, a0
    slot    ca0, name_slot
    slot    ca1, everyone_slot
    li      a2, 4
    call    GRANT
    require_value a0, 0
    mv      a0, s2
    call    CALL_SERVE
    require_value a0, -32
    li      s1, 0
failed:
    mv      a0, s1
    call    SYS_exit
    end_function _start

    function lend
    mv      s2, a0
    mv      s3, a3
    slot    cs4, keep_slot
    li      t0, 2
    beq     s2, t0, kept
    cincoffsetimm ca0, csp, -16
    li      a1, 3
    li      t0, 1
    bne     s2, t0, 1f
    li      a1, 1
1:  call    LENT_MAP
    li      t0, 6
    beq     s2, t0, done
    bnez    a0, done
    clc     cs5, -16, csp
    clc     cs6, 0, cs4                 // kept before
    csc     cs5, 0, cs4
    cgetlen t0, cs5
    li      a0, -1
    bne     t0, s3, done
    beqz    s2, increase
    li      t0, 1
    beq     s2, t0, permissions
    li      t0, 3
    beq     s2, t0, beyond
    li      t0, 4
    beq     s2, t0, elsewhere
    li      t0, 1
    sb      t0, 0(cs5)
2:  lbu     t0, 0(cs5)
    bnez    t0, 2b
done:
    ret
increase:
    li      a0, 0
3:  beqz    s3, done
    lbu     t0, 0(cs5)
    add     a0, a0, t0
    addi    t0, t0, 1
    sb      t0, 0(cs5)
    cincoffsetimm cs5, cs5, 1
    addi    s3, s3, -1
    j       3b
permissions:
    cgetperm a0, cs5
    slli    a0, a0, 32
    cgetlen t0, cs5
    or      a0, a0, t0
    ret
kept:
    clc     cs5, 0, cs4
    lbu     a0, 0(cs5)
    ret
beyond:
    cincoffset cs5, cs5, s3
    lbu     a0, 0(cs5)
    ret
elsewhere:
    cgetaddr t0, cs5
    cgetaddr t1, cs6
    sub     t0, t0, t1
    snez    a0, t0
    ret
    end_function lend

    .text   RODATA
name: .asciz "lend"
everyone: .asciz "*"
    .text   DATA
    .balign 16
name_slot: .zero 16
everyone_slot: .zero 16
lend_slot: .zero 16
keep_slot: .zero 16
kept_slot: .zero 16
    capability_relocation name_slot, name, 0, 5, CAPRELOC_READ_ONLY
    capability_relocation everyone_slot, everyone, 0, 2, CAPRELOC_READ_ONLY
    capability_relocation lend_slot, lend, 0, 1024, CAPRELOC_FUNCTION
    capability_relocation keep_slot, kept_slot, 0, 16, CAPRELOC_DATA
    end_image
