#ifndef CORPUS_STRING_H
#define CORPUS_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
int memcmp(const void *left, const void *right, size_t size);
int bcmp(const void *left, const void *right, size_t size);
void *memchr(const void *block, int value, size_t size);
size_t strlen(const char *text);
int strcmp(const char *left, const char *right);
char *strchr(const char *text, int character);
char *strcpy(char *restrict to, const char *restrict from);

#endif
