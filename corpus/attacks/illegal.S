# Instructions a plain RV64GC user program may not execute. Each raises its signal only when it is executed: with no
# argument nothing happens, although all of them are in .text.
# expect: exit 0
# expect zero: signal SIGILL
# expect ones: signal SIGILL
# expect compressed-reserved: signal SIGILL
# expect long48: signal SIGILL
# expect custom0: signal SIGILL
# expect float16: signal SIGILL
# expect rounding-reserved: signal SIGILL
# expect rounding-dynamic: signal SIGILL
# expect csr-unknown: signal SIGILL
# expect csr-supervisor: signal SIGILL
# expect csr-machine: signal SIGILL
# expect csr-write-cycle: signal SIGILL
# expect mret: signal SIGILL
# expect sret: signal SIGILL
# expect wfi: signal SIGILL
# expect sfence: signal SIGILL
# expect ebreak: signal SIGTRAP
# expect compressed-ebreak: signal SIGTRAP
# expect amo-reserved: signal SIGILL
# expect op-reserved: signal SIGILL
# expect unknown-call: exit 38
    .text
    .globl  main
    .type   main, @function
main:
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    li      t0, 2
    bne     a0, t0, done
    ld      s0, 8(a1)
    .macro  case name, instruction:vararg
    mv      a0, s0
    lla     a1, name\@
    call    strcmp
    bnez    a0, 1f
    \instruction
    j       done
1:
    .pushsection .rodata
name\@: .asciz "\name"
    .popsection
    .endm
    case    "zero", .half 0
    case    "ones", .word 0xffffffff
    case    "compressed-reserved", .half 0x8000       # quadrant 0, funct3 100
    case    "long48", .half 0x001f, 0x0000, 0x0000
    case    "custom0", .word 0x0000000b
    case    "float16", .word 0x04000053               # fadd.h
    case    "rounding-reserved", .word 0x02005053 | 5 << 12
    case    "rounding-dynamic", j dynamic
    case    "csr-unknown", .word 0x8ff02573           # csrr a0, 0x8ff
    case    "csr-supervisor", .word 0x10002573        # csrr a0, sstatus
    case    "csr-machine", .word 0x30002573           # csrr a0, mstatus
    case    "csr-write-cycle", .word 0xc0051073       # csrw cycle, a0
    case    "mret", .word 0x30200073
    case    "sret", .word 0x10200073
    case    "wfi", .word 0x10500073
    case    "sfence", .word 0x12000073
    case    "ebreak", .word 0x00100073
    case    "compressed-ebreak", .half 0x9002
    case    "amo-reserved", .word 0x2800252f          # funct5 00101
    case    "op-reserved", .word 0x40001033 | 0x04000000
    case    "unknown-call", j unknown
done:
    li      a0, 0
    ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret
dynamic:
    fsrmi   5                           # a reserved rounding mode; its user is illegal, not its write
    fadd.d  ft0, ft0, ft0, dyn
    j       done
unknown:
    li      a7, 4000
    ecall
    neg     a0, a0                      # ENOSYS
    call    exit
    .size   main, . - main
    .section .note.GNU-stack, "", @progbits
