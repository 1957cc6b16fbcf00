// A kernel in assembly that is built twice: with capabilities as pointers, and with integers (PLAIN). What differs is in the macros
// here. It prints its name and a checksum, and on stderr the time of its work; the argument multiplies the work.
//
// The kernel defines KERNEL_NAME and BSS_BYTES before it includes this, rooms with the macro room, and two functions: prepare, and
// work, which gets the multiple in a0 and returns the checksum there.
#pragma once
#include <cheri/purecap.h>

#ifdef PLAIN
#define POINTER 8
    .macro  pmove cd, cs
    mv      \cd, \cs
    .endm
    .macro  padd cd, cs, rs             // pointer and integer
    add     \cd, \cs, \rs
    .endm
    .macro  paddi cd, cs, immediate
    addi    \cd, \cs, \immediate
    .endm
    .macro  pload cd, offset, base
    ld      \cd, \offset(\base)
    .endm
    .macro  pstore cs, offset, base
    sd      \cs, \offset(\base)
    .endm
    .macro  address cd, label
.Laddress\@:
    auipc   \cd, %pcrel_hi(\label)
    addi    \cd, \cd, %pcrel_lo(.Laddress\@)
    .endm
    // So many bytes that are zero at the start.
    .macro  room name, bytes
    .set    \name, image_end + room_bytes
    .set    room_bytes, room_bytes + \bytes
    .endm
    // What is at a label in the data, up to its _end label, is reached by address.
    .macro  words name
    .endm
#else
#define POINTER 16
    .macro  pmove cd, cs
    cmove   \cd, \cs
    .endm
    .macro  padd cd, cs, rs
    cincoffset \cd, \cs, \rs
    .endm
    .macro  paddi cd, cs, immediate
    cincoffsetimm \cd, \cs, \immediate
    .endm
    .macro  pload cd, offset, base
    clc     \cd, \offset, \base
    .endm
    .macro  pstore cs, offset, base
    csc     \cs, \offset, \base
    .endm
    .macro  address cd, label
.Laddress\@:
    auipc   \cd, %pcrel_hi(slot_of_\label)
    clc     \cd, %pcrel_lo(.Laddress\@), \cd
    .endm
    .macro  room name, bytes
    .pushsection .text, DATA
    .balign 16, 0
slot_of_\name: .zero 16
    .popsection
    .pushsection .text, CAPABILITY_RELOCATIONS
    .quad   slot_of_\name - image, image_end - image + room_bytes, 0, \bytes, CAPRELOC_DATA
    .popsection
    .set    room_bytes, room_bytes + \bytes
    .endm
    .macro  words name
    .pushsection .text, DATA
    .balign 16, 0
slot_of_\name: .zero 16
    .popsection
    capability_relocation slot_of_\name, \name, 0, (\name\()_end - \name), CAPRELOC_DATA
    .endm
#endif
    .set    room_bytes, 0

    .set    SYS_write, 64
    .set    SYS_exit, 93
    .set    SYS_clock_gettime, 113

    // The next number of a generator (Knuth, MMIX), of which the upper bits are good.
    .macro  random state, multiplier, increment
    mul     \state, \state, \multiplier
    add     \state, \state, \increment
    .endm
    .macro  seed state, multiplier, increment
    li      \state, 42
    li      \multiplier, 6364136223846793005
    li      \increment, 1442695040888963407
    .endm

    .text   DATA
    .balign 16, 0
checksum_line: .ascii KERNEL_NAME, " 0000000000000000\n"
checksum_line_end:
seconds_line: .ascii "seconds 000.000000\n"
seconds_line_end:
    .set    SECONDS_DIGITS, 8
    words   checksum_line
    words   seconds_line
    .text   CODE

    function _start
    li      s1, 1
    ld      t0, 0(csp)                  // argc
    li      t1, 2
    bne     t0, t1, 2f
    pload   ct0, 2 * POINTER, csp       // argv[1]
    li      s1, 0
1:  lbu     t1, 0(ct0)
    beqz    t1, 2f
    li      t2, 10
    mul     s1, s1, t2
    add     s1, s1, t1
    addi    s1, s1, -'0'
    paddi   ct0, ct0, 1
    j       1b
2:  jal     prepare
    jal     microseconds
    mv      s2, a0
    mv      a0, s1
    jal     work
    mv      s3, a0
    jal     microseconds
    sub     s2, a0, s2

    // 16 hexadecimal digits, the last one first.
    address ca1, checksum_line
    li      t0, checksum_line_end - checksum_line
    padd    ct0, ca1, t0
    li      t3, 16
1:  andi    t1, s3, 15
    srli    s3, s3, 4
    li      t2, 10
    blt     t1, t2, 2f
    addi    t1, t1, 'a' - '0' - 10
2:  addi    t1, t1, '0'
    sb      t1, -2(ct0)
    paddi   ct0, ct0, -1
    addi    t3, t3, -1
    bnez    t3, 1b
    li      a0, 1
    li      a2, checksum_line_end - checksum_line
    li      a7, SYS_write
    ecall

    // The time, likewise, around the point.
    address ca1, seconds_line
    li      t0, seconds_line_end - seconds_line
    padd    ct0, ca1, t0
    li      t3, seconds_line_end - seconds_line - SECONDS_DIGITS - 1
1:  lbu     t1, -2(ct0)
    li      t2, '.'
    beq     t1, t2, 2f
    li      t2, 10
    remu    t1, s2, t2
    divu    s2, s2, t2
    addi    t1, t1, '0'
    sb      t1, -2(ct0)
2:  paddi   ct0, ct0, -1
    addi    t3, t3, -1
    bnez    t3, 1b
    li      a0, 2
    li      a2, seconds_line_end - seconds_line
    li      a7, SYS_write
    ecall
    li      a0, 0
    li      a7, SYS_exit
    ecall
    end_function _start

    function microseconds
    paddi   csp, csp, -16
    li      a0, 1                       // CLOCK_MONOTONIC
    pmove   ca1, csp
    li      a7, SYS_clock_gettime
    ecall
    ld      t0, 0(csp)
    ld      t1, 8(csp)
    li      t2, 1000000
    mul     t0, t0, t2
    li      t2, 1000
    divu    t1, t1, t2
    add     a0, t0, t1
    paddi   csp, csp, 16
    ret
    end_function microseconds
