using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Intravisor.Tests.Attacks;
using Xunit;
using static Cheri2IL.Intravisor.Tests.Ipc.Scripts;
using static Cheri2IL.Intravisor.Tests.ScriptedGuest;

namespace Cheri2IL.Intravisor.Tests.Ipc;

/// <summary>
/// What has to hold for this to be a system of cVMs that share, by the letters of the list in docs/ipc.md, with translated programs.
/// The throughputs of (g) and (h) are measured by <c>bench ipc</c>; that it measures them is tested in Cheri2IL.Cli.Tests.
/// </summary>
public sealed unsafe class AcceptanceTests : IDisposable
{
    private static readonly CorpusGuest Layer = Program("layer");
    private static readonly CorpusGuest Inner = Program("inner");

    private readonly IntravisorInstance _intravisor = new();
    private readonly List<string> _reports = [];

    /// <inheritdoc/>
    public void Dispose() => _intravisor.Dispose();

    private static CorpusGuest Program(string name)
        => new(name, File.ReadAllBytes(Path.Combine(Cli.Repository.Root(), "corpus", "ipc", "bin", name + ".elf")));

    private (Cvm Cvm, QuietHost Host) Start(CorpusGuest program, string name, params string[] arguments)
    {
        var host = new QuietHost();
        var cvm = _intravisor.Create(program.Options(arguments, _reports.Add, host) with { Name = name });
        program.Start(cvm);
        return (cvm, host);
    }

    private static void Await(QuietHost host, string line)
        => Assert.True(SpinWait.SpinUntil(() => host.Output.Contains(line, StringComparison.Ordinal), TimeSpan.FromMinutes(2)), $"it does not print {line}");

    private static int StatusOf(Cvm cvm)
    {
        Assert.True(cvm.Completion.Wait(TimeSpan.FromMinutes(2)), $"{cvm.Name} does not end");
        return cvm.Wait().ShellStatus;
    }

    [Fact]
    public void A_ProgramThatKnowsNothingOfCvms_ReadsAnothersBufferByOpenAndRead()
    {
        var (_, owner) = Start(Program("share"), "owner", "greeting", "grant", "reader");
        Await(owner, "published");
        var (reader, output) = Start(Program("read"), "reader", "/cap/greeting");
        Assert.Equal(0, StatusOf(reader));
        Assert.Equal("Hello, world", output.Output);
        Assert.Equal(Errno.EACCES, StatusOf(Start(Program("read"), "stranger", "/cap/greeting").Cvm));
        Assert.Equal(Errno.ENOENT, StatusOf(Start(Program("read"), "stranger", "/cap/welcome").Cvm));
        Assert.Empty(_reports);
    }

    [Fact]
    public void B_OneByteBeyondTheBuffer_OnTheSamePage_IsNotRead()
    {
        var (_, owner) = Start(Program("share"), "owner", "greeting", "grant", "reader");
        Await(owner, "published");
        foreach (var (offset, expected) in ((string, string)[])[("0", "Hello, world"), ("7", "world"), ("11", "d"), ("12", ""), ("13", ""), ("2147483647", "")])
        {
            var (reader, output) = Start(Program("read"), "reader", "/cap/greeting", offset);
            Assert.Equal(0, StatusOf(reader));
            Assert.Equal(expected, output.Output);
        }

        Assert.Empty(_reports);
    }

