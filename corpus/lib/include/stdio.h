#ifndef CORPUS_STDIO_H
#define CORPUS_STDIO_H

#include <stdarg.h>
#include <stddef.h>

typedef struct corpus_file FILE;
extern FILE *const stdout;
extern FILE *const stderr;

// Unbuffered. Conversions: %d %i %u %x %c %s %p %%, the l and ll lengths, a decimal width and a 0 flag.
int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int fprintf(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));
size_t fwrite(const void *restrict block, size_t size, size_t count, FILE *restrict stream);
int fputs(const char *text, FILE *stream);
int fputc(int character, FILE *stream);
int puts(const char *text);
int putchar(int character);

#endif
