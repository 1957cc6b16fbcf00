using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;

namespace Cheri2IL.Deployment.Control;

/// <summary>Asks a running Intravisor of the same user.</summary>
public static class ControlClient
{
    /// <summary>The process id of the only Intravisor that runs, or <paramref name="wanted"/> if that one does.</summary>
    /// <exception cref="ControlException">None runs, or not that one, or several do and none was chosen.</exception>
    public static int Choose(int? wanted)
    {
        var running = ControlDirectory.FindRunning();
        if (wanted is { } process)
            return running.Contains(process) ? process : throw new ControlException($"no Intravisor runs in process {process}{(running.Count > 0 ? $" (but in {string.Join(", ", running)})" : "")}");
        return running switch
        {
            [] => throw new ControlException("no Intravisor runs (start one with 'cheri2il up MANIFEST')"),
            [var only] => only,
            _ => throw new ControlException($"several Intravisors run: choose one with --pid ({string.Join(", ", running)})"),
        };
    }

    /// <summary>Sends a request and yields the answers until the other side closes.</summary>
    /// <exception cref="ControlException">The request was refused, or the Intravisor has gone.</exception>
    public static IEnumerable<JsonObject> Ask(int process, JsonObject request)
    {
        ArgumentNullException.ThrowIfNull(request);
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        Connect(socket, process);
        using var stream = new NetworkStream(socket);
        stream.Write(Encoding.UTF8.GetBytes(request.ToJsonString() + "\n"));
        using var answers = new StreamReader(stream, Encoding.UTF8);
        while (ReadLine(answers) is { } line)
        {
            var answer = ControlMessages.Parse(line) ?? throw new ControlException($"the Intravisor in process {process} answered something else than JSON");
            if (answer[ControlMessages.Error] is { } error)
                throw new ControlException(error.ToString());
            yield return answer;
        }
    }

    private static void Connect(Socket socket, int process)
    {
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(ControlDirectory.SocketOf(process)));
            if (ControlMessages.PeerOf(socket) != ControlDirectory.UserId)
                throw new ControlException($"process {process} belongs to somebody else");
        }
        catch (SocketException error)
        {
            throw new ControlException($"the Intravisor in process {process} does not answer: {error.Message}");
        }
    }

    private static string? ReadLine(StreamReader answers)
    {
        try
        {
            return answers.ReadLine();
        }
        catch (IOException)
        {
            return null;
        }
    }
}
