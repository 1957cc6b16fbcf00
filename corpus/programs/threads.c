// Threads: atomic counters by AMO and by LR/SC, a futex lock, a hand-over between two threads, thread pointers.
// expect: exit 0
#include <corpus/thread.h>
#include <stdio.h>

enum { THREADS = 4, ROUNDS = 20000, TURNS = 2000 };

static uint64_t added, swapped_low, or_mask;
static uint32_t narrow, locked_value;
static uint64_t guarded;
static int64_t largest;
static uint64_t thread_pointers[THREADS];

// 0 free, 1 held, 2 held with waiters.
static uint32_t lock_word;

static void lock(void)
{
    uint32_t expected = 0;
    if (__atomic_compare_exchange_n(&lock_word, &expected, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return;
    while (__atomic_exchange_n(&lock_word, 2, __ATOMIC_ACQUIRE) != 0)
        futex_wait(&lock_word, 2);
}

static void unlock(void)
{
    if (__atomic_exchange_n(&lock_word, 0, __ATOMIC_RELEASE) == 2)
        futex_wake(&lock_word, 1);
}

static void work(void *argument)
{
    uint64_t index = (uint64_t)argument;
    uint64_t pointer;
    __asm__ volatile("mv %0, tp" : "=r"(pointer));
    thread_pointers[index] = pointer;
    for (int64_t i = 0; i < ROUNDS; i++) {
        __atomic_fetch_add(&added, index + 1, __ATOMIC_RELAXED);            // amoadd.d
        __atomic_fetch_add(&narrow, 1, __ATOMIC_SEQ_CST);                   // amoadd.w
        __atomic_fetch_or(&or_mask, UINT64_C(1) << (i % 64), __ATOMIC_RELAXED);
        uint64_t old = __atomic_load_n(&swapped_low, __ATOMIC_RELAXED);     // lr.d, sc.d
        while (!__atomic_compare_exchange_n(&swapped_low, &old, old + 3, 1, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        }
        int64_t candidate = (int64_t)index * ROUNDS + i, ignored;
        __asm__ volatile("amomax.d %0, %2, %1" : "=r"(ignored), "+A"(largest) : "r"(candidate));
        if (i % 16 == 0) {
            lock();
            guarded++;
            locked_value = (uint32_t)index;
            unlock();
        }
    }
}

static uint32_t turn;
static uint64_t trace;

static void take_turns(void *argument)
{
    uint32_t mine = (uint32_t)(uint64_t)argument;
    for (uint32_t i = 0; i < TURNS; i++) {
        for (uint32_t now; (now = __atomic_load_n(&turn, __ATOMIC_ACQUIRE)) % 2 != mine;)
            futex_wait(&turn, now);
        trace = trace * 7 + mine + i;
        __atomic_fetch_add(&turn, 1, __ATOMIC_RELEASE);
        futex_wake(&turn, 1);
    }
}

int main(void)
{
    static struct thread threads[THREADS];
    for (uint64_t i = 0; i < THREADS; i++) {
        if (thread_start(&threads[i], work, (void *)i, 0x1000 * (i + 1)) != 0)
            return 1;
    }
    for (int i = 0; i < THREADS; i++)
        thread_join(&threads[i]);
    printf("added %lu narrow %u or %lx swapped %lu largest %ld guarded %lu\n", added, narrow, or_mask, swapped_low,
           largest, guarded);
    for (int i = 0; i < THREADS; i++)
        printf("tp %lx\n", thread_pointers[i]);

    for (uint64_t i = 0; i < 2; i++) {
        if (thread_start(&threads[i], take_turns, (void *)i, 0) != 0)
            return 1;
    }
    for (int i = 0; i < 2; i++)
        thread_join(&threads[i]);
    printf("turns %u trace %lx\n", turn, trace);
    return locked_value < THREADS ? 0 : 1;
}
