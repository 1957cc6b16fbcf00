// Relocates the image, which is its own dynamic linker, and runs main.
#include <corpus/syscall.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { DT_NULL = 0, DT_RELA = 7, DT_RELASZ = 8 };
enum { R_RISCV_RELATIVE = 3 };

struct dynamic_entry {
    int64_t tag;
    uint64_t value;
};

struct rela {
    uint64_t offset;
    uint64_t info;
    int64_t addend;
};

// Hidden, so that its address is computed from pc and not loaded from a table that is still to be relocated.
extern char __ehdr_start[] __attribute__((visibility("hidden")));
int main(int argc, char **argv, char **envp);

char **environ;

__attribute__((noreturn)) void corpus_start(long *stack, const struct dynamic_entry *dynamic)
{
    // Nothing that needs a relocated pointer may be read before this loop ends.
    uint64_t bias = (uint64_t)__ehdr_start; // linked at 0, so its address is the load bias
    const struct rela *rela = NULL;
    uint64_t bytes = 0;
    for (; dynamic->tag != DT_NULL; dynamic++) {
        if (dynamic->tag == DT_RELA)
            rela = (const struct rela *)(bias + dynamic->value);
        else if (dynamic->tag == DT_RELASZ)
            bytes = dynamic->value;
    }
    for (uint64_t i = 0; i < bytes / sizeof *rela; i++) {
        if ((uint32_t)rela[i].info != R_RISCV_RELATIVE)
            __builtin_trap();
        *(uint64_t *)(bias + rela[i].offset) = bias + (uint64_t)rela[i].addend;
    }

    int argc = (int)stack[0];
    char **argv = (char **)(stack + 1);
    environ = argv + argc + 1;
    exit(main(argc, argv, environ));
}
