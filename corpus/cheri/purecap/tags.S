// Tags travel with capabilities that are copied as such, and with nothing else. The status is the number of the first step that finds
// something else.
// expect: exit 0
#include "steps.h"

    .macro  require_tags cd, value
    cloadtags t0, \cd
    require_value t0, \value
    .endm
    // cs0 points to four granules, of which the first and the third hold capabilities.
    .macro  prepare
    csc     cs0, 0, cs0
    li      t1, -1
    sd      t1, 16(cs0)
    sd      t1, 24(cs0)
    csc     cs2, 32, cs0
    csc     cnull, 48, cs0
    .endm

    function _start
    li      s1, 0
    slot    cs0, source_slot
    slot    cs2, target_slot
    prepare
    require_tags cs0, 5

    // A copy by capabilities keeps tags and all bits, those of data included.
    li      a2, 64
    jal     copy_capabilities
    require_tags cs2, 5
    ld      t0, 16(cs2)
    require_value t0, -1
    clc     ct1, 0, cs2
    cgetlen t0, ct1
    require_value t0, 64

    // A copy by words clears them, also where the bytes stay the same.
    li      a2, 64
    jal     copy_words
    require_tags cs2, 0
    ld      t0, 0(cs2)
    ld      t1, 0(cs0)
    require_equal t0, t1
    ld      t0, 8(cs2)
    ld      t1, 8(cs0)
    require_equal t0, t1

    // One byte clears one tag, a word across granules two.
    prepare
    csc     cs0, 16, cs0
    csc     cs0, 48, cs0
    require_tags cs0, 15
    sb      zero, 31(cs0)
    require_tags cs0, 13
    sd      zero, 44(cs0)
    require_tags cs0, 1
    fsd     fa0, 0(cs0)
    require_tags cs0, 0

    // Atomic accesses of data clear them; those of capabilities keep them.
    csc     cs0, 0, cs0
    csc     cs0, 16, cs0
    csc     cs0, 32, cs0
    amoadd.d zero, zero, (cs0)
    require_tags cs0, 6
    cincoffsetimm ct3, cs0, 16
1:  lr.d    t0, (ct3)
    sc.d    t1, t0, (ct3)
    bnez    t1, 1b
    require_tags cs0, 4
    cincoffsetimm ct3, cs0, 32
    .insn   r 0x2f, 4, 0x04, ct4, ct3, cs2              // amoswap.c ct4, cs2, (ct3)
    require_tags cs0, 4
    cgettag t0, ct4
    require_value t0, 1
    clc     ct4, 0, ct3
    cgetaddr t0, ct4
    cgetaddr t1, cs2
    require_equal t0, t1
2:  .insn   r 0x2f, 4, 0x08, ct4, ct3, x0               // lr.c ct4, (ct3)
    .insn   r 0x2f, 4, 0x0c, t0, ct3, ct4               // sc.c t0, ct4, (ct3)
    bnez    t0, 2b
    require_tags cs0, 4

    // An authority without Permit_Load_Capability strips what it loads, one without Permit_Store_Capability stores data alone.
    li      t1, ~PERM_LOAD_CAPABILITY
    candperm ct5, ct3, t1
    clc     ct4, 0, ct5
    cgettag t0, ct4
    require_value t0, 0
    li      t1, ~PERM_STORE_CAPABILITY
    candperm ct5, ct3, t1
    csc     ct4, 0, ct5
    require_tags cs0, 0

    // A register that an integer is written to is none any more.
    cmove   ct4, cs0
    addi    t4, t4, 0
    cgettag t0, ct4
    require_value t0, 0
    cmove   ct4, cs0
    .insn   r OPCODE_CHERI, 0, 0x7f, ct4, cs0, x2       // cgetbase
    cgettag t0, ct4
    require_value t0, 0
    li      s1, 0
failed:
    mv      a0, s1
    li      a7, 93                      // exit
    ecall
    end_function _start

    // From cs0 to cs2, a2 bytes.
    function copy_capabilities
    cmove   ct0, cs0
    cmove   ct1, cs2
1:  clc     ct2, 0, ct0
    csc     ct2, 0, ct1
    cincoffsetimm ct0, ct0, 16
    cincoffsetimm ct1, ct1, 16
    addi    a2, a2, -16
    bnez    a2, 1b
    jr      cra
    end_function copy_capabilities

    function copy_words
    cmove   ct0, cs0
    cmove   ct1, cs2
1:  ld      t2, 0(ct0)
    sd      t2, 0(ct1)
    cincoffsetimm ct0, ct0, 8
    cincoffsetimm ct1, ct1, 8
    addi    a2, a2, -8
    bnez    a2, 1b
    jr      cra
    end_function copy_words

    .text   DATA
    .balign 16
source_slot: .zero 16
target_slot: .zero 16
    capability_relocation source_slot, source, 0, 64, CAPRELOC_DATA
    capability_relocation target_slot, target, 0, 64, CAPRELOC_DATA
    .balign 64
source: .zero 64
target: .zero 64
    end_image
