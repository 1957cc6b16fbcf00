using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Cheri2IL.Cli;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.Tests.Attacks;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Linux;

/// <summary>Connections of the host as the other ends of guests' sockets.</summary>
public sealed class HostStreamTests
{
    private static readonly string _folder = Path.Combine(Repository.Root(), "corpus", "linux");

    private static readonly CorpusGuest _streams = new("streams", File.ReadAllBytes(Path.Combine(_folder, "bin", "streams.elf")));
    private static readonly CorpusGuest _talk = new("talk", File.ReadAllBytes(Path.Combine(_folder, "bin", "talk.elf")));

    /// <summary>Two Intravisors share nothing but the host: one publishes a port, the other may connect to it.</summary>
    [Fact]
    public void EitherEnd_OfAConnectionThroughTheHost_SeesWhatItDoesOnLinux()
    {
        using var publishing = new IntravisorInstance();
        using var connecting = new IntravisorInstance();
        var (server, said, port) = Publish(publishing, _streams, ["serve", "80"]);
        var (client, heard) = Start(connecting, _streams, ["ask", "gateway", $"{port}"], o => o with { Reachable = [new ReachableHost("127.0.0.1", port)] });
        // One that waits for ever is shown by what was printed until then.
        using var limit = new Timer(_ => EndBoth(), null, TimeSpan.FromMinutes(2), Timeout.InfiniteTimeSpan);
        var status = client.Wait().ShellStatus;
        if (status != 0)
            EndBoth();
        Assert.Equal(0, server.Wait().ShellStatus | status);
        Assert.Equal(File.ReadAllText(Path.Combine(_folder, "streams.out")), heard.Output + said.Output);

        void EndBoth()
        {
            server.Kill(Signal.SIGKILL);
            client.Kill(Signal.SIGKILL);
        }
    }

    /// <summary>Some say nothing until the end, some are reset with something unread.</summary>
    [Fact]
    public async Task Connections_ByTheHundred_AreServedBesideThoseThatHang()
    {
        const int count = 300, silent = 3, reset = 7;
        using var intravisor = new IntravisorInstance();
        var (server, output, port) = Publish(intravisor, _streams, ["echo", "80", $"{count}"]);
        var first = await ConnectAsync(port);
        var clients = new List<Socket> { first };
        for (var k = 1; k < count; k++)
            clients.Add(await ConnectAsync(port, answers: k % silent != 0));
        var seed = 20261130;
        await Task.WhenAll(clients.Where((_, k) => k % silent != 0).Select((c, k) => ExchangeAsync(c, new Random(seed + k))));
        for (var k = 0; k < count; k++)
        {
            if (k % reset == 0)
                clients[k].LingerState = new LingerOption(enable: true, seconds: 0);
            clients[k].Dispose();
        }

        Assert.Equal(0, server.Wait().ShellStatus);
        Assert.Equal($"ended: {count}\nof them failed: {(count + reset - 1) / reset}\n", output.Output);
    }

    [Fact]
    public async Task GuestThatNeverReads_HoldsItsPeerBackAndIsKilled_WhichResetsIt()
    {
        const int most = 256 << 20;
        using var intravisor = new IntravisorInstance();
        var (server, output, port) = Publish(intravisor, _streams, ["mute", "80"]);
        // Until the guest listens, connections are reset, however late; one that it has accepted is not.
        var connecting = await ConnectAsync(port, answers: false);
        while (!output.Output.Contains("accept: ok", StringComparison.Ordinal))
        {
            await Task.Delay(10, TestContext.Current.CancellationToken);
            if (!connecting.Poll(0, SelectMode.SelectRead))
                continue;
            connecting.Dispose();
            connecting = await ConnectAsync(port, answers: false);
        }

        using var connected = connecting;
        connected.Blocking = false;
        var block = new byte[1 << 16];
        var (sent, isFull) = (0L, false);
        // Full for good, not for the moment until the host has passed it on.
        for (var refusals = 0; refusals < 20 && sent < most; refusals = isFull ? refusals + 1 : 0)
        {
            sent += Math.Max(0, connected.Send(block, SocketFlags.None, out var error));
            isFull = error == SocketError.WouldBlock;
            if (isFull)
                await Task.Delay(10, TestContext.Current.CancellationToken);
        }

        Assert.InRange(sent, 1, most - 1);
        server.Kill(Signal.SIGKILL);
        Assert.Equal(128 + Signal.SIGKILL, server.Wait().ShellStatus);
        var failure = await Assert.ThrowsAsync<SocketException>(async () => await connected.ReceiveAsync(block, SocketFlags.None, TestContext.Current.CancellationToken));
        Assert.Equal(SocketError.ConnectionReset, failure.SocketErrorCode);
    }

