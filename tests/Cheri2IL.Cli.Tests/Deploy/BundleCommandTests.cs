using System.Text;
using Xunit;

namespace Cheri2IL.Cli.Tests.Deploy;

/// <summary><c>bundle</c>, and <c>up</c> with what it wrote.</summary>
public sealed class BundleCommandTests : IClassFixture<SharedCache>, IDisposable
{
    private const string Yaml = """
        capfiles: [{name: table, file: table, grants: {to: "*", rights: read}}]
        cVMs:
          - {name: a, runtime: service.elf, args: cat /motd cat /cap/table env NAME, env: [NAME=value], root: tree, wait: -1}
          - {name: b, runtime: service.elf, args: say b exit 4}
        """;

    private static readonly string[] Translating = ["Cheri2IL.Translator.*", "Mono.Cecil*", "Iced*", "Wasmtime*", "Microsoft.Diagnostics*", "*.deps.json"];

    private readonly TemporaryDirectory _directory = new();
    private readonly SharedCache _cache;

    /// <summary>Puts everything that the manifest names beside it.</summary>
    public BundleCommandTests(SharedCache cache)
    {
        _cache = cache;
        File.Copy(Path.Combine(Repository.Root(), "corpus", "programs", "bin", "service.elf"), In("service.elf"));
        Directory.CreateDirectory(In("tree"));
        File.WriteAllText(In("tree/motd"), "from the root\n");
        File.WriteAllText(In("table"), "from a file\n");
        File.WriteAllText(In("m.yaml"), Yaml);
    }

    [Fact]
    public void Bundle_RunWithoutWhatItWasMadeOf_DoesTheSame()
    {
        var expected = Tool("up", "m.yaml");
        Assert.Equal(4, expected.ExitCode);
        Assert.Equal("a | from the root\na | from a file\na | NAME=value\nb | b\n", expected.Output);
        Assert.Equal(0, Tool("bundle", "m.yaml", "-o", "app.cvm").ExitCode);
        foreach (var file in (string[])["service.elf", "m.yaml", "table", "tree/motd"])
            File.Delete(In(file));
        var result = Tool("up", "app.cvm");
        Assert.Equal((expected.ExitCode, expected.Output), (result.ExitCode, result.Output));
    }

    [Fact]
    public void Bundle_OnAMachineWithoutTranslator_Runs()
    {
        Assert.Equal(0, Tool("bundle", "m.yaml", "-o", "app.cvm").ExitCode);
        var tool = Directory.CreateDirectory(In("tool")).FullName;
        foreach (var file in Directory.GetFiles(AppContext.BaseDirectory))
            File.Copy(file, Path.Combine(tool, Path.GetFileName(file)));
        foreach (var file in Translating.SelectMany(pattern => Directory.GetFiles(tool, pattern)))
            File.Delete(file);
        var start = ToolProcess.Command(["up", "app.cvm"], _directory.Path, In("nocache"));
        start.FileName = Path.Combine(tool, "cheri2il");
        start.Environment["XDG_RUNTIME_DIR"] = _directory.Path;
        var (status, output, error) = ToolProcess.Run(start);
        Assert.True(status == 4, error);
        Assert.Equal("a | from the root\na | from a file\na | NAME=value\nb | b\n", Encoding.UTF8.GetString(output));
        Assert.False(Directory.Exists(In("nocache")), "something was translated");
    }

    [Fact]
    public void Bundle_Twice_GivesTheSameBytes()
    {
        Assert.Equal(0, Tool("bundle", "m.yaml", "-o", "first.cvm").ExitCode);
        Assert.Equal(0, Tool("bundle", "m.yaml", "--output", "second.cvm").ExitCode);
        Assert.Equal(File.ReadAllBytes(In("first.cvm")), File.ReadAllBytes(In("second.cvm")));
    }

    [Fact]
    public void Up_DamagedBundle_IsOneLineAndStartsNothing()
    {
        Assert.Equal(0, Tool("bundle", "m.yaml", "-o", "app.cvm").ExitCode);
        var bytes = File.ReadAllBytes(In("app.cvm"));
        bytes[bytes.Length / 2] ^= 4;
        File.WriteAllBytes(In("app.cvm"), bytes);
        var result = Tool("up", "app.cvm");
        Assert.Equal((65, "", "cheri2il: app.cvm: damaged, cut off or altered: it is not what its SHA-256 says; copy or make it again\n"), (result.ExitCode, result.Output, result.Error));
    }

    [Fact]
    public void Bundle_BadInput_LeavesNoFile()
    {
        File.Delete(In("service.elf"));
        var missing = Tool("bundle", "m.yaml", "-o", "app.cvm");
        Assert.Equal(65, missing.ExitCode);
        Assert.Contains("m.yaml:3:24: cVMs[0].runtime: ", missing.Error, StringComparison.Ordinal);
        Assert.Equal(64, Tool("bundle", "m.yaml").ExitCode);
        Assert.Empty(Directory.GetFiles(_directory.Path, "app.cvm*"));
    }

    [Fact]
    public void Bundle_FolderMissing_CannotBeCreated()
    {
        var result = Tool("bundle", "m.yaml", "-o", "nowhere/app.cvm");
        Assert.Equal(73, result.ExitCode);
        Assert.StartsWith("cheri2il: nowhere/app.cvm: ", result.Error, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    private string In(string name) => Path.Combine(_directory.Path, name);

    private ToolResult Tool(params string[] arguments)
        => ToolProcess.RunWith(_directory.Path, [("XDG_RUNTIME_DIR", _directory.Path), ("XDG_CACHE_HOME", _cache.Path)], arguments);
}
