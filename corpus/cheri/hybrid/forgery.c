// Attempts to make a capability that nobody gave, or to use one for more than it is: each is refused with its cause.
// expect integers: TagViolation of ct0
// expect metadata: TagViolation of ct0
// expect byte-store: TagViolation of ct0
// expect word-store-beside: exit 0
// expect crossing-store: TagViolation of ct0
// expect atomic-store: TagViolation of ct0
// expect failed-conditional: exit 0
// expect call-store: TagViolation of ct0
// expect call-store-beside: exit 0
// expect copy: TagViolation of ct0
// expect stripped: TagViolation of ct0
// expect widen: TagViolation of ct0
// expect widen-from-below: TagViolation of ct0
// expect build: TagViolation of ct0
// expect build-within: exit 0
// expect more-permissions: PermitStoreViolation of ct0
// expect unrepresentable: TagViolation of ct0
// expect unseal-wrong-type: TagViolation of ct0
// expect unseal-without-permission: TagViolation of ct0
// expect unseal-sentry: TagViolation of ct0
// expect seal-reserved-type: TagViolation of ct0
// expect sealed-load: SealViolation of ct0
// expect sentry-load: SealViolation of ct0
// expect sentry-middle: TagViolation of ct0
// expect jump-data: PermitExecuteViolation of ct0
// expect jump-integer: TagViolation of ct0
// expect jump-outside: LengthViolation of ct0
// expect invoke-unsealed: SealViolation of ct0
// expect invoke-other-type: TypeViolation of ct0
// expect invoke-code-as-data: PermitExecuteViolation of ct1
// expect invoke-without-permission: PermitCInvokeViolation of ct0
// expect read-only: PermitStoreViolation of ct0
// expect write-only: PermitLoadViolation of ct0
// expect store-capability: PermitStoreCapViolation of ct0
// expect store-local: PermitStoreLocalCapViolation of ct0
// expect store-untagged: exit 0
// expect load-tags: PermitLoadCapViolation of ct0
// expect load-tags-unmapped: signal SIGSEGV
// expect no-ddc: TagViolation of ddc
// expect narrow-ddc: LengthViolation of ddc
// expect read-only-ddc: PermitStoreViolation of ddc
// expect narrow-pcc: LengthViolation of pcc
#include <cheri/hybrid.h>
#include <corpus/syscall.h>
#include <string.h>

static const char *attack;
static _Alignas(64) capability cell[4];
static _Alignas(16) unsigned char target[64];

static int is(const char *name)
{
    return strcmp(attack, name) == 0;
}

static void reload(capability *to)
{
    cheri_copy(to, &cell[0]);
}

// Stores of data over a capability, or beside it.
static void store_over(capability *victim)
{
    volatile unsigned char *bytes = (volatile unsigned char *)&cell[0];
    cheri_copy(&cell[0], victim);
    if (is("byte-store"))
        bytes[15] = bytes[15]; // the same value: a store all the same
    else if (is("word-store-beside"))
        *(volatile uint64_t *)(bytes + 16) = 1;
    else if (is("crossing-store"))
        // Half of it is in the next granule.
        __asm__ volatile("sd zero, 12(%0)" : : "r"(bytes) : "memory");
    else if (is("atomic-store"))
        __atomic_fetch_add((uint64_t *)(bytes + 8), 0, __ATOMIC_SEQ_CST);
    else if (is("failed-conditional"))
        __asm__ volatile("sc.d t0, zero, (%0)" : : "r"(bytes) : "t0", "memory"); // no reservation: it stores nothing
    else if (is("call-store"))
        corpus_syscall(SYS_clock_gettime, 1, (long)bytes, 0, 0, 0, 0);
    else if (is("call-store-beside"))
        corpus_syscall(SYS_clock_gettime, 1, (long)(bytes + 16), 0, 0, 0, 0);
    reload(victim);
}

// The bytes of a capability, moved as integers.
static void integers(capability *victim)
{
    volatile uint64_t *words = (volatile uint64_t *)victim;
    words[0] = words[0];
    words[1] = words[1];
}

static void metadata(capability *victim)
{
    uint64_t high;
    memcpy(&high, victim->bytes + 8, sizeof high);
    cheri_set_high(victim, victim, high);
}

static void copy(capability *victim)
{
    capability copied = *victim;
    __asm__ volatile("" : : "r"(&copied) : "memory");
    *victim = copied;
}

