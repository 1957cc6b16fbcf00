// Signals of a pure-capability program: handlers are capabilities, registers keep their tags, frames cannot be forged.
// expect: exit 0
// expect untagged-handler: TagViolation of pcc
// expect small-stack: signal SIGSEGV
#include "steps.h"

    .set    EFAULT, 14
    .set    SIGUSR1, 10
    .set    SIGSEGV, 11
    .set    SEGV_CAPBOUNDSERR, 12
    .set    SA_SIGINFO, 4
    .set    SA_ONSTACK, 0x08000000
    .set    SS_DISABLE, 2
    .set    SS_AUTODISARM, -0x80000000
    .set    SYS_exit, 93
    .set    SYS_tgkill, 131
    .set    SYS_sigaltstack, 132
    .set    SYS_rt_sigaction, 134
    .set    SYS_getpid, 172

    // The frame: siginfo, then ucontext, whose registers begin with pc, then c1 to c31, PCC and DDC.
    .set    SIGINFO_BYTES, 128
    .set    REGISTERS, 176
    .set    CAPABILITIES, 176 + 256 + 528

    // The capability in a slot becomes the handler of a signal.
    .macro  install signal, handler, flags=SA_SIGINFO
    slot    ct3, \handler
    csc     ct3, 0, cs0
    li      t0, \flags
    sd      t0, 16(cs0)
    sd      zero, 24(cs0)
    li      a0, \signal
    cmove   ca1, cs0
    li      a2, 0
    li      a3, 8
    call    SYS_rt_sigaction
    .endm
    .macro  raise
    call    SYS_getpid
    mv      a1, a0
    li      a2, SIGUSR1
    call    SYS_tgkill
    .endm

    function _start
    li      s1, 0
    slot    cs0, room_slot
    ld      t0, 0(csp)                  // argc
    li      t1, 2
    bne     t0, t1, ordinary
    clc     ca0, 32, csp
    lbu     t0, 0(ca0)
    li      t1, 'u'
    beq     t0, t1, untagged_handler
    j       small_stack

ordinary:
    // A handler that looks at what it was given; afterwards every register is what it was, tags included.
    install SIGUSR1, look_slot
    require_value a0, 0
    slot    cs2, text_slot
    slot    ct4, text_slot
    csealentry cs3, cs2
    raise
    require_value a0, 0
    ld      t0, 64(cs0)                 // the handler's count
    require_value t0, 1
    require_tag cs2, 1
    require_tag ct4, 1
    cgetlen t0, ct4
    require_value t0, 5
    require_tag cs3, 1
    cgettype t0, cs3
    require_value t0, -2
    require_tag csp, 1

    // What the handler stores over a saved capability comes back without tag; an integer register that it changes, as an integer.
    install SIGUSR1, forge_slot
    slot    cs2, text_slot
    slot    cs3, text_slot
    slot    cs4, text_slot
    raise
    require_tag cs2, 0                  // data stored over it
    cgetlen t0, cs2
    require_value t0, 5
    require_tag cs3, 0                  // its integer changed
    require_value s3, 1234
    require_tag cs4, 1                  // replaced by a capability that the handler holds, and its address
    cgetlen t0, cs4
    require_value t0, 256

    // A capability fault; the handler goes on behind it.
    install SIGSEGV, skip_slot
    slot    ca4, text_slot
    .option push
    .option norvc
    lbu     a0, 5(ca4)
    .option pop
    ld      t0, 72(cs0)                 // si_code
    require_value t0, SEGV_CAPBOUNDSERR
    ld      t0, 80(cs0)                 // si_addr
    cgetaddr t1, ca4
    addi    t1, t1, 5
    require_equal t0, t1
    require_tag ca4, 1

    // An alternate stack is a capability, which allows what is written there.
    slot    ca3, stack_slot
    csc     ca3, 0, cs0
    sd      zero, 16(cs0)
    li      t0, 8192
    sd      t0, 24(cs0)
    cmove   ca0, cs0
    li      a1, 0
    call    SYS_sigaltstack
    require_value a0, -EFAULT           // there are 4096 bytes
    li      t0, 4096
    sd      t0, 24(cs0)
    cmove   ca0, cs0
    li      a1, 0
    call    SYS_sigaltstack
    require_value a0, 0
    install SIGUSR1, look_slot, SA_SIGINFO | SA_ONSTACK
    cmove   cs5, csp
    csetboundsimm csp, csp, 64          // no room for a frame here
    raise
    require_value a0, 0
    cgetlen t0, csp
    require_value t0, 64
    cmove   csp, cs5
    ld      t0, 64(cs0)
    require_value t0, 2
    li      a0, 0
    cmove   ca1, cs0
    call    SYS_sigaltstack
    require_value a0, 0
    clc     ca3, 0, cs0
    require_tag ca3, 1
    cgetlen t0, ca3
    require_value t0, 4096
    // Handlers come back as capabilities, too.
    li      a0, SIGUSR1
    li      a1, 0
    cmove   ca2, cs0
    li      a3, 8
    call    SYS_rt_sigaction
    require_value a0, 0
    clc     ca3, 0, cs0
    require_tag ca3, 1

    // SS_AUTODISARM: there is no alternate stack while the handler runs on it; when it returns there is, with the same authority.
    slot    ca3, stack_slot
    csc     ca3, 0, cs0
    li      t0, SS_AUTODISARM
    sd      t0, 16(cs0)
    li      t0, 4096
    sd      t0, 24(cs0)
    cmove   ca0, cs0
    li      a1, 0
    call    SYS_sigaltstack
    require_value a0, 0
    install SIGUSR1, disarmed_slot, SA_SIGINFO | SA_ONSTACK
    .rept   2
    sd      zero, 112(cs0)
    cmove   cs5, csp
    csetboundsimm csp, csp, 64
    raise
    cmove   csp, cs5
    require_value a0, 0
    lw      t0, 112(cs0)                // ss_flags in the handler
    require_value t0, SS_DISABLE
    li      a0, 0
    cmove   ca1, cs0
    call    SYS_sigaltstack
    require_value a0, 0
    clc     ca3, 0, cs0
    require_tag ca3, 1
    cgetlen t0, ca3
    require_value t0, 4096
    lw      t0, 16(cs0)
    require_value t0, SS_AUTODISARM
    .endr
    li      s1, 0
