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

    private static string Program(string folder, string name) => Path.Combine(Repository.Root(), "corpus", "cheri", folder, "bin", name + ".elf");
}
