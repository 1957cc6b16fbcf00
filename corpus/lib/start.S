# Entry of a freestanding static-pie guest (Linux/RV64, psABI "Program start-up").
# The kernel passes argc, argv, envp and auxv on the stack; nothing else is defined.
    .section .text.start, "ax", @progbits
    .globl  _start
    .hidden _start
    .type   _start, @function
_start:
    .option push
    .option norelax                     # gp is not set yet, so it must not be relaxed against
    lla     gp, __global_pointer$
    .option pop
    mv      s0, zero                    # end of the frame chain
    mv      a0, sp
    lla     a1, _DYNAMIC
    andi    sp, sp, -16
    call    corpus_start
    ebreak                              # corpus_start does not return
    .size   _start, . - _start

# long corpus_syscall(long number, long a0, ... long a5)
    .text
    .globl  corpus_syscall
    .type   corpus_syscall, @function
corpus_syscall:
    mv      a7, a0
    mv      a0, a1
    mv      a1, a2
    mv      a2, a3
    mv      a3, a4
    mv      a4, a5
    mv      a5, a6
    ecall
    ret
    .size   corpus_syscall, . - corpus_syscall
    .section .note.GNU-stack, "", @progbits
