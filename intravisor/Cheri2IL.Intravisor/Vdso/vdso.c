// What the kernel maps into every process beside the program: clocks without a system call. Built by build.sh into vdso.so, which is
// translated like any other shared object. Names, versions and semantics are those of Linux (arch/riscv/kernel/vdso, vdso(7)).

#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define CLOCK_MONOTONIC_RAW 4
#define CLOCK_REALTIME_COARSE 5
#define CLOCK_MONOTONIC_COARSE 6
#define CLOCK_BOOTTIME 7
#define CLOCK_TAI 11

#define NANOSECONDS 1000000000UL

struct timespec { long seconds, nanoseconds; };
struct timeval { long seconds, microseconds; };

// Numbers of include/uapi/asm-generic/unistd.h.
enum { sys_clock_gettime = 113, sys_clock_getres = 114, sys_getcpu = 168, sys_riscv_hwprobe = 258, sys_riscv_flush_icache = 259 };

static inline long call(long number, long first, long second, long third, long fourth, long fifth)
{
    register long a0 __asm__("a0") = first;
    register long a1 __asm__("a1") = second;
    register long a2 __asm__("a2") = third;
    register long a3 __asm__("a3") = fourth;
    register long a4 __asm__("a4") = fifth;
    register long a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a7) : "memory");
    return a0;
}

// Counters of this platform that count nanoseconds (CvmThread.ReadCounter): cycle does so since boot, and 0xcc0, of the read-only
// numbers for custom use (privileged architecture, table 5), since 1970.
static inline unsigned long since_boot(void)
{
    unsigned long now;
    __asm__ volatile("csrr %0, cycle" : "=r"(now));
    return now;
}

static inline unsigned long since_1970(void)
{
    unsigned long now;
    __asm__ volatile("csrr %0, 0xcc0" : "=r"(now));
    return now;
}

long __vdso_clock_gettime(int clock, struct timespec *time)
{
    unsigned long now;
    switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_TAI:
        now = since_1970();
        break;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        now = since_boot();
        break;
    default:
        return call(sys_clock_gettime, clock, (long)time, 0, 0, 0);
    }

    time->seconds = now / NANOSECONDS;
    time->nanoseconds = now % NANOSECONDS;
    return 0;
}

long __vdso_gettimeofday(struct timeval *time, int *zone)
{
    if (time) {
        unsigned long now = since_1970();
        time->seconds = now / NANOSECONDS;
        time->microseconds = now % NANOSECONDS / 1000;
    }

    // The time zone is UTC: minutes west, and no daylight saving time.
    if (zone)
        zone[0] = zone[1] = 0;
    return 0;
}

long __vdso_clock_getres(int clock, struct timespec *resolution)
{
    return call(sys_clock_getres, clock, (long)resolution, 0, 0, 0);
}

long __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused)
{
    return call(sys_getcpu, (long)cpu, (long)node, (long)unused, 0, 0);
}

long __vdso_riscv_hwprobe(void *pairs, unsigned long count, unsigned long cpu_bytes, void *cpus, unsigned flags)
{
    return call(sys_riscv_hwprobe, (long)pairs, count, cpu_bytes, (long)cpus, flags);
}

long __vdso_flush_icache(void *start, void *end, unsigned long flags)
{
    return call(sys_riscv_flush_icache, (long)start, (long)end, flags, 0, 0);
}

// Signal handlers return to this. Unwinders recognise the two instructions.
__asm__(".section .text.sigreturn, \"ax\", @progbits\n"
        ".globl __vdso_rt_sigreturn\n"
        ".type __vdso_rt_sigreturn, @function\n"
        "__vdso_rt_sigreturn:\n"
        ".cfi_startproc\n"
        ".cfi_signal_frame\n"
        "li a7, 139\n"
        "ecall\n"
        ".cfi_endproc\n"
        ".size __vdso_rt_sigreturn, . - __vdso_rt_sigreturn\n"
        ".text\n");

// Where a CP_Call is entered by CInvoke (docs/ipc.md), in capability mode: the hostcall cp_enter, then back by cra. Code of both modes.
__asm__(".section .text.enter, \"ax\", @progbits\n"
        ".globl __vdso_cp_enter\n"
        ".type __vdso_cp_enter, @function\n"
        ".option push\n"
        ".option norvc\n"
        "__vdso_cp_enter:\n"
        ".cfi_startproc\n"
        "li a7, 0x420f\n"
        "ecall\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size __vdso_cp_enter, . - __vdso_cp_enter\n"
        ".option pop\n"
        ".text\n");
