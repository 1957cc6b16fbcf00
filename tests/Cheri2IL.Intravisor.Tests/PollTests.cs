using Cheri2IL.Cli;
using Cheri2IL.Intravisor.Tests.Attacks;
using Xunit;

namespace Cheri2IL.Intravisor.Tests;

/// <summary>
/// Guests that are made to leave translated code all the time go on as if nothing had been: what a poll does not store, because
/// the guest will not read it, is indeed not read.
/// </summary>
public sealed class PollTests
{
    private static readonly string _kernels = Path.Combine(Repository.Root(), "corpus", "kernels");

    private static readonly string _capabilityKernels = Path.Combine(Repository.Root(), "corpus", "cheri", "kernels");

    /// <summary>Multiple of their work, for some hundred milliseconds.</summary>
    private const string MultipleOfWork = "30";

    /// <summary>Every kernel, by name.</summary>
    public static TheoryData<string> Kernels()
        => [.. Directory.EnumerateFiles(_kernels, "*.out").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    /// <summary>Every kernel with capabilities as pointers, by name.</summary>
    public static TheoryData<string> CapabilityKernels()
        => [.. Directory.EnumerateFiles(_capabilityKernels, "*.out").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Kernels))]
    public void Kernel_LeavingAgainAndAgain_PrintsWhatItShould(string name)
        => LeaveAgainAndAgain(new CorpusGuest(name, File.ReadAllBytes(Path.Combine(_kernels, "bin", name + ".elf"))), [], File.ReadAllText(Path.Combine(_kernels, name + ".out")));

    [Theory]
    [MemberData(nameof(CapabilityKernels))]
    public void CapabilityKernel_LeavingAgainAndAgain_PrintsWhatItDoesUndisturbed(string name)
    {
        var guest = new CorpusGuest(name, File.ReadAllBytes(Path.Combine(_capabilityKernels, "bin", name + ".elf")));
        var host = new QuietHost();
        using (var cvm = guest.Create(1, [MultipleOfWork], _ => { }, host))
        {
            guest.Start(cvm);
            Assert.Equal(0, cvm.Wait().ShellStatus);
        }

        LeaveAgainAndAgain(guest, [MultipleOfWork], host.Output[..(host.Output.IndexOf('\n', StringComparison.Ordinal) + 1)]);
    }

    private static void LeaveAgainAndAgain(CorpusGuest guest, string[] arguments, string output)
    {
        var host = new QuietHost();
        var reports = new List<string>();
        using var cvm = guest.Create(1, arguments, reports.Add, host);
        guest.Start(cvm);
        var asked = 0;
        while (!cvm.Completion.IsCompleted)
        {
            cvm.ForEachThread(t => t.LeaveTranslatedCode());
            asked++;
            // Long enough for some turns of the loop in between, mostly.
            Thread.SpinWait(asked % 2000);
        }

        Assert.Empty(reports);
        Assert.Equal(0, cvm.Wait().ShellStatus);
        Assert.StartsWith(output, host.Output, StringComparison.Ordinal);
        Assert.True(asked > 1000, $"it was asked {asked} times only");
    }
}
