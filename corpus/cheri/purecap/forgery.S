// What a pure-capability program cannot do, in capability mode, where ordinary instructions use capabilities.
// expect: exit 9
// expect integer: TagViolation of ca0
// expect data-store: TagViolation of ca1
// expect below: LengthViolation of ca1
// expect straddle: LengthViolation of ca1
// expect widen: TagViolation of ca1
// expect read-only: PermitStoreViolation of ca1
// expect jump-data: PermitExecuteViolation of ca1
// expect call-unexecutable: PermitExecuteViolation of ca0
// expect sealed-load: SealViolation of ca1
// expect sentry-middle: SealViolation of ca1
// expect unseal-wrong-type: TagViolation of ca1
// expect null: TagViolation of cnull
// expect no-ddc: TagViolation of ddc
// expect past-code: LengthViolation of pcc
// expect below-stack: LengthViolation of csp
// expect below-image: LengthViolation of ca0
// expect stripped: TagViolation of ca2
#include <cheri/purecap.h>

    // Goes on at 1 unless the argument is that name; ca1 is a capability for 32 bytes.
    .macro  attack name
    .pushsection .text, RODATA
.Lname\@:
    .asciz  "\name"
    .popsection
.Lattack\@:
    auipc   ca2, %pcrel_hi(.Lname\@)
    cincoffsetimm ca2, ca2, %pcrel_lo(.Lattack\@)
    jal     compare
    bnez    a0, 1f
    slot    ca1, buffer_slot
    .endm

    function _start
    // The stack: argc, argv[0], argv[1].
    ld      t0, 0(csp)
    li      t1, 2
    bne     t0, t1, nothing
    clc     cs0, 32, csp
    attack  integer                     // as a pointer
    cgetaddr a0, ca1
    lw      a0, 0(ca0)
1:  attack  data-store                  // a capability that data was stored over
    csc     ca1, 0, ca1
    sb      zero, 15(ca1)
    clc     ca1, 0, ca1
    lw      a0, 0(ca1)
1:  attack  below                       // one byte below
    lbu     a0, -1(ca1)
1:  attack  straddle                    // across the top
    ld      a0, 25(ca1)
1:  attack  widen                       // wider bounds
    li      t1, 33
    csetbounds ca1, ca1, t1
    lw      a0, 0(ca1)
1:  attack  read-only                   // a store to what is read only
    slot    ca1, constant_slot
    sw      zero, 0(ca1)
1:  attack  jump-data                   // a jump to data
    jr      0(ca1)
1:  attack  call-unexecutable           // a call of what is not executable any more
    slot    ca0, function_slot
    li      t1, ~PERM_EXECUTE
    candperm ca0, ca0, t1
    jalr    0(ca0)
1:  attack  sealed-load                 // a load through a sealed entry
    csealentry ca1, ca1
    lw      a0, 0(ca1)
1:  attack  sentry-middle               // a jump into the middle of a sealed entry
    slot    ca1, function_slot
    csealentry ca1, ca1
    jr      4(ca1)
1:  attack  unseal-wrong-type           // unsealed with the authority for another type
    jal     find_seals                  // ca2: all types
    cincoffsetimm ca3, ca2, 6
    cincoffsetimm ca2, ca2, 5
    cseal   ca1, ca1, ca2
    cunseal ca1, ca1, ca3
    lw      a0, 0(ca1)
1:  attack  null                        // no pointer at all
    lw      a0, 16(cnull)
1:  attack  no-ddc                      // an integer address under DDC, which is NULL
    cgetaddr a1, ca1
    .insn   r OPCODE_CHERI, 0, 0x7d, a0, a1, x2         // lw.ddc
1:  attack  past-code                   // on past the end of the code's bounds
    slot    ca0, function_slot
    csetboundsimm ca0, ca0, 4
    jr      0(ca0)
1:  attack  below-stack                 // below the stack
    cgetbase t1, csp
    csetaddr csp, csp, t1
    sd      zero, -8(csp)
1:  attack  below-image                 // out of the image, from a capability for code
    slot    ca0, function_slot
    cgetbase t1, ca0
    csetaddr ca0, ca0, t1
    lw      a0, -4(ca0)
1:  attack  stripped                    // stripped by an authority without Permit_Load_Capability
    csc     ca1, 0, ca1
    li      t1, ~PERM_LOAD_CAPABILITY
    candperm ca3, ca1, t1
    clc     ca2, 0, ca3
    lw      a0, 0(ca2)
1:
nothing:
    li      a0, 9
    li      a7, 93                      // exit
    ecall
    end_function _start

    // a0: 0 if the strings at cs0 and ca2 are equal.
    function compare
    cmove   ca3, cs0
1:  lbu     t0, 0(ca3)
    lbu     t1, 0(ca2)
    cincoffsetimm ca3, ca3, 1
    cincoffsetimm ca2, ca2, 1
    bne     t0, t1, 2f
    bnez    t0, 1b
2:  sub     a0, t0, t1
    jr      cra
    end_function compare

    // ca2: AT_CHERI_SEAL_CAP of the auxiliary vector, which follows argv and envp.
    function find_seals
    ld      t0, 0(csp)
    addi    t0, t0, 2
    slli    t0, t0, 4
    cincoffset ca2, csp, t0
1:  ld      t0, 0(ca2)                  // envp
    cincoffsetimm ca2, ca2, 16
    bnez    t0, 1b
    li      t1, 65
1:  ld      t0, 0(ca2)
    cincoffsetimm ca2, ca2, 32
    bne     t0, t1, 1b
    clc     ca2, -16, ca2
    jr      cra
    end_function find_seals

    function plain_function
    .option push
    .option norvc
    nop
    nop
    .option pop
    jr      cra
    end_function plain_function

    .text   DATA
    .balign 16
buffer_slot: .zero 16
constant_slot: .zero 16
function_slot: .zero 16
    capability_relocation buffer_slot, buffer, 0, 32, CAPRELOC_DATA
    capability_relocation constant_slot, buffer, 0, 32, CAPRELOC_READ_ONLY
    relocation function_slot, R_RISCV_CHERI_CAPABILITY, index_of_plain_function, 0
buffer: .zero 32
    end_image
