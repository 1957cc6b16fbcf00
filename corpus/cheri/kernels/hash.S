// A hash table of 65,536 slots with open addressing: 32,768 insertions and as many searches.
#define KERNEL_NAME "hash"
#define BSS_BYTES 1048576
#include "kernel.h"

    .set    SLOTS, 65536
    .set    KEYS, 32768
    room    table, 1048576              // key, which is never 0, and value

    function prepare
    ret
    end_function prepare

    function clear
    address ct0, table
    li      t1, SLOTS
1:  sd      zero, 0(ct0)
    sd      zero, 8(ct0)
    paddi   ct0, ct0, 16
    addi    t1, t1, -1
    bnez    t1, 1b
    ret
    end_function clear

    // ca0: the slot of key a1 or the free one for it in the table ca2.
    function find
    li      t0, 0x9e3779b97f4a7c15
    mul     t0, a1, t0
    srli    t0, t0, 48
    li      t2, SLOTS - 1
1:  slli    t1, t0, 4
    padd    ca0, ca2, t1
    ld      t1, 0(ca0)
    beqz    t1, 2f
    beq     t1, a1, 2f
    addi    t0, t0, 1
    and     t0, t0, t2
    j       1b
2:  ret
    end_function find

    function work
    paddi   csp, csp, -32
    pstore  cra, 0, csp
    slli    s4, a0, 1
    li      s5, 0
1:  jal     clear
    address ca2, table
    seed    s6, s7, s8
    li      s9, KEYS
2:  random  s6, s7, s8
    ori     a1, s6, 1
    jal     find
    sd      a1, 0(ca0)
    sd      s9, 8(ca0)
    addi    s9, s9, -1
    bnez    s9, 2b
    seed    s6, s7, s8
    li      s9, KEYS
3:  random  s6, s7, s8
    ori     a1, s6, 1
    jal     find
    ld      t0, 8(ca0)
    add     s5, s5, t0
    addi    s9, s9, -1
    bnez    s9, 3b
    addi    s4, s4, -1
    bnez    s4, 1b
    mv      a0, s5
    pload   cra, 0, csp
    paddi   csp, csp, 32
    ret
    end_function work
    end_image