// Loaded through an authority without Permit_Load_Capability.
static void stripped(capability *victim)
{
    capability authority;
    cheri_copy(&cell[0], victim);
    cheri_of(&authority, cell, sizeof cell);
    cheri_restrict(&authority, &authority, (uint64_t)~PERM_LOAD_CAPABILITY);
    cheri_load_capability(victim, &authority);
}

static void widen(capability *victim)
{
    cheri_bound(victim, victim, 16);
    cheri_bound(victim, victim, 17);
}

static void widen_from_below(capability *victim)
{
    cheri_advance(victim, victim, (uint64_t)-16);
    cheri_bound(victim, victim, 32);
}

static void more_permissions(capability *victim)
{
    cheri_restrict(victim, victim, PERM_LOAD);
    cheri_restrict(victim, victim, PERM_LOAD | PERM_STORE);
    cheri_store8(victim, 1);
}

// So far out that the bounds cannot be kept, and back.
static void unrepresentable(capability *victim)
{
    cheri_advance(victim, victim, 1 << 20);
    cheri_advance(victim, victim, (uint64_t)-(1 << 20));
}

static void rebuild(capability *victim)
{
    capability bits, narrow;
    cheri_bound(&narrow, victim, 16);
    if (is("build-within"))
        cheri_clear_tag(&bits, &narrow);
    else
        cheri_clear_tag(&bits, victim);
    // An authority for 16 bytes cannot derive one for 64.
    cheri_build(victim, &narrow, &bits);
}

static void seal_attack(capability *victim)
{
    capability seal, wrong;
    cheri_seal_of(&seal, 5);
    cheri_seal_of(&wrong, is("unseal-wrong-type") ? 6 : 5);
    if (is("seal-reserved-type")) {
        cheri_seal_of(&seal, 0x3fffc);
        cheri_seal(victim, victim, &seal);
        return;
    }
    if (is("unseal-without-permission"))
        cheri_restrict(&wrong, &wrong, PERM_GLOBAL | PERM_SEAL);
    if (is("unseal-sentry")) {
        cheri_seal_of(&wrong, 0x3fffe);
        cheri_sentry(victim, victim);
    } else if (is("sentry-load")) {
        cheri_sentry(victim, victim);
        return;
    } else {
        cheri_seal(victim, victim, &seal);
    }
    if (!is("sealed-load"))
        cheri_unseal(victim, victim, &wrong);
}

static void jump_attack(capability *victim)
{
    capability code;
    cheri_get_pcc(&code);
    cheri_at(&code, &code, (uintptr_t)&&landing);
    if (is("sentry-middle")) {
        cheri_sentry(&code, &code);
        cheri_advance(&code, &code, 4);
    } else if (is("jump-data")) {
        cheri_copy(&code, victim);
    } else if (is("jump-integer")) {
        cheri_clear_tag(&code, &code);
    } else {
        cheri_bound(&code, &code, 4);
        cheri_advance(&code, &code, 4);
    }
    __asm__ volatile(CHERI_GET("t0", "%0") CHERI_OP2(12, "x0", "t0") : : "r"(&code) : "t0"); // jalr.cap
landing:
    __asm__ volatile("" : : : "memory");
}

static void invoke_attack(capability *victim)
{
    capability code, data, seal, other;
    cheri_get_pcc(&code);
    cheri_copy(&data, victim);
    cheri_seal_of(&seal, 5);
    cheri_seal_of(&other, is("invoke-other-type") ? 6 : 5);
    if (is("invoke-code-as-data"))
        cheri_copy(&data, &code);
    if (is("invoke-without-permission"))
        cheri_restrict(&code, &code, (uint64_t)~PERM_INVOKE);
    if (!is("invoke-unsealed")) {
        cheri_seal(&code, &code, &seal);
        cheri_seal(&data, &data, &other);
    }
    __asm__ volatile(CHERI_GET("t0", "%0") CHERI_GET("t1", "%1") CHERI_OP3(0x7e, "x1", "t0", "t1") : : "r"(&code), "r"(&data) : "t0", "t1", "t6");
}

