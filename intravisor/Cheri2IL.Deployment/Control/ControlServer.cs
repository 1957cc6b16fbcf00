using System.Diagnostics;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Cheri2IL.Deployment.Running;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Deployment.Control;

/// <summary>
/// Answers requests about a deployment at the control socket of this process. Only processes of the same user can connect: the folder and
/// the socket have no rights for others, and the kernel says who is at the other end.
/// </summary>
/// <remarks>
/// A request is a line with a JSON object: <c>{"command": "ps"}</c>, or with "name" <c>inspect</c>, <c>signal</c> ("signal": number), <c>pause</c>, <c>resume</c>,
/// <c>logs</c> ("lines": number, "follow": bool). The answer is a line, and so is each line of the logs, behind which one with "end" says that there
/// are no more; one with "error" is the last.
/// </remarks>
public sealed class ControlServer : IDisposable
{
    private const int MostConnections = 32;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly Running.Deployment _deployment;
    private readonly Socket _listener;
    private readonly string _path;
    private readonly SemaphoreSlim _free = new(MostConnections);
    private readonly CancellationTokenSource _closing = new();

    /// <summary>Listens from now on.</summary>
    /// <exception cref="ControlException">The socket cannot be made.</exception>
    public ControlServer(Running.Deployment deployment)
    {
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException();
        _deployment = deployment;
        ControlDirectory.Prepare();
        _path = ControlDirectory.SocketOf(Environment.ProcessId);
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            // Under its name only when it listens: who looks for Intravisors deletes a socket that nobody listens at.
            var unborn = Path.ChangeExtension(_path, ".new");
            File.Delete(unborn);
            _listener.Bind(new UnixDomainSocketEndPoint(unborn));
            File.SetUnixFileMode(unborn, OwnerOnly);
            _listener.Listen();
            File.Move(unborn, _path, overwrite: true);
        }
        catch (Exception error) when (error is SocketException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            _listener.Dispose();
            throw new ControlException($"{_path}: {error.Message}");
        }

