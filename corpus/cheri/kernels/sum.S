// The sum of 8,192 words.
#define KERNEL_NAME "sum"
#define BSS_BYTES 65536
#include "kernel.h"

    room    array, 65536

    function prepare
    seed    t1, t2, t3
    address ct0, array
    li      t4, 8192
1:  random  t1, t2, t3
    sd      t1, 0(ct0)
    paddi   ct0, ct0, 8
    addi    t4, t4, -1
    bnez    t4, 1b
    ret
    end_function prepare

    function sum
    li      t0, 0
1:  ld      t1, 0(ca0)
    add     t0, t0, t1
    paddi   ca0, ca0, 8
    addi    a1, a1, -1
    bnez    a1, 1b
    mv      a0, t0
    ret
    end_function sum

    function work
    paddi   csp, csp, -32
    pstore  cra, 0, csp
    li      t0, 500
    mul     s4, a0, t0
    li      s5, 0
1:  address ca0, array
    li      a1, 8192
    jal     sum
    slli    t0, s5, 1
    add     s5, t0, a0
    addi    s4, s4, -1
    bnez    s4, 1b
    mv      a0, s5
    pload   cra, 0, csp
    paddi   csp, csp, 32
    ret
    end_function work
    end_image
