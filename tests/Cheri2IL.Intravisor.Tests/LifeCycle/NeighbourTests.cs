using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.Tests.Attacks;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.LifeCycle;

/// <summary>Whatever one cVM does to itself or takes from the host, its neighbours compute the same, and it gets no more than its limits.</summary>
public sealed class NeighbourTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);
    private static readonly CorpusGuest Service = CorpusGuest.OfProgram("service");
    private static readonly CvmLimits Small = new() { Threads = 64, OpenFiles = 256, MemoryBytes = 96 << 20, FileBytes = 8 << 20 };

    [Theory]
    [InlineData("crash", "")]
    [InlineData("spin", "")]
    [InlineData("threads 1000000 wait", "64 threads\n")]
    [InlineData("memory 1000000 wait", "87 MiB\n")]
    [InlineData("processes 1000000 wait", "no more processes\n")]
    [InlineData("files 1000000 wait", "253 files\n")]
    [InlineData("names 1000000 wait", "")]
    [InlineData("pipes 1000000 wait", "")]
    [InlineData("memory 1000000 threads 1000000 names 1000000 files 1000000 spin", "")]
    public async Task Neighbours_OfABomb_ComputeTheSame(string bomb, string output)
    {
        using var intravisor = new IntravisorInstance();
        var bombs = new List<QuietHost>();
        for (var k = 0; k < 3; k++)
        {
            bombs.Add(new QuietHost());
            Service.Start(intravisor.Create(Service.Options(bomb.Split(' '), host: bombs[^1]) with { Limits = Small }));
        }

        foreach (var kernel in (string[])["sha256", "hashmap"])
        {
            var guest = CorpusGuest.OfKernel(kernel);
            var host = new QuietHost();
            var neighbour = intravisor.Create(guest.Options([], host: host));
            guest.Start(neighbour);
            Assert.Equal(0, (await neighbour.Completion.WaitAsync(Patience, TestContext.Current.CancellationToken)).ShellStatus);
            Assert.Equal(CorpusGuest.OutputOfKernel(kernel), host.Output);
        }

        if (output.Length > 0)
            Assert.All(bombs, b => Assert.True(SpinWait.SpinUntil(() => b.Output == output, Patience), b.Output));
        foreach (var cvm in intravisor.Running)
        {
            cvm.Kill(Signal.SIGKILL);
            await cvm.Completion.WaitAsync(Patience, TestContext.Current.CancellationToken);
        }

        Assert.All(intravisor.Cvms, c => Assert.True(c.Usage.MostMappedBytes <= c.Options.Limits.MemoryBytes && c.Usage.FileBytes <= c.Options.Limits.FileBytes));
    }

    [Theory]
    [InlineData("names", "4096 names\n")]
    [InlineData("pipes", "128 pipes\n")]
    public async Task FilesAndPipes_WithoutContent_AreLimitedAsWell(string step, string output)
    {
        var host = new QuietHost();
        using var intravisor = new IntravisorInstance();
        var cvm = intravisor.Create(Service.Options([step, "1000000"], host: host) with { Limits = Small with { OpenFiles = 4096 } });
        Service.Start(cvm);
        await cvm.Completion.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal(output, host.Output);
    }
}
