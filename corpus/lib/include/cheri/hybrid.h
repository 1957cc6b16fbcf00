// Capabilities for C compilers that do not know them: values of 16 bytes in memory, which only these functions handle.
// Assigning one copies its bytes, and so drops its tag; cheri_copy keeps it.
#pragma once
#include <cheri/capabilities.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    _Alignas(16) unsigned char bytes[16];
} capability;

// Integer mode: memory operands are integers under DDC. Capabilities pass through t0 to t2, which reports of faults name.
#define CHERI_GET(reg, pointer) ".insn i 0x0f, 2, " reg ", 0(" pointer ")\n\t"         // lc
#define CHERI_PUT(reg, pointer) ".insn s 0x23, 4, " reg ", 0(" pointer ")\n\t"         // sc
#define CHERI_OP3(function, rd, rs1, rs2) ".insn r 0x5b, 0, " #function ", " rd ", " rs1 ", " rs2 "\n\t"
#define CHERI_OP2(number, rd, rs1) CHERI_OP3(0x7f, rd, rs1, "x" #number)
#define CHERI_LOAD(number, rd, cs) CHERI_OP3(0x7d, rd, cs, "x" #number)                // lb.cap and so on
#define CHERI_STORE(number, value, cs) CHERI_OP3(0x7c, "x" #number, cs, value)         // sb.cap and so on

// to := operation(from, integer)
#define CHERI_DERIVE(name, function)                                                                          \
    static inline void name(capability *to, const capability *from, uint64_t value)                           \
    {                                                                                                          \
        __asm__ volatile(CHERI_GET("t0", "%1") CHERI_OP3(function, "t0", "t0", "%2") CHERI_PUT("t0", "%0")     \
                         : : "r"(to), "r"(from), "r"(value) : "t0", "memory");                                 \
    }
CHERI_DERIVE(cheri_bound, 0x08)       // csetbounds
CHERI_DERIVE(cheri_bound_exact, 0x09) // csetboundsexact
CHERI_DERIVE(cheri_restrict, 0x0d)    // candperm
CHERI_DERIVE(cheri_set_mode, 0x0e)    // csetflags: 0 integer mode, 1 capability mode
CHERI_DERIVE(cheri_at, 0x10)          // csetaddr
CHERI_DERIVE(cheri_advance, 0x11)     // cincoffset
CHERI_DERIVE(cheri_set_high, 0x16)    // csethigh

// to := operation(from, by)
#define CHERI_COMBINE(name, function)                                                                         \
    static inline void name(capability *to, const capability *from, const capability *by)                     \
    {                                                                                                          \
        __asm__ volatile(CHERI_GET("t0", "%1") CHERI_GET("t1", "%2") CHERI_OP3(function, "t0", "t0", "t1")     \
                         CHERI_PUT("t0", "%0") : : "r"(to), "r"(from), "r"(by) : "t0", "t1", "memory");        \
    }
CHERI_COMBINE(cheri_seal, 0x0b)       // cseal
CHERI_COMBINE(cheri_unseal, 0x0c)     // cunseal
CHERI_COMBINE(cheri_build, 0x1d)      // cbuildcap: from is the authority, by the bits

#define CHERI_FIELD(name, number)                                                                             \
    static inline uint64_t name(const capability *of)                                                         \
    {                                                                                                          \
        uint64_t value;                                                                                        \
        __asm__ volatile(CHERI_GET("t0", "%1") CHERI_OP2(number, "%0", "t0") : "=r"(value) : "r"(of) : "t0", "memory"); \
        return value;                                                                                          \
    }
CHERI_FIELD(cheri_permissions, 0)
CHERI_FIELD(cheri_type, 1)
CHERI_FIELD(cheri_base, 2)
CHERI_FIELD(cheri_length, 3)
CHERI_FIELD(cheri_tag, 4)
CHERI_FIELD(cheri_address, 15)

static inline void cheri_copy(capability *to, const capability *from)
{
    __asm__ volatile(CHERI_GET("t0", "%1") CHERI_PUT("t0", "%0") : : "r"(to), "r"(from) : "t0", "memory");
}

