// Sorts 16,384 words, recursively.
#define KERNEL_NAME "quicksort"
#define BSS_BYTES 65536
#include "kernel.h"

    .set    COUNT, 16384
    room    array, 65536

    function prepare
    ret
    end_function prepare

    function fill
    seed    t1, t2, t3
    address ct0, array
    li      t4, COUNT
1:  random  t1, t2, t3
    srli    t5, t1, 33
    sw      t5, 0(ct0)
    paddi   ct0, ct0, 4
    addi    t4, t4, -1
    bnez    t4, 1b
    ret
    end_function fill

    // Sorts a1 words at ca0, in place (Hoare's partition around the middle one).
    function sort
    li      t0, 2
    blt     a1, t0, 9f
    paddi   csp, csp, -64
    pstore  cra, 0, csp
    pstore  cs0, 16, csp
    pstore  cs1, 32, csp
    sd      s2, 48(csp)
    pmove   cs0, ca0                    // the array
    mv      s2, a1                      // its words
    srli    t0, s2, 1
    slli    t0, t0, 2
    padd    ct1, cs0, t0
    lw      t0, 0(ct1)                  // the pivot
    pmove   ct1, cs0                    // from the left, at index t3
    slli    t2, s2, 2
    padd    ct2, cs0, t2
    paddi   ct2, ct2, -4                // from the right, at index t4
    li      t3, 0
    addi    t4, s2, -1
1:  lw      t5, 0(ct1)
    bge     t5, t0, 2f
    paddi   ct1, ct1, 4
    addi    t3, t3, 1
    j       1b
2:  lw      t6, 0(ct2)
    bge     t0, t6, 3f
    paddi   ct2, ct2, -4
    addi    t4, t4, -1
    j       2b
3:  blt     t4, t3, 5f
    sw      t6, 0(ct1)
    sw      t5, 0(ct2)
    paddi   ct1, ct1, 4
    addi    t3, t3, 1
    beqz    t4, 4f                      // nothing is left of the first word
    paddi   ct2, ct2, -4
4:  addi    t4, t4, -1
    bge     t4, t3, 1b
5:  pmove   cs1, ct1                    // the right part
    sub     s2, s2, t3
    pmove   ca0, cs0
    addi    a1, t4, 1
    jal     sort
    pmove   ca0, cs1
    mv      a1, s2
    jal     sort
    pload   cra, 0, csp
    pload   cs0, 16, csp
    pload   cs1, 32, csp
    ld      s2, 48(csp)
    paddi   csp, csp, 64
9:  ret
    end_function sort

    function work
    paddi   csp, csp, -32
    pstore  cra, 0, csp
    slli    s4, a0, 1
    li      s5, 0
1:  jal     fill
    address ca0, array
    li      a1, COUNT
    pstore  cs0, 16, csp
    jal     sort
    pload   cs0, 16, csp
    // Words times their places: order counts.
    address ct0, array
    li      t1, 0
    li      t2, COUNT
2:  lw      t3, 0(ct0)
    mul     t3, t3, t1
    add     s5, s5, t3
    paddi   ct0, ct0, 4
    addi    t1, t1, 1
    bne     t1, t2, 2b
    addi    s4, s4, -1
    bnez    s4, 1b
    mv      a0, s5
    pload   cra, 0, csp
    paddi   csp, csp, 32
    ret
    end_function work
    end_image
