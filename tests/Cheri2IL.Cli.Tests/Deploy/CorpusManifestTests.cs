using System.Text.Json;
using Cheri2IL.Cli.Tests.Guests;
using Xunit;

namespace Cheri2IL.Cli.Tests.Deploy;

/// <summary>The manifests of corpus/manifests do what their comments say.</summary>
public sealed class CorpusManifestTests(SharedCache cache) : IClassFixture<SharedCache>, IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    private static string Folder => Path.Combine(Repository.Root(), "corpus", "manifests");

    [Fact]
    public void Manifests_AllOfThem_AreTestedHere()
        => Assert.Equal(["cap_file", "cap_stream", "hello", "pthread", "sqlite", "three_layers", "two_layers"], Directory.GetFiles(Folder, "*.yaml").Select(Path.GetFileNameWithoutExtension).Order());

    [Fact]
    public void Hello_Greets()
    {
        var result = Up(Path.Combine(Folder, "hello.yaml"));
        Assert.Equal((0, "hello | Hello from a RISC-V guest\nhello | Hello, world\n"), (result.ExitCode, result.Output));
    }

    [Fact]
    public void CapFile_IsReadByWhomItIsGrantedTo()
    {
        var result = Up(Path.Combine(Folder, "cap_file.yaml"));
        Assert.Equal((13, "reader   | Hello world" + new string('\0', 21) + "\n"), (result.ExitCode, result.Output));
    }

    [Fact]
    public void CapStream_MessagesArriveInOrderUntilTheSenderEnds()
    {
        var result = Up(Path.Combine(Folder, "cap_stream.yaml"));
        Assert.True(result.ExitCode == 0, result.Output + result.Error);
        Assert.Equal(
            ["recv | listening", "recv | got message 0", "recv | got message 1", "recv | got message 2", "recv | end of stream"],
            result.Output.Split('\n').Where(l => l.StartsWith("recv", StringComparison.Ordinal)));
        Assert.Contains("send | sent 3\n", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Pthread_BothPrintWhatOneAloneDoes()
    {
        var result = Up(Path.Combine(Folder, "pthread.yaml"));
        Assert.Equal(0, result.ExitCode);
        var expected = File.ReadAllText(Path.Combine(Repository.Root(), "corpus", "programs", "threads.out"));
        foreach (var prefix in (string[])["first  | ", "second | "])
            Assert.Equal(expected, string.Concat(result.Output.Split('\n').Where(l => l.StartsWith(prefix, StringComparison.Ordinal)).Select(l => l[prefix.Length..] + "\n")));
    }

    [Fact]
    public void TwoLayers_TheOuterPrintsWhatTheInnerWrites()
    {
        var result = Up(Path.Combine(Folder, "two_layers.yaml"));
        Assert.Equal((0, "outer | inner: Hello from a RISC-V guest\nouter | inner ended: status 0, signal 0\n"), (result.ExitCode, result.Output));
    }

    [Fact]
    public void ThreeLayers_WhatTheInnermostWritesPassesThroughBoth()
    {
        var result = Up(Path.Combine(Folder, "three_layers.yaml"));
        Assert.Equal(
            (0, "bottom | middle: top: Hello from a RISC-V guest\nbottom | middle: top ended: status 0, signal 0\nbottom | middle ended: status 0, signal 0\n"),
            (result.ExitCode, result.Output));
    }

    [Fact]
    public void Sqlite_FillsAndChecksADatabase()
    {
        var program = JsonDocument.Parse(Workloads.Prepare("sqlite/build.sh")).RootElement.GetProperty("riscv_musl").GetString()!;
        File.Copy(program, Path.Combine(_directory.Path, "sqlite3"));
        File.Copy(Path.Combine(Folder, "sqlite.yaml"), Path.Combine(_directory.Path, "sqlite.yaml"));
        var result = Up(Path.Combine(_directory.Path, "sqlite.yaml"));
        Assert.Equal((0, "sqlite | 10000|50005000|39393939\nsqlite | ok\n"), (result.ExitCode, result.Output));
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    private ToolResult Up(string manifest)
        => ToolProcess.RunWith(_directory.Path, [("XDG_RUNTIME_DIR", _directory.Path), ("XDG_CACHE_HOME", cache.Path)], "up", manifest);
}
