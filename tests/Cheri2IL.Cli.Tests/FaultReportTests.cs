using Xunit;

namespace Cheri2IL.Cli.Tests;

/// <summary>What the tool says on stderr about a guest that a fault kills, word for word (reports/*.txt).</summary>
public sealed class FaultReportTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Theory]
    [InlineData("load-beyond-the-slot", "access", "load8 0x1000000000", 11)]
    [InlineData("store-to-unmapped-page", "access", "store8 0x0", 11)]
    [InlineData("store-to-code", "pages", "write-code", 11)]
    [InlineData("execute-data", "pages", "execute-data", 11)]
    [InlineData("execute-across-pages", "pages", "execute-straddle", 11)]
    [InlineData("return-to-nowhere", "access", "return 0x1000000000", 11)]
    [InlineData("illegal-instruction", "illegal", "csr-machine", 4)]
    [InlineData("breakpoint", "illegal", "ebreak", 5)]
    [InlineData("misaligned-atomic", "align", "amo8", 7)]
    [InlineData("stack-exhausted", "stack", "mutual", 11)]
    [InlineData("no-signal-frame", "handlers", "wild-alternate", 11)]
    public void Fault_Fatal_IsReportedAsExpected(string report, string attack, string arguments, int signal)
        => AssertReport(report, signal, File.ReadAllBytes(Attack(attack)), arguments);

    [Theory]
    [InlineData("capability-bounds-of-compartment", "hybrid/bin/plugin.elf", "read-host", "always")]
    [InlineData("capability-sealed", "hybrid/bin/handles.elf", "dereference", "always")]
    [InlineData("capability-permission", "hybrid/bin/forgery.elf", "read-only", "always")]
    [InlineData("capability-registers-lost", "purecap/bin/forgery.elf", "straddle", "auto")]
    [InlineData("capability-invoke", "hybrid/bin/forgery.elf", "invoke-code-as-data", "auto")]
    public void Fault_OfCapability_IsReportedAsExpected(string report, string program, string arguments, string precise)
        => AssertReport(report, 11, File.ReadAllBytes(Path.Combine(Repository.Root(), "corpus", "cheri", program)), arguments, precise);

    [Fact]
    public void Fault_FoundByHardwareInOrdinaryCode_SaysThatRegistersAreLost()
        => AssertReport("registers-lost", 11, File.ReadAllBytes(Attack("access")), "load8 0x0", precise: "auto");

    [Fact]
    public void Fault_InStrippedProgram_NamesFunctionStarts()
    {
        var file = File.ReadAllBytes(Attack("pages"));
        // e_shoff, then e_shnum and e_shstrndx: no sections, so no symbols; unwind tables stay.
        file.AsSpan(40, 8).Clear();
        file.AsSpan(60, 4).Clear();
        AssertReport("stripped-program", 11, file, "write-code");
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    private static string Attack(string name) => Path.Combine(Repository.Root(), "corpus", "attacks", "bin", name + ".elf");

    private void AssertReport(string name, int signal, byte[] program, string arguments, string precise = "always")
    {
        // By the same name wherever the tests run: the guest's stack holds it, and sp depends on its length.
        _directory.Write("guest.elf", program);
        var result = ToolProcess.Run(_directory.Path, ["run", "--no-cache", "--precise-faults", precise, "guest.elf", .. arguments.Split(' ')]);
        var path = Path.Combine(Repository.Root(), "tests", "Cheri2IL.Cli.Tests", "reports", name + ".txt");
        if (Environment.GetEnvironmentVariable("CHERI2IL_BLESS") is "1")
            File.WriteAllText(path, result.Error);
        Assert.Equal(File.ReadAllText(path), result.Error);
        Assert.Equal((128 + signal, ""), (result.ExitCode, result.Output));
    }
}
