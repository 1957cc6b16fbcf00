# Tag_RISCV_arch with xcheri, which the linker merges with what the compiler writes (RISC-V ELF psABI, "Attributes"). Raw, because
# the assembler refuses extensions that it does not know.
    .section .riscv.attributes, "", @0x70000003
    .byte   'A'
1:  .word   4f - 1b
    .asciz  "riscv"
2:  .byte   1                           # Tag_File
    .word   4f - 2b
    .byte   5                           # Tag_RISCV_arch
    .asciz  "rv64i2p1_m2p0_a2p1_f2p2_d2p2_c2p0_xcheri0p0"
4:
