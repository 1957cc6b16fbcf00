// build: -fno-jump-tables
// A plugin in a compartment of its own, entered through CInvoke: its code and its memory are all that it has.
// expect: exit 0
// expect read-host: LengthViolation of ddc
// expect write-host: LengthViolation of ddc
// expect call-host: LengthViolation of pcc
// expect use-return-data: SealViolation of ct0
// expect jump-to-return: SealViolation of cra
// expect swap-return: PermitExecuteViolation of ct0
// expect write-call: exit 0
// expect clock-call: exit 0
// expect unmap-call: exit 0
// expect detach-call: exit 0
// expect refused-call: exit 0
// expect refused-exit: exit 0
// expect refused-handler: LengthViolation of ddc
// expect frame-on-host: signal SIGSEGV
// expect handled: exit 0
#include <cheri/hybrid.h>
#include <corpus/syscall.h>
#include <corpus/thread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY = 65536, CODE_TYPE = 17, RETURN_TYPE = 18, EPERM = 1, EFAULT = 14, SEGV_CAPBOUNDSERR = 12 };

// Those from WRITE_CALL on make system calls; from REFUSED_CALL on they have no permission to.
enum operation {
    SUM, READ, WRITE, CALL, USE_RETURN_DATA, JUMP_TO_RETURN, SWAP_RETURN, FRAME_ON_HOST,
    WRITE_CALL, CLOCK_CALL, UNMAP_CALL, DETACH_CALL, REFUSED_CALL, REFUSED_EXIT, REFUSED_HANDLER,
};

// What host and plugin share: the lowest bytes of the plugin's memory.
struct request {
    long count;
    long address; // of something that is the host's
    long values[64];
};

#define PLUGIN __attribute__((section("plugin"), used, noinline))
extern char __start_plugin[], __stop_plugin[];
void plugin_entry(void);

static PLUGIN long plugin_call(long number, long a0, long a1, long a2)
{
    register long r0 __asm__("a0") = a0, r1 __asm__("a1") = a1, r2 __asm__("a2") = a2, r3 __asm__("a3") = 8, r7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(r0) : "r"(r1), "r"(r2), "r"(r3), "r"(r7) : "memory");
    return r0;
}

// DDC is the plugin's memory, and so is the stack.
PLUGIN long plugin_main(enum operation operation, struct request *request, const capability *way_back)
{
    long sum = 0;
    switch (operation) {
    case SUM:
        for (long i = 0; i < request->count; i++)
            sum += request->values[i];
        return sum;
    case READ:
        return *(volatile long *)request->address;
    case WRITE:
        *(volatile long *)request->address = 1;
        return 0;
    case CALL:
        return ((long (*)(void))request->address)();
    case USE_RETURN_DATA:
        return (long)cheri_load64(way_back + 1);
    case JUMP_TO_RETURN:
        __asm__ volatile(CHERI_GET("ra", "%0") CHERI_OP2(12, "x0", "ra") : : "r"(way_back) : "ra"); // jalr.cap
        return 0;
    case SWAP_RETURN:
        __asm__ volatile(CHERI_GET("t0", "%0") CHERI_GET("ra", "%1") CHERI_OP3(0x7e, "x1", "t0", "ra") : : "r"(way_back + 1), "r"(way_back) : "ra", "t0");
        return 0;
    case FRAME_ON_HOST: // a fault with a stack pointer that the plugin has no authority for
        __asm__ volatile("mv sp, %0\n\tlb t0, 0(sp)" : : "r"(request->address) : "t0");
        return 0;
    case WRITE_CALL:
        return plugin_call(SYS_write, 1, request->address, 8);
    case CLOCK_CALL:
        return plugin_call(SYS_clock_gettime, 1, request->address, 0);
    case UNMAP_CALL:
        return plugin_call(SYS_munmap, request->address & -4096, 4096, 0);
    case DETACH_CALL:
        return plugin_call(SYS_shmdt, request->address, 0, 0);
    case REFUSED_CALL:
        return plugin_call(SYS_getpid, 0, 0, 0);
    case REFUSED_EXIT:
        return plugin_call(SYS_exit_group, 77, 0, 0);
    case REFUSED_HANDLER: // to run code of its own with the authority of a handler
        request->values[0] = (long)plugin_entry;
        request->values[1] = SA_SIGINFO;
        request->values[2] = 0;
        plugin_call(SYS_rt_sigaction, SIGSEGV, (long)request->values, 0);
        return *(volatile long *)request->address;
    }
    return -1;
}

