#ifndef CORPUS_MMAN_H
#define CORPUS_MMAN_H

#include <stddef.h>

enum { PROT_NONE = 0, PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4 };
enum { MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_FIXED = 16, MAP_ANONYMOUS = 32, MAP_NORESERVE = 0x4000 };
#define MAP_FIXED_NOREPLACE 0x100000

// Raw results: -errno on failure, so that callers can test for the very error.
long memory_map(void *address, size_t size, int protection, int flags);
long memory_unmap(void *address, size_t size);
long memory_protect(void *address, size_t size, int protection);

#endif
