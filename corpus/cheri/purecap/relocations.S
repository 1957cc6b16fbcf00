// Every kind of relocation of a static program: capabilities have the address, bounds and permissions that the relocation says.
// The status is the number of the first step that finds something else.
// expect: exit 0
#include "steps.h"

    // ca0: the capability in a slot.
    .macro  load slot
.Lload\@:
    auipc   ca0, %pcrel_hi(\slot)
    clc     ca0, %pcrel_lo(.Lload\@), ca0
    .endm
    // ca0 has these bounds, is that far into them, and has these permissions out of load, store, execute and their like.
    .macro  require_capability length, offset, permissions
    cgettag t0, ca0
    require_value t0, 1
    cgetlen t0, ca0
    require_value t0, \length
    cgetaddr t0, ca0
    cgetbase t1, ca0
    sub     t0, t0, t1
    require_value t0, \offset
    cgetperm t0, ca0
    andi    t0, t0, PERM_LOAD | PERM_STORE | PERM_EXECUTE | PERM_LOAD_CAPABILITY | PERM_STORE_CAPABILITY | PERM_SEAL
    require_value t0, \permissions
    .endm

    .set    READ, PERM_LOAD | PERM_LOAD_CAPABILITY
    .set    WRITE, PERM_STORE | PERM_STORE_CAPABILITY

    function _start
    li      s1, 0
    load    read_only
    require_capability 14, 0, READ
    load    inside
    require_capability 14, 7, READ
    lbu     t0, 0(ca0)
    require_value t0, 'w'
    load    writable
    require_capability 48, 16, READ | WRITE
    load    whole
    cgetlen t0, ca0
    csetboundsimm ca1, ca0, 1           // the image's bounds
    cgetlen t1, ca1
    require_value t1, 1
    load    null
    cgettag t0, ca0
    require_value t0, 0
    cgetaddr t0, ca0
    require_value t0, 0
    load    code
    cgetperm t0, ca0
    andi    t0, t0, PERM_STORE | PERM_EXECUTE
    require_value t0, PERM_EXECUTE
    jalr    ra, 0(ca0)
    require_value a0, 77

    load    symbol_data
    require_capability 14, 2, READ | WRITE
    load    symbol_code
    jalr    ra, 0(ca0)
    require_value a0, 77
    load    jump_slot
    jalr    ra, 0(ca0)
    require_value a0, 77
    load    weak
    cgettag t0, ca0
    require_value t0, 0

2:  auipc   ca2, %pcrel_hi(numbers)
    cincoffsetimm ca2, ca2, %pcrel_lo(2b)
    ld      t0, 0(ca2)
    cgetaddr t1, ca2
    require_equal t0, t1
    ld      t0, 8(ca2)
3:  auipc   ca3, %pcrel_hi(seventy_seven)
    cincoffsetimm ca3, ca3, %pcrel_lo(3b)
    cgetaddr t1, ca3
    require_equal t0, t1
    ld      t0, 16(ca2)
    require_value t0, 40
    li      s1, 0
failed:
    mv      a0, s1
    li      a7, 93                      // exit
    ecall
    end_function _start

    function seventy_seven
    li      a0, 77
    jr      cra
    end_function seventy_seven

    .text   RODATA
message:
    .ascii  "Hello, world!\n"
    symbol  message, 1, 14
    undefined_symbol absent, 2          // weak

    .text   DATA
    .balign 16
read_only: .zero 16
inside:   .zero 16
writable: .zero 16
whole:    .zero 16
null:     .zero 16
code:     .zero 16
    capability_relocation read_only, message, 0, 14, CAPRELOC_READ_ONLY
    capability_relocation inside, message, 7, 14, CAPRELOC_READ_ONLY
    capability_relocation writable, buffer, 16, 48, CAPRELOC_DATA
    capability_relocation whole, buffer, 0, 0, CAPRELOC_DATA
    capability_relocation null, image, 0, 0, CAPRELOC_DATA
    capability_relocation code, seventy_seven, 0, 4, CAPRELOC_FUNCTION
symbol_data: .zero 16
symbol_code: .zero 16
jump_slot: .zero 16
weak:     .zero 16
    relocation symbol_data, R_RISCV_CHERI_CAPABILITY, index_of_message, 2
    relocation symbol_code, R_RISCV_CHERI_CAPABILITY, index_of_seventy_seven, 0
    relocation jump_slot, R_RISCV_JUMP_SLOT, index_of_seventy_seven, 0
    relocation weak, R_RISCV_CHERI_CAPABILITY, index_of_absent, 0
numbers:  .zero 24
    relocation numbers, R_RISCV_RELATIVE, 0, (numbers - image)
    relocation (numbers + 8), R_RISCV_FUNC_RELATIVE, 0, (seventy_seven - image)
    relocation (numbers + 16), R_RISCV_TLS_TPREL64, 0, 40
    .balign 16
buffer:   .zero 48
    end_image
