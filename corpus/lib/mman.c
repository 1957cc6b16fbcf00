#include <corpus/syscall.h>
#include <sys/mman.h>

long memory_map(void *address, size_t size, int protection, int flags)
{
    return corpus_syscall(SYS_mmap, (long)address, (long)size, protection, flags | MAP_ANONYMOUS, -1, 0);
}

long memory_unmap(void *address, size_t size)
{
    return corpus_syscall(SYS_munmap, (long)address, (long)size, 0, 0, 0, 0);
}

long memory_protect(void *address, size_t size, int protection)
{
    return corpus_syscall(SYS_mprotect, (long)address, (long)size, protection, 0, 0, 0);
}
