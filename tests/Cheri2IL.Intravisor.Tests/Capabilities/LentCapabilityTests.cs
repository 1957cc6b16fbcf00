using Cheri2IL.Cli;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.Tests.Attacks;
using Xunit;
using static Cheri2IL.Intravisor.Tests.Ipc.Scripts;
using static Cheri2IL.Intravisor.Tests.ScriptedGuest;

namespace Cheri2IL.Intravisor.Tests.Capabilities;

/// <summary>What is lent for a call, as a capability of the callee (corpus/cheri/purecap/lend.S).</summary>
public sealed unsafe class LentCapabilityTests : IDisposable
{
    private static readonly CorpusGuest Program
        = new("lend", File.ReadAllBytes(Path.Combine(Repository.Root(), "corpus", "cheri", "purecap", "bin", "lend.elf")));

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly IntravisorInstance _intravisor = new();
    private readonly List<string> _reports = [];

    /// <inheritdoc/>
    public void Dispose() => _intravisor.Dispose();

    private (Cvm Callee, CpCall Function) Start()
    {
        var cvm = _intravisor.Create(Program.Options([], _reports.Add) with { Name = "lend" });
        Program.Start(cvm);
        CpCall? function = null;
        Assert.True(SpinWait.SpinUntil(() => cvm.Completion.IsCompleted || (function = (CpCall?)_intravisor.Exchange.Find("lend")) is not null, Patience));
        Assert.False(cvm.Completion.IsCompleted, string.Concat(_reports));
        return (cvm, function!);
    }

    private static void Ends(Cvm callee, int status)
    {
        Assert.True(callee.Completion.Wait(Patience));
        Assert.Equal(status, callee.Wait().ShellStatus);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(4096)]
    [InlineData(4104)]
    [InlineData(3 << 20)]
    public void Bytes_Lent_AreReadAndWrittenToTheByte_AndBackWhenItReturns(int length)
    {
        const long load = 4, store = 8;
        var (callee, function) = Start();
        var memory = new byte[length + 2];
        for (var round = 0; round < 3; round++)
        {
            Array.Fill(memory, (byte)(round + 7));
            Assert.Equal((long)length * (round + 7), function.Invoke(0, buffer: memory.AsSpan(1, length)));
            Assert.Equal((round + 7, round + 7), (memory[0], memory[^1]));
            Assert.True(memory.AsSpan(1, length).IndexOfAnyExcept((byte)(round + 8)) < 0);
            Assert.Equal(1, function.Invoke(4, buffer: memory.AsSpan(1, length)));
        }

        var shown = function.Invoke(1, buffer: memory.AsSpan(1, length));
        Assert.Equal((length, load), (shown & 0xffff_ffff, (shown >> 32) & (load | store)));
        Assert.Equal(-Errno.EBADF, function.Invoke(6));
        function.Revoke();
        Ends(callee, 0);
        Assert.Empty(_reports);
    }

    [Fact]
    public void LengthThatBoundsCannotSay_OrThatTakesTooLong_IsRefused()
    {
        var (_, function) = Start();
        Assert.Equal(-Errno.EOVERFLOW, function.Invoke(6, buffer: new byte[4097]));
        Assert.Equal(-Errno.EOVERFLOW, function.Invoke(6, buffer: new byte[LentWindow.Largest + 4096]));
        Assert.Equal(0, function.Invoke(6, buffer: new byte[4095]));
        Assert.Empty(_reports);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public void CapabilityThatWasKept_OrOneByteBeyond_Faults(int what)
    {
        var (callee, function) = Start();
        Assert.Equal(0, function.Invoke(0, buffer: new byte[16]));
        Assert.Throws<InvalidOperationException>(() => function.Invoke(what, buffer: new byte[16]));
        Ends(callee, 128 + Signal.SIGSEGV);
        Assert.Equal(what == 3, Assert.Single(_reports).Contains("LengthViolation", StringComparison.Ordinal));
    }

    [Fact]
    public void CallerWaitsNoMore_TheCalleeLosesTheBytes_AndTheCallerGetsNone()
    {
        const long open = 0x4000 + 406, call = 0x4000 + 411, set = 0x4200 + 6, carrierAndWritable = 3, millisecond = 1_000_000;
        var (callee, _) = Start();
        var results = new long[3];
        var caller = new ScriptedGuest();
        caller[Entry] = state =>
        {
            var opened = Result(state, open, Name(state, "lend"), 0, -1);
            Bytes(state, Data, 16).Clear();
            results[0] = Result(state, set, opened, carrierAndWritable, 200 * millisecond);
            results[1] = Result(state, call, opened, 5, 0, 0, Data, 16);
            results[2] = Bytes(state, Data, 16)[0];
            Exit(state);
        };
        Ends(caller.StartIn(_intravisor, "caller", _reports), 0);
        Assert.Equal([0, -Errno.ETIMEDOUT, 0], results);
        Ends(callee, 128 + Signal.SIGSEGV);
        Assert.Single(_reports);
    }
}
