using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Intravisor.LibOs.Tracing;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Xunit;
using static Cheri2IL.Intravisor.Tests.ScriptedGuest;

namespace Cheri2IL.Intravisor.Tests;

/// <summary>Every handler with random and with nasty arguments: a result or an errno, never an exception of the host.</summary>
public sealed unsafe class SyscallFuzzTests
{
    private const int FirstArgument = 10;

    /// <summary>Calls that end the guest, redirect it, start threads or may wait for ever.</summary>
    private static readonly HashSet<string> Excluded =
    [
        "exit", "exit_group", "rt_sigreturn", "clone", "clone3", "kill", "pidfd_send_signal", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
        "setitimer", "timer_settime", "futex", "rt_sigsuspend", "rt_sigtimedwait", "nanosleep", "clock_nanosleep", "cp_call_serve", "cp_handler_serve",
    ];

    /// <summary>Calls that wait when their descriptor has nothing, or that write to the test's own output.</summary>
    private static readonly HashSet<string> Streams =
    [
        "read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev", "pwritev2", "ppoll", "pselect6",
        "epoll_pwait", "epoll_pwait2", "sendfile", "splice", "copy_file_range", "accept", "accept4", "recvfrom", "recvmsg", "connect",
    ];

    /// <summary>Calls of each seed; CHERI2IL_FUZZ_CALLS says how many of all seeds together (tools/dev syscalls).</summary>
    private static readonly int Calls = int.TryParse(Environment.GetEnvironmentVariable("CHERI2IL_FUZZ_CALLS"), out var all) ? Math.Max(all / 5, 1) : 20000;

    /// <summary>After how many calls a run that was asked to be long says how far it is.</summary>
    private const int CallsBetweenReports = 100_000;