    [Fact]
    public void HostPort_ThatNobodyListensAt_Refuses()
    {
        var port = FreePort();
        using var intravisor = new IntravisorInstance();
        var (client, output) = Start(intravisor, _talk, ["ask", "gateway", $"{port}", "1"], o => o with { Reachable = [new ReachableHost("127.0.0.1", port)] });
        client.Wait();
        Assert.Equal("no connection: ECONNREFUSED\n", output.Output);
    }

    /// <summary>Those that were set before are told with the connection, those that are set then at once.</summary>
    [Fact]
    public async Task Options_OfAConnectionToTheHost_AreItsOwn()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var network = new WatchedNetwork();
        using var intravisor = new IntravisorInstance();
        var (client, output) = Start(intravisor, _streams, ["set", "gateway", $"{port}"], o => o with { Reachable = [new ReachableHost("127.0.0.1", port)], HostNetwork = network });
        using (var peer = await listener.AcceptSocketAsync(TestContext.Current.CancellationToken))
        {
            Assert.Equal(1, await peer.ReceiveAsync(new byte[1], SocketFlags.None, TestContext.Current.CancellationToken));
            using var seen = new Socket(new SafeSocketHandle(network.Connection!.DangerousGetHandle(), ownsHandle: false));
            Assert.Equal(
                (1, 77, 33, 0, 40000),
                ((int)seen.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive)!, (int)seen.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime)!,
                    (int)seen.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval)!, (int)seen.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.NoDelay)!,
                    (int)seen.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReceiveBuffer)!));
        }

        Assert.Equal(0, client.Wait().ShellStatus);
        Assert.Equal(
            "keepalive: 0\nidle: 0\nreceive buffer: 0\nconnect: 0\ninterval: 0\nno delay: 0\nTCP_INFO: 0\nstate: 1\nmeasured: 1\nsend: 1\nthe end: 0\n", output.Output);
    }

    /// <summary>Whoever embeds the Intravisor can stand between a guest and the host's network.</summary>
    [Fact]
    public async Task HostNetwork_ThatIsReplaced_IsAllThatAGuestReaches()
    {
        const int bytes = 300_000;
        using var network = new UnixNetwork();
        using var intravisor = new IntravisorInstance();
        var (client, output) = Start(intravisor, _talk, ["ask", "db.example", "5432", $"{bytes}"], o => o with { Reachable = [new ReachableHost("db.example", 5432)], HostNetwork = network });
        await network.EchoAsync();
        Assert.Equal(0, client.Wait().ShellStatus);
        Assert.Equal($"answered: {bytes}\n", output.Output);
        Assert.Equal(["db.example", "192.0.2.7:5432"], network.Asked);
    }

    /// <summary>The kernel knows nothing of tags.</summary>
    [Fact]
    public async Task PureCapabilityProgram_ReceivesWithoutTagsAndWithItsOwnAuthority()
    {
        using var network = new UnixNetwork();
        using var intravisor = new IntravisorInstance();
        var guest = new CorpusGuest("connect", await File.ReadAllBytesAsync(Path.Combine(Repository.Root(), "corpus", "cheri", "purecap", "bin", "connect.elf"), TestContext.Current.CancellationToken));
        var (client, _) = Start(intravisor, guest, [], o => o with { Reachable = [new ReachableHost("192.0.2.7", 5432)], HostNetwork = network });
        await network.EchoAsync();
        Assert.Equal(0, client.Wait().ShellStatus);
    }

    private static async Task ExchangeAsync(Socket client, Random random)
    {
        for (var round = 0; round < 5; round++)
        {
            var sent = new byte[random.Next(1, 50_000)];
            random.NextBytes(sent);
            var sending = client.SendAsync(sent, SocketFlags.None);
            var received = new byte[sent.Length];
            for (var done = 0; done < received.Length;)
            {
                var count = await client.ReceiveAsync(received.AsMemory(done), SocketFlags.None);
                Assert.NotEqual(0, count);
                done += count;
            }

            await sending;
            Assert.True(sent.AsSpan().SequenceEqual(received));
        }
    }

    /// <summary>Connects; with an answer to a byte, once that is there, because connections are reset while the guest does not listen.</summary>
    private static async Task<Socket> ConnectAsync(int port, bool answers = true)
    {
        var token = TestContext.Current.CancellationToken;
        while (true)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, port, token);
                var one = new byte[1];
                if (answers)
                {
                    await socket.SendAsync(one, SocketFlags.None, token);
                    if (await socket.ReceiveAsync(one, SocketFlags.None, token) == 1)
                        return socket;
                }
                else
                {
                    // A reset comes at once.
                    await Task.Delay(20, token);
                    if (!socket.Poll(0, SelectMode.SelectRead))
                        return socket;
                }
            }
            catch (SocketException)
            {
                await Task.Delay(10, token);
            }

            socket.Dispose();
        }
    }

    private static (Cvm Cvm, QuietHost Output) Start(IntravisorInstance intravisor, CorpusGuest guest, string[] arguments, Func<CvmOptions, CvmOptions> change)
    {
        var host = new QuietHost();
        var cvm = intravisor.Create(change(guest.Options(arguments, host: host)));
        guest.Start(cvm);
        return (cvm, host);
    }

    /// <summary>Starts a server at a port of the host that is free. Until it has it, somebody else may take it.</summary>
    private static (Cvm Cvm, QuietHost Output, int Port) Publish(IntravisorInstance intravisor, CorpusGuest guest, string[] arguments)
    {
        for (var attempt = 0; ; attempt++)
        {
            var port = FreePort();
            try
            {
                var (cvm, output) = Start(intravisor, guest, arguments, o => o with { Name = $"server{attempt}", Publish = [new PublishedPort(IPAddress.Loopback, port, 80)] });
                return (cvm, output, port);
            }
            catch (CvmLoadException error) when (attempt < 20 && error.Message.Contains("in use", StringComparison.OrdinalIgnoreCase))
            {
                // The next.
            }
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    /// <summary>The host's network, of which the last connection that a guest has made is known.</summary>
    private sealed class WatchedNetwork : IHostNetwork
    {
        public SafeHandle? Connection { get; private set; }

        public IHostListener Listen(IPEndPoint address) => HostNetwork.Instance.Listen(address);

        public SafeHandle Connect(IPEndPoint address) => Connection = HostNetwork.Instance.Connect(address);

        public IHostDatagrams Bind(IPEndPoint address) => HostNetwork.Instance.Bind(address);

        public Task<IPAddress[]> ResolveAsync(string host) => HostNetwork.Instance.ResolveAsync(host);
    }

    /// <summary>A network on which whatever a guest connects to is the test, by a socket that is none of TCP.</summary>
    private sealed class UnixNetwork : IHostNetwork, IDisposable
    {
        private readonly string _path = Path.Combine(Path.GetTempPath(), $"cheri2il-{Guid.NewGuid():N}");
        private readonly Socket _listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        private readonly TaskCompletionSource<Socket> _connected = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Socket _guest = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

        public UnixNetwork()
        {
            _listener.Bind(new UnixDomainSocketEndPoint(_path));
            _listener.Listen();
        }

        public List<string> Asked { get; } = [];

        /// <summary>Says back to the guest what it sends, until it is gone.</summary>
        public async Task EchoAsync()
        {
            using var peer = await _connected.Task;
            var buffer = new byte[10_000];
            try
            {
                for (int count; (count = await peer.ReceiveAsync(buffer, SocketFlags.None)) > 0;)
                    await peer.SendAsync(buffer.AsMemory(0, count), SocketFlags.None);
            }
            catch (SocketException error) when (error.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown)
            {
                // It ended with something unread.
            }
        }

        public IHostListener Listen(IPEndPoint address) => throw new SocketException((int)SocketError.AccessDenied);

        public IHostDatagrams Bind(IPEndPoint address) => throw new SocketException((int)SocketError.AccessDenied);

        public SafeHandle Connect(IPEndPoint address)
        {
            Asked.Add($"{address}");
            _guest.Connect(new UnixDomainSocketEndPoint(_path));
            _connected.SetResult(_listener.Accept());
            return _guest.SafeHandle;
        }

        public Task<IPAddress[]> ResolveAsync(string host)
        {
            Asked.Add(host);
            return Task.FromResult<IPAddress[]>([IPAddress.Parse("192.0.2.7")]);
        }

        public void Dispose()
        {
            _listener.Dispose();
            _guest.Dispose();
            File.Delete(_path);
        }
    }
}
