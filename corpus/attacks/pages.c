// Accesses to pages of the slot that are not mapped, or not mapped for that.
// expect unmapped: signal SIGSEGV
// expect guard-read: signal SIGSEGV
// expect guard-write: signal SIGSEGV
// expect write-code: signal SIGSEGV
// expect write-constant: signal SIGSEGV
// expect write-sealed: signal SIGSEGV
// expect write-header: signal SIGSEGV
// expect atomic-constant: signal SIGSEGV
// expect straddle-read: signal SIGSEGV
// expect straddle-write: signal SIGSEGV
// expect execute-data: signal SIGSEGV
// expect execute-constant: signal SIGSEGV
// expect execute-stack: signal SIGSEGV
// expect execute-map: signal SIGSEGV
// expect execute-unmapped: signal SIGSEGV
// expect execute-straddle: signal SIGSEGV
// expect beyond-data: signal SIGSEGV
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096 };

static const uint32_t constant[2] = { 0x00700513, 0x00008067 }; // li a0, 7; ret
static uint32_t data[2] = { 0x00700513, 0x00008067 };
extern char __ehdr_start[] __attribute__((visibility("hidden")));

static void call(const void *code)
{
    __asm__ volatile("fence.i\n jalr %0" : : "r"(code) : "ra", "a0", "memory");
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 64;
    const char *kind = argv[1];
    char *pages = (char *)memory_map(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    volatile uint64_t *first = (uint64_t *)pages;
    *first = 1;

    if (strcmp(kind, "unmapped") == 0) {
        memory_unmap(pages, PAGE);
        *first = 2;
    }
    if (strcmp(kind, "guard-read") == 0) {
        memory_protect(pages, PAGE, PROT_NONE);
        return (int)*first;
    }
    if (strcmp(kind, "guard-write") == 0) {
        memory_protect(pages, PAGE, PROT_NONE);
        *first = 2;
    }
    if (strcmp(kind, "write-code") == 0)
        *(volatile uint32_t *)(void *)main = 0;
    if (strcmp(kind, "write-constant") == 0)
        *(volatile uint32_t *)constant = 0;
    if (strcmp(kind, "write-sealed") == 0) {
        memory_protect(pages, PAGE, PROT_READ);
        *first = 2;
    }
    if (strcmp(kind, "write-header") == 0)
        *(volatile char *)__ehdr_start = 0;
    if (strcmp(kind, "atomic-constant") == 0)
        __asm__ volatile("amoadd.w t0, t0, (%0)" : : "r"(constant) : "t0", "memory");
    if (strcmp(kind, "straddle-read") == 0) {
        memory_unmap(pages + PAGE, PAGE);
        __asm__ volatile("ld t0, 0(%0)" : : "r"(pages + PAGE - 3) : "t0", "memory");
    }
    if (strcmp(kind, "straddle-write") == 0) {
        memory_protect(pages + PAGE, PAGE, PROT_READ);
        __asm__ volatile("sd zero, 0(%0)" : : "r"(pages + PAGE - 3) : "memory");
    }
    if (strcmp(kind, "execute-data") == 0)
        call(data);
    if (strcmp(kind, "execute-constant") == 0)
        call(constant);
    if (strcmp(kind, "execute-stack") == 0) {
        uint32_t code[2] = { data[0], data[1] };
        __asm__ volatile("" : : "r"(code) : "memory");
        call(code);
    }
    if (strcmp(kind, "execute-map") == 0) {
        memcpy(pages, constant, sizeof constant);
        call(pages);
    }
    if (strcmp(kind, "execute-unmapped") == 0) {
        memcpy(pages, constant, sizeof constant);
        memory_protect(pages, PAGE, PROT_READ | PROT_EXEC);
        call(pages); // this one is fine
        memory_unmap(pages, PAGE);
        call(pages);
    }
    if (strcmp(kind, "execute-straddle") == 0) {
        // The second half of the instruction lies on a page that is not executable.
        memcpy(pages + PAGE - 2, constant, sizeof constant);
        memory_protect(pages, PAGE, PROT_READ | PROT_EXEC);
        call(pages + PAGE - 2);
    }
    if (strcmp(kind, "beyond-data") == 0) {
        for (volatile char *p = (char *)data;; p += PAGE)
            *p = 0;
    }
    puts("still here");
    return 0;
}
