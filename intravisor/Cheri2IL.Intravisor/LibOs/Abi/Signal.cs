namespace Cheri2IL.Intravisor.LibOs.Abi;

/// <summary>Signal numbers and constants (include/uapi/asm-generic/signal.h, siginfo.h).</summary>
public static class Signal
{
    /// <summary>Hangup.</summary>
    public const int SIGHUP = 1;

    /// <summary>Interrupt.</summary>
    public const int SIGINT = 2;

    /// <summary>Quit.</summary>
    public const int SIGQUIT = 3;

    /// <summary>Illegal instruction.</summary>
    public const int SIGILL = 4;

    /// <summary>Breakpoint.</summary>
    public const int SIGTRAP = 5;

    /// <summary>Abort.</summary>
    public const int SIGABRT = 6;

    /// <summary>Misaligned access, or access beyond the end of a mapped file.</summary>
    public const int SIGBUS = 7;

    /// <summary>Arithmetic.</summary>
    public const int SIGFPE = 8;

    /// <summary>Kill; cannot be caught.</summary>
    public const int SIGKILL = 9;

    /// <summary>Usr1.</summary>
    public const int SIGUSR1 = 10;

    /// <summary>Invalid memory reference.</summary>
    public const int SIGSEGV = 11;

    /// <summary>Usr2.</summary>
    public const int SIGUSR2 = 12;

    /// <summary>Write to a pipe without reader.</summary>
    public const int SIGPIPE = 13;

    /// <summary>Timer.</summary>
    public const int SIGALRM = 14;

    /// <summary>Termination.</summary>
    public const int SIGTERM = 15;

    /// <summary>Stkflt.</summary>
    public const int SIGSTKFLT = 16;

    /// <summary>Child stopped or ended.</summary>
    public const int SIGCHLD = 17;

    /// <summary>Continue.</summary>
    public const int SIGCONT = 18;

    /// <summary>Stop; cannot be caught.</summary>
    public const int SIGSTOP = 19;

    /// <summary>Tstp.</summary>
    public const int SIGTSTP = 20;

    /// <summary>Ttin.</summary>
    public const int SIGTTIN = 21;

    /// <summary>Ttou.</summary>
    public const int SIGTTOU = 22;

    /// <summary>Urg.</summary>
    public const int SIGURG = 23;

    /// <summary>Xcpu.</summary>
    public const int SIGXCPU = 24;

    /// <summary>Xfsz.</summary>
    public const int SIGXFSZ = 25;

    /// <summary>Vtalrm.</summary>
    public const int SIGVTALRM = 26;

    /// <summary>Prof.</summary>
    public const int SIGPROF = 27;

    /// <summary>Winch.</summary>
    public const int SIGWINCH = 28;

    /// <summary>Io.</summary>
    public const int SIGIO = 29;

    /// <summary>Pwr.</summary>
    public const int SIGPWR = 30;

    /// <summary>Bad system call.</summary>
    public const int SIGSYS = 31;

    /// <summary>First real-time signal: these queue, the ones below do not.</summary>
    public const int SIGRTMIN = 32;

    /// <summary>Highest signal number.</summary>
    public const int Last = 64;

    /// <summary>sa_handler: default action.</summary>
    public const long SIG_DFL = 0;

    /// <summary>sa_handler: ignore.</summary>
    public const long SIG_IGN = 1;

    /// <summary>No SIGCHLD when a child stops or goes on.</summary>
    public const ulong SA_NOCLDSTOP = 1;

    /// <summary>Children leave nothing to wait for.</summary>
    public const ulong SA_NOCLDWAIT = 2;

    /// <summary>sa_flags: three arguments. Linux passes them always.</summary>
    public const ulong SA_SIGINFO = 4;

    /// <summary>sa_flags: run on the alternate stack.</summary>
    public const ulong SA_ONSTACK = 0x0800_0000;

    /// <summary>sa_flags: restart interrupted system calls.</summary>
    public const ulong SA_RESTART = 0x1000_0000;

    /// <summary>sa_flags: do not block the signal in its handler.</summary>
    public const ulong SA_NODEFER = 0x4000_0000;

    /// <summary>sa_flags: back to the default action after one delivery.</summary>
    public const ulong SA_RESETHAND = 0x8000_0000;

    /// <summary>ss_flags: running on the alternate stack.</summary>
    public const int SS_ONSTACK = 1;

    /// <summary>ss_flags: no alternate stack.</summary>
    public const int SS_DISABLE = 2;

    /// <summary>ss_flags: the alternate stack is disabled while a handler runs on it.</summary>
    public const int SS_AUTODISARM = int.MinValue;

    /// <summary>Least bytes of an alternate stack.</summary>
    public const ulong MINSIGSTKSZ = 2048;

    /// <summary>si_code: sent by kill.</summary>
    public const int SI_USER = 0;

    /// <summary>si_code: sent by the system.</summary>
    public const int SI_KERNEL = 0x80;

