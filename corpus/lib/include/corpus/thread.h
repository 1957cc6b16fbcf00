// Threads by clone and futex, and functions on a stack of one's own.
#ifndef CORPUS_THREAD_H
#define CORPUS_THREAD_H

#include <stddef.h>
#include <stdint.h>

struct thread {
    uint32_t alive; // the kernel clears it, and wakes its waiters, when the thread has ended
    void *stack;
    size_t stack_size;
};

// Runs function(argument) in a new thread; tp holds thread_pointer there. 0 or -errno.
int thread_start(struct thread *thread, void (*function)(void *), void *argument, uint64_t thread_pointer);
void thread_join(struct thread *thread);
int futex_wait(uint32_t *word, uint32_t expected);
int futex_wake(uint32_t *word, int count);

// Calls function(argument) with sp at the given top and returns its result.
uint64_t call_on_stack(void *top, uint64_t (*function)(uint64_t), uint64_t argument);

#endif
