using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Xunit;

namespace Cheri2IL.Cli.Tests.Deploy;

/// <summary><c>up</c>, and the commands that act on it, as processes.</summary>
public sealed class UpTests : IClassFixture<SharedCache>, IDisposable
{
    private const string Service = "service.elf";
    private readonly TemporaryDirectory _directory = new();

    private readonly SharedCache _cache;

    /// <summary>Puts the guest beside the manifest.</summary>
    public UpTests(SharedCache cache)
    {
        _cache = cache;
        File.Copy(Path.Combine(Repository.Root(), "corpus", "programs", "bin", Service), Path.Combine(_directory.Path, Service));
    }

    [Fact]
    public void Up_CvmsInOrder_PrintBehindTheirNamesAndEndWithASummary()
    {
        Directory.CreateDirectory(Path.Combine(_directory.Path, "tree"));
        File.WriteAllText(Path.Combine(_directory.Path, "tree", "motd"), "from the root\n");
        File.WriteAllText(Path.Combine(_directory.Path, "table"), "from a file\n");
        var result = Up("""
            capfiles:
              - {name: greeting, size: 0x6, data: "hi", grants: {to: second, rights: read}}
              - {name: table, file: table, read_only: 1, grants: {to: "*", rights: read}}
            ---
            cVMs:
              - {name: first, runtime: service.elf, args: sleep 300 env NUMBER cat /motd cat /cap/table, env: {NUMBER: 7}, root: tree, wait: -1}
              - {name: second, runtime: service.elf, args: cat /cap/greeting say . err problem exit 3}
            """);
        Assert.Equal("first  | NUMBER=7\nfirst  | from the root\nfirst  | from a file\nsecond | hi\0\0\0\0.\n", result.Output);
        Assert.Equal(3, result.ExitCode);
        var lines = result.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal("second | problem", lines[0]);
        Assert.Contains(lines, l => l.StartsWith("first  exited 0 ", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("second exited 3 ", StringComparison.Ordinal));
    }

    [Fact]
    public void Up_Traced_ShowsCallsBehindNames()
    {
        File.Copy(Path.Combine(Repository.Root(), "corpus", "ipc", "bin", "stream.elf"), Path.Combine(_directory.Path, "stream.elf"));
        File.WriteAllText(
            Path.Combine(_directory.Path, "t.yaml"),
            """
            cVMs:
              - {name: recv, runtime: stream.elf, args: ch1 receive, ipc: {owns: ch1}}
              - {name: send, runtime: stream.elf, args: ch1 send 3, ipc: {grants: [{name: ch1, rights: write}]}}
            """);
        var result = Tool("up", "--trace", "--trace-filter=cp_*,exit_group", "t.yaml");
        Assert.True(result.ExitCode == 0, result.Error);
        var lines = result.Error.Split('\n');
        Assert.Contains(lines, l => l.StartsWith("recv | cp_stream_create(\"ch1\", ", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("send | cp_open(\"ch1\", O_WRONLY", StringComparison.Ordinal));
        Assert.Contains(lines, l => l.StartsWith("send | exit_group(0)", StringComparison.Ordinal));
        Assert.DoesNotContain(lines, l => l.Contains("write(", StringComparison.Ordinal));

        var misspelt = Tool("up", "--trace-filter=cp_*,exit_gruop", "t.yaml");
        Assert.Equal((64, ""), (misspelt.ExitCode, misspelt.Output));
        Assert.Contains("exit_gruop", misspelt.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Up_UngrantedBuffer_CannotBeOpened()
    {
        var result = Up("""
            capfiles: [{name: secret, size: 16, grants: {to: a, rights: write}}, {name: open, size: 1, data: x, grants: {to: "*", rights: [read, write]}}]
            cVMs:
              - {name: a, runtime: service.elf, args: cat /cap/secret}
              - {name: b, runtime: service.elf, args: cat /cap/secret}
              - {name: c, runtime: service.elf, args: cat /cap/nothing}
            """);
        Assert.Contains("a | /cap/secret: error 13\n", result.Output, StringComparison.Ordinal);
        Assert.Contains("b | /cap/secret: error 13\n", result.Output, StringComparison.Ordinal);
        Assert.Contains("c | /cap/nothing: error 2\n", result.Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ipc: {grants: [{name: ch1, rights: write}]}", 0)]
    [InlineData("ipc: {grants: [{name: ch1, rights: write}]}, clean_room: 1", 110)] // ETIMEDOUT: it waits for a right that never comes
    public void Up_RightsToAStream_AreThoseOfTheManifest(string keys, int expected)
    {
        var stream = Path.Combine(Repository.Root(), "corpus", "ipc", "bin", "stream.elf");
        using var up = Start($$$"""
            cVMs:
              - {name: recv, runtime: {{{stream}}}, args: ch1 receive, ipc: {owns: ch1}}
              - {name: send, runtime: {{{stream}}}, args: ch1 send 1, {{{keys}}} }
            """);
        up.Await("recv | listening");
        if (expected != 0)
        {
            // The receiver goes on waiting, and the Intravisor with it.
            Assert.True(SpinWait.SpinUntil(() => Cvms(Tool("ps", "--json"))[1]["state"]!.GetValue<string>() == "exited", TimeSpan.FromMinutes(2)), up.Error);
            Assert.Equal(0, Tool("kill", "recv").ExitCode);
        }

        Assert.Equal(expected == 0 ? 0 : 128 + 15, up.Wait());
        if (expected == 0)
            Assert.Contains("recv | end of stream\n", up.Output, StringComparison.Ordinal);
        Assert.Contains($"send exited {expected} ", up.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Up_Json_IsTheSummaryAloneOnStdout()
    {
        var result = Up("cVMs: [{name: a, runtime: service.elf, args: say x}, {name: b, runtime: service.elf, args: crash}]", "--json");
        var summary = JsonNode.Parse(result.Output)!;
        Assert.Equal(139, result.ExitCode);
        Assert.Equal(139, summary["status"]!.GetValue<int>());
        Assert.Equal(["a exited 0 ", "b killed 139 SIGSEGV"], summary["cvms"]!.AsArray().Select(c => $"{c!["name"]} {c["state"]} {c["status"]} {c["signal"]}"));
        Assert.Contains("a | x\n", result.Error, StringComparison.Ordinal);
        Assert.Contains("b | cvm 2: thread 100 killed by SIGSEGV", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Up_Restarts_FollowThePolicy()
    {
        var result = Up("""
            cVMs:
              - {name: never, runtime: service.elf, args: say n exit 1}
              - {name: failing, runtime: service.elf, args: say f exit 2, restart: {policy: on-failure, retries: 2, delay: 1ms}}
              - {name: fine, runtime: service.elf, args: say g, restart: {policy: on-failure, delay: 1ms}}
              - {name: always, runtime: service.elf, args: say a, restart: {policy: always, retries: 3, delay: 1ms}}
            """, "--json");
        int Count(string line) => result.Error.Split('\n').Count(l => l == line);
        Assert.Equal((1, 3, 1, 4), (Count("never   | n"), Count("failing | f"), Count("fine    | g"), Count("always  | a")));
        Assert.Equal([0, 2, 0, 3], JsonNode.Parse(result.Output)!["cvms"]!.AsArray().Select(c => c!["restarts"]!.GetValue<int>()));
        Assert.Equal(1, result.ExitCode);
    }

    [Theory]
    [InlineData("- {name: b, runtime: missing.elf}", "m.yaml:2:20: cVMs[1].runtime: missing.elf: no such file")]
    [InlineData("- {name: b, runtime: m.yaml}", "m.yaml:2:20: cVMs[1].runtime: ")]
    [InlineData("- {name: b, runtime: service.elf, root: nowhere}", "m.yaml:2:39: cVMs[1].root: nowhere: no such file")]
    [InlineData("- {name: b, runtime: service.elf, root: service.elf}", "neither a folder nor a tar archive")]
    [InlineData("- {name: b, root: ., args: /../../etc/passwd}", "m.yaml:2:26: cVMs[1].args: /../../etc/passwd leads out of the root")]
    [InlineData("- {name: b, runtime: service.elf, limits: 7}", "m.yaml:2:41: cVMs[1].limits: must be a mapping of keys (memory, ")]
    public void Up_BadManifest_StartsNothing(string second, string expected)
    {
        var result = Up("cVMs: [{name: a, runtime: service.elf, args: say started}, \n" + second[2..] + "]");
        Assert.Equal(65, result.ExitCode);
        Assert.Equal("", result.Output);
        Assert.Contains(expected, result.Error.Replace(_directory.Path + "/", "", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void Up_Missing_IsOneLine()
    {
        var result = ToolProcess.Run(_directory.Path, "up", "nowhere.yaml");
        Assert.Equal((66, "cheri2il: nowhere.yaml: no such file\n"), (result.ExitCode, result.Error));
    }

    [Fact]
    public void ControlCommands_RunningIntravisor_ActOnIt()
    {
        using var up = Start("""
            cVMs:
              - {name: server, runtime: service.elf, args: term say ready wait, restart: always}
              - {name: other, runtime: service.elf, args: err complaint say here wait}
            """);
        up.Await("server | ready");
        up.Await("other  | here");
        Assert.Equal(["server running", "other running"], Cvms(Tool("ps", "--json")).Select(c => $"{c["name"]} {c["state"]}"));
        Assert.Contains("server running", Tool("ps").Output, StringComparison.Ordinal);
        Assert.Equal(("here\n", "complaint\n"), (Tool("logs", "other").Output, Tool("logs", "other").Error));
        Assert.Equal("", Tool("logs", "--lines", "0", "other").Output);
        var inspected = JsonNode.Parse(Tool("inspect", "server").Output)!;
        Assert.Equal(("always", 64), (inspected["restart"]!.GetValue<string>(), inspected["programSha256"]!.GetValue<string>().Length));
        Assert.Equal(0, Tool("pause", "other").ExitCode);
        Assert.Equal("paused", Cvms(Tool("ps", "--json"))[1]["state"]!.GetValue<string>());
        Assert.Equal(0, Tool("resume", "other").ExitCode);

        // What is asked to end stays so, whatever its policy.
        Assert.Equal(0, Tool("kill", "server").ExitCode);
        up.Await("server | stopping on signal 15");
        var unknown = Tool("kill", "nobody");
        Assert.Equal((69, "cheri2il: no cVM is called 'nobody' (there are server, other)\n"), (unknown.ExitCode, unknown.Error));
        Assert.Equal(64, Tool("kill", "--signal", "NOSUCH", "other").ExitCode);
        Assert.Equal(0, Tool("kill", "-s", "KILL", "other").ExitCode);
        Assert.Equal(128 + 9, up.Wait());
        Assert.Equal((69, "cheri2il: no Intravisor runs (start one with 'cheri2il up MANIFEST')\n"), (Tool("ps").ExitCode, Tool("ps").Error));
    }

    [Fact]
    public void Kill_BetweenTwoRuns_PreventsTheNext()
    {
        using var up = Start("cVMs: [{name: a, runtime: service.elf, args: say once, restart: {policy: always, delay: 1h}}]");
        up.Await("a | once");
        Assert.True(SpinWait.SpinUntil(() => Cvms(Tool("ps", "--json"))[0]["state"]!.GetValue<string>() == "waiting", TimeSpan.FromMinutes(2)));
        Assert.Equal(0, Tool("kill", "a").ExitCode);
        Assert.Equal(0, up.Wait());
        Assert.Equal("a | once\n", up.Output);
    }

    [Theory]
    [InlineData("plain \t text", "plain \t text\n")]
    [InlineData("\u001b[2Jgone", "^[[2Jgone\n")]
    [InlineData("a\rb\u007f\u009bc", "a^Mb^?^?c\n")]
    public void Console_ControlCharacters_AreVisibleOnTerminalsOnly(string line, string shown)
    {
        var bytes = Encoding.UTF8.GetBytes(line);
        Assert.Equal(shown, Encoding.UTF8.GetString(Cheri2IL.Cli.Deploy.ConsolePrefix.Compose([], bytes, isTerminal: true)));
        Assert.Equal(line + "\n", Encoding.UTF8.GetString(Cheri2IL.Cli.Deploy.ConsolePrefix.Compose([], bytes, isTerminal: false)));
    }

    [Fact]
    public void Logs_Follow_GoOnUntilTheEnd()
    {
        using var up = Start("cVMs: [{name: a, runtime: service.elf, args: say one term wait}]");
        up.Await("a | one");
        using var logs = new RunningTool(_directory.Path, _cache.Path, "logs", "--follow", "a");
        logs.Await("one");
        Assert.Equal(0, Tool("kill", "a").ExitCode);
        Assert.Equal(0, logs.Wait());
        Assert.Equal("one\nstopping on signal 15\n", logs.Output);
        Assert.Equal(0, up.Wait());
    }

    [Fact]
    public void ControlCommands_SeveralIntravisors_WantAChoice()
    {
        const string Yaml = "cVMs: [{name: a, runtime: service.elf, args: say ready wait}]";
        using var first = Start(Yaml);
        using var second = Start(Yaml);
        first.Await("ready");
        second.Await("ready");
        var several = Tool("ps");
        Assert.Equal(69, several.ExitCode);
        Assert.Contains("several Intravisors run: choose one with --pid (", several.Error, StringComparison.Ordinal);
        Assert.Equal(0, Tool("ps", "--pid", $"{second.Id}").ExitCode);
        Assert.Equal(0, Tool("kill", "--pid", $"{first.Id}", "a").ExitCode);
        Assert.Equal(128 + 15, first.Wait());

        // The socket of one that was killed is in nobody's way.
        second.Signal("KILL");
        second.Wait();
        Assert.Contains("no Intravisor runs", Tool("ps").Error, StringComparison.Ordinal);
    }

    [Fact]
    public void ControlSocket_IsForItsOwnerAlone()
    {
        using var up = Start("cVMs: [{name: a, runtime: service.elf, args: say ready wait}]");
        up.Await("ready");
        var folder = Path.Combine(_directory.Path, "cheri2il");
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, new DirectoryInfo(folder).UnixFileMode);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, new FileInfo(Path.Combine(folder, $"{up.Id}.sock")).UnixFileMode);

        // A folder that others can enter is not trusted, by neither side.
        Process.Start("chmod", ["777", folder]).WaitForExit();
        Assert.Contains("must be a folder of yours that nobody else can enter", Tool("ps").Error, StringComparison.Ordinal);
        using var next = Start("cVMs: [{name: a, runtime: service.elf}]");
        Assert.Equal(73, next.Wait());
    }

    [Fact]
    public void Interrupt_Once_StopsInReverseOrderWithGrace()
    {
        using var up = Start("""
            cVMs:
              - {name: polite, runtime: service.elf, args: term say ready wait}
              - {name: stubborn, runtime: service.elf, args: ignore say ready wait, restart: always}
            """, "--grace", "0.3", "--json");
        Assert.True(SpinWait.SpinUntil(() => up.Error.Split("ready").Length == 3, TimeSpan.FromMinutes(2)), up.Error);
        up.Signal("INT");
        Assert.Equal(130, up.Wait());
        Assert.Contains("polite   | stopping on signal 15\n", up.Error, StringComparison.Ordinal);
        Assert.Equal(["polite exited 0", "stubborn killed 137"], JsonNode.Parse(up.Output)!["cvms"]!.AsArray().Select(c => $"{c!["name"]} {c["state"]} {c["status"]}"));
    }

    [Fact]
    public void Interrupt_Twice_KillsAtOnce()
    {
        using var up = Start("cVMs: [{name: a, runtime: service.elf, args: ignore say ready wait}]", "--grace", "3600");
        up.Await("ready");
        up.Signal("INT");
        Assert.True(SpinWait.SpinUntil(
            () =>
            {
                up.Signal("INT");
                return SpinWait.SpinUntil(() => up.Error.Contains("SIGKILL", StringComparison.Ordinal), 500);
            },
            TimeSpan.FromMinutes(2)));
        Assert.Equal(130, up.Wait());
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    private static List<JsonNode> Cvms(ToolResult ps) => [.. JsonNode.Parse(ps.Output)!["cvms"]!.AsArray().Select(c => c!)];

    private ToolResult Up(string yaml, params string[] options)
    {
        _directory.Write("m.yaml", Encoding.UTF8.GetBytes(yaml));
        return Tool(["up", .. options, "m.yaml"]);
    }

    private ToolResult Tool(params string[] arguments) => ToolProcess.RunWith(_directory.Path, [("XDG_RUNTIME_DIR", _directory.Path), ("XDG_CACHE_HOME", _cache.Path)], arguments);

    private RunningTool Start(string yaml, params string[] options)
    {
        _directory.Write("m.yaml", Encoding.UTF8.GetBytes(yaml));
        return new RunningTool(_directory.Path, _cache.Path, ["up", .. options, "m.yaml"]);
    }
}
