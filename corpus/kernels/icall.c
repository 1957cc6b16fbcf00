// Virtual calls over a shuffled list of objects of eight kinds: indirect calls whose target changes every time.
#include "kernel.h"

enum { OBJECTS = 1 << 14, KINDS = 8 };

struct object;

struct methods {
    uint64_t (*step)(struct object *, uint64_t);
    uint64_t (*weight)(const struct object *);
};

struct object {
    const struct methods *methods;
    uint64_t state;
};

#define KIND(name, step_expression, weight_expression)                                 \
    __attribute__((noinline)) static uint64_t name##_step(struct object *o, uint64_t x) \
    {                                                                                  \
        return o->state = (step_expression);                                           \
    }                                                                                  \
    __attribute__((noinline)) static uint64_t name##_weight(const struct object *o)     \
    {                                                                                  \
        return (weight_expression);                                                    \
    }

KIND(add, o->state + x, o->state & 7)
KIND(subtract, o->state - x, o->state >> 3 & 7)
KIND(exclusive, o->state ^ x, o->state >> 5 & 3)
KIND(multiply, o->state * (x | 1), o->state >> 60)
KIND(rotate, (o->state << 7 | o->state >> 57) + x, o->state >> 11 & 15)
KIND(complement, ~o->state + (x << 1), ~o->state >> 62)
KIND(halve, (o->state >> 1) + x, o->state & 1)
KIND(mix, (o->state ^ x >> 9) * 5, o->state % 5)

static const struct methods kinds[KINDS] = {
    { add_step, add_weight },           { subtract_step, subtract_weight }, { exclusive_step, exclusive_weight },
    { multiply_step, multiply_weight }, { rotate_step, rotate_weight },     { complement_step, complement_weight },
    { halve_step, halve_weight },       { mix_step, mix_weight },
};

static struct object objects[OBJECTS];

int main(int argc, char **argv)
{
    int rounds = 800 * kernel_scale(argc, argv);
    uint64_t seed = 7, value = 1;
    for (int i = 0; i < OBJECTS; i++) {
        objects[i].methods = &kinds[kernel_random(&seed) % KINDS];
        objects[i].state = kernel_random(&seed);
    }
    int64_t started = kernel_clock();
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < OBJECTS; i++) {
            struct object *o = &objects[(i + round * 7) & (OBJECTS - 1)];
            value = o->methods->step(o, value) + o->methods->weight(o);
        }
    }
    uint64_t checksum = value;
    for (int i = 0; i < OBJECTS; i++)
        checksum = kernel_mix(checksum, objects[i].state);
    return kernel_report("icall", checksum, started);
}
