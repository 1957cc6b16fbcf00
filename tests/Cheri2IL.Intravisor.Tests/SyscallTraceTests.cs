using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Intravisor.LibOs.Tracing;
using Cheri2IL.Runtime.Execution;
using Xunit;
using static Cheri2IL.Intravisor.Tests.ScriptedGuest;

namespace Cheri2IL.Intravisor.Tests;

/// <summary>Lines of a trace, word for word.</summary>
public sealed unsafe class SyscallTraceTests
{
    private const long Text = Data + 0x100;
    private const long Other = Data + 0x400;

    [Fact]
    public void Trace_OfFiles_DecodesArgumentsAsStraceDoes()
        => Assert.Equal(
            [
                """openat(AT_FDCWD, "/tmp/a \"b\"\\\n\1772\1", O_RDWR|O_CREAT|O_CLOEXEC, 0640) = 3""",
                """openat(AT_FDCWD, "/tmp/a \"b\"\\\n\1772\1", O_RDONLY|O_DIRECTORY) = -1 ENOTDIR (Not a directory)""",
                """write(3, "0123456789abcdefghijklmnopqrstuv", 32) = 32""",
                """write(3, "0123456789abcdefghijklmnopqrstuv"..., 33) = 33""",
                """writev(3, [{iov_base="0123", iov_len=4}, {iov_base=NULL, iov_len=0}], 2) = 4""",
                """lseek(3, -4, SEEK_END) = 65""",
                """read(3, "0123", 100) = 4""",
                """read(3, "", 100) = 0""",
                $"""read(77, 0x{Other:x}, 100) = -1 EBADF (Bad file descriptor)""",
                """fstat(3, {st_mode=S_IFREG|0640, st_size=69, ...}) = 0""",
                """mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0x0) = 0x""",
                """pipe2([4, 5], O_CLOEXEC) = 0""",
                """clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, {tv_sec=0, tv_nsec=5}, NULL) = 0""",
                """getcwd("/", 100) = 2""",
                """umask(022) = 022""",
                """exit_group(0) = ?""",
                """+++ exited with 0 +++""",
            ],
            Trace((state, memory) =>
            {
                memory.TryWrite(Text, "/tmp/a \"b\"\\\n\u007f2\u0001\0"u8);
                Call(state, 56, FileAbi.AT_FDCWD, Text, FileAbi.O_RDWR | FileAbi.O_CREAT | FileAbi.O_CLOEXEC, 0x1a0);
                Call(state, 56, FileAbi.AT_FDCWD, Text, FileAbi.O_DIRECTORY, 0x1a0);
                memory.TryWrite(Text, "0123456789abcdefghijklmnopqrstuvw\0"u8);
                Call(state, 64, 3, Text, 32);
                Call(state, 64, 3, Text, 33);
                memory.TryWrite(Other, (Text, 4L, 0L, 0L));
                Call(state, 66, 3, Other, 2);
                Call(state, 62, 3, -4, 2);
                Call(state, 63, 3, Other, 100);
                Call(state, 63, 3, Other, 100);
                Call(state, 63, 77, Other, 100);
                Call(state, 80, 3, Other);
                Call(state, 222, 0, 4096, 3, 0x22, -1, 0);
                Call(state, 59, Other, FileAbi.O_CLOEXEC);
                memory.TryWrite(Other, (0L, 5L));
                Call(state, 115, 1, 1, Other, 0);
                Call(state, 17, Other, 100);
                Call(state, 166, 0x12);
            }),
            Fits);

    [Fact]
    public void Trace_OfSignals_ShowsActionsDeliveryAndDeath()
        => Assert.Equal(
            [
                """rt_sigaction(SIGUSR1, {sa_handler=SIG_IGN, sa_mask=[SIGINT SIGTERM], sa_flags=SA_SIGINFO|SA_RESTART}, NULL, 8) = 0""",
                """rt_sigprocmask(SIG_BLOCK, ~[SIGKILL], NULL, 8) = 0""",
                """rt_sigprocmask(SIG_SETMASK, [], ~[SIGKILL SIGSTOP], 8) = 0""",
                """kill(100, SIGTERM) = 0""",
                """--- SIGTERM {si_signo=SIGTERM, si_code=SI_USER, si_pid=100, si_uid=0} ---""",
                """+++ killed by SIGTERM +++""",
            ],
            Trace((state, memory) =>
            {
                memory.TryWrite(Other, new SignalAction { Handler = Signal.SIG_IGN, Flags = Signal.SA_SIGINFO | Signal.SA_RESTART, Mask = Signal.Bit(Signal.SIGINT) | Signal.Bit(Signal.SIGTERM) });
                Call(state, 134, Signal.SIGUSR1, Other, 0, 8);
                memory.TryWrite(Other, ~Signal.Bit(Signal.SIGKILL));
                Call(state, 135, 0, Other, 0, 8);
                memory.TryWrite(Other, 0L);
                Call(state, 135, 2, Other, Other, 8);
                Call(state, 129, 100, Signal.SIGTERM);
            }),
            Fits);

