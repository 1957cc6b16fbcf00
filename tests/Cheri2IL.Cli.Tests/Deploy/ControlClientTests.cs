using System.Net.Sockets;
using System.Runtime.Versioning;
using System.Text;
using Xunit;

namespace Cheri2IL.Cli.Tests.Deploy;

/// <summary>The commands that ask an Intravisor which goes away before it has answered. This process plays the Intravisor.</summary>
[SupportedOSPlatform("linux")]
public sealed class ControlClientTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new();
    private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    /// <summary>Listens where the tool looks for Intravisors.</summary>
    public ControlClientTests()
    {
        var folder = Path.Combine(_directory.Path, "cheri2il");
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        _listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(folder, $"{Environment.ProcessId}.sock")));
        _listener.Listen();
    }

    [Theory]
    [InlineData("ps --json", "")]
    [InlineData("ps", "{\"cvms\": [")]
    [InlineData("kill a", "")]
    [InlineData("pause a", "")]
    [InlineData("resume a", "{\"name\": \"a\"}")] // without the line's end
    [InlineData("inspect a", "")]
    [InlineData("logs a", "{\"stream\": 1, \"line\": \"hello\"}\n{\"stream\": 1, ", "hello\n")]
    public async Task Ask_IntravisorEndsBeforeItAnswered_IsAnError(string command, string answer, string shown = "")
    {
        var peer = Answer(answer);
        var result = Tool(command);
        Assert.Equal((69, shown, $"cheri2il: the Intravisor in process {Environment.ProcessId} ended before it answered\n"), (result.ExitCode, result.Output, result.Error));
        Assert.Contains($"\"command\":\"{command.Split(' ')[0].Replace("kill", "signal", StringComparison.Ordinal)}\"", await peer, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("logs a", "{\"stream\": 1, \"line\": \"hello\"}\n{\"end\": true}\n")]
    [InlineData("logs --follow a", "{\"stream\": 1, \"line\": \"hello\"}\n{\"stream\"")] // ends with the Intravisor, however that ends
    public void Logs_ToTheirEnd_Succeed(string command, string answer)
    {
        _ = Answer(answer);
        var result = Tool(command);
        Assert.Equal((0, "hello\n", ""), (result.ExitCode, result.Output, result.Error));
    }

    [Fact]
    public void Ask_AnswerThatIsNone_IsAnError()
    {
        _ = Answer("hello\n");
        var result = Tool("ps");
        Assert.Equal((69, "", $"cheri2il: the Intravisor in process {Environment.ProcessId} answered something else than JSON\n"), (result.ExitCode, result.Output, result.Error));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _listener.Dispose();
        _directory.Dispose();
    }

    private ToolResult Tool(string command) => ToolProcess.RunWith(_directory.Path, [("XDG_RUNTIME_DIR", _directory.Path)], command.Split(' '));

    /// <summary>Answers the first request with some bytes, and closes. A connection without a request only looks who listens.</summary>
    private async Task<string> Answer(string bytes)
    {
        while (true)
        {
            await using var stream = new NetworkStream(await _listener.AcceptAsync(), ownsSocket: true);
            using var requests = new StreamReader(stream);
            if (await requests.ReadLineAsync() is not { } request)
                continue;
            await stream.WriteAsync(Encoding.UTF8.GetBytes(bytes));
            return request;
        }
    }
}