__asm__("    .pushsection plugin, \"ax\", @progbits\n"
        "    .globl plugin_entry\n"
        "    .hidden plugin_entry\n"
        "plugin_entry:\n"
        "    .insn r 0x5b, 0, 1, x0, t6, x1\n" // cspecialw ddc, c31
        "    mv sp, t6\n"                      // its address is the end of the memory
        "    addi sp, sp, -32\n"
        "    .insn s 0x23, 4, ra, 0(sp)\n"
        "    .insn s 0x23, 4, t0, 16(sp)\n"
        "    .insn r 0x5b, 0, 0x7f, a1, t6, x2\n" // cgetbase a1, c31
        "    mv a2, sp\n"
        "    call plugin_main\n"
        "    .insn i 0x0f, 2, ra, 0(sp)\n"
        "    .insn i 0x0f, 2, t0, 16(sp)\n"
        "    .insn r 0x5b, 0, 0x7e, x1, ra, t0\n" // cinvoke cra, ct0
        "    .popsection\n");

static _Alignas(MEMORY) unsigned char memory[MEMORY];
static long secret = 42;
static jmp_buf before;
static volatile int faults;
static _Alignas(16) unsigned char signal_memory[16384];

static void on_fault(int number, siginfo_t *info, ucontext_t *context)
{
    (void)context;
    if (number != SIGSEGV || info->si_code != SEGV_CAPBOUNDSERR || info->si_addr != (void *)&secret)
        exit(3);
    faults++;
    longjmp(before, 1);
}

static long call_plugin(enum operation operation)
{
    capability code, data, code_seal, return_seal;
    cheri_get_pcc(&code);
    cheri_at(&code, &code, (uintptr_t)__start_plugin);
    cheri_bound_exact(&code, &code, (uintptr_t)(__stop_plugin - __start_plugin));
    cheri_at(&code, &code, (uintptr_t)plugin_entry);
    if (operation >= REFUSED_CALL)
        cheri_restrict(&code, &code, (uint64_t)~PERM_SYSTEM_CALLS);
    cheri_of(&data, memory, MEMORY);
    cheri_restrict(&data, &data, PERM_GLOBAL | PERM_LOAD | PERM_STORE | PERM_LOAD_CAPABILITY | PERM_STORE_CAPABILITY | PERM_INVOKE);
    cheri_at(&data, &data, (uintptr_t)memory + MEMORY);
    cheri_seal_of(&code_seal, CODE_TYPE);
    cheri_seal_of(&return_seal, RETURN_TYPE);
    cheri_seal(&code, &code, &code_seal);
    cheri_seal(&data, &data, &code_seal);
    return cheri_invoke(&code, &data, &return_seal, operation);
}

static int sum(void)
{
    struct request *request = (struct request *)memory;
    request->count = 10;
    for (long i = 0; i < 10; i++)
        request->values[i] = i * i;
    return call_plugin(SUM) == 285 ? 0 : 1;
}

// The fault of the plugin comes to the host's handler; the plugin can be called again afterwards.
static int handled(void)
{
    if (signal_stack(signal_memory, sizeof signal_memory) != 0 || signal_install(SIGSEGV, on_fault, SA_ONSTACK | SA_NODEFER) != 0)
        return 2;
    for (int i = 0; i < 3; i++) {
        if (setjmp(before) == 0) {
            call_plugin(READ);
            return 4;
        }
        if (sum() != 0)
            return 5;
        ((struct request *)memory)->address = (long)&secret;
    }
    return faults == 3 ? 0 : 6;
}

static void nothing(void *argument)
{
    (void)argument;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {
        [READ] = "read-host", [WRITE] = "write-host", [CALL] = "call-host", [USE_RETURN_DATA] = "use-return-data",
        [JUMP_TO_RETURN] = "jump-to-return", [SWAP_RETURN] = "swap-return", [FRAME_ON_HOST] = "frame-on-host",
        [WRITE_CALL] = "write-call", [CLOCK_CALL] = "clock-call", [UNMAP_CALL] = "unmap-call",
        [DETACH_CALL] = "detach-call",
        [REFUSED_CALL] = "refused-call", [REFUSED_EXIT] = "refused-exit", [REFUSED_HANDLER] = "refused-handler",
    };
    struct request *request = (struct request *)memory;
    request->address = (long)&secret;
    if (argc < 2)
        return sum();
    if (strcmp(argv[1], "handled") == 0)
        return handled();
    for (enum operation operation = READ; operation <= REFUSED_HANDLER; operation++) {
        if (strcmp(argv[1], names[operation]) == 0) {
            if (operation == CALL)
                request->address = (long)handled;
            if (operation == FRAME_ON_HOST)
                request->address = (long)(signal_memory + sizeof signal_memory);
            if (operation == FRAME_ON_HOST && signal_install(SIGSEGV, on_fault, 0) != 0)
                return 8;
            // Only memory that threads share can be shared at all.
            static struct thread other;
            if (operation == DETACH_CALL && thread_start(&other, nothing, NULL, 0) != 0)
                return 7;
            if (operation == DETACH_CALL)
                request->address = corpus_syscall(SYS_shmat, corpus_syscall(SYS_shmget, 0, 4096, 0600, 0, 0, 0), 0, 0, 0, 0, 0);
            long result = call_plugin(operation);
            return operation >= WRITE_CALL && result == (operation < REFUSED_CALL ? -EFAULT : -EPERM) && secret == 42 ? 0 : 1;
        }
    }
    return 9;
}
