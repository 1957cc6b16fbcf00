// Process end, numbers, memory and sorting.
#include <corpus/syscall.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

void exit(int status)
{
    for (;;)
        corpus_syscall(SYS_exit_group, status, 0, 0, 0, 0, 0);
}

void abort(void)
{
    enum { SIGABRT = 6 };
    corpus_syscall(SYS_kill, corpus_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0), SIGABRT, 0, 0, 0, 0);
    __builtin_trap();
}

int atoi(const char *text)
{
    int negative = *text == '-';
    int value = 0;
    for (text += negative; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (*text - '0');
    return negative ? -value : value;
}

int abs(int value)
{
    return value < 0 ? -value : value;
}

int clock_gettime(clockid_t clock, struct timespec *result)
{
    return (int)corpus_syscall(SYS_clock_gettime, clock, (long)result, 0, 0, 0, 0);
}

// Blocks of 16 << class bytes with a 16-byte header; one free list per class, never coalesced. Blocks beyond the
// largest class have a mapping of their own. Not safe between threads.
enum { HEADER = 16, CLASSES = 16, SMALLEST = 16, CHUNK = 1 << 20, LARGEST = SMALLEST << (CLASSES - 1) };

union header {
    struct {
        uint64_t class; // CLASSES for a mapping of its own
        uint64_t mapped; // bytes of that mapping
    } used;
    union header *next;
};

static union header *free_lists[CLASSES];
static unsigned char *chunk;
static size_t chunk_left;

static void *map(size_t bytes)
{
    long address = memory_map(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    return address < 0 ? NULL : (void *)address;
}

void *malloc(size_t size)
{
    if (size > LARGEST) {
        if (size > SIZE_MAX - HEADER)
            return NULL;
        union header *header = map(size + HEADER);
        if (header == NULL)
            return NULL;
        header->used.class = CLASSES;
        header->used.mapped = size + HEADER;
        return (unsigned char *)header + HEADER;
    }

    size_t class = 0;
    while ((size_t)SMALLEST << class < size)
        class++;
    union header *header = free_lists[class];
    if (header != NULL) {
        free_lists[class] = header->next;
    } else {
        size_t bytes = ((size_t)SMALLEST << class) + HEADER;
        if (bytes > chunk_left) {
            unsigned char *fresh = map(CHUNK);
            if (fresh == NULL)
                return NULL;
            chunk = fresh;
            chunk_left = CHUNK;
        }
        header = (union header *)chunk;
        chunk += bytes;
        chunk_left -= bytes;
    }
    header->used.class = class;
    return (unsigned char *)header + HEADER;
}

void *calloc(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        return NULL;
    void *block = malloc(bytes);
    if (block != NULL)
        memset(block, 0, bytes);
    return block;
}

void free(void *block)
{
    if (block == NULL)
        return;
    union header *header = (union header *)((unsigned char *)block - HEADER);
    if (header->used.class == CLASSES) {
        memory_unmap(header, header->used.mapped);
        return;
    }
    size_t class = header->used.class;
    header->next = free_lists[class];
    free_lists[class] = header;
}

static void swap(unsigned char *left, unsigned char *right, size_t size)
{
    for (; size != 0; size--, left++, right++) {
        unsigned char byte = *left;
        *left = *right;
        *right = byte;
    }
}

// Heap sort: no recursion, no extra memory, no bad case.
void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *))
{
    unsigned char *items = base;
    size_t root = count / 2, end = count;
    while (end > 1) {
        if (root > 0) {
            root--;
        } else {
            end--;
            swap(items, items + end * size, size);
        }
        size_t parent = root;
        for (size_t child; (child = 2 * parent + 1) < end; parent = child) {
            if (child + 1 < end && compare(items + child * size, items + (child + 1) * size) < 0)
                child++;
            if (compare(items + parent * size, items + child * size) >= 0)
                break;
            swap(items + parent * size, items + child * size, size);
        }
    }
}
