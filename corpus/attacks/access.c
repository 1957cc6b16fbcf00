// One access of the given kind at the given address. A slot holds the guest addresses below 2^36; its lowest and its
// highest 64 KiB are never mapped, nor is anything beyond it.
// expect load1 0x0: signal SIGSEGV
// expect load2 0x0: signal SIGSEGV
// expect load4 0x0: signal SIGSEGV
// expect load8 0x0: signal SIGSEGV
// expect store1 0x0: signal SIGSEGV
// expect store2 0x0: signal SIGSEGV
// expect store4 0x0: signal SIGSEGV
// expect store8 0x0: signal SIGSEGV
// expect load8 0x7ff: signal SIGSEGV
// expect load8 0xfff8: signal SIGSEGV
// expect load1 0xffff: signal SIGSEGV
// expect load8 0xffff: signal SIGSEGV
// expect load8 0xfffff0000: signal SIGSEGV
// expect load8 0xfffff0001: signal SIGSEGV
// expect load1 0xfffffffff: signal SIGSEGV
// expect load8 0xffffffff8: signal SIGSEGV
// expect load8 0xffffffff9: signal SIGSEGV
// expect load8 0xfffffffff: signal SIGSEGV
// expect load8 0x1000000000: signal SIGSEGV
// expect load8 0x1000000001: signal SIGSEGV
// expect load8 0x10000007f8: signal SIGSEGV
// expect load8 0x100000fff8: signal SIGSEGV
// expect load8 0x1000010000: signal SIGSEGV
// expect load8 0x1000010008: signal SIGSEGV
// expect load8 0x1000020000: signal SIGSEGV
// expect load8 0x1ffffffff8: signal SIGSEGV
// expect load8 0x2000000000: signal SIGSEGV
// expect load8 0x3000001000: signal SIGSEGV
// expect load8 0x7ffffffffff8: signal SIGSEGV
// expect load8 0x800000000000: signal SIGSEGV
// expect load8 0x7ffffffffffffff8: signal SIGSEGV
// expect load8 0x8000000000000000: signal SIGSEGV
// expect load8 0xffff800000000000: signal SIGSEGV
// expect load8 0xfffffff000000000: signal SIGSEGV
// expect load8 0xfffffffffffeffff: signal SIGSEGV
// expect load8 0xffffffffffff0000: signal SIGSEGV
// expect load8 0xfffffffffffff800: signal SIGSEGV
// expect load8 0xffffffffffffffff: signal SIGSEGV
// expect load8 0xfffffffffffffff8: signal SIGSEGV
// expect load1 0xffffffffffffffff: signal SIGSEGV
// expect store8 0xfffff0000: signal SIGSEGV
// expect store8 0xfffffffff: signal SIGSEGV
// expect store1 0x1000000000: signal SIGSEGV
// expect store2 0x1000000000: signal SIGSEGV
// expect store4 0x1000000000: signal SIGSEGV
// expect store8 0x1000000000: signal SIGSEGV
// expect store8 0x100000fff8: signal SIGSEGV
// expect store8 0x1000010000: signal SIGSEGV
// expect store8 0x2000000000: signal SIGSEGV
// expect store8 0x7ffffffffff8: signal SIGSEGV
// expect store8 0x8000000000000000: signal SIGSEGV
// expect store8 0xfffffffffffeffff: signal SIGSEGV
// expect store8 0xffffffffffff0000: signal SIGSEGV
// expect store8 0xffffffffffffffff: signal SIGSEGV
// expect store8 0xfffffffffffffff8: signal SIGSEGV
// expect fload4 0x1000000000: signal SIGSEGV
// expect fload8 0x1000000000: signal SIGSEGV
// expect fload8 0xfffffffffffffff8: signal SIGSEGV
// expect fstore4 0x1000000000: signal SIGSEGV
// expect fstore8 0x1000000000: signal SIGSEGV
// expect fstore8 0xffffffff8: signal SIGSEGV
// expect amo4 0x0: signal SIGSEGV
// expect amo8 0xffffffff8: signal SIGSEGV
// expect amo4 0x1000000000: signal SIGSEGV
// expect amo8 0x1000000000: signal SIGSEGV
// expect amo8 0x7ffffffffff8: signal SIGSEGV
// expect amo8 0xfffffffffffffff8: signal SIGSEGV
// expect lr8 0x0: signal SIGSEGV
// expect lr8 0x1000000000: signal SIGSEGV
// expect lr8 0xfffffffffffffff8: signal SIGSEGV
// expect sc8 0x0: signal SIGSEGV
// expect sc8 0x1000000000: signal SIGSEGV
// qemu-differs: sc8 0x0 sc8 0x1000000000
// expect lrsc8 0x1000000000: signal SIGSEGV
// expect jump 0x0: signal SIGSEGV
// expect jump 0x2: signal SIGSEGV
// expect jump 0xfffc: signal SIGSEGV
// expect jump 0xffffffffc: signal SIGSEGV
// expect jump 0x1000000000: signal SIGSEGV
// expect jump 0x1000000001: signal SIGSEGV
// expect jump 0x7ffffffffffe: signal SIGSEGV
// expect jump 0x8000000000000000: signal SIGSEGV
// expect jump 0xfffffffffffffffe: signal SIGSEGV
// expect jump 0xffffffffffffffff: signal SIGSEGV
// expect call 0x0: signal SIGSEGV
// expect call 0x1000000000: signal SIGSEGV
// expect call 0xfffffffffffffffe: signal SIGSEGV
// expect return 0x0: signal SIGSEGV
// expect return 0x1000000000: signal SIGSEGV
// expect return 0xfffffffffffffffe: signal SIGSEGV
// expect copyin 0xfffff0000: signal SIGSEGV
// expect copyin 0x1000000000: signal SIGSEGV
// expect copyin 0xfffffffffffffff0: signal SIGSEGV
// expect copyout 0xfffff0000: signal SIGSEGV
// expect copyout 0x1000000000: signal SIGSEGV
// expect copyout 0xfffffffffffffff0: signal SIGSEGV
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t parse(const char *text)
{
    uint64_t value = 0;
    for (text += 2; *text != 0; text++)
        value = value * 16 + (uint64_t)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
    return value;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 64;
    uint64_t address = parse(argv[2]), value = 0;
    const char *kind = argv[1];
    double number = 0;
    float single = 0;
    char buffer[64] = { 0 };

#define LOAD(name, instruction)                                                              \
    if (strcmp(kind, name) == 0)                                                             \
        __asm__ volatile(instruction " %0, 0(%1)" : "=r"(value) : "r"(address) : "memory");
#define STORE(name, instruction)                                                             \
    if (strcmp(kind, name) == 0)                                                             \
        __asm__ volatile(instruction " %0, 0(%1)" : : "r"(value), "r"(address) : "memory");
    LOAD("load1", "lbu")
    LOAD("load2", "lh")
    LOAD("load4", "lw")
    LOAD("load8", "ld")
    STORE("store1", "sb")
    STORE("store2", "sh")
    STORE("store4", "sw")
    STORE("store8", "sd")
    LOAD("lr8", "lr.d")
    if (strcmp(kind, "fload4") == 0)
        __asm__ volatile("flw %0, 0(%1)" : "=f"(single) : "r"(address));
    if (strcmp(kind, "fload8") == 0)
        __asm__ volatile("fld %0, 0(%1)" : "=f"(number) : "r"(address));
    if (strcmp(kind, "fstore4") == 0)
        __asm__ volatile("fsw %0, 0(%1)" : : "f"(single), "r"(address) : "memory");
    if (strcmp(kind, "fstore8") == 0)
        __asm__ volatile("fsd %0, 0(%1)" : : "f"(number), "r"(address) : "memory");
    if (strcmp(kind, "amo4") == 0)
        __asm__ volatile("amoadd.w %0, %1, (%2)" : "=r"(value) : "r"(1), "r"(address) : "memory");
    if (strcmp(kind, "amo8") == 0)
        __asm__ volatile("amoswap.d %0, %1, (%2)" : "=r"(value) : "r"(1), "r"(address) : "memory");
    if (strcmp(kind, "sc8") == 0) {
        // Without a reservation, too: none retires without passing the permission checks (qemu lets it fail quietly).
        __asm__ volatile("sc.d %0, zero, (%1)" : "=&r"(value) : "r"(address) : "memory");
        exit(value != 0 ? 3 : 4);
    }
    if (strcmp(kind, "lrsc8") == 0) {
        uint64_t own = 0;
        __asm__ volatile("lr.d t0, (%1)\n lr.d t0, (%2)\n sc.d %0, zero, (%2)"
                         : "=&r"(value) : "r"(&own), "r"(address) : "t0", "memory");
    }
    if (strcmp(kind, "jump") == 0)
        __asm__ volatile("jr %0" : : "r"(address));
    if (strcmp(kind, "call") == 0)
        __asm__ volatile("jalr %0" : : "r"(address) : "ra", "memory");
    if (strcmp(kind, "return") == 0)
        __asm__ volatile("mv ra, %0\n ret" : : "r"(address) : "ra");
    if (strcmp(kind, "copyin") == 0)
        memcpy(buffer, (const void *)address, sizeof buffer);
    if (strcmp(kind, "copyout") == 0)
        memcpy((void *)address, buffer, sizeof buffer);
    __asm__ volatile("" : : "r"(buffer) : "memory");
    printf("still here: %lx\n", value);
    return 0;
}
