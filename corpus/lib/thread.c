#include <corpus/syscall.h>
#include <corpus/thread.h>
#include <sys/mman.h>

enum {
    CLONE_VM = 0x100,
    CLONE_FS = 0x200,
    CLONE_FILES = 0x400,
    CLONE_SIGHAND = 0x800,
    CLONE_THREAD = 0x10000,
    CLONE_SYSVSEM = 0x40000,
    CLONE_SETTLS = 0x80000,
    CLONE_PARENT_SETTID = 0x100000,
    CLONE_CHILD_CLEARTID = 0x200000,
};
enum { FUTEX_WAIT = 0, FUTEX_WAKE = 1 };
enum { STACK_SIZE = 256 << 10 };

long corpus_clone(unsigned long flags, void *stack, uint32_t *identifier, uint64_t thread_pointer,
                  void (*function)(void *), void *argument);

int thread_start(struct thread *thread, void (*function)(void *), void *argument, uint64_t thread_pointer)
{
    long stack = memory_map(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    if (stack < 0)
        return (int)stack;
    thread->stack = (void *)stack;
    thread->stack_size = STACK_SIZE;
    long result = corpus_clone(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM
                                   | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID,
                               (char *)thread->stack + STACK_SIZE, &thread->alive, thread_pointer, function, argument);
    return result < 0 ? (int)result : 0;
}

void thread_join(struct thread *thread)
{
    uint32_t identifier;
    while ((identifier = __atomic_load_n(&thread->alive, __ATOMIC_ACQUIRE)) != 0)
        futex_wait(&thread->alive, identifier);
    memory_unmap(thread->stack, thread->stack_size);
}

int futex_wait(uint32_t *word, uint32_t expected)
{
    return (int)corpus_syscall(SYS_futex, (long)word, FUTEX_WAIT, (long)expected, 0, 0, 0);
}

int futex_wake(uint32_t *word, int count)
{
    return (int)corpus_syscall(SYS_futex, (long)word, FUTEX_WAKE, count, 0, 0, 0);
}
