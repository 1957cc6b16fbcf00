// An open-addressing hash map of 64-bit keys that grows, with look-ups, updates and removals: hashing and scattered
// loads over a table larger than the caches near the core.
#include "kernel.h"

enum { OPERATIONS = 1200000, KEYS = 1 << 18 };

struct slot {
    uint64_t key; // 0: never used
    uint64_t value;
};

struct map {
    struct slot *slots;
    size_t capacity; // a power of two
    size_t used;     // slots with a key, removed ones included
};

static uint64_t hash(uint64_t key)
{
    key ^= key >> 32;
    key *= UINT64_C(0xd6e8feb86659fd93);
    key ^= key >> 32;
    key *= UINT64_C(0xd6e8feb86659fd93);
    return key ^ key >> 32;
}

static struct slot *find(const struct map *map, uint64_t key)
{
    size_t mask = map->capacity - 1;
    for (size_t i = hash(key) & mask;; i = (i + 1) & mask) {
        struct slot *slot = &map->slots[i];
        if (slot->key == key || slot->key == 0)
            return slot;
    }
}

static void create(struct map *map, size_t capacity)
{
    map->slots = calloc(capacity, sizeof *map->slots);
    if (map->slots == NULL) {
        fprintf(stderr, "hashmap: out of memory\n");
        exit(1);
    }
    map->capacity = capacity;
    map->used = 0;
}

static void grow(struct map *map)
{
    struct map larger;
    create(&larger, map->capacity * 2);
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->slots[i].value != 0) { // a removed key is not copied
            *find(&larger, map->slots[i].key) = map->slots[i];
            larger.used++;
        }
    }
    free(map->slots);
    *map = larger;
}

static void add(struct map *map, uint64_t key, uint64_t value)
{
    if (map->used * 4 >= map->capacity * 3)
        grow(map);
    struct slot *slot = find(map, key);
    if (slot->key == 0) {
        slot->key = key;
        map->used++;
    }
    slot->value += value;
}

int main(int argc, char **argv)
{
    int rounds = 3 * kernel_scale(argc, argv);
    uint64_t seed = 6, checksum = 0;
    int64_t started = kernel_clock();
    for (int round = 0; round < rounds; round++) {
        struct map map;
        create(&map, 16);
        for (int i = 0; i < OPERATIONS; i++) {
            uint32_t random = kernel_random(&seed);
            uint64_t key = (uint64_t)(random % KEYS + 1) * UINT64_C(0x9e3779b97f4a7c15);
            switch (random >> 20 & 7) {
            case 0:
                find(&map, key)->value = 0; // an unused slot keeps key 0, so it stays unused
                break;
            case 1:
            case 2:
            case 3:
                checksum += find(&map, key)->value;
                break;
            default:
                add(&map, key, 1 + (random >> 25));
                break;
            }
        }
        uint64_t live = 0;
        for (size_t i = 0; i < map.capacity; i++)
            live += map.slots[i].value != 0;
        checksum = kernel_mix(checksum, live);
        free(map.slots);
    }
    return kernel_report("hashmap", checksum, started);
}
