using System.Text.Json;
using Xunit;

namespace Cheri2IL.Cli.Tests;

/// <summary>What each command prints when all is well.</summary>
public sealed class CommandTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    [Theory]
    [InlineData("--help")]
    [InlineData("translate --help")]
    [InlineData("run --help")]
    [InlineData("objdump --help")]
    [InlineData("syscalls --help")]
    [InlineData("info --help")]
    [InlineData("cache --help")]
    [InlineData("cache list --help")]
    [InlineData("cache compile --help")]
    [InlineData("bench --help")]
    [InlineData("bench cpu --help")]
    [InlineData("bench start --help")]
    public void Help_AnyCommand_ShowsUsageAndSucceeds(string arguments)
    {
        var result = ToolProcess.Run(_directory.Path, arguments.Split(' '));
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        Assert.Contains("Usage:", result.Output, StringComparison.Ordinal);
        if (arguments != "--help")
            Assert.Contains("Examples:\n  cheri2il ", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Version_Asked_StartsWithANumber()
    {
        var result = ToolProcess.Run(_directory.Path, "--version");
        Assert.Equal(0, result.ExitCode);
        Assert.Matches(@"^\d+\.\d+\.\d+", result.Output);
    }

    [Fact]
    public void Translate_Json_CountsWhatWasWritten()
    {
        var output = Path.Combine(_directory.Path, "hello.dll");
        using var json = RunJson("translate", "--json", "-o", output, CorpusFiles.Hello);
        Assert.Equal(new FileInfo(output).Length, json.RootElement.GetProperty("assemblyBytes").GetInt64());
        Assert.Equal(new FileInfo(Path.Combine(_directory.Path, "hello.pdb")).Length, json.RootElement.GetProperty("symbolsBytes").GetInt64());
        Assert.True(json.RootElement.GetProperty("functions").GetInt32() > 5);
        Assert.True(json.RootElement.GetProperty("elidedChecks").GetInt32() > 0);
        Assert.DoesNotContain(Directory.GetFiles(_directory.Path), f => f.EndsWith(".tmp", StringComparison.Ordinal));
    }

    [Fact]
    public void Info_OfAssembly_EqualsInfoOfItsElfFile()
    {
        var output = Path.Combine(_directory.Path, "hello.dll");
        Assert.Equal(0, ToolProcess.Run(_directory.Path, "translate", "-o", output, CorpusFiles.Hello).ExitCode);
        using var assembly = RunJson("info", "--json", output);
        using var elf = RunJson("info", "--json", CorpusFiles.Hello);
        foreach (var property in elf.RootElement.EnumerateObject().Where(p => p.Name != "file"))
            Assert.Equal(property.Value.GetRawText(), assembly.RootElement.GetProperty(property.Name).GetRawText());
        Assert.Contains("rv64", elf.RootElement.GetProperty("architecture").GetString(), StringComparison.Ordinal);
        Assert.Equal(4, elf.RootElement.GetProperty("segments").GetArrayLength());
    }

    [Theory]
    [InlineData("ELF file", false)]
    [InlineData("assembly", true)]
    public void Objdump_OneFunction_InterleavesAllFour(string kind, bool translated)
    {
        var input = CorpusFiles.Hello;
        if (translated)
        {
            input = Path.Combine(_directory.Path, "hello.dll");
            Assert.Equal(0, ToolProcess.Run(_directory.Path, "translate", "-o", input, CorpusFiles.Hello).ExitCode);
        }

        var result = ToolProcess.Run(_directory.Path, "objdump", "-f", "main", input);
        Assert.True(result.ExitCode == 0, $"{kind}: {result.Error}");
        var lines = result.Output.Split('\n');
        Assert.Contains("<main>", lines[0], StringComparison.Ordinal);
        Assert.Contains(lines, l => l.Contains("machine code of main@", StringComparison.Ordinal) && l.EndsWith("Optimized", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("      ir  | ", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("      il  | IL_0000:", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("      x64 | ", StringComparison.Ordinal) && l.EndsWith("  ret", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Objdump_Address_PicksTheFunctionAndMarksTheInstruction(bool translated)
    {
        var input = CorpusFiles.Hello;
        if (translated)
        {
            input = Path.Combine(_directory.Path, "hello.dll");
            Assert.Equal(0, ToolProcess.Run(_directory.Path, "translate", "-o", input, CorpusFiles.Hello).ExitCode);
        }

        var main = ToolProcess.Run(_directory.Path, "objdump", "-f", "main", input).Output.Split('\n');
        var address = main.Where(l => l.StartsWith("  10001", StringComparison.Ordinal)).ElementAt(4).Trim().Split(':')[0];
        var result = ToolProcess.Run(_directory.Path, "objdump", "--address", "0x" + address, input);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        var lines = result.Output.Split('\n');
        Assert.Equal(main[0], lines[0]);
        Assert.StartsWith($"> {address}: ", Assert.Single(lines, l => l.StartsWith('>')), StringComparison.Ordinal);

        // Each kind stands below the marked instruction, and belongs to it.
        var below = lines.SkipWhile(l => !l.StartsWith('>')).Skip(1).TakeWhile(l => l.StartsWith("      ", StringComparison.Ordinal)).Select(l => l[6..9]).Distinct();
        Assert.Equal(["chk", "ir ", "il ", "x64"], below);
    }

    [Fact]
    public void Objdump_GuestOnly_ListsEachInstructionOnce()
    {
        var result = ToolProcess.Run(_directory.Path, "objdump", "--guest", "-f", "main", CorpusFiles.Hello);
        Assert.Equal(0, result.ExitCode);
        var addresses = result.Output.Split('\n').Skip(1).Where(l => l.Length > 0).Select(l => l.Trim().Split(':')[0]).ToArray();
        Assert.True(addresses.Length > 10);
        Assert.Equal(addresses.Distinct(), addresses);
    }

    [Fact]
    public void Syscalls_Json_KnowsWrite()
    {
        using var json = RunJson("syscalls", "--all", "--json");
        var write = json.RootElement.EnumerateArray().Single(r => r.GetProperty("number").GetInt32() == 64);
        Assert.Equal("write", write.GetProperty("name").GetString());
        Assert.True(json.RootElement.GetArrayLength() > 250);
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    private JsonDocument RunJson(params string[] arguments)
    {
        var result = ToolProcess.Run(_directory.Path, arguments);
        Assert.Equal((0, ""), (result.ExitCode, result.Error));
        return JsonDocument.Parse(result.Output);
    }
}
