// For programs that count their steps in s1 and end, at failed, with the number of the first one that finds something else.
#pragma once
#include <cheri/purecap.h>

    // The next step: ends the program if the registers differ.
    .macro  require_equal a, b
    addi    s1, s1, 1
    beq     \a, \b, .Lequal\@
    j       failed
.Lequal\@:
    .endm
    .macro  require_value register, value:vararg
    li      t6, \value
    require_equal \register, t6
    .endm
    .macro  require_tag register, value
    cgettag t0, \register
    require_value t0, \value
    .endm

    .macro  call number
    li      a7, \number
    ecall
    .endm
