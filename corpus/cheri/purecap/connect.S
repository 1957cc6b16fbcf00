// A connection of the host in a pure-capability program: what is received has no tags, what was not written keeps them, and the authority is that of the
// capabilities that are passed. The other end, 192.0.2.7:5432, says back what it is sent. The status is the number of the first step that finds something else.
#include "steps.h"

    .set    EFAULT, 14
    .set    SYS_read, 63
    .set    SYS_readv, 65
    .set    SYS_writev, 66
    .set    SYS_exit, 93
    .set    SYS_socket, 198
    .set    SYS_connect, 203
    .set    SYS_sendto, 206
    .set    SYS_recvfrom, 207
    .set    MSG_PEEK, 2
    .set    MSG_WAITALL, 0x100

    function _start
    li      s1, 0
    slot    cs0, room_slot              // 256 bytes, writable
    slot    cs2, text_slot              // 5 bytes, read only
    slot    cs3, address_slot           // 16 bytes

    li      a0, 2                       // AF_INET
    li      a1, 1                       // SOCK_STREAM
    li      a2, 0
    call    SYS_socket
    mv      s4, a0
    cmove   ca1, cs3
    li      a2, 16
    call    SYS_connect
    require_value a0, 0

    // send: of what the capability covers, and no byte more.
    mv      a0, s4
    cmove   ca1, cs2
    li      a2, 6
    li      a3, 0
    li      a4, 0
    call    SYS_sendto
    require_value a0, -EFAULT
    mv      a0, s4
    cmove   ca1, cs2
    li      a2, 5
    li      a3, 0
    li      a4, 0
    call    SYS_sendto
    require_value a0, 5

    // recv: not where the capability does not allow it, and then the bytes are still there.
    csc     cs2, 32, cs0
    csc     cs2, 48, cs0
    csc     cs2, 64, cs0
    mv      a0, s4
    cmove   ca1, cs2
    li      a2, 5
    li      a3, MSG_WAITALL
    li      a4, 0
    call    SYS_recvfrom
    require_value a0, -EFAULT

    // A look at one byte takes its granule's tag; what there is room for and nothing comes for keeps its own.
    mv      a0, s4
    cincoffsetimm ca1, cs0, 50
    li      a2, 1
    li      a3, MSG_PEEK
    li      a4, 0
    call    SYS_recvfrom
    require_value a0, 1
    clc     ca3, 32, cs0
    require_tag ca3, 1
    clc     ca3, 48, cs0
    require_tag ca3, 0
    lbu     t0, 50(cs0)
    require_value t0, 'h'
    csc     cs2, 48, cs0
    mv      a0, s4
    cincoffsetimm ca1, cs0, 36
    li      a2, 2
    call    SYS_read
    require_value a0, 2
    clc     ca3, 32, cs0
    require_tag ca3, 0
    clc     ca3, 48, cs0
    require_tag ca3, 1
    lbu     t0, 37(cs0)
    require_value t0, 'e'

    // readv: the three that are left, of forty.
    cincoffsetimm ca1, cs0, 128
    li      t0, 1
    csetbounds ca2, ca1, t0             // one byte
    csc     ca2, 0, cs0
    sd      t0, 16(cs0)
    cincoffsetimm ca2, ca1, 1
    csc     ca2, 32, cs0
    li      t0, 39
    sd      t0, 48(cs0)
    csc     cs2, 144, cs0
    mv      a0, s4
    cmove   ca1, cs0
    li      a2, 2
    call    SYS_readv
    require_value a0, 3
    lbu     t0, 128(cs0)
    require_value t0, 'l'
    lbu     t0, 130(cs0)
    require_value t0, 'o'
    clc     ca3, 144, cs0
    require_tag ca3, 1

    // writev: with the authority of each.
    mv      a0, s4
    cmove   ca1, cs0
    li      a2, 2
    call    SYS_writev
    require_value a0, 40
    li      t0, 2                       // more than the first vector's capability covers
    sd      t0, 16(cs0)
    mv      a0, s4
    cmove   ca1, cs0
    li      a2, 2
    call    SYS_writev
    require_value a0, -EFAULT

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
address_slot: .zero 16
    capability_relocation room_slot, room, 0, 256, CAPRELOC_DATA
    capability_relocation text_slot, text, 0, 5, CAPRELOC_READ_ONLY
    capability_relocation address_slot, address, 0, 16, CAPRELOC_READ_ONLY
    .balign 16
room: .zero 256
address:
    .hword  2                           // struct sockaddr_in
    .byte   0x15, 0x38
    .byte   192, 0, 2, 7
    .zero   8
    end_image
