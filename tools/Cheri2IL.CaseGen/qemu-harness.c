// Runs pieces of RISC-V code from given machine states and reports the states in which they end.
//
// Input (stdin) is a sequence of requests, output (stdout) one response for each; both in the structures below.
// Everything happens in a signal handler: whatever stops the code raises a signal, the kernel (or qemu-user) saves all
// registers in the signal frame, the handler writes them out, puts the next request's registers there, and returns.
// So the code under test owns every register. Memory map: see MachineLayout.cs.
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum { CODE = 0x10000, CODE_BYTES = 0x8000, DATA = 0x20000, READ_ONLY = 0x21000, PAGE = 0x1000, C_EBREAK = 0x9002 };

struct state {
    uint64_t pc, x[32], f[32], fcsr;
};

struct request {
    struct state state;
    uint64_t code_bytes; // 0: keep the code; else that many bytes follow the request, the rest becomes c.ebreak
    uint8_t data[PAGE];
};

struct response {
    struct state state;
    uint64_t signal, address;
    uint8_t data[PAGE];
};

static char input_buffer[1 << 20], output_buffer[1 << 20];

static void receive(void *to, size_t bytes) {
    if (fread(to, 1, bytes, stdin) == bytes)
        return;
    fflush(stdout);
    _exit(ferror(stdin) ? 1 : 0);
}

// The tested code also owns gp and tp, which compiled code relies on: this entry puts them back.
void *saved_tp;
void entry(int signal, siginfo_t *info, void *context);
__asm__(
    ".text\n"
    "entry:\n"
    ".option push\n"
    ".option norelax\n"
    "la gp, __global_pointer$\n"
    "la t0, saved_tp\n"
    ".option pop\n"
    "ld tp, 0(t0)\n"
    "j stopped\n");

void stopped(int signal, siginfo_t *info, void *context) {
    static struct request request;
    static struct response response;
    mcontext_t *m = &((ucontext_t *)context)->uc_mcontext;
    static int started;
    if (started++) {
        response.state.pc = m->__gregs[0];
        for (int i = 1; i < 32; i++)
            response.state.x[i] = m->__gregs[i];
        for (int i = 0; i < 32; i++)
            response.state.f[i] = m->__fpregs.__d.__f[i];
        response.state.fcsr = m->__fpregs.__d.__fcsr;
        response.signal = signal;
        response.address = (uint64_t)info->si_addr;
        memcpy(response.data, (void *)DATA, PAGE);
        fwrite(&response, sizeof response, 1, stdout);
    }

    receive(&request, sizeof request);
    if (request.code_bytes > 0) {
        receive((void *)CODE, request.code_bytes);
        for (uint16_t *p = (uint16_t *)(CODE + request.code_bytes); p < (uint16_t *)(CODE + CODE_BYTES); p++)
            *p = C_EBREAK;
        __builtin___clear_cache((char *)CODE, (char *)CODE + CODE_BYTES);
    }

    memcpy((void *)DATA, request.data, PAGE);
    m->__gregs[0] = request.state.pc;
    for (int i = 1; i < 32; i++)
        m->__gregs[i] = request.state.x[i];
    for (int i = 0; i < 32; i++)
        m->__fpregs.__d.__f[i] = request.state.f[i];
    m->__fpregs.__d.__fcsr = request.state.fcsr;
    // No reservation outlives its own piece of code.
    static int word;
    int failed;
    __asm__ volatile("sc.w %0, zero, (%1)" : "=r"(failed) : "r"(&word) : "memory");
}

static void map(uintptr_t address, size_t bytes, int protection) {
    void *at = mmap((void *)address, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (at != (void *)address) {
        perror("mmap");
        exit(2);
    }
}

int main(void) {
    setvbuf(stdin, input_buffer, _IOFBF, sizeof input_buffer);
    setvbuf(stdout, output_buffer, _IOFBF, sizeof output_buffer);
    map(CODE, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC);
    map(DATA, PAGE, PROT_READ | PROT_WRITE);
    map(READ_ONLY, PAGE, PROT_READ);

    // The stack pointer is the tested code's: the handler needs a stack of its own.
    stack_t stack = { .ss_sp = malloc(1 << 16), .ss_size = 1 << 16 };
    sigaltstack(&stack, NULL);
    struct sigaction action = { .sa_sigaction = entry, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    int signals[] = { SIGTRAP, SIGSEGV, SIGILL, SIGBUS };
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &action, NULL);
    __asm__ volatile("sd tp, %0" : "=m"(saved_tp));
    __asm__ volatile("ebreak"); // into the handler, for the first request
    return 3; // not reached: the first request's state is not here
}
