using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Tests.Attacks;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Ipc;

/// <summary>Programs of corpus/ipc that need no other cVM: sharing beside fork, madvise and signals.</summary>
public sealed class IpcProgramTests : IDisposable
{
    private readonly IntravisorInstance _intravisor = new();
    private readonly List<string> _reports = [];

    /// <inheritdoc/>
    public void Dispose() => _intravisor.Dispose();

    private (int Status, string Output) Run(string name)
    {
        var host = new QuietHost();
        var program = new CorpusGuest(name, File.ReadAllBytes(Path.Combine(Cli.Repository.Root(), "corpus", "ipc", "bin", name + ".elf")));
        var cvm = _intravisor.Create(program.Options([], _reports.Add, host) with { Name = name });
        program.Start(cvm);
        Assert.True(cvm.Completion.Wait(TimeSpan.FromMinutes(2)), $"{name} does not end; it has printed: {host.Output}");
        return (cvm.Wait().ShellStatus, host.Output);
    }

    [Fact]
    public void MappedFile_BesideForkAndMadvise_IsSharedAndTakenFromBoth()
    {
        Assert.Equal((0, ""), Run("forked"));
        Assert.Empty(_reports);
    }

    [Fact]
    public void OpenAndIoctl_DoWhatHostcallsDo()
    {
        Assert.Equal((0, ""), Run("control"));
        Assert.Empty(_reports);
    }

    /// <summary>A call: what it returns without SA_RESTART, with it, and with it where the call has a time-out.</summary>
    [Fact]
    public void CallsThatWait_InterruptedBySignals_FailOrAreMadeAgain()
    {
        var (status, output) = Run("interrupted");
        Assert.Equal(
            """
            cp_wait: -4 1 -4
            cp_stream_receive: -4 1 -4
            read: -4 1
            write: -4 1000
            write, of bytes: 4096
            cp_open: -4 1 -4
            cp_call that nobody serves: -4 -4
            cp_call on the callee's thread: -4
            cp_call again: 0
            cp_call on the caller's thread: 1
            cp_call_serve: -4 -32

            """,
            output);
        Assert.Equal(0, status);
        Assert.Empty(_reports);
    }
}
