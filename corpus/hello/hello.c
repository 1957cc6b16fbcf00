// Greets, and names its arguments: the smallest guest that still shows start-up, relocation and output.
// expect: exit 0
#include <stdio.h>

// A table of pointers, so that the image has something to relocate.
static const char *const greetings[] = { "Hello from a RISC-V guest", "Hello," };

int main(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        const char *greeting = *(const char *const volatile *)&greetings[i != 0];
        if (i == 0)
            puts(greeting);
        else
            printf("%s %s\n", greeting, argv[i]);
    }
    return 0;
}