    [Fact]
    public void C_PointersOutsideTheArena_AreRefusedByEveryHostcall()
    {
        const long file = 0x4000 + 405, stream = 0x4000 + 409, function = 0x4200 + 4;
        var accepted = new List<string>();
        var pointers = 0;
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            // So that whatever is behind the descriptor is not what the call is refused for.
            var ring = Map(state, 8192);
            Result(state, file, Name(state, "file"), ring, 16, 3);
            var receiver = Result(state, stream, Name(state, "stream"), 1, ring, 4096);
            var served = Result(state, function, Name(state, "function"), Entry);
            var call = OpenCap(state, "function");
            Result(state, 0x4200 + 6, call, 0, 0);
            var sender = OpenCap(state, "stream", 1);
            var opened = OpenCap(state, "file", 2);
            foreach (var row in HostcallTable.Rows.Where(r => r.Name != "cp_call_serve"))
            {
                for (var k = 0; k < 6; k++)
                {
                    if ((row.PointerArguments >> k & 1) == 0)
                        continue;
                    foreach (var bad in (long[])[-1, -4096, long.MinValue, long.MaxValue, 4L << 30, (4L << 30) - 8, 0x7fff_ffff_f000])
                    {
                        foreach (var descriptor in (long[])[receiver, served, call, sender, opened])
                        {
                            Span<long> a = row.Name switch
                            {
                                "cp_open" => [Name(state, "file"), 0, 0, 0, 0, 0],
                                "cp_grant" => [Name(state, "file"), Name(state, "x", 1), 1, 0, 0, 0],
                                "cp_file_publish" or "cp_stream_create" => [Name(state, "new"), row.Name == "cp_stream_create" ? 1 : ring, row.Name == "cp_stream_create" ? ring : 4096, row.Name == "cp_stream_create" ? 4096 : 3, 0, 0],
                                "cp_file_create" => [Name(state, "new"), 4096, 3, 0, 0, 0],
                                "cp_call_publish" => [Name(state, "new"), Entry, 0, 0, 0, 0],
                                "cp_call" => [descriptor, 0, 0, 0, ring, 16],
                                _ => [descriptor, ring, row.Name == "cp_stream_receive" ? 0 : 16, 0, 0, 0],
                            };
                            a[k] = bad;
                            pointers++;
                            if (Result(state, row.Number, a[0], a[1], a[2], a[3], a[4], a[5]) >= 0)
                                accepted.Add($"{row.Name} argument {k} = 0x{bad:x}");
                        }
                    }
                }
            }

            Exit(state);
        };
        Assert.Equal(0, StatusOf(guest.StartIn(_intravisor, "guest", _reports)));
        Assert.Empty(accepted);
        Assert.True(pointers > 400, $"{pointers} pointers only");
        Assert.Empty(_reports);
    }

    [Fact]
    public void D_Revoked_AHeldDescriptorFails_AndARightCannotBeHandedOn()
    {
        var file = _intravisor.Exchange.PublishFile("secret", "attack at dawn!!"u8.ToArray());
        var shared = _intravisor.Exchange.PublishFile("shared", new byte[64]);
        file.Grant("holder", CpRights.Read);
        shared.Grant(Exchange.Everyone, CpRights.ReadWrite);
        var (holder, output) = Start(Program("hold"), "holder", "secret");
        Await(output, "holding");

        // What a holder has is a number of a table of its own: written to shared memory, it is a number.
        var results = new long[3];
        var thief = new ScriptedGuest();
        thief[Entry] = state =>
        {
            for (var descriptor = 3; descriptor < 64; descriptor++)
                results[0] += ReadAt(state, descriptor, Data, 16, 0) == -Errno.EBADF ? 1 : 0;
            results[1] = OpenCap(state, "secret");
            results[2] = OpenCap(state, "shared", 2);
            Exit(state);
        };
        Assert.Equal(0, StatusOf(thief.StartIn(_intravisor, "thief", _reports)));
        Assert.Equal([61, -Errno.EACCES, 3], results);

        file.Grant("holder", CpRights.None);
        Assert.Equal(0, StatusOf(holder));
        Assert.Empty(_reports);
    }

    [Fact]
    public void E_TheOuterReadsAndWritesTheInner_AndTheInnerReachesNothingOutside()
    {
        // 4 GiB is where the inner one's memory begins in the outer's, 16 GiB its size.
        string[] outside = ["ffffffff00001000", "ffffffff10000000", "ffffffff10002000", "ffffffffffff0000", "ffffffffffffffff", "3ffff0000", "3ffffffff", "400000000", "40000ffff", "b00000000", "7fffffffffffffff", "8000000000000000"];
        var (shown, text) = RunNested("show");
        Assert.Equal(3, shown.Status);
        Assert.Equal("inner: 6 opened\ninner ended: status 3, signal 0\n", text);
        foreach (var address in outside)
        {
            foreach (var access in (string[])["load", "store"])
            {
                var (exit, output) = RunNested(access, address);
                Assert.Equal((128 + Signal.SIGSEGV, $"inner ended: status 0, signal {Signal.SIGSEGV}\n", address), (exit.Status, output, address));
            }

            var (passed, accepted) = RunNested("pass", address);
            Assert.Equal(("inner: 0 accepted\ninner ended: status 0, signal 0\n", 0, address), (accepted, passed.Status, address));
        }

        // One report for each load and store, of the inner one, and none of the outer one.
        Assert.Equal(2 * outside.Length, _reports.Count);
    }

    /// <summary>Runs corpus/ipc/inner.c inside corpus/ipc/layer.c; how the outer one ended, and what it printed.</summary>
    private (CvmExit Exit, string Output) RunNested(params string[] arguments)
    {
        var (outer, host) = Start(Layer, "outer", "inner");
        var inner = _intravisor.Create(Inner.Options(arguments, _reports.Add) with { Name = "inner", Outer = outer });
        Inner.Start(inner);
        _ = StatusOf(inner);
        _ = StatusOf(outer);
        _intravisor.Reap();
        return (outer.Wait(), host.Output);
    }

    [Fact]
    public void F_CrashOfOneCvm_LeavesTheOthersRunning()
    {
        var (owner, published) = Start(Program("share"), "owner", "fragile", "crash", "holder");
        Await(published, "published");
        var (holder, output) = Start(Program("hold"), "holder", "fragile");
        Await(output, "holding");
        var (witness, ready) = Start(Program("share"), "witness", "solid", "grant", "reader");
        Await(ready, "published");
        ((CpFile)_intravisor.Exchange.Find("fragile")!).SignalEvent();
        Assert.Equal(128 + Signal.SIGSEGV, StatusOf(owner));

        // The holder loses what was the other's, and nothing else.
        Assert.Equal(0, StatusOf(holder));
        Assert.Single(_reports);
        Assert.False(witness.IsEnding);
        var (reader, text) = Start(Program("read"), "reader", "/cap/solid");
        Assert.Equal(0, StatusOf(reader));
        Assert.Equal("Hello, world", text.Output);
    }
}