static inline void cheri_clear_tag(capability *to, const capability *from)
{
    __asm__ volatile(CHERI_GET("t0", "%1") CHERI_OP2(11, "t0", "t0") CHERI_PUT("t0", "%0") : : "r"(to), "r"(from) : "t0", "memory");
}

static inline void cheri_sentry(capability *to, const capability *from)
{
    __asm__ volatile(CHERI_GET("t0", "%1") CHERI_OP2(17, "t0", "t0") CHERI_PUT("t0", "%0") : : "r"(to), "r"(from) : "t0", "memory");
}

// What integer pointers are checked against, and what code is.
static inline void cheri_get_ddc(capability *to)
{
    __asm__ volatile(CHERI_OP3(1, "t0", "x0", "x1") CHERI_PUT("t0", "%0") : : "r"(to) : "t0", "memory");
}

static inline void cheri_get_pcc(capability *to)
{
    __asm__ volatile(CHERI_OP3(1, "t0", "x0", "x0") CHERI_PUT("t0", "%0") : : "r"(to) : "t0", "memory");
}

// A capability for length bytes of this program's memory.
static inline void cheri_of(capability *to, const void *memory, size_t length)
{
    cheri_get_ddc(to);
    cheri_at(to, to, (uintptr_t)memory);
    cheri_bound(to, to, length);
}

// The authority to seal and unseal with one object type.
static inline void cheri_seal_of(capability *to, uint64_t type)
{
    cheri_of(to, (const void *)type, 1);
    cheri_restrict(to, to, PERM_GLOBAL | PERM_SEAL | PERM_UNSEAL);
}

// Accesses at the address of a capability, which is in t0.
static inline uint8_t cheri_load8(const capability *from)
{
    uint64_t value;
    __asm__ volatile(CHERI_GET("t0", "%1") CHERI_LOAD(12, "%0", "t0") : "=r"(value) : "r"(from) : "t0", "memory");
    return (uint8_t)value;
}

static inline uint64_t cheri_load64(const capability *from)
{
    uint64_t value;
    __asm__ volatile(CHERI_GET("t0", "%1") CHERI_LOAD(11, "%0", "t0") : "=r"(value) : "r"(from) : "t0", "memory");
    return value;
}

static inline void cheri_store8(const capability *to, uint8_t value)
{
    __asm__ volatile(CHERI_GET("t0", "%0") CHERI_STORE(8, "%1", "t0") : : "r"(to), "r"(value) : "t0", "memory");
}

static inline void cheri_store64(const capability *to, uint64_t value)
{
    __asm__ volatile(CHERI_GET("t0", "%0") CHERI_STORE(11, "%1", "t0") : : "r"(to), "r"(value) : "t0", "memory");
}

static inline void cheri_load_capability(capability *to, const capability *from)
{
    __asm__ volatile(CHERI_GET("t0", "%1") CHERI_LOAD(31, "t1", "t0") CHERI_PUT("t1", "%0") : : "r"(to), "r"(from) : "t0", "t1", "memory");
}

static inline void cheri_store_capability(const capability *to, const capability *value)
{
    __asm__ volatile(CHERI_GET("t0", "%0") CHERI_GET("t1", "%1") CHERI_STORE(12, "t1", "t0") : : "r"(to), "r"(value) : "t0", "t1", "memory");
}

// Bit i is the tag of the i-th of four capabilities, whose address is a multiple of 64.
static inline uint64_t cheri_tags(const capability *four)
{
    uint64_t tags;
    __asm__ volatile(CHERI_GET("t0", "%1") CHERI_OP2(18, "%0", "t0") : "=r"(tags) : "r"(four) : "t0", "memory");
    return tags;
}

// Enters a compartment: code and data are sealed as a pair. It has no DDC, no register of this program, argument in a0,
// its data unsealed in c31, and in cra and ct0 a pair of capabilities to return by, sealed with seal. Result: its a0.
long cheri_invoke(const capability *code, const capability *data, const capability *seal, long argument);
