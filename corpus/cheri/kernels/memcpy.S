// Copies 64 KiB by words.
#define KERNEL_NAME "memcpy"
#define BSS_BYTES 131072
#include "kernel.h"

    room    source, 65536
    room    target, 65536

    function prepare
    seed    t1, t2, t3
    address ct0, source
    li      t4, 65536
1:  random  t1, t2, t3
    sd      t1, 0(ct0)
    paddi   ct0, ct0, 8
    addi    t4, t4, -8
    bnez    t4, 1b
    ret
    end_function prepare

    // memcpy(ca0, ca1, a2): a2 is a multiple of 32.
    function copy
1:  ld      t0, 0(ca1)
    ld      t1, 8(ca1)
    ld      t2, 16(ca1)
    ld      t3, 24(ca1)
    sd      t0, 0(ca0)
    sd      t1, 8(ca0)
    sd      t2, 16(ca0)
    sd      t3, 24(ca0)
    paddi   ca0, ca0, 32
    paddi   ca1, ca1, 32
    addi    a2, a2, -32
    bnez    a2, 1b
    ret
    end_function copy

    function work
    paddi   csp, csp, -32
    pstore  cra, 0, csp
    li      t0, 200
    mul     s4, a0, t0
1:  address ca0, target
    address ca1, source
    li      a2, 65536
    jal     copy
    addi    s4, s4, -1
    bnez    s4, 1b
    address ct0, target
    li      t1, 65536
    li      a0, 0
2:  ld      t2, 0(ct0)
    add     a0, a0, t2
    paddi   ct0, ct0, 8
    addi    t1, t1, -8
    bnez    t1, 2b
    pload   cra, 0, csp
    paddi   csp, csp, 32
    ret
    end_function work
    end_image
