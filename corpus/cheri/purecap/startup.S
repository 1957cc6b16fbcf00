// A program whose start-up code does what only it can: packed relative relocations, which add to what is there, and a function that a
// resolver chooses. The status is the number of the first step that finds something else.
// expect: exit 0
#include "steps.h"

    function _start
    li      s1, 0
    slot    cs0, words_slot
    cgetpcc cs2
    cgetbase s4, cs2                    // where the image is

    // Packed relocations: an even word is an address, an odd one a map of the 63 words behind the last one.
    slot    ct0, packed_slot
    cgetlen t1, ct0
    cgetaddr t2, ct0
    add     t1, t1, t2                  // their end
    li      t3, 0                       // the next word to be relocated
1:  cgetaddr t2, ct0
    beq     t2, t1, 4f
    ld      t4, 0(ct0)
    cincoffsetimm ct0, ct0, 8
    andi    t5, t4, 1
    bnez    t5, 2f
    add     t3, t4, s4
    jal     relocate
    j       1b
2:  mv      s3, t3                      // where the map begins
3:  srli    t4, t4, 1
    beqz    t4, 5f
    andi    t5, t4, 1
    beqz    t5, 6f
    jal     relocate
    j       3b
6:  addi    t3, t3, 8
    j       3b
5:  addi    t3, s3, 63 * 8
    j       1b

4:  ld      t0, 0(cs0)
    cgetaddr t1, cs0
    require_equal t0, t1
    ld      t0, 8(cs0)
    require_value t0, 5
    ld      t0, 16(cs0)
    sub     t0, t0, s4
    require_value t0, 7
    ld      t0, 24(cs0)
    sub     t0, t0, s4
    require_value t0, 8

    // R_RISCV_IRELATIVE: the addend is the resolver, whose result goes where the relocation says.
    slot    ct0, relocations_slot
    ld      t1, 8(ct0)
    require_value t1, R_RISCV_IRELATIVE
    ld      t1, 16(ct0)
    add     t1, t1, s4
    csetaddr ct1, cs2, t1
    jalr    ra, 0(ct1)
    slot    ct2, chosen_slot
    csc     ca0, 0, ct2
    clc     ct0, 0, ct2
    jalr    ra, 0(ct0)
    require_value a0, 77
    li      s1, 0
failed:
    mv      a0, s1
    li      a7, 93                      // exit
    ecall
    end_function _start

    // Adds the image's address to the word at t3, and goes on to the next.
    function relocate
    csetaddr ct6, cs0, t3
    ld      t5, 0(ct6)
    add     t5, t5, s4
    sd      t5, 0(ct6)
    addi    t3, t3, 8
    jr      cra
    end_function relocate

    function resolve
1:  auipc   ca0, %pcrel_hi(seventy_seven)
    cincoffsetimm ca0, ca0, %pcrel_lo(1b)
    jr      cra
    end_function resolve

    function seventy_seven
    li      a0, 77
    jr      cra
    end_function seventy_seven

    .text   RODATA
    .balign 8
packed_relocations:
    .quad   words - image, 1 | 1 << 2 | 1 << 3
packed_relocations_end:

    .text   DATA
    .balign 16
words_slot: .zero 16
packed_slot: .zero 16
relocations_slot: .zero 16
chosen_slot: .zero 16
chosen:   .zero 16
    capability_relocation words_slot, words, 0, 32, CAPRELOC_DATA
    capability_relocation packed_slot, packed_relocations, 0, (packed_relocations_end - packed_relocations), CAPRELOC_READ_ONLY
    capability_relocation relocations_slot, relocations, 0, 24, CAPRELOC_READ_ONLY
    capability_relocation chosen_slot, chosen, 0, 16, CAPRELOC_DATA
    relocation chosen, R_RISCV_IRELATIVE, 0, (resolve - image)
words:
    .quad   words - image, 5, 7, 8
    end_image