    /// <summary>si_code: a timer of timer_create has expired.</summary>
    public const int SI_TIMER = -2;

    /// <summary>si_code: sent by tgkill.</summary>
    public const int SI_TKILL = -6;

    /// <summary>A child has ended by itself.</summary>
    public const int CLD_EXITED = 1;

    /// <summary>A signal has ended a child.</summary>
    public const int CLD_KILLED = 2;

    /// <summary>A signal has ended a child, and would leave a core dump.</summary>
    public const int CLD_DUMPED = 3;

    /// <summary>A signal has stopped a child.</summary>
    public const int CLD_STOPPED = 5;

    /// <summary>A child goes on.</summary>
    public const int CLD_CONTINUED = 6;

    /// <summary>si_code of SIGSEGV: nothing is mapped there.</summary>
    public const int SEGV_MAPERR = 1;

    /// <summary>si_code of SIGSEGV: the mapping lacks the right.</summary>
    public const int SEGV_ACCERR = 2;

    /// <summary>si_code of SIGSEGV: a capability without tag. This and the next three are those of Linux for Morello.</summary>
    public const int SEGV_CAPTAGERR = 10;

    /// <summary>si_code of SIGSEGV: a sealed capability, or one sealed with another type.</summary>
    public const int SEGV_CAPSEALEDERR = 11;

    /// <summary>si_code of SIGSEGV: outside the bounds of the capability.</summary>
    public const int SEGV_CAPBOUNDSERR = 12;

    /// <summary>si_code of SIGSEGV: the capability lacks a permission.</summary>
    public const int SEGV_CAPPERMERR = 13;

    /// <summary>si_code of SIGILL: illegal opcode.</summary>
    public const int ILL_ILLOPC = 1;

    /// <summary>si_code of SIGTRAP: breakpoint.</summary>
    public const int TRAP_BRKPT = 1;

    /// <summary>si_code of SIGBUS: misaligned.</summary>
    public const int BUS_ADRALN = 1;

    /// <summary>si_code of SIGBUS: no such byte in the file.</summary>
    public const int BUS_ADRERR = 2;

    /// <summary>Signals that no mask blocks: SIGKILL and SIGSTOP.</summary>
    public const ulong Unblockable = 1UL << (SIGKILL - 1) | 1UL << (SIGSTOP - 1);

    private const ulong IgnoredByDefault = 1UL << (SIGCHLD - 1) | 1UL << (SIGURG - 1) | 1UL << (SIGWINCH - 1) | 1UL << (SIGCONT - 1);

    private static readonly string[] Names =
    [
        "0", "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
    ];

    /// <summary>The bit of a signal in a mask.</summary>
    public static ulong Bit(int signal) => 1UL << (signal - 1);

    /// <summary>Whether the default action is to do nothing.</summary>
    public static bool IsIgnoredByDefault(int signal) => (IgnoredByDefault & Bit(signal)) != 0;

    /// <summary>Whether the default action stops the process.</summary>
    public static bool StopsByDefault(int signal) => signal is SIGSTOP or SIGTSTP or SIGTTIN or SIGTTOU;

    /// <summary>Whether the default action ends the process with a core dump (signal(7)).</summary>
    public static bool DumpsCore(int signal)
        => signal is SIGQUIT or SIGILL or SIGTRAP or SIGABRT or SIGBUS or SIGFPE or SIGSEGV or SIGXCPU or SIGXFSZ or SIGSYS;

    /// <summary>Linux name of the si_code of a signal that a fault raises; the number for any other.</summary>
    public static string CodeName(int signal, int code) => (signal, code) switch
    {
        (_, SI_KERNEL) => nameof(SI_KERNEL),
        (SIGSEGV, SEGV_MAPERR) => nameof(SEGV_MAPERR),
        (SIGSEGV, SEGV_ACCERR) => nameof(SEGV_ACCERR),
        (SIGSEGV, SEGV_CAPTAGERR) => nameof(SEGV_CAPTAGERR),
        (SIGSEGV, SEGV_CAPSEALEDERR) => nameof(SEGV_CAPSEALEDERR),
        (SIGSEGV, SEGV_CAPBOUNDSERR) => nameof(SEGV_CAPBOUNDSERR),
        (SIGSEGV, SEGV_CAPPERMERR) => nameof(SEGV_CAPPERMERR),
        (SIGBUS, BUS_ADRALN) => nameof(BUS_ADRALN),
        (SIGBUS, BUS_ADRERR) => nameof(BUS_ADRERR),
        (SIGILL, ILL_ILLOPC) => nameof(ILL_ILLOPC),
        (SIGTRAP, TRAP_BRKPT) => nameof(TRAP_BRKPT),
        _ => code.ToString(System.Globalization.CultureInfo.InvariantCulture),
    };

    /// <summary>Linux name.</summary>
    public static string Name(int signal) => signal < Names.Length ? Names[signal] : $"SIGRTMIN+{signal - SIGRTMIN}";
}
