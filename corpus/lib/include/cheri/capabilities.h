// CHERI-RISC-V ISAv9 instructions for assemblers that do not know them. Registers go by their integer or capability
// names, which are one: ca0 is a0. Accesses, auipc, jal and jalr need no macros: in capability mode they are those of
// capabilities with the same encodings (CHERI ISAv9, "CHERI-RISC-V encoding mode").
#pragma once

#define cnull zero
#define cra ra
#define csp sp
#define cgp gp
#define ctp tp
#define ct0 t0
#define ct1 t1
#define ct2 t2
#define ct3 t3
#define ct4 t4
#define ct5 t5
#define ct6 t6
#define cs0 s0
#define cs1 s1
#define cs2 s2
#define cs3 s3
#define cs4 s4
#define cs5 s5
#define cs6 s6
#define cs7 s7
#define cs8 s8
#define cs9 s9
#define cs10 s10
#define cs11 s11
#define ca0 a0
#define ca1 a1
#define ca2 a2
#define ca3 a3
#define ca4 a4
#define ca5 a5
#define ca6 a6
#define ca7 a7

// Permissions as cgetperm and candperm have them.
#define PERM_GLOBAL 0x1
#define PERM_EXECUTE 0x2
#define PERM_LOAD 0x4
#define PERM_STORE 0x8
#define PERM_LOAD_CAPABILITY 0x10
#define PERM_STORE_CAPABILITY 0x20
#define PERM_STORE_LOCAL_CAPABILITY 0x40
#define PERM_SEAL 0x80
#define PERM_INVOKE 0x100
#define PERM_UNSEAL 0x200
#define PERM_SYSTEM_CALLS 0x8000        // software permission 0
#define PERM_CHANGE_MAPPINGS 0x10000    // software permission 1

#define OPCODE_CHERI 0x5b

#ifdef __ASSEMBLER__
    .macro  three_operands name, function
    .macro  \name rd, rs1, rs2
    .insn   r OPCODE_CHERI, 0, \function, \rd, \rs1, \rs2
    .endm
    .endm
    three_operands csetbounds, 0x08
    three_operands csetboundsexact, 0x09
    three_operands cseal, 0x0b
    three_operands cunseal, 0x0c
    three_operands candperm, 0x0d
    three_operands csetflags, 0x0e
    three_operands csetoffset, 0x0f
    three_operands csetaddr, 0x10
    three_operands cincoffset, 0x11
    three_operands csethigh, 0x16
    three_operands cbuildcap, 0x1d
    three_operands cseqx, 0x21

    // rs2 is the number of the operation.
    .macro  two_operands name, number
    .macro  \name rd, rs1
    .insn   r OPCODE_CHERI, 0, 0x7f, \rd, \rs1, x\number
    .endm
    .endm
    two_operands cgetperm, 0
    two_operands cgettype, 1
    two_operands cgetbase, 2
    two_operands cgetlen, 3
    two_operands cgettag, 4
    two_operands cgetaddr, 15
    two_operands cmove, 10
    two_operands ccleartag, 11
    two_operands csealentry, 17
    two_operands cloadtags, 18
    two_operands cgethigh, 23

    .macro  cincoffsetimm cd, cs, immediate
    .insn   i OPCODE_CHERI, 1, \cd, \cs, \immediate
    .endm
    .macro  csetboundsimm cd, cs, length        // 0 to 4095
    .insn   i OPCODE_CHERI, 2, \cd, \cs, (((\length) ^ 0x800) & 0xfff) - 0x800
    .endm
    .macro  cgetddc cd
    .insn   r OPCODE_CHERI, 0, 1, \cd, x0, x1
    .endm
    .macro  cgetpcc cd
    .insn   r OPCODE_CHERI, 0, 1, \cd, x0, x0
    .endm
    .macro  csetddc cs
    .insn   r OPCODE_CHERI, 0, 1, x0, \cs, x1
    .endm
    .macro  cinvoke code, data
    .insn   r OPCODE_CHERI, 0, 0x7e, x1, \code, \data
    .endm
    .macro  clc cd, offset, base
    .insn   i 0x0f, 2, \cd, \base, \offset
    .endm
    .macro  csc cs, offset, base
    .insn   s 0x23, 4, \cs, \offset(\base)
    .endm
#endif
