// A thread stores a capability and loads it again, while another stores data over it: over the address and over the metadata, with bits
// that would make more of it. What is loaded with a tag is what was stored, or nothing.
// expect: exit 0
#include "steps.h"

    .set    SYS_exit, 93
    .set    SYS_exit_group, 94
    .set    SYS_clone, 220
    // CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM
    .set    THREAD_FLAGS, 0x50f00
    .set    TURNS, 4000000

    function _start
    li      s1, 0
    slot    cs0, race_slot              // what both store to
    slot    cs2, value_slot             // what is stored there with a tag
    // Of the time before there were threads: its tag stands.
    csc     cs2, 16, cs0
    li      a0, THREAD_FLAGS
    slot    ca1, stack_slot
    li      t0, 4096
    cincoffset ca1, ca1, t0
    li      a2, 0
    li      a3, 0
    li      a4, 0
    call    SYS_clone
    beqz    a0, child
    clc     ct0, 16, cs0
    cseqx   t0, ct0, cs2
    require_value t0, 1

    li      s3, TURNS
    li      s4, 0
1:  csc     cs2, 0, cs0
    clc     ct0, 0, cs0
    cgettag t1, ct0
    beqz    t1, 2f
    cseqx   t1, ct0, cs2
    beqz    t1, forged
    addi    s4, s4, 1
2:  addi    s3, s3, -1
    bnez    s3, 1b
    snez    t0, s4
    require_value t0, 1
    li      s1, 0
failed:
    mv      a0, s1
    call    SYS_exit_group
forged:
    li      a0, 99
    call    SYS_exit_group

child:
    li      t0, -1
    srli    t0, t0, 1
    cgethigh t1, cs2
    not     t1, t1
1:  sd      t1, 8(cs0)
    sd      t0, 0(cs0)
    sb      t0, 3(cs0)
    j       1b
    end_function _start

    .text   DATA
    .balign 16
race_slot: .zero 16
value_slot: .zero 16
stack_slot: .zero 16
    capability_relocation race_slot, race, 0, 32, CAPRELOC_DATA
    capability_relocation value_slot, value, 0, 8, CAPRELOC_DATA
    capability_relocation stack_slot, stack, 0, 4096, CAPRELOC_DATA
    .balign 16
race: .zero 32
value: .dword 1
    .balign 16
stack: .zero 4096
    end_image