failed:
    mv      a0, s1
    call    SYS_exit

untagged_handler:
    slot    ct3, look_slot
    ccleartag ct3, ct3
    csc     ct3, 0, cs0
    li      t0, SA_SIGINFO
    sd      t0, 16(cs0)
    sd      zero, 24(cs0)
    li      a0, SIGUSR1
    cmove   ca1, cs0
    li      a2, 0
    li      a3, 8
    call    SYS_rt_sigaction
    raise
    j       failed

small_stack:
    install SIGUSR1, look_slot
    csetboundsimm csp, csp, 64
    raise
    j       failed
    end_function _start

    // cs0 still is the program's. Counts, unless a register is not what a handler is to have.
    function look
    li      t0, SIGUSR1
    bne     a0, t0, 1f
    cgetlen t0, ca1
    li      t1, SIGINFO_BYTES
    bne     t0, t1, 1f
    lw      t0, 0(ca1)
    bne     t0, a0, 1f
    cgettag t0, ca2
    beqz    t0, 1f
    cgetaddr t0, ca1
    cgetaddr t1, csp
    bne     t0, t1, 1f
    cgettype t0, cra
    li      t1, -2
    bne     t0, t1, 1f
    cgetddc ct0
    cgettag t0, ct0
    bnez    t0, 1f
    ld      t0, 64(cs0)
    addi    t0, t0, 1
    sd      t0, 64(cs0)
1:  jr      cra
    end_function look

    function forge
    li      t0, CAPABILITIES
    cincoffset ct1, ca2, t0             // c1 first
    lb      t2, 17 * 16(ct1)            // s2
    sb      t2, 17 * 16(ct1)
    li      t2, 1234
    sd      t2, (REGISTERS + 19 * 8)(ca2)
    csc     cs0, 19 * 16, ct1           // s4
    cgetaddr t2, cs0
    sd      t2, (REGISTERS + 20 * 8)(ca2)
    jr      cra
    end_function forge

    function disarmed
    li      a0, 0
    cincoffsetimm ca1, cs0, 96
    call    SYS_sigaltstack
    jr      cra
    end_function disarmed

    function skip
    lw      t0, 8(ca1)
    sd      t0, 72(cs0)
    ld      t0, 16(ca1)
    sd      t0, 80(cs0)
    ld      t0, REGISTERS(ca2)
    addi    t0, t0, 4
    sd      t0, REGISTERS(ca2)
    jr      cra
    end_function skip

    .text   RODATA
text:
    .ascii  "hello"

    .text   DATA
    .balign 16
room_slot: .zero 16
text_slot: .zero 16
look_slot: .zero 16
forge_slot: .zero 16
skip_slot: .zero 16
disarmed_slot: .zero 16
stack_slot: .zero 16
    capability_relocation room_slot, room, 0, 256, CAPRELOC_DATA
    capability_relocation text_slot, text, 0, 5, CAPRELOC_READ_ONLY
    relocation look_slot, R_RISCV_CHERI_CAPABILITY, index_of_look, 0
    relocation forge_slot, R_RISCV_CHERI_CAPABILITY, index_of_forge, 0
    relocation skip_slot, R_RISCV_CHERI_CAPABILITY, index_of_skip, 0
    relocation disarmed_slot, R_RISCV_CHERI_CAPABILITY, index_of_disarmed, 0
    capability_relocation stack_slot, stack, 0, 4096, CAPRELOC_DATA
    .balign 16
room: .zero 256
stack: .zero 4096
    end_image
