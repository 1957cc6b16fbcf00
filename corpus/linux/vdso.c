// The vDSO, found as vdso(7) says: AT_SYSINFO_EHDR, its program headers, its dynamic symbol table by both kinds of hash table, its versions.
//
//   vdso           what is in it, and that its functions agree with the system calls
//   vdso COUNT     so many readings of each clock by it, and nothing else
#include "show.h"
#include <elf.h>
#include <limits.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#ifdef __riscv
#define VERSION "LINUX_4.15"
#else
#define VERSION "LINUX_2.6"
#endif

static const char *base, *strings;
static const Elf64_Sym *symbols;
static const uint32_t *hash, *gnu_hash;
static const Elf64_Versym *versions;
static const char *definitions;
static long definition_count;
static const char *soname = "";

static int find_tables(void)
{
    const Elf64_Ehdr *header = (const void *)getauxval(AT_SYSINFO_EHDR);
    if (!header)
        return printf("no AT_SYSINFO_EHDR\n"), 0;
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_type != ET_DYN)
        return printf("no shared object\n"), 0;
    const Elf64_Phdr *segments = (const void *)((const char *)header + header->e_phoff);
    const Elf64_Dyn *dynamic = NULL;
    for (int k = 0; k < header->e_phnum; k++) {
        if (segments[k].p_type == PT_LOAD && !base)
            base = (const char *)header + segments[k].p_offset - segments[k].p_vaddr;
        if (segments[k].p_type == PT_DYNAMIC)
            dynamic = (const void *)((const char *)header + segments[k].p_offset);
    }
    if (!base || !dynamic)
        return printf("no segment or dynamic section\n"), 0;
    long name = -1;
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        const void *at = base + dynamic->d_un.d_ptr;
        switch (dynamic->d_tag) {
        case DT_STRTAB: strings = at; break;
        case DT_SYMTAB: symbols = at; break;
        case DT_HASH: hash = at; break;
        case DT_GNU_HASH: gnu_hash = at; break;
        case DT_VERSYM: versions = at; break;
        case DT_VERDEF: definitions = at; break;
        case DT_VERDEFNUM: definition_count = dynamic->d_un.d_val; break;
        case DT_SONAME: name = dynamic->d_un.d_val; break;
        }
    }
    if (!strings || !symbols || (!hash && !gnu_hash) || !versions || !definitions)
        return printf("a table is missing\n"), 0;
    if (name >= 0)
        soname = strings + name;
    return 1;
}

static int is_it(uint32_t k, const char *name)
{
    return strcmp(strings + symbols[k].st_name, name) == 0 && symbols[k].st_shndx != SHN_UNDEF && ELF64_ST_TYPE(symbols[k].st_info) == STT_FUNC;
}

// Index of the symbol by the table of System V; 0: none.
static uint32_t by_hash(const char *name)
{
    uint32_t h = 0;
    for (const char *c = name; *c; c++) {
        h = (h << 4) + (unsigned char)*c;
        h = (h ^ (h >> 24 & 0xf0)) & 0x0fffffff;
    }
    const uint32_t *buckets = hash + 2, *chain = buckets + hash[0];
    uint32_t k = buckets[h % hash[0]];
    while (k && !is_it(k, name))
        k = chain[k];
    return k;
}

// By GNU's, with its Bloom filter.
static uint32_t by_gnu_hash(const char *name)
{
    uint32_t h = 5381, count = gnu_hash[0], first = gnu_hash[1], words = gnu_hash[2], shift = gnu_hash[3];
    for (const char *c = name; *c; c++)
        h = h * 33 + (unsigned char)*c;
    const uint64_t *filter = (const void *)(gnu_hash + 4);
    const uint32_t *buckets = (const void *)(filter + words), *chain = buckets + count;
    uint64_t word = filter[h / 64 % words];
    if (!(word >> h % 64 & word >> (h >> shift) % 64 & 1))
        return 0;
    uint32_t k = buckets[h % count];
    if (k < first)
        return 0;
    for (;; k++) {
        if ((chain[k - first] | 1) == (h | 1) && is_it(k, name))
            return k;
        if (chain[k - first] & 1)
            return 0;
    }
}

