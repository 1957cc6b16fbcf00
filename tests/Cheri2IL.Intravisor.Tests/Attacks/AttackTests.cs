using System.Globalization;
using System.Text.RegularExpressions;
using Cheri2IL.Intravisor.LibOs.Abi;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Attacks;

/// <summary>
/// Every attack of the corpus ends as its source says, with one report if a fault kills it, and the cVMs in the slots
/// below and above it go on unchanged.
/// </summary>
[Collection(nameof(AttackSite))]
public sealed partial class AttackTests(AttackSite site)
{
    /// <summary>How long an attack that never ends is left alone before it is killed.</summary>
    private static readonly TimeSpan Endless = TimeSpan.FromMilliseconds(30);

    /// <summary>Keeps a failure from hanging the suite; nothing is measured by it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);

    /// <summary>All cases, as theory data.</summary>
    public static TheoryData<string, string, string> Cases()
    {
        var data = new TheoryData<string, string, string>();
        foreach (var (program, arguments, outcome) in AttackCase.All)
            data.Add(program, arguments, outcome);
        return data;
    }

    [Fact]
    public void Corpus_HasAttacks() => Assert.InRange(AttackCase.All.Count, 200, 1000);

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Attack_BesideWitnesses_EndsAsStatedAndHarmsNobody(string program, string arguments, string outcome)
    {
        var attack = new AttackCase(program, arguments, outcome);
        var guest = site.Guest(program);
        var reports = new List<string>();
        using var cvm = site.Place(guest, attack.Words, reports.Add);
        guest.Start(cvm);
        if (outcome == "limit")
        {
            await Task.Delay(Endless, TestContext.Current.CancellationToken);
            Assert.False(cvm.Completion.IsCompleted, "it has ended by itself");
            cvm.Kill(Signal.SIGKILL);
        }

        var exit = await cvm.Completion.WaitAsync(Patience, TestContext.Current.CancellationToken);
        Assert.Equal((attack.Arguments, ExpectedStatus(outcome)), (arguments, exit.ShellStatus));
        if (outcome.StartsWith("signal ", StringComparison.Ordinal))
            AssertReport(Assert.Single(reports), outcome["signal ".Length..], attack);
        else
            Assert.Empty(reports);
        site.AssertWitnessesUnharmed();
    }

    private static int ExpectedStatus(string outcome) => outcome.Split(' ') switch
    {
        ["exit", var status] => int.Parse(status, CultureInfo.InvariantCulture),
        ["signal", var name] => 128 + Enumerable.Range(1, 31).Single(n => Signal.Name(n) == name),
        _ => 128 + Signal.SIGKILL,
    };

    private static void AssertReport(string report, string signal, AttackCase attack)
    {
        var match = FirstLine().Match(report);
        Assert.True(match.Success, report);
        Assert.Equal(signal, match.Groups["signal"].Value);
        if (attack is not { Program: "access", Words: [var kind, var text] })
            return;
        // Nothing is mapped there, and the hardware names a byte of the access.
        var first = ulong.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        var width = kind.StartsWith("copy", StringComparison.Ordinal) ? 64UL : 8UL;
        var isJump = kind is "jump" or "call" or "return";
        var address = ulong.Parse(match.Groups["address"].Value, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        Assert.Equal("SEGV_MAPERR", match.Groups["code"].Value);
        Assert.True(isJump ? address == (first & ~1UL) : address - first < width, report);
        var what = isJump ? "no executable code at" : kind.Contains("store", StringComparison.Ordinal) || kind is "copyout" or "amo4" or "amo8" or "sc8" ? "store to" : "load from";
        Assert.Equal(what, match.Groups["what"].Value);
    }

    [GeneratedRegex(@"\Acvm \d+: thread \d+ killed by (?<signal>SIG\w+) \((?<code>[A-Z_]+)\): (?:(?<what>.*) address 0x(?<address>[0-9a-f]+) \(.+\)|.*)\n  at (?:or shortly before )?0x[0-9a-f]+ .*\n")]
    private static partial Regex FirstLine();
}
