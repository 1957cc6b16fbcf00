using Cheri2IL.Intravisor.Tests.Deployment;
using Xunit;
using static Cheri2IL.Intravisor.Tests.Deployment.ArchiveBuilder;

namespace Cheri2IL.Cli.Tests.Deploy;

/// <summary>Programs that are run from archives and images.</summary>
public sealed class RootRunTests : IDisposable
{
    private const string Greeting = "Hello from a RISC-V guest\n";

    private readonly TemporaryDirectory _directory = new();

    private static System.Formats.Tar.TarEntry Hello
    {
        get
        {
            var entry = Binary("usr/bin/hello", System.IO.File.ReadAllBytes(CorpusFiles.Hello));
            entry.Mode = (UnixFileMode)0x1ed;
            return entry;
        }
    }

    private static System.Formats.Tar.TarEntry Script
    {
        get
        {
            var entry = File("usr/bin/start", "#!/usr/bin/hello\n");
            entry.Mode = (UnixFileMode)0x1ed;
            return entry;
        }
    }

    [Fact]
    public void Run_ProgramOfAnArchive_IsFoundByPathAndByName()
    {
        _directory.Write("root.tar.gz", Gzip(Tar(Directory("usr"), Hello, Symbolic("bin", "usr/bin"))));
        foreach (var program in (string[])["/usr/bin/hello", "/bin/hello", "hello"])
        {
            var result = ToolProcess.Run(_directory.Path, "run", "--root", "root.tar.gz", program);
            Assert.Equal((0, Greeting), (result.ExitCode, result.Output));
        }

        var translated = ToolProcess.Run(_directory.Path, "translate", "--root", "root.tar.gz", "--all");
        Assert.Equal((0, "cheri2il: root.tar.gz: 0 files translated, 1 were there already, 0 failed\n"), (translated.ExitCode, translated.Error));
    }

    [Theory]
    [InlineData("hello", "/made/here", Greeting)]
    [InlineData("/usr/bin/start", "/made/here", Greeting + "Hello, /usr/bin/start\n")]
    [InlineData("./hello", "/usr/bin", Greeting)]
    [InlineData("bin/hello", "/usr/", Greeting)]
    [InlineData("usr/bin/hello", "", Greeting)]
    public void Run_ImageWithoutProgram_RunsItsCommand(string command, string directory, string expected)
    {
        _directory.Write("image.tar", Layout(Gzip, new { Entrypoint = new[] { command }, WorkingDir = directory }, [Tar(Directory("usr")), Tar(Hello, Script)], "amd64", "riscv64"));
        var result = ToolProcess.Run(_directory.Path, "run", "--root", "image.tar");
        Assert.Equal((0, expected), (result.ExitCode, result.Output));
    }

    [Theory]
    [InlineData("absent", ExitCode.BadInput)]
    [InlineData(null, ExitCode.Usage)]
    public void Run_ImageThatCannotBeRun_IsOneLine(string? command, int status)
    {
        _directory.Write("image.tar", Layout(l => l, new { Cmd = command is null ? Array.Empty<string>() : [command] }, [Tar(Hello)], "riscv64"));
        var result = ToolProcess.Run(_directory.Path, "run", "--root", "image.tar");
        Assert.Equal((status, ""), (result.ExitCode, result.Output));
        Assert.Matches(@"\Acheri2il: [^\n]+\n\z", result.Error);
    }

    [Fact]
    public void Run_DamagedRoot_IsOneLine()
    {
        _directory.Write("root.tar", Tar(Hello)[..4000]);
        var result = ToolProcess.Run(_directory.Path, "run", "--root", "root.tar", "/usr/bin/hello");
        Assert.Equal((ExitCode.BadInput, ""), (result.ExitCode, result.Output));
        Assert.Matches(@"\Acheri2il: --root: root.tar: offset \d+: usr/bin/hello: cut off: [^\n]+\n\z", result.Error);
    }

    [Fact]
    public void Up_ProgramInsideAnImage_RunsAndCanBeBundled()
    {
        _directory.Write("image.tar", Saved(Configuration("riscv64", [Tar(Hello)], new { User = "0" }), Tar(Hello)));
        _directory.Write("m.yaml", "cVMs: [{name: a, root: image.tar, args: /usr/bin/hello}]"u8.ToArray());
        Assert.Equal((0, "a | " + Greeting), (Up("m.yaml").ExitCode, Up("m.yaml").Output));
        Assert.Equal(0, ToolProcess.Run(_directory.Path, "bundle", "m.yaml", "-o", "a.cvm").ExitCode);
        Assert.Equal((0, "a | " + Greeting), (Up("a.cvm").ExitCode, Up("a.cvm").Output));

        ToolResult Up(string file) => ToolProcess.Run(_directory.Path, "up", file);
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();
}
