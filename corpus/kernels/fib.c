// Fibonacci numbers by double recursion: nothing but calls and returns.
#include "kernel.h"

__attribute__((noinline)) static uint64_t fib(unsigned n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

int main(int argc, char **argv)
{
    int rounds = kernel_scale(argc, argv);
    uint64_t checksum = 0;
    int64_t started = kernel_clock();
    for (int round = 0; round < rounds; round++) {
        // A different argument on alternate rounds keeps the compiler from hoisting a pure call.
        checksum = kernel_mix(checksum, fib(38 - (unsigned)(round & 1)));
    }
    return kernel_report("fib", checksum, started);
}
