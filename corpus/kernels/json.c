// Generates a JSON text, parses it into a tree by recursive descent, and walks the tree: byte-wise branches, small
// allocations from an arena, short recursive calls.
#include "kernel.h"
#include <string.h>

enum { TEXT_SIZE = 1 << 20, ARENA_SIZE = 16 << 20, MAX_DEPTH = 64 };

enum kind { NUL, FALSE, TRUE, NUMBER, STRING, ARRAY, OBJECT };

struct value {
    enum kind kind;
    uint32_t length;     // of the string
    struct value *next;  // the next element of the same array or object
    const char *key;     // in an object
    uint32_t key_length;
    union {
        int64_t number;
        const char *string;
        struct value *first;
    };
};

struct parser {
    const char *at, *end;
    int depth;
};

static char text[TEXT_SIZE + 4096];
static uint64_t arena[ARENA_SIZE / sizeof(uint64_t)];
static size_t arena_used;

static void *allocate(size_t size)
{
    size_t words = (size + sizeof *arena - 1) / sizeof *arena;
    if (arena_used + words > sizeof arena / sizeof *arena) {
        fprintf(stderr, "json: the arena is full\n");
        exit(1);
    }
    void *block = arena + arena_used;
    arena_used += words;
    return block;
}

static void fail(const char *what)
{
    fprintf(stderr, "json: %s\n", what);
    exit(1);
}

static void skip_space(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r'))
        p->at++;
}

static void expect(struct parser *p, char character)
{
    skip_space(p);
    if (p->at >= p->end || *p->at != character)
        fail("unexpected character");
    p->at++;
}

// Copies the string into the arena with its escapes resolved.
static const char *parse_string(struct parser *p, uint32_t *length)
{
    expect(p, '"');
    const char *close = p->at;
    while (close < p->end && *close != '"')
        close += *close == '\\' ? 2 : 1;
    if (close >= p->end)
        fail("string without end");
    char *result = allocate((size_t)(close - p->at) + 1);
    char *to = result;
    while (p->at < close) {
        char c = *p->at++;
        if (c == '\\') {
            c = *p->at++;
            if (c == 'n')
                c = '\n';
            else if (c == 't')
                c = '\t';
        }
        *to++ = c;
    }
    *to = 0;
    p->at++;
    *length = (uint32_t)(to - result);
    return result;
}

static int literal(struct parser *p, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(p->end - p->at) < length || memcmp(p->at, word, length) != 0)
        fail("unknown literal");
    p->at += length;
    return 1;
}

static struct value *parse_value(struct parser *p)
{
    skip_space(p);
    if (p->at >= p->end)
        fail("value missing");
    if (++p->depth > MAX_DEPTH)
        fail("nested too deeply");
    struct value *v = allocate(sizeof *v);
    v->next = NULL;
    v->key = NULL;
    switch (*p->at) {
    case '{':
    case '[': {
        int object = *p->at == '{';
        char close = object ? '}' : ']';
        v->kind = object ? OBJECT : ARRAY;
        v->first = NULL;
        struct value **tail = &v->first;
        p->at++;
        skip_space(p);
        if (p->at < p->end && *p->at == close) {
            p->at++;
            break;
        }
        for (;;) {
            const char *key = NULL;
            uint32_t key_length = 0;
            if (object) {
                skip_space(p);
                key = parse_string(p, &key_length);
                expect(p, ':');
            }
            struct value *element = parse_value(p);
            element->key = key;
            element->key_length = key_length;
            *tail = element;
            tail = &element->next;
            skip_space(p);
            if (p->at < p->end && *p->at == ',') {
                p->at++;
                continue;
            }
            expect(p, close);
            break;
        }
        break;
    }
    case '"':
        v->kind = STRING;
        v->string = parse_string(p, &v->length);
        break;
    case 't':
        v->kind = TRUE;
        literal(p, "true");
        break;
    case 'f':
        v->kind = FALSE;
        literal(p, "false");
        break;
    case 'n':
        v->kind = NUL;
        literal(p, "null");
        break;
    default: {
        int negative = *p->at == '-';
        int64_t number = 0;
        p->at += negative;
        const char *digits = p->at;
        while (p->at < p->end && *p->at >= '0' && *p->at <= '9')
            number = number * 10 + (*p->at++ - '0');
        if (p->at == digits)
            fail("not a value");
        v->kind = NUMBER;
        v->number = negative ? -number : number;
        break;
    }
    }
    p->depth--;
    return v;
}

static uint64_t walk(const struct value *v, uint64_t checksum)
{
    for (; v != NULL; v = v->next) {
        checksum = kernel_mix(checksum, (uint64_t)v->kind);
        for (uint32_t i = 0; i < v->key_length && v->key != NULL; i++)
            checksum = checksum * 31 + (unsigned char)v->key[i];
        switch (v->kind) {
        case NUMBER:
            checksum = kernel_mix(checksum, (uint64_t)v->number);
            break;
        case STRING:
            for (uint32_t i = 0; i < v->length; i++)
                checksum = checksum * 31 + (unsigned char)v->string[i];
            break;
        case ARRAY:
        case OBJECT:
            checksum = walk(v->first, checksum + 1);
            break;
        default:
            break;
        }
    }
    return checksum;
}

static char *write_text(char *to, const char *from)
{
    while (*from != 0)
        *to++ = *from++;
    return to;
}

static char *write_number(char *to, int64_t number)
{
    char digits[24];
    int count = 0;
    uint64_t value = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    if (number < 0)
        *to++ = '-';
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (count > 0)
        *to++ = digits[--count];
    return to;
}

// An array of records, about a megabyte of text.
static size_t generate(void)
{
    static const char *const words[] = { "alpha", "beta", "gam\\\"ma", "delta\\n", "epsilon", "zeta\\tzeta", "eta" };
    uint64_t seed = 5;
    char *to = text;
    *to++ = '[';
    for (int64_t id = 0; to < text + TEXT_SIZE; id++) {
        to = write_text(to, id == 0 ? "\n{ \"id\": " : ",\n{ \"id\": ");
        to = write_number(to, id);
        to = write_text(to, ", \"name\": \"");
        for (uint32_t left = 1 + kernel_random(&seed) % 4; left != 0; left--)
            to = write_text(to, words[kernel_random(&seed) % 7]);
        to = write_text(to, kernel_random(&seed) & 1 ? "\", \"live\": true, \"at\": [" : "\", \"live\": null, \"at\": [");
        for (uint32_t left = kernel_random(&seed) % 6; left != 0; left--) {
            to = write_number(to, (int64_t)kernel_random(&seed) - 0x40000000);
            if (left != 1)
                *to++ = ',';
        }
        to = write_text(to, "], \"in\": { \"a\": { \"b\": false }, \"c\": [] } }");
    }
    to = write_text(to, "\n]\n");
    return (size_t)(to - text);
}

int main(int argc, char **argv)
{
    int rounds = 50 * kernel_scale(argc, argv);
    size_t size = generate();
    uint64_t checksum = 0;
    int64_t started = kernel_clock();
    for (int round = 0; round < rounds; round++) {
        arena_used = 0;
        struct parser parser = { text, text + size, 0 };
        checksum = walk(parse_value(&parser), checksum);
    }
    return kernel_report("json", checksum, started);
}
