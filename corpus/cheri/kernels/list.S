// Walks a list of 4,096 nodes that lie out of order.
#define KERNEL_NAME "list"
#define BSS_BYTES 131072
#include "kernel.h"

    // A node: the next one, and a value.
    .set    NODE_BYTES, 32
    .set    VALUE, 16
    room    nodes, 131072

    // Node i is followed by (5 i + 1) mod 4096, which goes through all of them.
    function prepare
    address cs6, nodes
    li      t0, 0
    li      t1, 4096
    li      t2, 5
    li      t3, 4095
1:  slli    t4, t0, 5
    padd    ct5, cs6, t4
    sd      t0, VALUE(ct5)
    mul     t0, t0, t2
    addi    t0, t0, 1
    and     t0, t0, t3
    slli    t4, t0, 5
    padd    ct4, cs6, t4
    pstore  ct4, 0, ct5
    addi    t1, t1, -1
    bnez    t1, 1b
    ret
    end_function prepare

    function work
    li      t0, 500 * 4096
    mul     t0, a0, t0
    address ct1, nodes
    li      a0, 0
1:  ld      t2, VALUE(ct1)
    add     a0, a0, t2
    pload   ct1, 0, ct1
    addi    t0, t0, -1
    bnez    t0, 1b
    ret
    end_function work
    end_image
