// System calls with pointers that are not the program's: EFAULT, nothing written, and the program goes on.
// expect: exit 0
#include <corpus/syscall.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

enum { EFAULT = 14, EBADF = 9, EINVAL = 22, PAGE = 4096 };
enum { SYS_getcwd = 17, SYS_openat = 56, SYS_read = 63, SYS_writev = 66, SYS_newfstatat = 79, SYS_uname = 160, SYS_getrandom = 278 };

static int wrong;

static void check(const char *name, uint64_t address, long result, long expected)
{
    if (result != expected) {
        printf("%s with %lx: %ld instead of %ld\n", name, address, result, expected);
        wrong++;
    }
}

int main(void)
{
    char *unmapped = (char *)memory_map(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    memory_unmap(unmapped, PAGE);
    const uint64_t addresses[] = {
        0,
        8,
        0xfff8,
        (uint64_t)unmapped,
        (UINT64_C(1) << 36) - PAGE,
        (UINT64_C(1) << 36) - 4,
        UINT64_C(1) << 36,
        (UINT64_C(1) << 36) + 65536,
        UINT64_C(1) << 46,
        UINT64_C(1) << 63,
        UINT64_C(0xffffffff00000000),
        (uint64_t)-4096,
        (uint64_t)-8,
        (uint64_t)-1,
    };
    for (unsigned i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        uint64_t a = addresses[i];
        long p = (long)a;
        check("write", a, corpus_syscall(SYS_write, 1, p, 64, 0, 0, 0), -EFAULT);
        check("uname", a, corpus_syscall(SYS_uname, p, 0, 0, 0, 0, 0), -EFAULT);
        check("getcwd", a, corpus_syscall(SYS_getcwd, p, 100, 0, 0, 0, 0), -EFAULT);
        check("openat", a, corpus_syscall(SYS_openat, -100, p, 0, 0, 0, 0), -EFAULT);
        check("getrandom", a, corpus_syscall(SYS_getrandom, p, 16, 0, 0, 0, 0), -EFAULT);
        if (a != 0) {
            check("rt_sigaction", a, corpus_syscall(SYS_rt_sigaction, 10, p, 0, 8, 0, 0), -EFAULT);
            check("rt_sigprocmask", a, corpus_syscall(SYS_rt_sigprocmask, 0, p, 0, 8, 0, 0), -EFAULT);
            check("sigaltstack", a, corpus_syscall(SYS_sigaltstack, p, 0, 0, 0, 0, 0), -EFAULT);
        }
        check("clock_gettime", a, corpus_syscall(SYS_clock_gettime, 1, p, 0, 0, 0, 0), -EFAULT);
    }
    // Lengths that run out of the mapping, or around the address space.
    char byte[16] = "0123456789abcde";
    check("getrandom of everything", (uint64_t)byte,
          corpus_syscall(SYS_getrandom, (long)(unmapped + 2 * PAGE), 1 << 20, 0, 0, 0, 0), -EFAULT);
    struct {
        void *base;
        uint64_t length;
    } vector[2] = { { byte, 0 }, { byte, UINT64_MAX } };
    check("writev of a negative length", (uint64_t)byte, corpus_syscall(SYS_writev, 1, (long)vector, 2, 0, 0, 0), -EINVAL);
    check("writev of 5000 parts", (uint64_t)byte, corpus_syscall(SYS_writev, 1, (long)vector, 5000, 0, 0, 0), -EINVAL);
    check("read of no file", (uint64_t)byte, corpus_syscall(SYS_read, 12345, (long)byte, 4, 0, 0, 0), -EBADF);
    puts(wrong == 0 ? "all refused" : "some not refused");
    return wrong;
}