    [Fact]
    public void Trace_OfAFault_ShowsTheSignal()
        => Assert.Equal(
            ["""--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=0x7777} ---""", "+++ killed by SIGSEGV +++"],
            Trace((_, _) => throw new GuestFault(GuestFaultKind.StoreAccess, Entry, 0x7777)));

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(long.MinValue)]
    [InlineData(long.MaxValue - 3)]
    [InlineData((4L << 30) - 1)]
    [InlineData(0x7777)]
    public void Trace_PointersThatLeadNowhere_AreShownAsAddresses(long pointer)
    {
        var address = pointer == 0 ? "NULL" : $"0x{pointer:x}";
        Assert.Equal(
            [
                $"openat(AT_FDCWD, {address}, O_RDONLY) = -1 EFAULT (Bad address)",
                $"write(1, {address}, 18446744073709551615) = -1 E",
                $"writev(1, {address}, -1) = -1 EINVAL (Invalid argument)",
                $"ppoll({address}, 3, {address}, {address}, 8) = -1 E",
                $"rt_sigaction(SIGINT, {address}, {address}, 8) = ",
                $"nanosleep({address}, {address}) = -1 EFAULT (Bad address)",
                "exit_group(0) = ?",
                "+++ exited with 0 +++",
            ],
            Trace((state, _) =>
            {
                Call(state, 56, FileAbi.AT_FDCWD, pointer);
                Call(state, 64, 1, pointer, -1);
                Call(state, 66, 1, pointer, -1);
                Call(state, 73, pointer, 3, pointer, pointer, 8);
                Call(state, 134, Signal.SIGINT, pointer, pointer, 8);
                Call(state, 101, pointer, pointer);
            }),
            Fits);
    }

    [Fact]
    public void Trace_Filtered_ShowsMatchesAndWhatIsNotSupportedOnce()
    {
        var lines = new List<string>();
        Run(new SyscallTrace(lines.Add, name => name.StartsWith("get", StringComparison.Ordinal)), (state, _) =>
        {
            Call(state, 172);
            Call(state, 124);
            Call(state, 425, 1, 2, 3);
            Call(state, 425, 1, 2, 3);
            Call(state, 4096);
            Call(state, 4096);
        });
        Assert.Equal(
            [
                "getpid() = 100",
                "io_uring_setup(0x1, 0x2, 0x3, 0x0, 0x0, 0x0) = -1 ENOSYS (Function not implemented)",
                "syscall_4096(0x0, 0x0, 0x0, 0x0, 0x0, 0x0) = -1 ENOSYS (Function not implemented)",
                "+++ exited with 0 +++",
            ],
            lines);
    }

    [Fact]
    public void Trace_ThatCannotBeWritten_LeavesTheGuestAlone()
    {
        var writes = 0;
        var exit = Run(
            new SyscallTrace(_ =>
            {
                writes++;
                throw new IOException("full");
            }),
            (state, _) => Call(state, 172));
        Assert.Equal((0, 1), (exit.ShellStatus, writes));
    }

    [Fact]
    public void Formats_OfEveryRow_AreKnownAndAtMostSix()
        => Assert.All(SyscallTable.Rows, row =>
        {
            Assert.Equal(row.Handler is null, row.Arguments is null);
            if (row.Arguments is { } words)
                Assert.InRange(Layout.Parse(words).Arguments.Count, 0, 6);
        });

    private delegate void TracedScript(GuestState* state, LibOs.Mm.GuestMemory memory);

    private static List<string> Trace(TracedScript script)
    {
        var lines = new List<string>();
        Run(new SyscallTrace(lines.Add), script);
        return lines;
    }

    private static CvmExit Run(SyscallTrace trace, TracedScript script)
    {
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            var thread = (CvmThread)GuestThread.Of(state).Host;
            script(state, thread.Memory);
            if (!thread.Cvm.IsEnding)
                Call(state, 94, 0);
        };
        using var cvm = guest.Create(trace: trace);
        cvm.Start(Image());
        return cvm.Wait();
    }

    /// <summary>Whether a line begins as expected where the expectation ends in the middle of a result, else equals it.</summary>
    private static bool Fits(string expected, string actual)
        => expected.EndsWith("= 0x", StringComparison.Ordinal) || expected.EndsWith("= -1 E", StringComparison.Ordinal) || expected.EndsWith("= ", StringComparison.Ordinal)
            ? actual.StartsWith(expected, StringComparison.Ordinal)
            : actual == expected;
}
