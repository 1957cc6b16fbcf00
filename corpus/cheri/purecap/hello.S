// Says hello through a capability that __cap_relocs made.
// expect: exit 0
#include <cheri/purecap.h>

    function _start
1:  auipc   ca1, %pcrel_hi(message_slot)
    clc     ca1, %pcrel_lo(1b), ca1
    li      a0, 1
    li      a2, 14
    li      a7, 64                      // write
    ecall
    addi    a0, a0, -14                 // 0
    li      a7, 93                      // exit
    ecall
    end_function _start

    .text   RODATA
message:
    .ascii  "Hello, world!\n"

    .text   DATA
    .balign 16
message_slot:
    .zero   16
    capability_relocation message_slot, message, 0, 14, CAPRELOC_READ_ONLY
    end_image
