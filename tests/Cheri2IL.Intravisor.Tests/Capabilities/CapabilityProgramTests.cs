using System.Text.RegularExpressions;
using Cheri2IL.Cli;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.Tests.Attacks;
using Cheri2IL.Runtime.Elf;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Capabilities;

/// <summary>
/// The hybrid and pure-capability programs of the corpus end as their sources say: <c>expect ARGUMENTS: exit N</c>,
/// <c>expect ARGUMENTS: CAUSE of REGISTER</c> when a capability check kills them, or <c>expect ARGUMENTS: signal SIGSEGV</c> when
/// something else does.
/// </summary>
public sealed partial class CapabilityProgramTests
{
    private const int Segv = 128 + 11;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    /// <summary>Folder, program, arguments, outcome of every case.</summary>
    public static TheoryData<string, string, string, string> Cases()
    {
        var data = new TheoryData<string, string, string, string>();
        foreach (var folder in (string[])["hybrid", "purecap"])
        {
            foreach (var source in Directory.GetFiles(Folder(folder), "*.?").Order(StringComparer.Ordinal))
            {
                foreach (var line in File.ReadLines(source))
                {
                    if (Expectation().Match(line) is { Success: true } match)
                        data.Add(folder, Path.GetFileNameWithoutExtension(source), match.Groups[1].Value, match.Groups[2].Value);
                }
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Program_Run_EndsAsItsSourceSays(string folder, string program, string arguments, string outcome)
    {
        var file = await File.ReadAllBytesAsync(Path.Combine(Folder(folder), "bin", program + ".elf"), TestContext.Current.CancellationToken);
        var guest = new CorpusGuest(program, file);
        var reports = new List<string>();
        using var cvm = guest.Create(1, arguments.Length == 0 ? [] : arguments.Split(' '), reports.Add);
        guest.Start(cvm);
        var exit = await cvm.Completion.WaitAsync(Patience, TestContext.Current.CancellationToken);
        if (outcome.StartsWith("exit ", StringComparison.Ordinal))
        {
            Assert.Equal((outcome, ""), ($"exit {exit.ShellStatus}", string.Concat(reports)));
            return;
        }

        Assert.Equal(Segv, exit.ShellStatus);
        var report = Assert.Single(reports);
        Assert.Equal(outcome.StartsWith("signal ", StringComparison.Ordinal) ? "" : outcome, Cause().Match(report).Groups[1].Value);
    }

    /// <summary>Bytes changed anywhere: headers, relocations, code, data. The program is refused or runs to some end; nothing else happens.</summary>
    [Theory]
    [InlineData("purecap", "relocations", 1)]
    [InlineData("purecap", "system", 2)]
    [InlineData("purecap", "signals", 3)]
    [InlineData("hybrid", "handles", 4)]
    public async Task Program_DamagedAtRandom_IsRefusedOrEnds(string folder, string program, int seed)
    {
        var random = new Random(seed);
        var intact = await File.ReadAllBytesAsync(Path.Combine(Folder(folder), "bin", program + ".elf"), TestContext.Current.CancellationToken);
        for (var round = 0; round < 25; round++)
        {
            var file = intact.ToArray();
            // Headers rarely, because there most changes only have the file refused.
            for (var k = 0; k < 4; k++)
                file[random.Next(k == 0 && round % 5 == 0 ? 0 : 0xe8, file.Length)] = (byte)random.Next(256);
            await RunToSomeEnd(file);
        }
    }

    /// <summary>A function of a program with capabilities, called by the host: it has stack and thread pointer, and nothing of its caller but integers.</summary>
    [Fact]
    public async Task FunctionOfAPureProgram_CalledFromOutside_ReturnsAndLeavesItsServerAsItWas()
    {
        using var intravisor = new IntravisorInstance();
        var guest = new CorpusGuest("serve", await File.ReadAllBytesAsync(Path.Combine(Folder("purecap"), "bin", "serve.elf"), TestContext.Current.CancellationToken));
        var reports = new List<string>();
        var cvm = intravisor.Create(guest.Options([], reports.Add) with { Name = "serve" });
        guest.Start(cvm);
        CpCall? function = null;
        Assert.True(SpinWait.SpinUntil(() => cvm.Completion.IsCompleted || (function = (CpCall?)intravisor.Exchange.Find("next")) is not null, Patience));
        Assert.False(cvm.Completion.IsCompleted, $"ends with {(cvm.Completion.IsCompleted ? cvm.Wait().ShellStatus : 0)}: {string.Concat(reports)}");
        for (var k = 0; k < 1000; k++)
            Assert.Equal(k + 1, function!.Invoke(k));
        function!.Revoke();
        Assert.Equal(0, (await cvm.Completion.WaitAsync(Patience, TestContext.Current.CancellationToken)).ShellStatus);
        Assert.Empty(reports);
    }

    /// <summary>Programs that call it with a sealed pair, by CInvoke; when it is revoked, a pair that was made before is good for nothing.</summary>
    [Theory]
    [InlineData("purecap")]
    [InlineData("hybrid")]
    public async Task FunctionOfAnotherProgram_EnteredByCInvoke_ReturnsAndNobodyForgesAnEntry(string folder)
    {
        using var intravisor = new IntravisorInstance();
        var reports = new List<string>();
        var server = await StartIn(intravisor, "purecap", "serve", reports);
        var caller = await StartIn(intravisor, folder, "enter", reports);
        Assert.Equal((0, ""), ((await caller.Completion.WaitAsync(Patience, TestContext.Current.CancellationToken)).ShellStatus, string.Concat(reports)));
        intravisor.Exchange.Find("next")!.Revoke();
        Assert.Equal(0, (await server.Completion.WaitAsync(Patience, TestContext.Current.CancellationToken)).ShellStatus);
        Assert.Empty(reports);
    }

    /// <summary>A pair that is held is good for nothing when the right has gone, or who served has.</summary>
    [Theory]
    [InlineData(false, Errno.EACCES)]
    [InlineData(true, Errno.EACCES, Errno.EPIPE, Errno.ECONNRESET)]
    public async Task SealedPair_OfARevokedOrEndedFunction_EntersNothing(bool isKilled, params int[] expected)
    {
        using var intravisor = new IntravisorInstance();
        var reports = new List<string>();
        var server = await StartIn(intravisor, "purecap", "serve", reports);
        var caller = await StartIn(intravisor, "purecap", "enter", reports, "again");
        Assert.True(SpinWait.SpinUntil(() => caller.Completion.IsCompleted || intravisor.Exchange.Find("ready") is not null, Patience));
        Assert.False(caller.Completion.IsCompleted);
        if (isKilled)
            server.Kill(Signal.SIGKILL);
        else
            intravisor.Exchange.Find("next")!.Grant(Exchange.Everyone, CpRights.None);
        Assert.Contains((await caller.Completion.WaitAsync(Patience, TestContext.Current.CancellationToken)).ShellStatus, expected);
        Assert.Empty(reports);
    }

    private static async Task<Cvm> StartIn(IntravisorInstance intravisor, string folder, string name, List<string> reports, params string[] arguments)
    {
        var guest = new CorpusGuest(name, await File.ReadAllBytesAsync(Path.Combine(Folder(folder), "bin", name + ".elf"), TestContext.Current.CancellationToken));
        var cvm = intravisor.Create(guest.Options(arguments, reports.Add) with { Name = name });
        guest.Start(cvm);
        return cvm;
    }

    private static async Task RunToSomeEnd(byte[] file)
    {
        var reports = new List<string>();
        try
        {
            var guest = new CorpusGuest("damaged", file);
            using var cvm = guest.Create(1, [], reports.Add);
            guest.Start(cvm);
            await Task.WhenAny(cvm.Completion, Task.Delay(TimeSpan.FromMilliseconds(200), TestContext.Current.CancellationToken));
            cvm.Kill(Signal.SIGKILL);
            await cvm.Completion.WaitAsync(Patience, TestContext.Current.CancellationToken);
        }
        catch (Exception refused) when (refused is ElfFormatException or CvmLoadException)
        {
            Assert.DoesNotContain('\n', refused.Message);
        }

        Assert.All(reports, report => Assert.DoesNotContain("internal error", report, StringComparison.Ordinal));
    }

    private static string Folder(string name) => Path.Combine(Repository.Root(), "corpus", "cheri", name);

    [GeneratedRegex(@"^(?://|#) expect(?: ([^:]+))?: (exit \d+|signal SIGSEGV|\w+Violation of \w+)$")]
    private static partial Regex Expectation();

    [GeneratedRegex(@"\Acvm 1: thread \d+ killed by SIGSEGV \(SEGV_CAP\w+\): (\w+ of \w+), address ")]
    private static partial Regex Cause();
}
