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

    /// <summary>Sends a request that has one answer.</summary>
    /// <exception cref="ControlException">The request was refused, or the Intravisor ended before it had answered.</exception>
    public static JsonObject Ask(int process, JsonObject request)
    {
        using var connection = new Connection(process, request);
        return connection.Read() ?? throw connection.Ended();
    }

    /// <summary>Sends a request that has any number of answers, and yields them.</summary>
    /// <param name="process">Process id of the Intravisor.</param>
    /// <param name="request">The request.</param>
    /// <param name="isFollowing">The answers may end with the Intravisor, whatever ended it.</param>
    /// <exception cref="ControlException">The request was refused, or the Intravisor ended before it had answered.</exception>
    public static IEnumerable<JsonObject> AskForLines(int process, JsonObject request, bool isFollowing)
    {
        using var connection = new Connection(process, request);
        while (connection.Read() is { } answer)
        {
            if (answer.ContainsKey(ControlMessages.End))
                yield break;
            yield return answer;
        }

        if (!isFollowing)
            throw connection.Ended();
    }

    /// <summary>A request on its way.</summary>
    private sealed class Connection : IDisposable
    {
        private readonly int _process;
        private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        private readonly StreamReader? _answers;

        public Connection(int process, JsonObject request)
        {
            _process = process;
            try
            {
                Connect();
                var stream = new NetworkStream(_socket);
                _answers = new StreamReader(stream, Encoding.UTF8);
                stream.Write(Encoding.UTF8.GetBytes(request.ToJsonString() + "\n"));
            }
            catch (IOException)
            {
                // It has gone; there may be an answer all the same, which says why the request was not wanted.
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        /// <summary>The next answer; null: there is none, or not all of it.</summary>
        /// <exception cref="ControlException">The answer is a refusal, or none at all.</exception>
        public JsonObject? Read()
        {
            if (ReadLine() is not { } line)
                return null;
            var answer = ControlMessages.Parse(line) ?? throw new ControlException($"the Intravisor in process {_process} answered something else than JSON");
            return answer[ControlMessages.Error] is { } error ? throw new ControlException(error.ToString()) : answer;
        }

        public ControlException Ended() => new($"the Intravisor in process {_process} ended before it answered");

        public void Dispose()
        {
            _answers?.Dispose();
            _socket.Dispose();
        }

        private void Connect()
        {
            try
            {
                _socket.Connect(new UnixDomainSocketEndPoint(ControlDirectory.SocketOf(_process)));
                if (ControlMessages.PeerOf(_socket) != ControlDirectory.UserId)
                    throw new ControlException($"process {_process} belongs to somebody else");
            }
            catch (SocketException error)
            {
                throw new ControlException($"the Intravisor in process {_process} does not answer: {error.Message}");
            }
        }

        /// <summary>Up to the end of the line, which an answer that was cut off does not have.</summary>
        private string? ReadLine()
        {
            var line = new StringBuilder();
            try
            {
                for (int next; (next = _answers!.Read()) >= 0; line.Append((char)next))
                {
                    if (next == '\n')
                        return line.ToString();
                }
            }
            catch (IOException)
            {
                // The end of the connection, as seen from a side that it did not wait for.
            }

            return null;
        }
    }
}
