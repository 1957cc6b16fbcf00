using System.Buffers.Binary;
using System.Text.Json;
using Xunit;

namespace Cheri2IL.Cli.Tests;

/// <summary>The commands take hybrid and pure-capability programs, and refuse malformed ones in one line.</summary>
public sealed class CapabilityProgramTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Fact]
    public void Program_Pure_RunsFromElfCacheAndAssembly()
    {
        var elf = Program("purecap", "hello");
        var assembly = Path.Combine(_directory.Path, "hello.dll");
        Assert.Equal(new ToolResult(0, "Hello, world!\n", ""), ToolProcess.Run(_directory.Path, "run", elf));
        Assert.Equal(new ToolResult(0, "Hello, world!\n", ""), ToolProcess.Run(_directory.Path, "run", elf));
        Assert.Equal(new ToolResult(0, "", ""), ToolProcess.Run(_directory.Path, "translate", "-o", assembly, elf));
        Assert.Equal(new ToolResult(0, "Hello, world!\n", ""), ToolProcess.Run(_directory.Path, "run", assembly));
    }

    [Fact]
    public void Program_HybridWithoutAttribute_IsKnownByItsInstructions()
    {
        var file = File.ReadAllBytes(Program("hybrid", "handles"));
        "xother0p0"u8.CopyTo(file.AsSpan(file.AsSpan().IndexOf("xcheri0p0"u8)));
        var elf = _directory.Write("unmarked.elf", file);
        var assembly = Path.Combine(_directory.Path, "unmarked.dll");
        Assert.Equal(new ToolResult(0, "", ""), ToolProcess.Run(_directory.Path, "translate", "-o", assembly, elf));
        foreach (var program in new[] { elf, elf, assembly })
        {
            Assert.Equal(new ToolResult(0, "", ""), ToolProcess.Run(_directory.Path, "run", program));
            Assert.Contains("SealViolation of ct0", ToolProcess.Run(_directory.Path, "run", program, "dereference").Error, StringComparison.Ordinal);
        }

        Assert.Contains("hybrid", ToolProcess.Run(_directory.Path, "info", elf).Output, StringComparison.Ordinal);
        Assert.Contains("ld.cap", ToolProcess.Run(_directory.Path, "objdump", "--guest", "-f", "main", elf).Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hash")]
    [InlineData("list")]
    [InlineData("matmul")]
    [InlineData("memcpy")]
    [InlineData("quicksort")]
    [InlineData("strlen")]
    [InlineData("sum")]
    public void Kernel_BothBuilds_PrintTheExpectedChecksum(string name)
    {
        var expected = File.ReadAllText(Path.Combine(Repository.Root(), "corpus", "cheri", "kernels", name + ".out"));
        foreach (var program in new[] { Program("kernels", name + "-plain"), Program("kernels", name) })
        {
            var result = ToolProcess.Run(_directory.Path, "run", program);
            Assert.Equal((0, expected), (result.ExitCode, result.Output));
        }
    }

    [Theory]
    [InlineData("purecap", "relocations", "pure")]
    [InlineData("hybrid", "plugin", "hybrid")]
    public void Info_Json_NamesTheAbi(string folder, string program, string abi)
    {
        var result = ToolProcess.Run(_directory.Path, "info", "--json", Program(folder, program));
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Equal(abi, JsonDocument.Parse(result.Output).RootElement.GetProperty("capabilities").GetString());
    }

    [Fact]
    public void Objdump_Pure_SpellsAsCheriLlvm()
    {
        var result = ToolProcess.Run(_directory.Path, "objdump", "--guest", "-f", "compare", Program("purecap", "forgery"));
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        var text = result.Output.Split('\n').Skip(1).Select(l => l.Split("  ")[^1].Trim());
        Assert.Equal(
            ["cmove ca3,cs0", "clbu t0,0(ca3)", "clbu t1,0(ca2)", "cincoffset ca3,ca3,1", "cincoffset ca2,ca2,1"],
            text.Take(5));
    }

    [Fact]
    public void Objdump_Hybrid_SpellsAsCheriLlvm()
    {
        var result = ToolProcess.Run(_directory.Path, "objdump", "--guest", "-f", "cheri_invoke", Program("hybrid", "plugin"));
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains("cinvoke ct1,ct2", result.Output, StringComparison.Ordinal);
        Assert.Contains("cspecialrw ct1,ddc,cnull", result.Output, StringComparison.Ordinal);
        Assert.Contains("sc ct1,0(sp)", result.Output, StringComparison.Ordinal);
    }

    /// <summary>Of every access: its check, or why it has none (listings/*.txt).</summary>
    [Theory]
    [InlineData("kernels", "list", "_start")]
    [InlineData("purecap", "forgery", "compare")]
    [InlineData("hybrid", "plugin", "cheri_invoke")]
    public void Objdump_Why_NamesEachCheckAndTheReasonWhereThereIsNone(string folder, string program, string function)
    {
        var result = ToolProcess.Run(_directory.Path, "objdump", "--guest", "--why", "-f", function, Program(folder, program));
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        var path = Path.Combine(Repository.Root(), "tests", "Cheri2IL.Cli.Tests", "listings", $"{program}-{function}.txt");
        if (Environment.GetEnvironmentVariable("CHERI2IL_BLESS") is "1")
            File.WriteAllText(path, result.Output);
        Assert.Equal(File.ReadAllText(path), result.Output);
    }

    [Fact]
    public void Stats_Pure_CountChecksByKind()
    {
        var all = Checks("quicksort", "all");
        var optimized = Checks("quicksort", "optimized");
        foreach (var kind in new[] { "load", "store" })
        {
            // Each access has a check of the slot and one of its capability, elided or not.
            var accesses = optimized.Of(kind) + optimized.Elided(kind);
            Assert.Equal(accesses, optimized.OfCapability(kind) + optimized.ElidedOfCapability(kind));
            Assert.Equal((accesses, 0), (all.OfCapability(kind), all.ElidedOfCapability(kind)));
        }

        Assert.True(optimized.ElidedOfCapability("derivation") > 0, "no check was elided");
        Assert.Equal(0, all.ElidedOfCapability("derivation"));
        Assert.True(optimized.OfCapability("tag") > 0 && optimized.OfCapability("tag") == optimized.OfCapability("decode"), "tags are not tested where bounds are decoded");
        Assert.True(optimized.OfCapability("permission") >= optimized.OfCapability("decode"), "permissions are not tested where bounds are decoded");
        Assert.True(optimized.OfCapability("derivation") > 0 && optimized.OfCapability("jump") > 0 && optimized.OfCapability("fetch") > 0);

        Assert.InRange(optimized.OfCapability("tagClear"), 1, optimized.Of("store") + optimized.Elided("store"));
    }

    [Fact]
    public void Stats_Plain_SayNothingOfCapabilities()
        => Assert.DoesNotContain("capabilities", ToolProcess.Run(_directory.Path, "run", "--stats", CorpusFiles.Hello).Error, StringComparison.Ordinal);

    [Theory]
    [InlineData("signals", "rt_sigaction(SIGUSR1, {sa_handler=0x", "], sa_mask=[], sa_flags=SA_SIGINFO}, NULL, 8) = 0")]
    [InlineData("signals", "sigaltstack({ss_sp=0x", "], ss_flags=SS_AUTODISARM, ss_size=4096}, NULL) = 0")]
    [InlineData("signals", "sigaltstack(NULL, {ss_sp=0x", "], ss_flags=SS_AUTODISARM, ss_size=4096}) = 0")]
    [InlineData("system", "writev(4, [{iov_base=0x", "], iov_len=2}], 2) = 3")]
    [InlineData("system", "writev(4, [{iov_base=0x", "] (invalid), iov_len=2}], 1) = -1 EFAULT (Bad address)")]
    public void Trace_OfPointersInStructures_ShowsCapabilities(string program, string start, string end)
    {
        var trace = ToolProcess.Run(_directory.Path, "run", "--trace", Program("purecap", program)).Error.Split('\n');
        Assert.Contains(trace, l => l.StartsWith(start, StringComparison.Ordinal) && l.EndsWith(end, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("many")]
    [InlineData("same-bytes")]
    public void Code_EnteredInBothModes_IsTranslatedForEach(string way)
    {
        var result = ToolProcess.Run(_directory.Path, "run", "--stats=json", "--no-cache", Program("hybrid", "modes"), way);
        Assert.Equal(0, result.ExitCode);
        var statistics = JsonDocument.Parse(result.Error.Split('\n').First(l => l.StartsWith('{'))).RootElement;
        Assert.Equal((1, 0), (statistics.GetProperty("regionsTranslatedAtRunTime").GetInt64(), statistics.GetProperty("evaluations").GetInt64()));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    [InlineData(15)]
    public void Kernel_WithoutSomeChecks_IsForTimingOnlyAndSaysSo(int omitted)
    {
        var expected = File.ReadAllText(Path.Combine(Repository.Root(), "corpus", "cheri", "kernels", "list.out"));
        var result = ToolProcess.Run(_directory.Path, "bench", "caps-run", $"{omitted}", Program("kernels", "list"));
        Assert.Equal((0, expected), (result.ExitCode, result.Output));
        Assert.Contains("NOT checked", result.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "read-only", true)]
    [InlineData(1, "read-only", false)]
    [InlineData(1, "straddle", true)]
    [InlineData(0, "data-store", true)]
    [InlineData(2, "data-store", false)]
    [InlineData(2, "straddle", true)]
    [InlineData(4, "straddle", false)]
    [InlineData(8, "straddle", false)]
    public void Checks_LeftOut_AreThose(int omitted, string attack, bool isRefused)
    {
        var result = ToolProcess.Run(_directory.Path, "bench", "caps-run", $"{omitted}", Program("purecap", "forgery"), attack);
        Assert.Equal(isRefused, result.Error.Contains("Violation", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("run")]
    [InlineData("translate")]
    [InlineData("info")]
    [InlineData("objdump")]
    public void Relocations_Malformed_AreOneClearError(string command)
    {
        const long CapabilityRelocationsSize = 0x7000c001;
        var file = File.ReadAllBytes(Program("purecap", "hello"));
        var entry = Enumerable.Range(0, (file.Length / 8) - 1).First(k => BitConverter.ToInt64(file, 8 * k) == CapabilityRelocationsSize) * 8;
        BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(entry + 8), 39);
        var result = ToolProcess.Run(_directory.Path, command, _directory.Write("damaged.elf", file));
        Assert.Equal((ExitCode.BadInput, ""), (result.ExitCode, result.Output));
        Assert.StartsWith("cheri2il: ", result.Error, StringComparison.Ordinal);
        Assert.Contains("damaged.elf(0x", result.Error, StringComparison.Ordinal);
        Assert.EndsWith("__cap_relocs has 0x27 bytes, which is no multiple of 40\n", result.Error, StringComparison.Ordinal);
        Assert.Equal(1, result.Error.Count(c => c == '\n'));
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    private CheckTable Checks(string kernel, string mode)
    {
        var result = ToolProcess.Run(_directory.Path, "run", "--stats=json", "--checks", mode, Program("kernels", kernel));
        Assert.Equal(0, result.ExitCode);
        return new CheckTable(JsonDocument.Parse(result.Error.Split('\n').First(l => l.StartsWith('{'))).RootElement.GetProperty("checks"));
    }

    private sealed record CheckTable(JsonElement Counts)
    {
        public long Of(string kind) => Counts.GetProperty(kind).GetInt64();

        public long Elided(string kind) => Counts.GetProperty(ElidedName(kind)).GetInt64();

        public long OfCapability(string kind) => Counts.GetProperty("capabilities").GetProperty(kind).GetInt64();

        public long ElidedOfCapability(string kind) => Counts.GetProperty("capabilities").GetProperty(ElidedName(kind)).GetInt64();

        private static string ElidedName(string kind) => $"elided{char.ToUpperInvariant(kind[0])}{kind[1..]}";
    }

    private static string Program(string folder, string name) => Path.Combine(Repository.Root(), "corpus", "cheri", folder, "bin", name + ".elf");
}
