// The product of two matrices of 64 by 64 doubles.
#define KERNEL_NAME "matmul"
#define BSS_BYTES 98304
#include "kernel.h"

    .set    SIZE, 64
    .set    ROW, SIZE * 8
    room    left, 32768
    room    right, 32768
    room    product, 32768

    function prepare
    address ct0, left
    address ct1, right
    li      t2, 0
    li      t3, SIZE * SIZE
1:  andi    t4, t2, 15
    fcvt.d.l ft0, t4
    fsd     ft0, 0(ct0)
    andi    t4, t2, 7
    fcvt.d.l ft0, t4
    fsd     ft0, 0(ct1)
    paddi   ct0, ct0, 8
    paddi   ct1, ct1, 8
    addi    t2, t2, 1
    bne     t2, t3, 1b
    ret
    end_function prepare

    function multiply
    address ca0, left                   // a row
    address ca2, product
    li      t0, SIZE
1:  address ca1, right                  // a column
    li      t1, SIZE
2:  fmv.d.x fa0, zero
    pmove   ct3, ca0
    pmove   ct4, ca1
    li      t2, SIZE
3:  fld     ft0, 0(ct3)
    fld     ft1, 0(ct4)
    fmadd.d fa0, ft0, ft1, fa0
    paddi   ct3, ct3, 8
    paddi   ct4, ct4, ROW
    addi    t2, t2, -1
    bnez    t2, 3b
    fsd     fa0, 0(ca2)
    paddi   ca2, ca2, 8
    paddi   ca1, ca1, 8
    addi    t1, t1, -1
    bnez    t1, 2b
    paddi   ca0, ca0, ROW
    addi    t0, t0, -1
    bnez    t0, 1b
    ret
    end_function multiply

    function work
    paddi   csp, csp, -32
    pstore  cra, 0, csp
    slli    s4, a0, 3
1:  jal     multiply
    addi    s4, s4, -1
    bnez    s4, 1b
    address ct0, product
    li      t1, SIZE * SIZE
    li      a0, 0
2:  fld     ft0, 0(ct0)
    fcvt.l.d t2, ft0, rtz
    slli    t3, a0, 1
    add     a0, t3, t2
    paddi   ct0, ct0, 8
    addi    t1, t1, -1
    bnez    t1, 2b
    pload   cra, 0, csp
    paddi   csp, csp, 32
    ret
    end_function work
    end_image
