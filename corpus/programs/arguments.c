// What a program finds on its first stack: arguments, environment and the auxiliary vector.
// expect: exit 0
// expect one two: exit 2
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AT_NULL = 0, AT_PHDR = 3, AT_PHENT = 4, AT_PHNUM = 5, AT_PAGESZ = 6, AT_ENTRY = 9, AT_SECURE = 23, AT_RANDOM = 25 };

void _start(void);

int main(int argc, char **argv, char **envp)
{
    printf("%d arguments\n", argc - 1);
    for (int i = 1; i < argc; i++)
        printf("  %s\n", argv[i]);
    if (argv[argc] != NULL)
        return 1;

    char **end = envp;
    for (; *end != NULL; end++) {
        if (memcmp(*end, "CORPUS_", 7) == 0)
            printf("  environment %s\n", *end);
    }

    int header_size = 0, pages = 0, entry = 0, random = 0, secure = -1;
    uint64_t headers = 0, count = 0;
    for (uint64_t *pair = (uint64_t *)(end + 1); pair[0] != AT_NULL; pair += 2) {
        switch (pair[0]) {
        case AT_PHDR: headers = pair[1]; break;
        case AT_PHENT: header_size = (int)pair[1]; break;
        case AT_PHNUM: count = pair[1]; break;
        case AT_PAGESZ: pages = (int)pair[1]; break;
        case AT_ENTRY: entry = pair[1] == (uint64_t)_start; break;
        case AT_SECURE: secure = (int)pair[1]; break;
        case AT_RANDOM: {
            const unsigned char *bytes = (const unsigned char *)pair[1];
            for (int i = 0; i < 16; i++)
                random |= bytes[i];
            break;
        }
        }
    }
    printf("page size %d, secure %d, entry %s, random bytes %s\n", pages, secure, entry ? "right" : "wrong",
           random != 0 ? "present" : "missing");
    printf("program header size %d, first type %u, dynamic %s\n", header_size, *(uint32_t *)headers,
           count > 3 ? "likely" : "missing");
    return argc - 1;
}
