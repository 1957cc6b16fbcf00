// Formatted output: one buffer per call, one write per call, no floating point.
#include <corpus/syscall.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct corpus_file {
    int descriptor;
};

static struct corpus_file output = { 1 }, error = { 2 };
FILE *const stdout = &output;
FILE *const stderr = &error;

struct sink {
    int descriptor;
    int total;
    size_t used;
    char bytes[256];
};

static void flush(struct sink *sink)
{
    size_t done = 0;
    while (done < sink->used) {
        long n = corpus_syscall(SYS_write, sink->descriptor, (long)(sink->bytes + done), (long)(sink->used - done),
                                0, 0, 0);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    sink->used = 0;
}

static void put(struct sink *sink, char character)
{
    if (sink->used == sizeof sink->bytes)
        flush(sink);
    sink->bytes[sink->used++] = character;
    sink->total++;
}

static void put_padded(struct sink *sink, const char *text, size_t length, int width, char pad)
{
    if (pad == '0' && length > 0 && *text == '-') {
        put(sink, '-');
        text++;
        length--;
        width--;
    }
    for (; width > (int)length; width--)
        put(sink, pad);
    while (length-- != 0)
        put(sink, *text++);
}

static void put_number(struct sink *sink, uint64_t value, int negative, unsigned base, int width, char pad)
{
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    if (negative)
        digits[--at] = '-';
    put_padded(sink, digits + at, sizeof digits - at, width, pad);
}

static void format_to(struct sink *sink, const char *format, va_list arguments)
{
    for (; *format != 0; format++) {
        if (*format != '%') {
            put(sink, *format);
            continue;
        }
        char pad = *++format == '0' ? '0' : ' ';
        int width = 0, wide = 0;
        for (; *format >= '0' && *format <= '9'; format++)
            width = width * 10 + (*format - '0');
        for (; *format == 'l' || *format == 'z'; format++)
            wide = 1;
        switch (*format) {
        case 'd':
        case 'i': {
            int64_t value = wide ? va_arg(arguments, long) : va_arg(arguments, int);
            put_number(sink, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0, 10, width, pad);
            break;
        }
        case 'u':
        case 'x': {
            uint64_t value = wide ? va_arg(arguments, unsigned long) : va_arg(arguments, unsigned);
            put_number(sink, value, 0, *format == 'x' ? 16 : 10, width, pad);
            break;
        }
        case 'p':
            put_padded(sink, "0x", 2, 0, ' ');
            put_number(sink, (uint64_t)va_arg(arguments, void *), 0, 16, 0, ' ');
            break;
        case 's': {
            const char *text = va_arg(arguments, const char *);
            put_padded(sink, text, strlen(text), width, ' ');
            break;
        }
        case 'c':
            put(sink, (char)va_arg(arguments, int));
            break;
        case '%':
            put(sink, '%');
            break;
        default:
            __builtin_trap(); // a conversion this library does not have
        }
    }
}

static int print(FILE *stream, const char *format, va_list arguments)
{
    struct sink sink;
    sink.descriptor = stream->descriptor;
    sink.total = 0;
    sink.used = 0;
    format_to(&sink, format, arguments);
    flush(&sink);
    return sink.total;
}

int printf(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int total = print(stdout, format, arguments);
    va_end(arguments);
    return total;
}

int fprintf(FILE *stream, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int total = print(stream, format, arguments);
    va_end(arguments);
    return total;
}

// The compiler turns calls of printf and fprintf that need no formatting into these.
size_t fwrite(const void *restrict block, size_t size, size_t count, FILE *restrict stream)
{
    const char *bytes = block;
    struct sink sink;
    sink.descriptor = stream->descriptor;
    sink.total = 0;
    sink.used = 0;
    for (size_t left = size * count; left != 0; left--)
        put(&sink, *bytes++);
    flush(&sink);
    return count;
}

int fputs(const char *text, FILE *stream)
{
    return (int)fwrite(text, 1, strlen(text), stream);
}

int fputc(int character, FILE *stream)
{
    char byte = (char)character;
    fwrite(&byte, 1, 1, stream);
    return (unsigned char)byte;
}

int puts(const char *text)
{
    return printf("%s\n", text);
}

int putchar(int character)
{
    printf("%c", character);
    return (unsigned char)character;
}
