# New stacks: clone for threads, and calls and coroutine switches within one.
    .text

# long corpus_clone(flags, stack, identifier, thread pointer, function, argument)
    .globl  corpus_clone
    .type   corpus_clone, @function
corpus_clone:
    mv      t0, a4                      # the child has the caller's registers, but not its stack
    mv      t1, a5
    mv      a4, a2                      # child tid, cleared at exit
    li      a7, 220                     # clone(flags, stack, parent tid, tls, child tid)
    ecall
    beqz    a0, 1f
    ret
1:  mv      s0, zero
    mv      a0, t1
    jalr    t0
    li      a0, 0
    li      a7, 93                      # exit: of this thread alone
    ecall
    ebreak
    .size   corpus_clone, . - corpus_clone

# uint64_t call_on_stack(top, function, argument)
    .globl  call_on_stack
    .type   call_on_stack, @function
call_on_stack:
    addi    sp, sp, -16
    sd      ra, 8(sp)
    sd      s0, 0(sp)
    mv      s0, sp
    andi    sp, a0, -16
    mv      a0, a2
    jalr    a1
    mv      sp, s0
    ld      ra, 8(sp)
    ld      s0, 0(sp)
    addi    sp, sp, 16
    ret
    .size   call_on_stack, . - call_on_stack
    .section .note.GNU-stack, "", @progbits
