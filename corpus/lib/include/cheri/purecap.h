// Lays out a static, position-independent pure-capability program, headers and relocations included, because a stock linker
// knows neither its e_flags nor its relocations: everything is one section, which becomes the file. Subsections order it.
// With PLAIN, the same without capabilities; BSS_BYTES zeros follow the data.
#pragma once
#include <cheri/capabilities.h>

#define CODE 0          // headers first
#define RODATA 1
#define SYMBOLS 2
#define STRINGS 3
#define HASH 4
#define CAPABILITY_RELOCATIONS 5
#define RELOCATIONS 6
#define DYNAMIC 7
#define DATA 8          // writable from here on
#define END 9

#ifndef BSS_BYTES
#define BSS_BYTES 0
#endif

#define EM_RISCV 243
#define EF_RISCV_RVC 1
#define EF_RISCV_FLOAT_ABI_DOUBLE 4
#ifdef PLAIN
#define EF_RISCV_CHERI 0
#else
#define EF_RISCV_CHERI 0x30000          // EF_RISCV_CHERIABI and EF_RISCV_CAP_MODE
#endif

#define R_RISCV_RELATIVE 3
#define R_RISCV_JUMP_SLOT 5
#define R_RISCV_TLS_TPREL64 11
#define R_RISCV_IRELATIVE 58
#define R_RISCV_CHERI_CAPABILITY 193
#define R_RISCV_FUNC_RELATIVE 194

#define CAPRELOC_DATA 0
#define CAPRELOC_READ_ONLY (1 << 62)
#define CAPRELOC_FUNCTION (1 << 63)

    .text   CODE
image:
    .byte   0x7f, 'E', 'L', 'F', 2, 1, 1
    .zero   9
    .half   3, EM_RISCV                 // ET_DYN
    .word   1
    .quad   _start - image, headers - image, 0
    .word   EF_RISCV_RVC | EF_RISCV_FLOAT_ABI_DOUBLE | EF_RISCV_CHERI
    .half   64, 56, 3, 64, 0, 0
headers:
    .word   1, 5                        // PT_LOAD, read and execute
    .quad   0, 0, 0, data - image, data - image, 4096
    .word   1, 6                        // PT_LOAD, read and write
    .quad   data - image, data - image, data - image, image_end - data, image_end - data + BSS_BYTES, 4096
    .word   2, 4                        // PT_DYNAMIC
    .quad   dynamic - image, dynamic - image, dynamic - image, dynamic_end - dynamic, dynamic_end - dynamic, 8

    .text   RODATA
    .balign 16, 0
    .text   SYMBOLS
    .balign 16, 0
symbols:
    .quad   0, 0, 0
    .text   STRINGS
strings:
    .byte   0
    .text   HASH
    .balign 8, 0
hash:
    .text   CAPABILITY_RELOCATIONS
    .balign 8, 0
capability_relocations:
    .text   RELOCATIONS
    .balign 8, 0
relocations:
    .text   DATA
    .balign 4096, 0
data:
    .text   CODE

    .set    symbol_count, 1

    // symbol NAME, TYPE, BYTES: a global symbol at the label NAME; TYPE is 1 for objects, 2 for functions.
    .macro  symbol name, type, bytes
    .pushsection .text, STRINGS
string_of_\name:
    .asciz  "\name"
    .pushsection .text, SYMBOLS
    .word   string_of_\name - strings
    .byte   0x10 | \type, 0
    .half   1
    .quad   \name - image, \bytes
    .popsection
    .popsection
    .set    index_of_\name, symbol_count
    .set    symbol_count, symbol_count + 1
    .endm
    .macro  undefined_symbol name, binding
    .pushsection .text, SYMBOLS
    .word   0
    .byte   \binding << 4, 0
    .half   0
    .quad   0, 0
    .popsection
    .set    index_of_\name, symbol_count
    .set    symbol_count, symbol_count + 1
    .endm

    // slot cd, LABEL: loads the capability at a label.
    .macro  slot cd, label
.Lslot\@:
    auipc   \cd, %pcrel_hi(\label)
    clc     \cd, %pcrel_lo(.Lslot\@), \cd
    .endm

    // function NAME ... end_function NAME
    .macro  function name
    .balign 4
\name:
    symbol  \name, 2, (end_of_\name - \name)
    .endm
    .macro  end_function name
end_of_\name:
    .endm

    // A dynamic relocation of the label at.
    .macro  relocation at, type, symbol_index, addend
    .pushsection .text, RELOCATIONS
    .quad   \at - image
    .word   \type, \symbol_index
    .quad   \addend
    .popsection
    .endm

    // An entry of __cap_relocs: location, base, offset, length, flags.
    .macro  capability_relocation at, target, offset, length, flags
    .pushsection .text, CAPABILITY_RELOCATIONS
    .quad   \at - image, \target - image, \offset, \length, \flags
    .popsection
    .endm

    // The end of the program.
    .macro  end_image
    .text   HASH
    .word   0, symbol_count             // no buckets; one chain link per symbol says how many there are
    .text   SYMBOLS
symbols_end:
    .text   STRINGS
strings_end:
    .text   CAPABILITY_RELOCATIONS
capability_relocations_end:
    .text   RELOCATIONS
relocations_end:
    .text   DYNAMIC
    .balign 8, 0
dynamic:
    .quad   4, hash - image, 5, strings - image, 6, symbols - image, 10, strings_end - strings, 11, 24
    .quad   7, relocations - image, 8, relocations_end - relocations, 9, 24
    .quad   0x7000c000, capability_relocations - image, 0x7000c001, capability_relocations_end - capability_relocations
    .ifdef  packed_relocations
    .quad   36, packed_relocations - image, 35, packed_relocations_end - packed_relocations, 37, 8
    .endif
    .quad   0, 0
dynamic_end:
    .text   END
image_end:
    .endm