static const char *version_of(uint32_t symbol)
{
    const char *at = definitions;
    for (long k = 0; k < definition_count; k++) {
        const Elf64_Verdef *definition = (const void *)at;
        if (definition->vd_ndx == (versions[symbol] & 0x7fff))
            return strings + ((const Elf64_Verdaux *)(at + definition->vd_aux))->vda_name;
        at += definition->vd_next;
    }
    return "none";
}

static void *find(const char *name, int is_everywhere)
{
    uint32_t symbol = hash ? by_hash(name) : by_gnu_hash(name);
    if (hash && gnu_hash && by_gnu_hash(name) != symbol)
        printf("%s: the hash tables disagree\n", name);
    const char *is = !symbol ? "absent" : strcmp(version_of(symbol), VERSION) != 0 ? "of another version" : "there";
    if (is_everywhere || strcmp(is, "there") != 0)
        printf("%s: %s\n", name, is);
    return symbol ? (void *)(base + symbols[symbol].st_value) : NULL;
}

static long (*vdso_gettime)(int, struct timespec *);
static long (*vdso_getres)(int, struct timespec *);
static long (*vdso_gettimeofday)(struct timeval *, struct timezone *);
static long (*vdso_getcpu)(unsigned *, unsigned *, void *);

static int is_before(struct timespec a, struct timespec b)
{
    return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec <= b.tv_nsec);
}

static void clocks(void)
{
    static const struct { int id; const char *name; } all[] = {
        { 0, "CLOCK_REALTIME" }, { 1, "CLOCK_MONOTONIC" }, { 2, "CLOCK_PROCESS_CPUTIME_ID" }, { 3, "CLOCK_THREAD_CPUTIME_ID" },
        { 4, "CLOCK_MONOTONIC_RAW" }, { 5, "CLOCK_REALTIME_COARSE" }, { 6, "CLOCK_MONOTONIC_COARSE" }, { 7, "CLOCK_BOOTTIME" }, { 11, "CLOCK_TAI" },
    };
    for (unsigned k = 0; k < sizeof all / sizeof *all; k++) {
        int between = 1, whole = 1;
        long result = 0;
        struct timespec before, now = { 0 }, after, resolution, wanted;
        for (int turn = 0; turn < 1000; turn++) {
            syscall(SYS_clock_gettime, all[k].id, &before);
            result |= vdso_gettime(all[k].id, &now);
            syscall(SYS_clock_gettime, all[k].id, &after);
            between &= is_before(before, now) && is_before(now, after);
            whole &= now.tv_nsec >= 0 && now.tv_nsec < 1000000000;
        }
        printf("%s: %ld, between two system calls %d, of nanoseconds %d\n", all[k].name, result, between, whole);
        result = vdso_getres(all[k].id, &resolution);
        syscall(SYS_clock_getres, all[k].id, &wanted);
        printf("  resolution: %ld, as by system call %d\n", result, resolution.tv_sec == wanted.tv_sec && resolution.tv_nsec == wanted.tv_nsec);
    }
    struct timespec time;
    printf("no such clock: %ld %ld %ld\n", vdso_gettime(12, &time), vdso_gettime(99, &time), vdso_gettime(INT_MAX, &time));
    printf("its resolution: %ld, and nowhere to put one: %ld\n", vdso_getres(99, &time), vdso_getres(CLOCK_MONOTONIC, NULL));
    printf("nowhere to put a system call's: %ld\n", vdso_gettime(CLOCK_PROCESS_CPUTIME_ID, NULL));
}

