using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.Tests.Attacks;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.LifeCycle;

/// <summary>Creating, starting, pausing, killing, restarting, reaping, and limits.</summary>
public sealed class LifeCycleTests : IDisposable
{
    /// <summary>Keeps a failure from hanging the suite; nothing is measured by it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static readonly CorpusGuest Service = CorpusGuest.OfProgram("service");

    private readonly IntravisorInstance _intravisor = new();

    [Fact]
    public void State_FromCreationToEnd_IsWhatHappened()
    {
        using var cvm = _intravisor.Create(Service.Options(["wait"]));
        Assert.Equal(CvmState.Created, cvm.State);
        Service.Start(cvm);
        Assert.Equal(CvmState.Running, cvm.State);
        cvm.Pause();
        Assert.Equal(CvmState.Paused, cvm.State);
        cvm.Resume();
        Assert.Equal(CvmState.Running, cvm.State);
        cvm.Kill(Signal.SIGTERM);
        Assert.Equal(new CvmExit(0, Signal.SIGTERM), cvm.Wait());
        Assert.Equal(CvmState.Ended, cvm.State);
    }

    [Fact]
    public void Dispose_NeverStarted_IsTheEnd()
    {
        var cvm = _intravisor.Create(Service.Options([]));
        cvm.Dispose();
        Assert.Equal(CvmState.Ended, cvm.State);
        Assert.Equal([cvm], _intravisor.Reap());
    }

    [Fact]
    public void Pause_CountingGuest_StandsStillAndGoesOn()
    {
        var guest = new CorpusGuest("witness", File.ReadAllBytes(Path.Combine(AttackCase.Folder, "bin", "witness.elf")));
        using var witness = new Witness(guest, 1, "p");
        using var other = new Witness(guest, 2, "q");
        witness.Cvm.Pause();
        var before = -1L;
        var still = 0;
        Assert.True(
            SpinUntil(
                () =>
                {
                    // Five times in a row not a round, while another, which is not paused, makes some.
                    before = witness.Rounds;
                    other.AwaitRounds(3);
                    still = witness.Rounds == before ? still + 1 : 0;
                    return still == 5;
                },
                0),
            "it goes on");
        Assert.Equal(before, witness.Rounds);
        witness.Cvm.Resume();
        Assert.True(SpinUntil(() => witness.Rounds > before, 1), "it stands still");
    }

    [Fact]
    public void Pause_BeforeStart_KeepsItFromRunning()
    {
        var host = new QuietHost();
        using var cvm = _intravisor.Create(Service.Options(["say", "now"], host: host));
        cvm.Pause();
        Service.Start(cvm);
        Thread.Sleep(50);
        Assert.Equal("", host.Output);
        cvm.Resume();
        Assert.Equal(0, cvm.Wait().ShellStatus);
        Assert.Equal("now\n", host.Output);
    }

