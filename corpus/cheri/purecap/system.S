// System calls of a pure-capability program: memory is touched with the authority of the capabilities that are passed, and
// what the system writes has no tags. The status is the number of the first step that finds something else.
// expect: exit 0
#include "steps.h"

    .set    EFAULT, 14
    .set    ENOSYS, 38
    .set    SYS_openat, 56
    .set    SYS_pipe2, 59
    .set    SYS_read, 63
    .set    SYS_write, 64
    .set    SYS_readv, 65
    .set    SYS_writev, 66
    .set    SYS_exit, 93
    .set    SYS_set_robust_list, 99
    .set    SYS_clock_gettime, 113
    .set    SYS_brk, 214
    .set    SYS_munmap, 215
    .set    SYS_mremap, 216
    .set    SYS_mmap, 222
    .set    SYS_mprotect, 226
    .set    SYS_madvise, 233

    .set    SYS_clone3, 435
    .set    MAP_PRIVATE_ANONYMOUS, 0x22
    .set    MAP_FIXED, 0x10

    function _start
    li      s1, 0
    slot    cs0, room_slot              // 256 bytes, writable
    slot    cs2, text_slot              // 5 bytes, read only

    // A pipe: its descriptors in s3 and s4.
    cmove   ca0, cs0
    li      a1, 0
    call    SYS_pipe2
    require_value a0, 0
    lw      s3, 0(cs0)
    lw      s4, 4(cs0)

    // write: of what the capability covers, and no byte more.
    mv      a0, s4
    cmove   ca1, cs2
    li      a2, 5
    call    SYS_write
    require_value a0, 5
    mv      a0, s4
    cmove   ca1, cs2
    li      a2, 6
    call    SYS_write
    require_value a0, -EFAULT
    mv      a0, s4
    ccleartag ca1, cs2
    li      a2, 5
    call    SYS_write
    require_value a0, -EFAULT
    mv      a0, s4
    csealentry ca1, cs2
    li      a2, 5
    call    SYS_write
    require_value a0, -EFAULT
    mv      a0, s4
    li      t0, ~PERM_LOAD
    candperm ca1, cs2, t0
    li      a2, 5
    call    SYS_write
    require_value a0, -EFAULT
    // A capability in an argument that is no pointer counts for nothing.
    mv      a0, s4
    ccleartag ca1, cs2
    cmove   ca3, cs2
    li      a2, 5
    call    SYS_write
    require_value a0, -EFAULT

    // read: into writable memory, whose tags go.
    mv      a0, s3
    cmove   ca1, cs2
    li      a2, 5
    call    SYS_read
    require_value a0, -EFAULT
    csc     cs2, 32, cs0
    csc     cs2, 48, cs0
    csc     cs2, 64, cs0
    mv      a0, s3
    cincoffsetimm ca1, cs0, 50
    li      a2, 2
    call    SYS_read
    require_value a0, 2
    clc     ca3, 32, cs0
    require_tag ca3, 1
    clc     ca3, 48, cs0
    require_tag ca3, 0
    clc     ca3, 64, cs0
    require_tag ca3, 1
    lbu     t0, 50(cs0)
    require_value t0, 'h'

    // readv and writev: vectors of capabilities.
    cincoffsetimm ca1, cs0, 128
    li      t0, 1
    csetbounds ca2, ca1, t0             // one byte
    csc     ca2, 0, cs0
    sd      t0, 16(cs0)
    cincoffsetimm ca2, ca1, 1
    csc     ca2, 32, cs0
    li      t0, 2
    sd      t0, 48(cs0)
    mv      a0, s3
    cmove   ca1, cs0
    li      a2, 2
    call    SYS_readv
    require_value a0, 3
    lbu     t0, 128(cs0)
    require_value t0, 'l'
    lbu     t0, 130(cs0)
    require_value t0, 'o'
    mv      a0, s4
    cmove   ca1, cs0
    li      a2, 2
    call    SYS_writev
    require_value a0, 3
    li      t0, 2                       // more than the first vector's capability covers
    sd      t0, 16(cs0)
    mv      a0, s4
    cmove   ca1, cs0
    li      a2, 2
    call    SYS_writev
    require_value a0, -EFAULT
    clc     ca2, 0, cs0
    ccleartag ca2, ca2
    csc     ca2, 0, cs0
    mv      a0, s4
    cmove   ca1, cs0
    li      a2, 1
    call    SYS_writev
    require_value a0, -EFAULT

    // Structures and strings end where their capabilities do.
    li      a0, 1
    cincoffsetimm ca1, cs0, 240
    call    SYS_clock_gettime
    require_value a0, 0
    li      a0, 1
    cincoffsetimm ca1, cs0, 241
    call    SYS_clock_gettime
    require_value a0, -EFAULT
    li      a0, -100
    cmove   ca1, cs2                    // without its end
    li      a2, 0
    call    SYS_openat
    require_value a0, -EFAULT

    // mmap: a capability for the pages, with the rights of the protection.
    li      a0, 0
    li      a1, 8192
    li      a2, 3
    li      a3, MAP_PRIVATE_ANONYMOUS
    li      a4, -1
    li      a5, 0
    call    SYS_mmap
    cmove   cs5, ca0
    require_tag cs5, 1
    cgetlen t0, cs5
    require_value t0, 8192
    cgetperm t0, cs5
    andi    t0, t0, PERM_LOAD | PERM_STORE | PERM_EXECUTE | PERM_SEAL
    require_value t0, PERM_LOAD | PERM_STORE
    csc     cs5, 0, cs5
    csc     cs5, 16, cs5
    li      t0, 4096
    cincoffset cs6, cs5, t0
    csc     cs5, 0, cs6

    // madvise(MADV_DONTNEED) clears tags with the bytes.
    cmove   ca0, cs6
    li      a1, 4096
    li      a2, 4
    call    SYS_madvise
    require_value a0, 0
    clc     ca3, 0, cs6
    require_tag ca3, 0
    clc     ca3, 0, cs5
    require_tag ca3, 1

    // Without the permission to change mappings, or beyond the bounds, nothing is mapped or unmapped.
    li      t0, ~PERM_CHANGE_MAPPINGS
    candperm ca0, cs5, t0
    li      a1, 4096
    call    SYS_munmap
    require_value a0, -EFAULT
    cmove   ca0, cs5
    li      a1, 12288
    call    SYS_munmap
    require_value a0, -EFAULT
    csetboundsimm ca0, cs5, 16          // less than the page
    li      a1, 16
    call    SYS_munmap
    require_value a0, -EFAULT
    cgetaddr a0, cs5
    li      a1, 4096
    li      a2, 1
    call    SYS_mprotect
    require_value a0, -EFAULT
    cgetaddr a0, cs5
    li      a1, 4096
    li      a2, 3
    li      a3, MAP_PRIVATE_ANONYMOUS | MAP_FIXED
    li      a4, -1
    li      a5, 0
    call    SYS_mmap
    require_value a0, -EFAULT
    slot    ca0, room_slot
    li      a1, 4096
    li      a2, 4
    call    SYS_madvise
    require_value a0, -EFAULT

    // mremap moves tags with the pages.
    cmove   ca0, cs5
    li      a1, 8192
    li      a2, 0x20000
    li      a3, 1                       // MREMAP_MAYMOVE
    call    SYS_mremap
    cmove   cs7, ca0
    require_tag cs7, 1
    cgetlen t0, cs7
    require_value t0, 0x20000
    clc     ca3, 0, cs7
    require_tag ca3, 1
    clc     ca3, 16, cs7
    require_tag ca3, 1
    lw      t0, 0(cs7)
    cgetaddr t1, cs5
    sext.w  t1, t1
    require_equal t0, t1

    // Pages that are mapped again have no tags left.
    cmove   ca0, cs7
    li      a1, 0x20000
    call    SYS_munmap
    require_value a0, 0
    cmove   ca0, cs7
    li      a1, 0x20000
    li      a2, 3
    li      a3, MAP_PRIVATE_ANONYMOUS | MAP_FIXED
    li      a4, -1
    li      a5, 0
    call    SYS_mmap
    require_tag ca0, 1
    cgetaddr t0, ca0
    cgetaddr t1, cs7
    require_equal t0, t1
    clc     ca3, 0, ca0
    require_tag ca3, 0

    // What has pointers that are no capabilities does not exist.
    li      a0, 0
    call    SYS_brk
    require_value a0, -ENOSYS
    cmove   ca0, cs0
    li      a1, 88
    call    SYS_clone3
    require_value a0, -ENOSYS
    cmove   ca0, cs0
    li      a1, 24
    call    SYS_set_robust_list
    require_value a0, -ENOSYS

    li      s1, 0
failed:
    mv      a0, s1
    call    SYS_exit
    end_function _start

    .text   RODATA
text:
    .ascii  "hello"

    .text   DATA
    .balign 16
room_slot: .zero 16
text_slot: .zero 16
    capability_relocation room_slot, room, 0, 256, CAPRELOC_DATA
    capability_relocation text_slot, text, 0, 5, CAPRELOC_READ_ONLY
    .balign 16
room: .zero 256
    end_image
