// A hybrid program that calls a function of another cVM by CInvoke: "next", with the pair alone, from code that may not make system calls.
// The status is 0, or what failed.
#include <cheri/hybrid.h>
#include <cheri2il.h>

enum { EBADF = 9, EPERM = 1, ENTER = 0x420f };

static capability pair[2];

// As it is, or with a PCC that lacks the permission to make system calls: what cp_self returns there is in *self.
static long enter(long argument, int is_confined, long *value, long *self)
{
    register long a0 __asm__("a0") = argument;
    register long a1 __asm__("a1") = is_confined ? ~(long)PERM_SYSTEM_CALLS : -1;
    register long a2 __asm__("a2") = 0;
    register long a3 __asm__("a3") = 0;
    register long a4 __asm__("a4") = 0;
    __asm__ volatile(
        CHERI_GET("t0", "%5") CHERI_GET("t1", "%6")
        CHERI_OP3(1, "t2", "x0", "x0")                      // cgetpcc ct2
        "lla ra, 2f\n\t" CHERI_OP3(0x10, "ra", "t2", "ra")  // csetaddr cra
        CHERI_OP3(0x0d, "t2", "t2", "a1")                   // candperm ct2
        "lla a2, 1f\n\t" CHERI_OP3(0x10, "t2", "t2", "a2")
        CHERI_OP3(0x7f, "x0", "t2", "x12")                  // cjr ct2
        "1: mv a5, a0\n\tli a7, 0x4200\n\tecall\n\tmv s2, a0\n\tmv a0, a5\n\tli a1, 0\n\tli a2, 0\n\t"
        CHERI_OP3(0x7e, "x1", "t0", "t1")                   // cinvoke ct0, ct1
        "2: mv a2, s2\n\t"
        : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4) : "r"(&pair[0]), "r"(&pair[1])
        : "t0", "t1", "t2", "t6", "a5", "a7", "s2", "ra", "memory");
    *value = a1;
    *self = a2;
    return a0;
}

int main(void)
{
    long value, self;
    int call = cp_open("next", CP_RDONLY, CP_FOREVER);
    if (call < 0 || cp_entry(call, pair) != 0 || !cheri_tag(&pair[0]) || !cheri_tag(&pair[1]))
        return 1;
    for (long k = 0; k < 100; k++)
        if (enter(k, 0, &value, &self) != 0 || value != k + 1 || self != cp_self())
            return 2;
    if (cheri2il_hostcall(ENTER, 1, 0, 0, 0, 0, 0) != -EBADF)
        return 3;
    for (long k = 0; k < 100; k++)
        if (enter(k, 1, &value, &self) != 0 || value != k + 1 || self != -EPERM)
            return 4;
    return 0;
}
