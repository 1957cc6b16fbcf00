// Capabilities that calls and system calls leave where there was an integer are used at once.
// The status is the number of the first step that finds something else.
// expect: exit 0
#include "steps.h"

    .set    SYS_exit, 93
    .set    SYS_mmap, 222

    function _start
    li      s1, 0
    li      a0, 7
    jal     get_text
    lbu     t0, 0(ca0)
    require_value t0, 'h'
    lbu     t0, 4(ca0)
    require_value t0, 'o'

    // The same register in a loop: an integer before each call.
    li      s2, 3
1:  mv      a0, s2
    jal     get_text
    lbu     t0, 1(ca0)
    require_value t0, 'e'
    addi    s2, s2, -1
    bnez    s2, 1b

    li      a0, 0
    li      a1, 4096
    li      a2, 3                       // PROT_READ | PROT_WRITE
    li      a3, 0x22                    // MAP_PRIVATE | MAP_ANONYMOUS
    li      a4, -1
    li      a5, 0
    call    SYS_mmap
    ld      t0, 8(ca0)
    require_value t0, 0
    csc     ca0, 0, ca0
    clc     ca1, 0, ca0
    cseqx   t0, ca0, ca1
    require_value t0, 1
    li      s1, 0
failed:
    mv      a0, s1
    call    SYS_exit
    end_function _start

    function get_text
    slot    ca0, text_slot
    jr      cra
    end_function get_text

    .text   RODATA
text:
    .ascii  "hello"

    .text   DATA
    .balign 16
text_slot: .zero 16
    capability_relocation text_slot, text, 0, 5, CAPRELOC_READ_ONLY
    end_image