    [Theory]
    [InlineData("spin")]
    [InlineData("wait")]
    public async Task Kill_Paused_Ends(string step)
    {
        using var cvm = _intravisor.Create(Service.Options([step]));
        Service.Start(cvm);
        cvm.Pause();
        await Task.Delay(20, TestContext.Current.CancellationToken);
        cvm.Kill(Signal.SIGKILL);
        await cvm.Completion.WaitAsync(Patience, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Restart_RunningAndEnded_RunsTheSameAnew()
    {
        var host = new QuietHost();
        var first = _intravisor.Create(Service.Options(["say", "up", "wait"], host: host) with { Name = "server" });
        Service.Start(first);
        Assert.True(SpinUntil(() => host.Output == "up\n", 1));
        var second = await _intravisor.RestartAsync(first);
        Assert.Equal(CvmState.Ended, first.State);
        Assert.Equal("server", second.Name);
        Assert.NotEqual(first.Id, second.Id);
        Assert.True(SpinUntil(() => host.Output == "up\nup\n", 1));
        second.Kill(Signal.SIGKILL);
        second.Wait();
        var third = await _intravisor.RestartAsync(second);
        Assert.Same(third, _intravisor.Find("server"));
        Assert.Equal([third], _intravisor.Cvms);
        Assert.True(SpinUntil(() => host.Output == "up\nup\nup\n", 1));
    }

    [Fact]
    public async Task Restart_NeverStarted_IsRefused()
    {
        var cvm = _intravisor.Create(Service.Options([]));
        await Assert.ThrowsAsync<InvalidOperationException>(() => _intravisor.RestartAsync(cvm));
    }

    [Fact]
    public void Create_NameInUse_IsRefusedUntilItEnds()
    {
        var options = Service.Options(["wait"]) with { Name = "a" };
        var first = _intravisor.Create(options);
        Service.Start(first);
        Assert.Throws<ArgumentException>(() => _intravisor.Create(options));
        first.Kill(Signal.SIGKILL);
        first.Wait();
        var second = _intravisor.Create(options);
        Assert.Same(second, _intravisor.Find("a"));
        Assert.Equal([first, second], _intravisor.Cvms);
        Assert.Equal([second], _intravisor.Running);
        Assert.Equal([first], _intravisor.Reap());
        Assert.Equal([second], _intravisor.Cvms);
    }

    [Fact]
    public void Send_Terminate_ReachesTheHandler()
    {
        var host = new QuietHost();
        using var cvm = _intravisor.Create(Service.Options(["term", "say", "ready", "wait"], host: host));
        Service.Start(cvm);
        Assert.True(SpinUntil(() => host.Output == "ready\n", 1));
        Assert.True(cvm.Send(SignalInfo.OfSender(Signal.SIGTERM, Signal.SI_USER, 0, 0)));
        Assert.Equal(0, cvm.Wait().ShellStatus);
        Assert.Equal("ready\nstopping on signal 15\n", host.Output);
    }

    [Theory]
    [InlineData("threads", "8 threads\n")]
    [InlineData("files", "7 files\n")]
    public void Limits_ThreadsAndFiles_AreExact(string step, string output)
    {
        var host = new QuietHost();
        using var cvm = _intravisor.Create(Service.Options([step, "1000"], host: host) with { Limits = new CvmLimits { Threads = 8, OpenFiles = 10 } });
        Service.Start(cvm);
        Assert.Equal(0, cvm.Wait().ShellStatus);
        Assert.Equal(output, host.Output);
    }

    [Fact]
    public void Limits_Memory_IsNeverExceeded()
    {
        var host = new QuietHost();
        using var cvm = _intravisor.Create(Service.Options(["memory", "1000"], host: host) with { Limits = new CvmLimits { MemoryBytes = 64 << 20 } });
        Service.Start(cvm);
        Assert.Equal(0, cvm.Wait().ShellStatus);
        // 8 MiB are its stack.
        Assert.Equal("55 MiB\n", host.Output);
        Assert.InRange(cvm.Usage.MostMappedBytes, 63UL << 20, 64UL << 20);
        Assert.Equal(0UL, cvm.Usage.MappedBytes);
    }

    [Fact]
    public async Task Limits_CpuTime_EndsALoop()
    {
        using var cvm = _intravisor.Create(Service.Options(["spin"]) with { Limits = new CvmLimits { CpuTime = TimeSpan.FromMilliseconds(100) } });
        Service.Start(cvm);
        Assert.Equal(new CvmExit(0, Signal.SIGXCPU), await cvm.Completion.WaitAsync(Patience, TestContext.Current.CancellationToken));
        Assert.InRange(cvm.Usage.CpuTime, TimeSpan.FromMilliseconds(100), Patience);
    }

    [Fact]
    public void Usage_RunningGuest_CountsWhatItHas()
    {
        var host = new QuietHost();
        using var cvm = _intravisor.Create(Service.Options(["memory", "16", "threads", "3", "files", "5", "wait"], host: host));
        Service.Start(cvm);
        Assert.True(SpinUntil(() => host.Output.EndsWith("5 files\n", StringComparison.Ordinal), 1));
        var usage = cvm.Usage;
        Assert.InRange(usage.ResidentBytes, 16UL << 20, usage.MappedBytes);
        Assert.Equal((4, 8), (usage.Threads, usage.OpenFiles));
    }

    /// <inheritdoc/>
    public void Dispose() => _intravisor.Dispose();

    private static bool SpinUntil(Func<bool> condition, int pauseMilliseconds)
        => SpinWait.SpinUntil(
            () =>
            {
                Thread.Sleep(pauseMilliseconds);
                return condition();
            },
            Patience);
}
