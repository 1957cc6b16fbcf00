// Lengths of the 64 strings in 4 KiB.
#define KERNEL_NAME "strlen"
#define BSS_BYTES 4096
#include "kernel.h"

    room    strings_room, 4096

    function prepare
    address ct0, strings_room
    li      t1, 4096
    li      t2, 'x'
    li      t3, 63
1:  sb      t2, 0(ct0)
    and     t4, t1, t3
    addi    t4, t4, -1
    bnez    t4, 2f
    sb      zero, 0(ct0)
2:  paddi   ct0, ct0, 1
    addi    t1, t1, -1
    bnez    t1, 1b
    ret
    end_function prepare

    function length
    pmove   ct0, ca0
    li      a0, 0
1:  lbu     t1, 0(ct0)
    beqz    t1, 2f
    paddi   ct0, ct0, 1
    addi    a0, a0, 1
    j       1b
2:  ret
    end_function length

    function work
    paddi   csp, csp, -32
    pstore  cra, 0, csp
    li      t0, 1000
    mul     s4, a0, t0
    li      s5, 0
1:  address cs6, strings_room
    li      s7, 64
2:  pmove   ca0, cs6
    jal     length
    add     s5, s5, a0
    paddi   cs6, cs6, 64
    addi    s7, s7, -1
    bnez    s7, 2b
    addi    s4, s4, -1
    bnez    s4, 1b
    mv      a0, s5
    pload   cra, 0, csp
    paddi   csp, csp, 32
    ret
    end_function work
    end_image
