// A function of a pure-capability program that other cVMs call: "next" returns a0 + 1, or the number of the first thing that is not as it is
// to be in a function that is called from outside. The status is the number of the step that found something else.
#include "steps.h"

    .set    EFAULT, 14
    .set    SYS_exit, 93
    .set    CALL_PUBLISH, 0x4204
    .set    CALL_SERVE, 0x4205
    .set    GRANT, 0x4201

    function _start
    li      s1, 0
    slot    cs0, name_slot
    cmove   ca0, cs0
    slot    ca1, text_slot              // it cannot be executed
    call    CALL_PUBLISH
    require_value a0, -EFAULT
    cmove   ca0, cs0
    slot    ca1, next_slot
    ccleartag ca1, ca1
    call    CALL_PUBLISH
    require_value a0, -EFAULT
    cmove   ca0, cs0
    slot    ca1, next_slot
    call    CALL_PUBLISH
    bltz    a0, failed
    mv      s2, a0
    cmove   ca0, cs0
    slot    ca1, everyone_slot
    li      a2, 4
    call    GRANT
    require_value a0, 0
    slot    ctp, text_slot              // what the function is to find there
    li      s3, 0x77
    slot    cs4, text_slot
    mv      a0, s2
    call    CALL_SERVE
    mv      s2, a0
    require_tag ctp, 1                  // revoked: every register is what it was
    require_tag cs4, 1
    require_value s3, 0x77
    require_value s2, -32
    li      s1, 0
failed:
    mv      a0, s1
    call    SYS_exit
    end_function _start

    function next
    cgettag t0, ca0
    bnez    t0, 1f
    cgettag t0, ca3
    bnez    t0, 1f
    cgettag t0, csp
    beqz    t0, 1f
    cgettag t0, ctp
    beqz    t0, 1f
    csc     cra, -16, csp               // the stack is one to work with
    clc     ct1, -16, csp
    cgettag t0, ct1
    beqz    t0, 1f
    cgettype t0, cra                    // and the way back a sentry
    li      t2, -2
    bne     t0, t2, 1f
    addi    a0, a0, 1
    li      s3, 0                       // the server's own is not this
    ccleartag cs4, cs4
    ret
1:  li      a0, -1
    ret
    end_function next

    .text   RODATA
name: .asciz "next"
everyone: .asciz "*"
    .text   DATA
    .balign 16
name_slot: .zero 16
everyone_slot: .zero 16
text_slot: .zero 16
next_slot: .zero 16
    capability_relocation name_slot, name, 0, 5, CAPRELOC_READ_ONLY
    capability_relocation everyone_slot, everyone, 0, 2, CAPRELOC_READ_ONLY
    capability_relocation text_slot, name, 0, 5, CAPRELOC_READ_ONLY
    capability_relocation next_slot, next, 0, 64, CAPRELOC_FUNCTION
    end_image