static void day(void)
{
    int between = 1;
    for (int turn = 0; turn < 1000; turn++) {
        struct timeval before, now, after;
        syscall(SYS_gettimeofday, &before, NULL);
        long result = vdso_gettimeofday(&now, NULL);
        syscall(SYS_gettimeofday, &after, NULL);
        between &= result == 0 && !timercmp(&now, &before, <) && !timercmp(&after, &now, <) && now.tv_usec >= 0 && now.tv_usec < 1000000;
    }
    printf("gettimeofday: between two system calls %d\n", between);
    struct timezone zone = { 7, 7 };
    printf("zone alone: %ld", vdso_gettimeofday(NULL, &zone));
    printf(", %d %d\n", zone.tz_minuteswest, zone.tz_dsttime);
    printf("nothing: %ld\n", vdso_gettimeofday(NULL, NULL));
}

static void processors(void)
{
    cpu_set_t set;
    unsigned cpu = 77777, node = 77777;
    sched_getaffinity(0, sizeof set, &set);
    long result = vdso_getcpu(&cpu, &node, NULL);
    printf("getcpu: %ld, one that it may run on %d, node %u\n", result, cpu < CPU_SETSIZE && CPU_ISSET(cpu, &set), node);
    printf("cpu alone: %ld, node alone: %ld, nothing: %ld\n", vdso_getcpu(&cpu, NULL, NULL), vdso_getcpu(NULL, &node, NULL), vdso_getcpu(NULL, NULL, NULL));
}

// What riscv64 has besides: says only what is wrong.
static void riscv(void)
{
#ifdef __riscv
    struct pair { int64_t key; uint64_t value; };
    long (*probe)(struct pair *, size_t, size_t, cpu_set_t *, unsigned) = find("__vdso_riscv_hwprobe", 0);
    long (*flush)(uintptr_t, uintptr_t, unsigned long) = find("__vdso_flush_icache", 0);
    if (!find("__vdso_rt_sigreturn", 0) || !probe || !flush)
        return;
    struct pair pairs[] = { { 3, 0 }, { 4, 0 }, { 1000000, 7 }, { -5, 7 }, { 5, 0 } }, again[5];
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    memcpy(again, pairs, sizeof pairs);
    if (probe(pairs, 5, 0, NULL, 0) != 0 || syscall(258, again, 5, 0, NULL, 0) != 0 || memcmp(pairs, again, sizeof pairs) != 0)
        printf("riscv_hwprobe: differs from the system call\n");
    // Base behaviour IMA; F, D and C; keys that nobody knows become -1.
    if (pairs[0].value != 1 || (pairs[1].value & 3) != 3 || pairs[2].key != -1 || pairs[2].value != 0 || pairs[3].key != -1)
        printf("riscv_hwprobe: wrong\n");
    if (probe(pairs, 1, sizeof set, &set, 0) != 0 || probe(pairs, 1, 0, NULL, 8) != -EINVAL || probe((void *)8, 1, 0, NULL, 0) != -EFAULT)
        printf("riscv_hwprobe: wrong result\n");
    if (flush((uintptr_t)riscv, (uintptr_t)riscv + 64, 0) != 0 || flush(0, 0, 1) != 0 || flush(0, 0, 2) != -EINVAL)
        printf("flush_icache: wrong result\n");
#endif
}

int main(int count, char **arguments)
{
    if (!find_tables())
        return 1;
    int quiet = count > 1;
    if (!quiet)
        printf("%s\n", soname);
    vdso_gettime = find("__vdso_clock_gettime", !quiet);
    vdso_gettimeofday = find("__vdso_gettimeofday", !quiet);
    vdso_getres = find("__vdso_clock_getres", !quiet);
    vdso_getcpu = find("__vdso_getcpu", !quiet);
    if (!vdso_gettime || !vdso_gettimeofday || !vdso_getres || !vdso_getcpu)
        return 1;
    if (quiet) {
        struct timespec time, last = { 0 };
        struct timeval day;
        int backwards = 0;
        for (long k = atol(arguments[1]); k > 0; k--) {
            vdso_gettime(CLOCK_REALTIME, &time);
            vdso_gettimeofday(&day, NULL);
            vdso_gettime(CLOCK_MONOTONIC, &time);
            backwards |= !is_before(last, time);
            last = time;
        }
        return backwards;
    }
    if (find("__vdso_nothing_of_this_name", 0))
        return 1;
    clocks();
    day();
    processors();
    riscv();
    return 0;
}
