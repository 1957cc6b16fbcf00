using System.Diagnostics;
using Cheri2IL.Cli;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.Tests.Attacks;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Linux;

/// <summary>
/// The programs of corpus/linux, each of which tries a family of system calls, print the same as a guest as they do on this machine's Linux.
/// </summary>
public sealed class LinuxProgramTests
{
    private static readonly string _folder = Path.Combine(Repository.Root(), "corpus", "linux");

    /// <summary>Every program, by name.</summary>
    public static TheoryData<string> Programs()
        => [.. Directory.EnumerateFiles(_folder, "*.out").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Programs))]
    public void Program_AsGuest_PrintsWhatItDoesOnLinux(string name) => Check(name, CorpusCode.Whole);

    /// <summary>Signals, handlers of memory faults, fork and execve: whatever leaves and enters code.</summary>
    [Theory]
    [InlineData("segments")]
    [InlineData("processes")]
    [InlineData("exec")]
    [InlineData("mappings")]
    public void Program_TranslatedInParts_PrintsTheSame(string name) => Check(name, CorpusCode.InParts);

    [Theory]
    [MemberData(nameof(Programs))]
    public void Program_EvaluatedFirst_PrintsTheSame(string name) => Check(name, CorpusCode.EvaluatedFirst);

    private static void Check(string name, CorpusCode code)
    {
        var guest = new CorpusGuest(name, File.ReadAllBytes(Path.Combine(_folder, "bin", name + ".elf")), code);
        var host = new QuietHost();
        var reports = new List<string>();
        using var cvm = guest.Create(1, [], reports.Add, host);
        guest.Start(cvm);
        // One that waits for ever is shown by what it printed until then.
        using var limit = new Timer(_ => cvm.Kill(Signal.SIGKILL), null, TimeSpan.FromMinutes(2), Timeout.InfiniteTimeSpan);
        var exit = cvm.Wait();
        Assert.Empty(reports);
        Assert.Equal(Expected(name), host.Output);
        Assert.Equal(0, exit.ShellStatus);
    }

    [Theory]
    [MemberData(nameof(Programs))]
    public void Program_OnThisLinux_PrintsThat(string name)
    {
        var binary = Path.Combine(Path.GetTempPath(), $"cheri2il-{name}-{Environment.ProcessId}");
        if (Run("cc", "-std=gnu17", "-O2", "-w", "-pthread", Path.Combine(_folder, name + ".c"), "-o", binary) is not { } compiled)
        {
            Assert.Skip("needs a C compiler: cc");
            return;
        }

        try
        {
            Assert.True(compiled.Status == 0, compiled.Output);
            // That Linux prints it is shown by one run; on a busy machine, another may be late for its own pauses.
            var result = Run(binary)!.Value;
            for (var again = 0; again < 2 && result != (0, Expected(name)); again++)
            {
                if (result.Output == "needs root\n")
                    Assert.Skip("needs root");
                TestContext.Current.SendDiagnosticMessage("{0}, natively: other output than expected, run once more", name);
                result = Run(binary)!.Value;
            }

            Assert.Equal(Expected(name), result.Output);
            Assert.Equal(0, result.Status);
        }
        finally
        {
            File.Delete(binary);
        }
    }

    private static string Expected(string name) => File.ReadAllText(Path.Combine(_folder, name + ".out"));

    private static (int Status, string Output)? Run(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardInput = true });
            process!.StandardInput.Close();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
