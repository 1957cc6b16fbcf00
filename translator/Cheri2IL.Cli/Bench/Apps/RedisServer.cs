using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Cheri2IL.Cli.Bench.Apps;

/// <summary>A Redis server that an engine runs, behind a port of the host's loopback address.</summary>
internal sealed class RedisServer : IDisposable
{
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan EndLimit = TimeSpan.FromMinutes(5); // it may have machine code to make

    private readonly Process _process;

    private RedisServer(AppEngine engine, Process process, int port) => (Engine, _process, Port) = (engine, process, port);

    /// <summary>What runs it.</summary>
    public AppEngine Engine { get; }

    /// <summary>Its port.</summary>
    public int Port { get; }

    /// <summary>The server's own arguments, besides its port: nothing is saved.</summary>
    public static IReadOnlyList<string> Arguments { get; } = ["--save", "", "--appendonly", "no", "--protected-mode", "no", "--dir", "/tmp"];

    /// <summary>Starts a server and waits until it answers.</summary>
    /// <param name="engine">What runs it.</param>
    /// <param name="environment">Variables besides this process's.</param>
    /// <exception cref="ToolException">It does not.</exception>
    public static RedisServer Start(AppEngine engine, params ReadOnlySpan<(string Name, string Value)> environment)
    {
        var port = FreePort();
        string[] command = engine.Name == AppEngine.Translated
            ? [.. engine.Prefix, "--publish", $"{port}:6379", "/usr/bin/redis-server", "--port", "6379"]
            : [.. engine.Prefix, "/usr/bin/redis-server", "--bind", "127.0.0.1", "--port", $"{port}"];
        var start = new ProcessStartInfo(command[0], [.. command[1..], .. Arguments]) { RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (var (name, value) in (ReadOnlySpan<(string, string)>)[("LC_ALL", "C"), .. environment])
            start.Environment[name] = value;
        var process = Process.Start(start)!;
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var server = new RedisServer(engine, process, port);
        var begin = Stopwatch.GetTimestamp();
        while (!server.Answers("PING\r\n"))
        {
            if (process.HasExited || Stopwatch.GetElapsedTime(begin) > StartLimit)
            {
                server.Dispose();
                throw new ToolException(ExitCode.Failure, "the server does not answer");
            }

            Thread.Sleep(100);
        }

        return server;
    }

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        _ = Answers("SHUTDOWN NOSAVE\r\n");
        if (!_process.WaitForExit(EndLimit))
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private bool Answers(string request)
    {
        try
        {
            using var client = new TcpClient();
            client.Connect(IPAddress.Loopback, Port);
            client.ReceiveTimeout = 1000;
            using var stream = client.GetStream();
            stream.Write(Encoding.ASCII.GetBytes(request));
            return stream.ReadByte() == '+';
        }
        catch (Exception error) when (error is SocketException or IOException)
        {
            return false;
        }
    }
}
