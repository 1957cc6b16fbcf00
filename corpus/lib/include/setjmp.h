#ifndef CORPUS_SETJMP_H
#define CORPUS_SETJMP_H

// ra, sp, s0-s11, fs0-fs11.
typedef unsigned long jmp_buf[26];

int setjmp(jmp_buf environment) __attribute__((returns_twice));
__attribute__((noreturn)) void longjmp(jmp_buf environment, int value);

#endif
