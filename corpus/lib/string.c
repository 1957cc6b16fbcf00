// Memory and string functions. Compiled with -fno-builtin, or the compiler would turn these loops into calls of
// the very functions they implement.
#include <stdint.h>
#include <string.h>

typedef uint64_t __attribute__((may_alias)) word;

enum { WORD = sizeof(word) };

static int aligned(const void *pointer)
{
    return ((uintptr_t)pointer & (WORD - 1)) == 0;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    unsigned char *d = to;
    const unsigned char *s = from;
    if ((((uintptr_t)d ^ (uintptr_t)s) & (WORD - 1)) == 0) {
        for (; size != 0 && !aligned(d); size--)
            *d++ = *s++;
        for (; size >= 4 * WORD; size -= 4 * WORD, d += 4 * WORD, s += 4 * WORD) {
            word a = ((const word *)s)[0], b = ((const word *)s)[1];
            word c = ((const word *)s)[2], e = ((const word *)s)[3];
            ((word *)d)[0] = a;
            ((word *)d)[1] = b;
            ((word *)d)[2] = c;
            ((word *)d)[3] = e;
        }
        for (; size >= WORD; size -= WORD, d += WORD, s += WORD)
            *(word *)d = *(const word *)s;
    } else if (size >= 2 * WORD) {
        // Misaligned against each other: aligned words of the source, shifted together (little endian).
        for (; !aligned(d); size--)
            *d++ = *s++;
        unsigned shift = ((uintptr_t)s & (WORD - 1)) * 8;
        const word *w = (const word *)((uintptr_t)s & ~(uintptr_t)(WORD - 1));
        word low = *w++;
        for (; size >= WORD; size -= WORD, d += WORD, s += WORD) {
            word high = *w++;
            *(word *)d = low >> shift | high << (64 - shift);
            low = high;
        }
    }
    while (size-- != 0)
        *d++ = *s++;
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    unsigned char *d = to;
    const unsigned char *s = from;
    if ((uintptr_t)d - (uintptr_t)s >= size)
        return memcpy(to, from, size);
    d += size;
    s += size;
    if ((((uintptr_t)d ^ (uintptr_t)s) & (WORD - 1)) == 0) {
        for (; size != 0 && !aligned(d); size--)
            *--d = *--s;
        for (; size >= WORD; size -= WORD) {
            d -= WORD;
            s -= WORD;
            *(word *)d = *(const word *)s;
        }
    }
    while (size-- != 0)
        *--d = *--s;
    return to;
}

void *memset(void *to, int value, size_t size)
{
    unsigned char *d = to;
    for (; size != 0 && !aligned(d); size--)
        *d++ = (unsigned char)value;
    word pattern = (unsigned char)value * UINT64_C(0x0101010101010101);
    for (; size >= WORD; size -= WORD, d += WORD)
        *(word *)d = pattern;
    while (size-- != 0)
        *d++ = (unsigned char)value;
    return to;
}

int memcmp(const void *left, const void *right, size_t size)
{
    const unsigned char *l = left, *r = right;
    for (; size != 0; size--, l++, r++) {
        if (*l != *r)
            return *l - *r;
    }
    return 0;
}

// The compiler turns a memcmp whose sign is not used into this.
int bcmp(const void *left, const void *right, size_t size)
{
    return memcmp(left, right, size);
}

void *memchr(const void *block, int value, size_t size)
{
    const unsigned char *s = block;
    for (; size != 0; size--, s++) {
        if (*s == (unsigned char)value)
            return (void *)s;
    }
    return NULL;
}

size_t strlen(const char *text)
{
    const char *s = text;
    while (*s != 0)
        s++;
    return (size_t)(s - text);
}

int strcmp(const char *left, const char *right)
{
    while (*left != 0 && *left == *right) {
        left++;
        right++;
    }
    return (unsigned char)*left - (unsigned char)*right;
}

char *strchr(const char *text, int character)
{
    for (;; text++) {
        if (*text == (char)character)
            return (char *)text;
        if (*text == 0)
            return NULL;
    }
}

char *strcpy(char *restrict to, const char *restrict from)
{
    char *d = to;
    while ((*d++ = *from++) != 0) {
    }
    return to;
}