static void permission_attack(capability *victim)
{
    const uint64_t all = PERM_GLOBAL | PERM_LOAD | PERM_STORE | PERM_LOAD_CAPABILITY | PERM_STORE_CAPABILITY | PERM_STORE_LOCAL_CAPABILITY;
    capability value;
    cheri_copy(&value, victim);
    if (is("read-only")) {
        cheri_restrict(victim, victim, all & ~(uint64_t)PERM_STORE);
        cheri_store8(victim, 1);
    } else if (is("write-only")) {
        cheri_restrict(victim, victim, all & ~(uint64_t)PERM_LOAD);
        cheri_load8(victim);
    } else if (is("store-capability") || is("store-untagged")) {
        cheri_restrict(victim, victim, all & ~(uint64_t)PERM_STORE_CAPABILITY);
        if (is("store-untagged"))
            cheri_clear_tag(&value, &value);
        cheri_store_capability(victim, &value);
    } else if (is("store-local")) {
        cheri_restrict(&value, &value, all & ~(uint64_t)PERM_GLOBAL);
        cheri_restrict(victim, victim, all & ~(uint64_t)PERM_STORE_LOCAL_CAPABILITY);
        cheri_store_capability(victim, &value);
    } else if (is("load-tags-unmapped")) {
        cheri_of(victim, 0, 64); // the first page is never mapped
        cheri_tags(victim);
    } else if (is("load-tags")) {
        cheri_of(victim, cell, sizeof cell);
        cheri_restrict(victim, victim, all & ~(uint64_t)PERM_LOAD_CAPABILITY);
        cheri_tags(victim);
    }
}

// No function is called, and nothing is loaded, once DDC or PCC is too narrow for it.
static void special_attack(capability *narrow)
{
    capability code;
    cheri_get_pcc(&code);
    if (is("no-ddc"))
        __asm__ volatile("li t0, 0\n\t" CHERI_OP3(1, "x0", "t0", "x1") "lb t1, 0(%0)" : : "r"(target) : "t0", "t1");
    else if (is("narrow-ddc"))
        __asm__ volatile(CHERI_GET("t0", "%1") CHERI_OP3(1, "x0", "t0", "x1") "lb t1, 64(%0)" : : "r"(target), "r"(narrow) : "t0", "t1");
    else if (is("read-only-ddc"))
        __asm__ volatile(CHERI_OP3(1, "t0", "x0", "x1") "li t1, -9\n\t" CHERI_OP3(0x0d, "t0", "t0", "t1") CHERI_OP3(1, "x0", "t0", "x1")
                         "sb t1, 0(%0)" : : "r"(target) : "t0", "t1");
    else
        __asm__ volatile(".option push\n\t.option norvc\n\tlla t1, 1f\n\t" CHERI_OP3(1, "t0", "x0", "x0") CHERI_OP3(0x10, "t0", "t0", "t1")
                         "li t1, 8\n\t" CHERI_OP3(0x08, "t0", "t0", "t1") CHERI_OP2(12, "x0", "t0") "1: nop\n\tnop\n\tnop\n\t.option pop"
                         : : : "t0", "t1");
}

static const struct {
    const char *name;
    void (*run)(capability *victim);
} attacks[] = {
    { "integers", integers },
    { "metadata", metadata },
    { "byte-store", store_over },
    { "word-store-beside", store_over },
    { "crossing-store", store_over },
    { "atomic-store", store_over },
    { "failed-conditional", store_over },
    { "call-store", store_over },
    { "call-store-beside", store_over },
    { "copy", copy },
    { "stripped", stripped },
    { "widen", widen },
    { "widen-from-below", widen_from_below },
    { "build", rebuild },
    { "build-within", rebuild },
    { "more-permissions", more_permissions },
    { "unrepresentable", unrepresentable },
    { "unseal-wrong-type", seal_attack },
    { "unseal-without-permission", seal_attack },
    { "unseal-sentry", seal_attack },
    { "seal-reserved-type", seal_attack },
    { "sealed-load", seal_attack },
    { "sentry-load", seal_attack },
    { "sentry-middle", jump_attack },
    { "jump-data", jump_attack },
    { "jump-integer", jump_attack },
    { "jump-outside", jump_attack },
    { "invoke-unsealed", invoke_attack },
    { "invoke-other-type", invoke_attack },
    { "invoke-code-as-data", invoke_attack },
    { "invoke-without-permission", invoke_attack },
    { "read-only", permission_attack },
    { "write-only", permission_attack },
    { "store-capability", permission_attack },
    { "store-local", permission_attack },
    { "store-untagged", permission_attack },
    { "load-tags", permission_attack },
    { "load-tags-unmapped", permission_attack },
    { "no-ddc", special_attack },
    { "narrow-ddc", special_attack },
    { "read-only-ddc", special_attack },
    { "narrow-pcc", special_attack },
};

int main(int argc, char **argv)
{
    capability victim;
    attack = argc > 1 ? argv[1] : "";
    cheri_of(&victim, target, sizeof target);
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        if (is(attacks[i].name)) {
            attacks[i].run(&victim);
            cheri_load8(&victim);
            return 0;
        }
    }
    return 9;
}