        _ = Task.Run(Accept);
    }

    /// <summary>Stops listening, deletes the socket, and lets the answers that are being given come to their end, for some seconds at most.</summary>
    public void Dispose()
    {
        _listener.Dispose();
        _closing.Cancel();
        try
        {
            File.Delete(_path);
        }
        catch (IOException)
        {
            // Whoever looks for Intravisors finds that nobody listens, and deletes it.
        }

        // What was asked for may be the very reason for the end. Those who do not read what they asked for are not waited for longer.
        var waiting = Stopwatch.StartNew();
        for (var k = 0; k < MostConnections; k++)
        {
            if (!_free.Wait(Patience - waiting.Elapsed is { Ticks: > 0 } left ? left : TimeSpan.Zero))
                break;
        }
    }

    private async Task Accept()
    {
        try
        {
            while (true)
            {
                await _free.WaitAsync(_closing.Token).ConfigureAwait(false);
                Socket socket;
                try
                {
                    socket = await _listener.AcceptAsync(_closing.Token).ConfigureAwait(false);
                }
                catch
                {
                    _free.Release();
                    throw;
                }

                _ = Task.Run(() => Serve(socket));
            }
        }
        catch (Exception error) when (error is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Nobody listens any more.
        }
    }

    private async Task Serve(Socket socket)
    {
        try
        {
            await using var stream = new NetworkStream(socket, ownsSocket: true);
            await using var answers = new StreamWriter(stream, new UTF8Encoding(false)) { AutoFlush = true, NewLine = "\n" };
            if (ControlMessages.PeerOf(socket) != ControlDirectory.UserId)
            {
                await answers.WriteLineAsync(Refusal("not yours").ToJsonString()).ConfigureAwait(false);
                return;
            }

            var request = ControlMessages.Parse(await ReadRequest(stream).ConfigureAwait(false));
            if (request is null || Text(request, "command") is not { } command)
                await answers.WriteLineAsync(Refusal("a request is one line with a JSON object that has \"command\"").ToJsonString()).ConfigureAwait(false);
            else if (command == "logs" && Find(request) is { } followed)
                await SendLines(followed, request, stream, answers).ConfigureAwait(false);
            else
                await answers.WriteLineAsync(Answer(command, request).ToJsonString()).ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The other side has gone, or took too long.
        }
        finally
        {
            _free.Release();
        }
    }

    private async Task<string> ReadRequest(NetworkStream stream)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token);
        limit.CancelAfter(Patience);
        var buffer = new byte[ControlMessages.LongestRequest];
        var length = 0;
        while (length < buffer.Length && buffer.AsSpan(0, length).IndexOf((byte)'\n') < 0)
        {
            var count = await stream.ReadAsync(buffer.AsMemory(length), limit.Token).ConfigureAwait(false);
            if (count == 0)
                break;
            length += count;
        }

        return Encoding.UTF8.GetString(buffer, 0, length);
    }

    private JsonObject Answer(string command, JsonObject request)
    {
        if (command == "ps")
            return new JsonObject { ["process"] = Environment.ProcessId, ["manifest"] = _deployment.Manifest.File, ["cvms"] = new JsonArray([.. _deployment.Cvms.Select(c => (JsonNode)StatusReport.Of(c.Status))]) };
        if (command is not ("inspect" or "signal" or "pause" or "resume" or "logs"))
            return Refusal($"unknown command '{command}'");
        if (Find(request) is not { } cvm)
            return Refusal($"no cVM is called '{Text(request, "name")}' (there are {string.Join(", ", _deployment.Cvms.Select(c => c.Name))})");
        switch (command)
        {
            case "inspect":
                return StatusReport.Full(cvm);
            case "signal":
                var signal = Number(request, "signal") ?? 0;
                return signal is < 1 or > Signal.Last ? Refusal($"signals are 1 to {Signal.Last}")
                    : Running.Deployment.Send(cvm, (int)signal) ? new JsonObject { ["sent"] = signal } : Refusal($"{cvm.Name} does not run");
            default:
                if (cvm.Current is not { } running)
                    return Refusal($"{cvm.Name} does not run");
                if (command == "pause")
                    running.Pause();
                else
                    running.Resume();
                return StatusReport.Of(cvm.Status);
        }
    }

    /// <summary>The last lines and, if asked, those that follow, until the cVM is over or the other side goes.</summary>
    private static async Task SendLines(DeployedCvm cvm, JsonObject request, NetworkStream stream, StreamWriter answers)
    {
        // A reader that stands still loses lines, and holds up nobody.
        var lines = System.Threading.Channels.Channel.CreateBounded<JsonObject>(new System.Threading.Channels.BoundedChannelOptions(4096) { FullMode = System.Threading.Channels.BoundedChannelFullMode.DropOldest });
        using var following = cvm.Console.Follow((int)Math.Clamp(Number(request, "lines") ?? int.MaxValue, 0, int.MaxValue), (_, number, line) => lines.Writer.TryWrite(new JsonObject { ["stream"] = number, ["line"] = Encoding.UTF8.GetString(line) }));
        var gone = stream.ReadAsync(new byte[1]).AsTask();
        var more = lines.Reader.WaitToReadAsync().AsTask();
        do
        {
            while (lines.Reader.TryRead(out var line))
                await answers.WriteLineAsync(line.ToJsonString()).ConfigureAwait(false);
            if (request["follow"]?.GetValueKind() != System.Text.Json.JsonValueKind.True || cvm.Status.IsOver || gone.IsCompleted)
                break;
            if (more.IsCompleted)
                more = lines.Reader.WaitToReadAsync().AsTask();
            await Task.WhenAny(more, gone, Task.Delay(200)).ConfigureAwait(false);
        }
        while (true);
        while (lines.Reader.TryRead(out var rest))
            await answers.WriteLineAsync(rest.ToJsonString()).ConfigureAwait(false);
        await answers.WriteLineAsync(new JsonObject { [ControlMessages.End] = true }.ToJsonString()).ConfigureAwait(false);
    }

    private DeployedCvm? Find(JsonObject request) => Text(request, "name") is { } name ? _deployment.Find(name) : null;

    private static string? Text(JsonObject request, string key) => request[key] is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    private static long? Number(JsonObject request, string key) => request[key] is JsonValue value && value.TryGetValue<long>(out var number) ? number : null;

    private static JsonObject Refusal(string reason) => new() { [ControlMessages.Error] = reason };
}
