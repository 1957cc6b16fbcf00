# Jumps to places that are not the start of an instruction somebody wrote: into the second half of one (which is legal
# when that half decodes), to odd addresses, behind a link register that is not ra, past the end of the code.
# expect: exit 64
# expect middle: exit 42
# expect middle-illegal: signal SIGILL
# expect middle-loop: exit 55
# expect overlap: exit 32
# expect odd: exit 43
# expect link-t0: exit 44
# expect fall-off: signal SIGILL
# expect past-end: signal SIGSEGV
    .text
    .globl  main
    .type   main, @function
main:
    li      t0, 2
    bne     a0, t0, usage
    addi    sp, sp, -32
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    sd      s2, 16(sp)
    ld      s0, 8(a1)                   # the case
    .macro  case name, target
    mv      a0, s0
    lla     a1, name_\target
    call    strcmp
    beqz    a0, run_\target
    .pushsection .rodata
name_\target: .asciz "\name"
    .popsection
    .endm
    case    "middle", middle
    case    "middle-illegal", illegal
    case    "middle-loop", loop
    case    "overlap", overlap
    case    "odd", odd
    case    "link-t0", link
    case    "fall-off", fall
    case    "past-end", end
    ld      ra, 8(sp)
    ld      s0, 0(sp)
    ld      s2, 16(sp)
    addi    sp, sp, 32
usage:
    li      a0, 64
    ret

run_middle:
    lla     t1, value + 2
    j       go
run_illegal:
    lla     t1, illegal + 2
    j       go
run_loop:
    lla     t1, loop + 2
    li      a0, 11
    li      a1, 0
    j       go
run_overlap:
    lla     t1, overlap
    li      s2, 0
    jalr    t1                          # the whole instruction first, then its second half
    mv      s0, a0
    lla     t1, overlap + 2
    jalr    t1
    add     a0, a0, s0
    j       done
run_odd:
    lla     t1, odd
    addi    t1, t1, 1                   # jalr clears the lowest bit
    j       go
run_link:
    lla     t1, link
    jalr    t0, t1
    j       done
run_fall:
    lla     t1, fall
    j       go
run_end:
    # The first page behind this image's code that faults on execution.
    lla     t1, corpus_end
    li      t2, 1 << 30
    add     t1, t1, t2
go:
    jalr    t1
done:
    ld      ra, 8(sp)
    ld      s0, 0(sp)
    ld      s2, 16(sp)
    addi    sp, sp, 32
    ret
    .size   main, . - main

    .type   hidden, @function
hidden:
value:
    .half   0x0537, 0x5575              # lui a0, 0x55750: the second half is c.li a0, -3
    addi    a0, a0, 45
    ret
illegal:
    .half   0x0537, 0x0000              # lui a0, 0: the second half is the defined illegal instruction
    ret
loop:
    .half   0x0537, 0x157d              # lui a0, 0x157d0: the second half is c.addi a0, -1
    add     a1, a1, a0
    bnez    a0, loop + 2                # 10 + 9 + ... + 0
    mv      a0, a1
    ret
overlap:
    .half   0x0513, 0x4529              # addi a0, s2, 0x452: the second half is c.li a0, 10
    andi    a0, a0, 15
    addi    a0, a0, 10
    ret
odd:
    li      a0, 43
    ret
link:
    li      a0, 44
    jr      t0
fall:
    nop
    .half   0                           # runs into the illegal instruction
    .size   hidden, . - hidden
corpus_end:
    .section .note.GNU-stack, "", @progbits
