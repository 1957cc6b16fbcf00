// Threads of a pure-capability program start with capabilities for their stack and tp, and their ids are cleared with the authority
// of the capability that clone was given. The status is the number of the first step that finds something else.
// expect: exit 0
#include "steps.h"

    .set    SYS_exit, 93
    .set    SYS_exit_group, 94
    .set    SYS_futex, 98
    .set    SYS_clone, 220
    // CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, SETTLS, PARENT_SETTID, CHILD_CLEARTID
    .set    THREAD_FLAGS, 0x3d0f00

    // Starts a thread; ca4 is where its id is cleared.
    .macro  start
    li      a0, THREAD_FLAGS
    slot    ca1, stack_slot
    li      t0, 4096
    cincoffset ca1, ca1, t0
    cmove   ca2, cs0
    cmove   ca3, cs2
    call    SYS_clone
    beqz    a0, child
    .endm

    function _start
    li      s1, 0
    slot    cs0, ids_slot               // the id, then the result
    slot    cs2, local_slot
    cmove   ca4, cs0
    start
    // Until the id is 0.
1:  lw      t0, 0(cs0)
    beqz    t0, 2f
    cmove   ca0, cs0
    li      a1, 0                       // FUTEX_WAIT
    mv      a2, t0
    li      a3, 0
    call    SYS_futex
    j       1b
2:  lw      t0, 4(cs0)
    require_value t0, 0x77

    // Without authority the id stays, and nobody is hurt.
    sw      zero, 4(cs0)
    ccleartag ca4, cs0
    start
1:  lw      t0, 4(cs0)
    beqz    t0, 1b
    lw      t0, 0(cs0)
    snez    t0, t0
    require_value t0, 1
    li      s1, 0
failed:
    mv      a0, s1
    call    SYS_exit_group

child:
    cgettag t0, csp
    beqz    t0, 1f
    cgetlen t0, csp
    li      t1, 4096
    bne     t0, t1, 1f
    cgettag t0, ctp
    beqz    t0, 1f
    lw      t0, 0(ctp)
    sw      t0, 4(cs0)
    sd      zero, -8(csp)
1:  li      a0, 0
    call    SYS_exit
    end_function _start

    .text   DATA
    .balign 16
ids_slot: .zero 16
local_slot: .zero 16
stack_slot: .zero 16
    capability_relocation ids_slot, ids, 0, 8, CAPRELOC_DATA
    capability_relocation local_slot, local, 0, 4, CAPRELOC_DATA
    capability_relocation stack_slot, stack, 0, 4096, CAPRELOC_DATA
ids: .word 1, 0
local: .word 0x77
    .balign 16
stack: .zero 4096
    end_image