    /// <summary>What pointers into <see cref="Data"/> find there: names that exist, here and at a neighbour, and some that do not.</summary>
    private static readonly string[] Names = ["/cap/granted", "granted", "/cap/secret", "secret", "owned", "neighbour", "fuzzed", "*", "/proc/self/maps", "/tmp/x", ".", ""];

    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(3, false)]
    [InlineData(4, true)]
    [InlineData(5, true)]
    public void Handlers_HostileArguments_ReturnResultsOrErrnosAndReachNobodyElse(int seed, bool isPure)
    {
        using var intravisor = new IntravisorInstance();
        using var neighbour = new Neighbour(intravisor);
        var granted = intravisor.Exchange.PublishFile("granted", new byte[64]);
        intravisor.Exchange.Grant("granted", "fuzzed", CpRights.ReadWrite);
        var random = new Random(seed);
        var rows = SyscallTable.Rows.Concat(HostcallTable.Rows).Where(r => r.Handler is not null && !Excluded.Contains(r.Name) && !Streams.Contains(r.Name)).ToArray();
        var reports = new List<string>();
        var calls = 0;
        var bad = new List<string>();
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            Span<long> a = stackalloc long[6];
            // What it sends to sockets and pipes that nobody has any more would end it, as on Linux.
            Thread(state).SetMask(Thread(state).Mask | 1UL << (Signal.SIGPIPE - 1));
            while (calls < Calls)
            {
                if (calls % 64 == 0)
                    WriteNames(Thread(state), random);
                var row = rows[random.Next(rows.Length)];
                for (var k = 0; k < a.Length; k++)
                    a[k] = Argument(random);
                Protect(row.Name, a);
                for (var k = 0; isPure && k < a.Length; k++)
                    CapabilityState.Write(state, FirstArgument + k, Pointer(random, (ulong)a[k]));
                var goOn = Call(state, row.Number, a[0], a[1], a[2], a[3], a[4], a[5]);
                calls++;
                if (calls % CallsBetweenReports == 0)
                    Console.Error.WriteLine($"seed {seed}: {calls:N0} of {Calls:N0} calls");
                if (state->X10 < -4095)
                    bad.Add($"{row.Name}({string.Join(", ", a.ToArray().Select(v => $"0x{v:x}"))}) = {state->X10}");
                if (!goOn)
                {
                    // Something wants the thread out of guest code; the rest of the calls follows.
                    state->Pc = Thread(state).Cvm.IsEnding ? state->Pc : Entry;
                    return;
                }
            }

            Call(state, 94, 0);
        };
        // Traced: showing hostile arguments is as hard as handling them.
        var lines = 0;
        string? odd = null;
        var trace = new SyscallTrace(line =>
        {
            lines++;
            if (line.AsSpan().ContainsAnyExceptInRange(' ', '~'))
                odd = line;
        });
        var cvm = guest.StartIn(intravisor, "fuzzed", reports, isPure ? PureImage() : Image(), trace);
        Assert.Equal(0, cvm.Wait().ShellStatus);
        Assert.Empty(reports);
        Assert.True(lines > calls, $"{lines} lines for {calls} calls");
        Assert.Null(odd);
        Assert.Empty(bad);
        Assert.Equal(Calls, calls);
        neighbour.AssertUnharmed();
        granted.Revoke();
    }

    [Fact]
    public void Table_Rows_AreCompleteOrderedAndNamedOnce()
    {
        var numbers = SyscallTable.Rows.Select(r => r.Number).ToArray();
        Assert.Equal(numbers.Order(), numbers);
        Assert.Equal(numbers.Length, numbers.Distinct().Count());
        Assert.Equal(numbers.Length, SyscallTable.Rows.Select(r => r.Name).Distinct().Count());
        Assert.All(SyscallTable.Rows, r =>
        {
            Assert.Equal(r.Support == SyscallSupport.Unsupported, r.Handler is null);
            Assert.Equal(r.Support == SyscallSupport.Partial, r.Handler is not null && r.Note.Length > 0);
        });
        foreach (var (number, name) in ((int, string)[])[(56, "openat"), (64, "write"), (93, "exit"), (98, "futex"), (214, "brk"), (220, "clone"), (222, "mmap"), (258, "riscv_hwprobe"), (435, "clone3"), (462, "mseal")])
            Assert.Equal(name, SyscallTable.Find(number)?.Name);
        foreach (var number in (long[])[1 << 20, -1, HostcallTable.FirstNumber - 1, HostcallTable.FirstNumber, HostcallTable.Rows[^1].Number + 1, 0x4fff, long.MinValue])
            Assert.Null(SyscallTable.Find(number));
        Assert.All(HostcallTable.Rows, r => Assert.Same(r, SyscallTable.Find(r.Number)));
        Assert.DoesNotContain(HostcallTable.Rows, r => SyscallTable.Rows.Any(s => s.Name == r.Name));
    }

    private static void WriteNames(CvmThread thread, Random random)
    {
        for (var k = 0; k < 16; k++)
            thread.Memory.TryWrite(Data + (random.Next(0x200) * 8), System.Text.Encoding.ASCII.GetBytes(Names[random.Next(Names.Length)] + "\0"));
    }

    private static CvmThread Thread(GuestState* state) => (CvmThread)GuestThread.Of(state).Host;

    /// <summary>Keeps the guest able to go on: its own code and the trampoline stay.</summary>
    private static void Protect(string name, Span<long> a)
    {
        const long scratch = 0x4000_0000;
        if (name is "munmap" or "mprotect" or "mremap")
            a[0] = scratch + (a[0] & 0xf_ffff);
        if (name == "mremap")
            a[4] = scratch + (a[4] & 0xf_ffff);
        if (name == "mmap" && ((int)a[3] & (MemoryFlags.MAP_FIXED | MemoryFlags.MAP_FIXED_NOREPLACE)) != 0)
            (a[0], a[1]) = (scratch + (a[0] & 0xf_ffff), a[1] & 0xf_ffff);
        // What it writes beyond RLIMIT_FSIZE would end it.
        if (name == "prlimit64" && (int)a[1] == 1)
            a[2] = 0;
        if (name == "setrlimit" && (int)a[0] == 1)
            a[1] = 0;
        if (name == "rt_sigprocmask")
            a[1] = 0;
        // Requests that chance would hardly find: CP_IOCTL_WAKE, CP_IOCTL_CALL, CP_IOCTL_SET.
        if (name == "ioctl" && (a[1] & 1) != 0)
            a[1] = ((ReadOnlySpan<long>)[0xca02, 0xc030_ca03, 0x4010_ca04])[(int)((ulong)a[1] % 3)];
        // A time-out that ends.
        if (name is "cp_open" or "cp_wait" or "cp_stream_receive")
            a[2] &= 0x3ff;
    }

    /// <summary>A capability at an address: for everything, for some bytes, useless, or of bits that mean nothing.</summary>
    private static Capability Pointer(Random random, ulong address)
    {
        var all = Capability.Omnipotent.SetAddress(address);
        return random.Next(6) switch
        {
            0 => all.ClearTag(),
            1 => all.SealEntry(),
            2 => all.SetBounds((ulong)random.Next(64)),
            3 => all.AndPermissions((CapabilityPermissions)random.Next()),
            4 => new Capability((ulong)random.NextInt64(), address, isTagged: true),
            _ => all,
        };
    }

    private static long Argument(Random random) => random.Next(12) switch
    {
        0 => 0,
        1 => -1,
        2 => random.Next(64),
        3 => random.NextInt64(),
        4 => -random.NextInt64(),
        5 => Data + random.Next(0x2100),
        6 => Data + (random.Next(0x200) * 8),
        7 => 1L << random.Next(64),
        8 => (1L << random.Next(64)) - 1,
        9 => 0x4000_0000 + (random.Next(256) * 4096),
        10 => random.Next(),
        _ => (4L << 30) - random.Next(0x20000),
    };

    /// <summary>A cVM that waits, with memory of a pattern, something that it has published and granted to nobody, and a signal that it would see.</summary>
    private sealed class Neighbour : IDisposable
    {
        private const int Length = 0x1000;
        private readonly ScriptedGuest _guest = new();
        private readonly ManualResetEventSlim _ready = new();
        private readonly ManualResetEventSlim _end = new();
        private readonly Cvm _cvm;
        private readonly CpFile _secret;
        private int _harm;

        public Neighbour(IntravisorInstance intravisor)
        {
            _guest[Entry] = state =>
            {
                var memory = new Span<byte>(state->MemoryBase + Data, Length);
                for (var k = 0; k < Length; k++)
                    memory[k] = (byte)(k * 7);
                "owned\0"u8.CopyTo(memory);
                // cp_file_publish("owned", Data + 0x100, 0x800, everything)
                Call(state, HostcallTable.FirstNumber + 405, Data, Data + 0x100, 0x800, 3);
                _harm += state->X10 < 0 ? 1 : 0;
                _ready.Set();
                _end.Wait();
                for (var k = 6; k < Length; k++)
                    _harm += memory[k] == (byte)(k * 7) ? 0 : 1;
                _harm += GuestState.IsExitRequested(state) ? 1 : 0;
                Call(state, 94, 7);
            };
            _cvm = _guest.StartIn(intravisor, "neighbour");
            _ready.Wait();
            _secret = intravisor.Exchange.PublishFile("secret", Enumerable.Repeat((byte)0x5a, 64).ToArray());
        }

        public void AssertUnharmed()
        {
            Assert.Equal(CvmState.Running, _cvm.State);
            _end.Set();
            Assert.Equal(7, _cvm.Wait().ShellStatus);
            Assert.Equal(0, _harm);
            var bytes = new byte[64];
            Assert.Equal(64, _secret.Read(0, bytes));
            Assert.All(bytes, b => Assert.Equal(0x5a, b));
        }

        public void Dispose()
        {
            _end.Set();
            _cvm.Dispose();
        }
    }
}
