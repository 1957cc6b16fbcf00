// Quicksort of random integers: data-dependent branches, and recursion on the smaller part only.
#include "kernel.h"

enum { COUNT = 400000, SMALL = 12 };

static int32_t items[COUNT];

static void insertion_sort(int32_t *first, int32_t *last)
{
    for (int32_t *i = first + 1; i <= last; i++) {
        int32_t value = *i;
        int32_t *j = i;
        for (; j > first && j[-1] > value; j--)
            *j = j[-1];
        *j = value;
    }
}

// Sorts the closed range [first, last].
static void sort(int32_t *first, int32_t *last)
{
    while (last - first >= SMALL) {
        int32_t a = *first, b = first[(last - first) / 2], c = *last;
        int32_t pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
        int32_t *left = first, *right = last;
        while (left <= right) {
            while (*left < pivot)
                left++;
            while (*right > pivot)
                right--;
            if (left <= right) {
                int32_t swapped = *left;
                *left++ = *right;
                *right-- = swapped;
            }
        }
        if (right - first < last - left) {
            sort(first, right);
            first = left;
        } else {
            sort(left, last);
            last = right;
        }
    }
    insertion_sort(first, last);
}

int main(int argc, char **argv)
{
    int rounds = 8 * kernel_scale(argc, argv);
    uint64_t seed = 3, checksum = 0;
    int64_t started = kernel_clock();
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < COUNT; i++)
            items[i] = (int32_t)(kernel_random(&seed) - 0x40000000u);
        sort(items, items + COUNT - 1);
        for (int i = 1; i < COUNT; i++) {
            if (items[i - 1] > items[i]) {
                fprintf(stderr, "quicksort: out of order at %d\n", i);
                return 1;
            }
        }
        for (int i = 0; i < COUNT; i += 997)
            checksum = kernel_mix(checksum, (uint32_t)items[i]);
    }
    return kernel_report("quicksort", checksum, started);
}
