using System.Diagnostics;
using Xunit;

namespace Cheri2IL.Cli.Tests;

/// <summary>The tool as tools/cheri2il starts it: it looks whether a source file has changed since it was built, and then becomes the script again.</summary>
public sealed class SourceCheckTests : IDisposable
{
    private static readonly DateTime _built = new(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private readonly TemporaryDirectory _directory = new();
    private readonly string _program;
    private readonly string _launcher;

    public SourceCheckTests()
    {
        // Where the program and its assembly really lie is the tool's folder.
        var tool = Directory.CreateDirectory(Path.Combine(_directory.Path, "tool")).FullName;
        _program = Path.Combine(tool, "cheri2il");
        foreach (var entry in Directory.GetFileSystemEntries(Path.GetDirectoryName(ToolBuild.Program)!))
        {
            var copy = Path.Combine(tool, Path.GetFileName(entry));
            if (Path.GetFileName(entry) is "cheri2il" or "cheri2il.dll")
                File.Copy(File.ResolveLinkTarget(entry, returnFinalTarget: true)?.FullName ?? entry, copy);
            else
                File.CreateSymbolicLink(copy, entry);
        }

        _launcher = _directory.Write("launcher", "#!/bin/sh\nprintf '%s|' \"launcher$CHERI2IL_REBUILD\" \"$CHERI2IL_LAUNCHER\" \"$@\"\n"u8.ToArray());
        Assert.Equal(0, ToolProcess.Run(new ProcessStartInfo("chmod", ["+x", _launcher])).ExitCode);
        File.SetLastWriteTimeUtc(_directory.Write("tool/stamp", []), _built);
    }

    [Fact]
    public void Run_SourcesAreOlder_GoesOn()
    {
        List(Source("a.cs", -1), Source("b.cs", 0));
        Assert.Equal(ToolProcess.Run(_directory.Path, "run", CorpusFiles.Hello).Output, Run("run", CorpusFiles.Hello));
    }

    [Theory]
    [InlineData("run")]
    [InlineData("info")]
    public void AnyCommand_SourceIsNewer_BecomesTheLauncherWithTheSameArguments(string command)
    {
        List(Source("a.cs", -1), Source("b.cs", 1));
        Assert.Equal($"launcher1||{command}|{CorpusFiles.Hello}|two words|ä|", Run(command, CorpusFiles.Hello, "two words", "ä"));
    }

    [Fact]
    public void Run_SourceIsMissingAndArgumentsAreWrong_BecomesTheLauncher()
    {
        List(Source("a.cs", -1), Path.Combine(_directory.Path, "gone.cs"));
        Assert.Equal("launcher1||run|--no-such-option|", Run("run", "--no-such-option"));
    }

    [Fact]
    public void Run_ListIsMissing_BecomesTheLauncher() => Assert.Equal("launcher1||run|x|", Run("run", "x"));

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    private string Source(string name, int secondsAfterBuild)
    {
        var path = _directory.Write(name, []);
        File.SetLastWriteTimeUtc(path, _built.AddSeconds(secondsAfterBuild));
        return path;
    }

    private void List(params string[] paths) => File.WriteAllText(Path.Combine(_directory.Path, "tool", "sources"), string.Concat(paths.Select(p => p + "\0")));

    private string Run(params string[] arguments)
    {
        var start = ToolProcess.Command(arguments, _directory.Path, Path.Combine(_directory.Path, "cache"));
        start.FileName = _program;
        start.Environment["CHERI2IL_LAUNCHER"] = _launcher;
        var (status, output, error) = ToolProcess.Run(start);
        Assert.Equal((0, ""), (status, error));
        return System.Text.Encoding.UTF8.GetString(output);
    }
}
