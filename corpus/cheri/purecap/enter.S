// Calls the function of serve.S by CInvoke, with a sealed pair, and finds that nobody makes one of his own. "serve" has to run beside it. The
// status is the number of the step that found something else. With an argument: calls it, publishes "ready" and goes on calling, until a call fails,
// whose error is the status.
#include "steps.h"

    .set    EBADF, 9
    .set    EFAULT, 14
    .set    SYS_close, 57
    .set    SYS_exit, 93
    .set    CP_OPEN, 0x4000 + 406
    .set    ENTRY, 0x420e
    .set    ENTER, 0x420f
    .set    AT_CHERI_SEAL_CAP, 65
    .set    ENTRY_TYPE, 0x3ff00
    .set    FILE_CREATE, 0x4209

    function _start
    li      s1, 0
    ld      s8, 0(sp)                   // argc
1:  ld      t0, 0(a0)                   // cs6: the authority to seal
    li      t1, AT_CHERI_SEAL_CAP
    beq     t0, t1, 2f
    beqz    t0, failed
    cincoffsetimm ca0, ca0, 32
    j       1b
2:  clc     cs6, 16, ca0
    cincoffsetimm csp, csp, -64
    csetboundsimm cs5, csp, 32          // cs5: where the pair is
    slot    ca0, name_slot
    li      a1, 0
    li      a2, -1
    call    CP_OPEN
    bltz    a0, failed
    mv      s2, a0
    cincoffsetimm ca1, cs5, 8           // misaligned
    call    ENTRY
    require_value a0, -EFAULT
    mv      a0, s2
    ccleartag ca1, cs5
    call    ENTRY
    require_value a0, -EFAULT
    mv      a0, s2
    cmove   ca1, cs5
    call    ENTRY
    require_value a0, 0
    li      t0, 1
    bne     s8, t0, again_and_again

    clc     ct1, 0, cs5                 // a pair of one type that nothing else has, and that is all it can do
    clc     ct2, 16, cs5
    require_tag ct1, 1
    require_tag ct2, 1
    cgettype t3, ct1
    require_value t3, ENTRY_TYPE
    cgettype t3, ct2
    require_value t3, ENTRY_TYPE
    cgetperm t3, ct2
    andi    t3, t3, PERM_LOAD | PERM_STORE | PERM_EXECUTE | PERM_SEAL
    require_value t3, 0

    li      s3, 0x77
    cmove   cs4, cs5
    li      s7, 3                       // it is called again and again
3:  li      a0, 41
    cmove   ca3, cnull
    li      a4, 0
    jal     enter
    cgettag t0, ct6
    cgetaddr t1, ct6
    cgettag t2, ca1
    require_value t0, 0                 // what CInvoke unsealed is gone
    require_value t1, 0
    require_value t2, 0
    require_value a0, 0
    require_value a1, 42
    require_value s3, 0x77
    require_tag cs4, 1
    addi    s7, s7, -1
    bnez    s7, 3b

    li      a0, 1                       // lent by a capability, and no byte more
    csetboundsimm ca3, csp, 16
    li      a4, 16
    jal     enter
    require_value a0, 0
    require_value a1, 2
    li      a0, 1
    csetboundsimm ca3, csp, 16
    li      a4, 17
    jal     enter
    require_value a0, -EFAULT
    li      a0, 1
    ccleartag ca3, csp
    li      a4, 1
    jal     enter
    require_value a0, -EFAULT

    li      t0, ENTRY_TYPE              // no authority for the type
    csetaddr ct3, cs6, t0
    clc     ct2, 16, cs5
    cunseal ct4, ct2, ct3
    require_tag ct4, 0
    cseal   ct4, cs5, ct3
    require_tag ct4, 0

    cmove   ct6, cnull                  // and what is not unsealed by CInvoke is no entry
    call    ENTER
    require_value a0, -EBADF
    clc     ct6, 16, cs5
    call    ENTER
    require_value a0, -EBADF
    cmove   ct6, cs5
    call    ENTER
    require_value a0, -EBADF
    clc     ct6, 16, cs5
    ccleartag ct6, ct6
    call    ENTER
    require_value a0, -EBADF

    mv      a0, s2                      // it ends with its descriptor
    call    SYS_close
    require_value a0, 0
    li      a0, 41
    cmove   ca3, cnull
    li      a4, 0
    jal     enter
    cgettag t0, ct6
    cgetaddr t1, ct6
    require_value t0, 0
    require_value t1, 0
    require_value a0, -EBADF
    li      s1, 0
failed:
    mv      a0, s1
    call    SYS_exit
    end_function _start

    function again_and_again
    li      s9, 0
4:  li      a0, 1
    cmove   ca3, cnull
    li      a4, 0
    jal     enter
    neg     s1, a0
    bnez    a0, failed
    bnez    s9, 4b
    li      s9, 1
    slot    ca0, ready_slot
    li      a1, 16
    li      a2, 1
    call    FILE_CREATE
    j       4b
    end_function again_and_again

    // The way back is that of the call to this.
    function enter
    clc     ct1, 0, cs5
    clc     ct2, 16, cs5
    cinvoke ct1, ct2
    end_function enter

    .text   RODATA
name: .asciz "next"
ready: .asciz "ready"
    .text   DATA
    .balign 16
name_slot: .zero 16
ready_slot: .zero 16
    capability_relocation ready_slot, ready, 0, 6, CAPRELOC_READ_ONLY
    capability_relocation name_slot, name, 0, 5, CAPRELOC_READ_ONLY
    end_image
