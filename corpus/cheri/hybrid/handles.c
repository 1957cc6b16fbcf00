// A table of objects whose users hold sealed capabilities: handles that they can keep and give back, and nothing else.
// expect: exit 0
// expect dereference: SealViolation of ct0
// expect change: TagViolation of ct0
// expect other-type: TagViolation of ct0
// expect jump: SealViolation of ct0
// expect closed: exit 0
#include <cheri/hybrid.h>
#include <string.h>

enum { OBJECTS = 8, OBJECT_TYPE = 100, OTHER_TYPE = 101 };

struct object {
    uint64_t value;
    uint64_t generation;
};

static _Alignas(16) struct object objects[OBJECTS];
static capability object_seal;

static void open_handle(capability *handle, int index)
{
    cheri_of(handle, &objects[index], sizeof objects[index]);
    cheri_seal(handle, handle, &object_seal);
}

// Adds to an object; -1 if that is no handle of this table.
static long add(const capability *handle, uint64_t amount)
{
    capability object;
    if (cheri_type(handle) != OBJECT_TYPE)
        return -1;
    cheri_unseal(&object, handle, &object_seal);
    if (!cheri_tag(&object))
        return -1;
    uint64_t value = cheri_load64(&object) + amount;
    cheri_store64(&object, value);
    return (long)value;
}

static int use(void)
{
    capability handles[OBJECTS], forged, other_seal;
    for (int i = 0; i < OBJECTS; i++)
        open_handle(&handles[i], i);
    for (int i = 0; i < OBJECTS; i++)
        if (add(&handles[i], (uint64_t)i) != i || add(&handles[i], 1) != i + 1)
            return 1;
    // What is no handle: bytes of one, an object that was never sealed, one sealed with another type.
    memcpy(&forged, &handles[0], sizeof forged);
    if (cheri_tag(&forged) || add(&forged, 1) != -1)
        return 2;
    cheri_of(&forged, &objects[0], sizeof objects[0]);
    if (add(&forged, 1) != -1)
        return 3;
    cheri_seal_of(&other_seal, OTHER_TYPE);
    cheri_seal(&forged, &forged, &other_seal);
    if (!cheri_tag(&forged) || add(&forged, 1) != -1)
        return 4;
    return 0;
}

// Without an authority for the type nobody seals a handle of his own.
static int closed(void)
{
    capability seal, handle;
    cheri_restrict(&seal, &object_seal, PERM_GLOBAL | PERM_UNSEAL);
    cheri_of(&handle, &objects[0], sizeof objects[0]);
    cheri_seal(&handle, &handle, &seal);
    return cheri_tag(&handle) == 0 && add(&handle, 1) == -1 ? 0 : 1;
}

int main(int argc, char **argv)
{
    capability handle, seal;
    cheri_seal_of(&object_seal, OBJECT_TYPE);
    if (argc < 2)
        return use();
    open_handle(&handle, 0);
    if (strcmp(argv[1], "closed") == 0)
        return closed();
    if (strcmp(argv[1], "change") == 0) {
        cheri_advance(&handle, &handle, 8);
        cheri_unseal(&handle, &handle, &object_seal);
    } else if (strcmp(argv[1], "other-type") == 0) {
        cheri_seal_of(&seal, OTHER_TYPE);
        cheri_unseal(&handle, &handle, &seal);
    } else if (strcmp(argv[1], "jump") == 0) {
        __asm__ volatile(CHERI_GET("t0", "%0") CHERI_OP2(12, "ra", "t0") : : "r"(&handle) : "t0", "ra"); // jalr.cap
    }
    return (int)cheri_load64(&handle);
}
