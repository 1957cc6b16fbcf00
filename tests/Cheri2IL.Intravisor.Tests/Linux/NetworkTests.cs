using System.Net;
using System.Net.Sockets;
using Cheri2IL.Cli;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Tests.Attacks;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Linux;

/// <summary>cVMs talk with each other, and, as far as they are let, with the host.</summary>
public sealed class NetworkTests
{
    private const int Bytes = 3_000_000;

    private static readonly CorpusGuest _talk = new("talk", File.ReadAllBytes(Path.Combine(Repository.Root(), "corpus", "linux", "bin", "talk.elf")));

    [Fact]
    public void TwoCvms_ByNameAndAddress_AnswerEachOther()
    {
        using var intravisor = new IntravisorInstance();
        var (server, said) = Start(intravisor, "server", ["serve", "80"]);
        var (client, heard) = Start(intravisor, "client", ["ask", "server", "80", $"{Bytes}"]);
        Assert.Equal(0, client.Wait().ShellStatus);
        Assert.Equal($"answered: {Bytes}\n", heard.Output);
        Assert.Equal(0, server.Wait().ShellStatus);
        Assert.Equal($"bind: 0\nlisten: 0\naccept: ok\nfrom ::ffff:10.0.0.2\nserved: {Bytes}\n", said.Output);
        Assert.Empty(intravisor.Exchange.Network.Names);
    }

    /// <summary>What comes from 127.0.0.1 or ::1 comes from the cVM itself, as its neighbours may rely on.</summary>
    [Fact]
    public void Neighbour_ThatPretendsToBeTheCvmItself_IsRefused()
    {
        using var intravisor = new IntravisorInstance();
        var (server, said) = Start(intravisor, "server", ["hear", "80"]);
        var (client, heard) = Start(intravisor, "client", ["pretend", "server", "80"]);
        Assert.Equal(0, client.Wait().ShellStatus);
        Assert.Equal(
            """
            send: EINVAL
            send from 127.1.2.3: EINVAL
            send by IPv6: EINVAL
            send from ::1: ENETUNREACH
            post: EINVAL
            post from ::1: EINVAL
            post by IPv6: EINVAL
            connect: EINVAL
            connect by IPv6: EINVAL
            connect a stream: EINVAL
            connect a stream by IPv6: EINVAL
            connect to itself: 0
            and elsewhere: EINVAL
            disconnect: 0
            connect: 0
            answered: 4

            """,
            heard.Output);
        Assert.Equal(0, server.Wait().ShellStatus);
        Assert.Equal("bind: 0\ntrue from 10.0.0.2\nanswer: 4\n", said.Output);
    }

    [Fact]
    public void Port_ThatNobodyListensAtInAnotherCvm_RefusesAndOthersAreUnreachable()
    {
        using var intravisor = new IntravisorInstance();
        var (_, output) = Start(intravisor, "client", ["ask", "192.0.2.1", "80", "1"]);
        intravisor.Find("client")!.Wait();
        Assert.Equal("no connection: ENETUNREACH\n", output.Output);
    }

    [Fact]
    public async Task PublishedPort_OfTheHost_IsPassedOn()
    {
        using var intravisor = new IntravisorInstance();
        var (server, output, port) = StartPublished(intravisor);
        var sent = new byte[Bytes];
        new Random(1).NextBytes(sent);
        using var client = await ConnectUntilServedAsync(port, sent);
        var received = new MemoryStream();
        await client.CopyToAsync(received, TestContext.Current.CancellationToken);
        Assert.True(sent.AsSpan().SequenceEqual(received.ToArray()));
        Assert.Equal(0, server.Wait().ShellStatus);
        Assert.Equal($"bind: 0\nlisten: 0\naccept: ok\nfrom ::ffff:10.255.255.254\nserved: {Bytes}\n", output.Output);
    }

    [Fact]
    public async Task HostPort_ThatACvmMayReach_AnswersAndNoOther()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        using var intravisor = new IntravisorInstance();
        var (client, output) = Start(intravisor, "client", ["ask", "gateway", $"{port}", $"{Bytes}"], o => o with { Reachable = [new ReachableHost("127.0.0.1", port)] });
        using (var connection = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken))
        {
            var stream = connection.GetStream();
            await stream.CopyToAsync(stream, TestContext.Current.CancellationToken);
        }

        Assert.Equal(0, client.Wait().ShellStatus);
        Assert.Equal($"answered: {Bytes}\n", output.Output);
        var (other, refused) = Start(intravisor, "other", ["ask", "10.255.255.254", $"{port}", "1"], o => o with { Reachable = [new ReachableHost("127.0.0.1", port - 1)] });
        other.Wait();
        Assert.Equal("no connection: ENETUNREACH\n", refused.Output);
    }

    [Fact]
    public async Task PublishedPortOfDatagrams_IsPassedOnAndAnswered()
    {
        using var intravisor = new IntravisorInstance();
        var (server, output, port) = StartPublished(intravisor, "hear", isDatagram: true);
        using var client = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        client.Connect(IPAddress.Loopback, port);
        var answer = client.ReceiveAsync(TestContext.Current.CancellationToken).AsTask();
        // Until the guest is there, nobody gets it.
        while (!answer.IsCompleted)
        {
            await client.SendAsync("true"u8.ToArray(), TestContext.Current.CancellationToken);
            await Task.WhenAny(answer, Task.Delay(20, TestContext.Current.CancellationToken));
        }

        Assert.Equal("true"u8.ToArray(), (await answer).Buffer);
        Assert.Equal(0, server.Wait().ShellStatus);
        Assert.Equal("bind: 0\ntrue from 10.255.255.254\nanswer: 4\n", output.Output);
    }

    /// <summary>What comes from elsewhere than the guest has sent to does not reach it.</summary>
    [Fact]
    public async Task HostPortOfDatagrams_ThatACvmMayReach_AnswersAndNoOther()
    {
        var token = TestContext.Current.CancellationToken;
        using var host = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        using var stranger = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var port = ((IPEndPoint)host.Client.LocalEndPoint!).Port;
        using var intravisor = new IntravisorInstance();
        var (client, output) = Start(
            intravisor, "client", ["post", "gateway", $"{port}"], o => o with { Reachable = [new ReachableHost("127.0.0.1", port, IsDatagram: true), new ReachableHost("127.0.0.1", port + 1)] });
        var first = await host.ReceiveAsync(token);
        Assert.Equal("who"u8.ToArray(), first.Buffer);
        await stranger.SendAsync("false"u8.ToArray(), new IPEndPoint(IPAddress.Loopback, first.RemoteEndPoint.Port), token);
        await host.SendAsync("the host"u8.ToArray(), first.RemoteEndPoint, token);
        var second = await host.ReceiveAsync(token);
        Assert.Equal((1400, first.RemoteEndPoint), (second.Buffer.Length, second.RemoteEndPoint));
        await host.SendAsync(second.Buffer, second.RemoteEndPoint, token);
        Assert.Empty((await host.ReceiveAsync(token)).Buffer);
        await host.SendAsync(Array.Empty<byte>(), second.RemoteEndPoint, token);
        Assert.Equal(0, client.Wait().ShellStatus);
        Assert.Equal(
            """
            send: 3
            the host, from there
            send elsewhere: ENETUNREACH
            connect elsewhere: ENETUNREACH
            connect: 0
            send: 1400
            answer: 1400
            nothing: 0
            answer: 0

            """,
            output.Output);
        var (other, refused) = Start(intravisor, "other", ["ask", "10.255.255.254", $"{port}", "1"], o => o with { Reachable = [new ReachableHost("127.0.0.1", port, IsDatagram: true)] });
        other.Wait();
        Assert.Equal("no connection: ENETUNREACH\n", refused.Output);
    }

    [Fact]
    public void PublishedPort_ThatIsTaken_IsAnError()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        using var intravisor = new IntravisorInstance();
        var error = Assert.Throws<CvmLoadException>(
            () => Start(intravisor, "server", ["serve", "80"], o => o with { Publish = [new PublishedPort(IPAddress.Loopback, ((IPEndPoint)listener.LocalEndpoint).Port, 80)] }));
        Assert.Contains("in use", error.Message, StringComparison.OrdinalIgnoreCase);
    }

    private static (Cvm Cvm, QuietHost Output) Start(IntravisorInstance intravisor, string name, string[] arguments, Func<CvmOptions, CvmOptions>? change = null)
    {
        var host = new QuietHost();
        var options = _talk.Options(arguments, host: host) with { Name = name };
        var cvm = intravisor.Create(change?.Invoke(options) ?? options);
        _talk.Start(cvm);
        return (cvm, host);
    }

    /// <summary>The bridge resets connections while nobody listens at the cVM's port.</summary>
    private static async Task<NetworkStream> ConnectUntilServedAsync(int port, byte[] bytes)
    {
        var token = TestContext.Current.CancellationToken;
        while (true)
        {
            var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(IPAddress.Loopback, port, token);
                var stream = new NetworkStream(socket, ownsSocket: true);
                // What comes back shows that it is served.
                await stream.WriteAsync(bytes.AsMemory(0, 1), token);
                var first = new byte[1];
                if (await socket.ReceiveAsync(first, SocketFlags.Peek, token) == 1)
                {
                    _ = SendRestAsync(socket, stream, bytes);
                    return stream;
                }
            }
            catch (Exception error) when (error is IOException or SocketException)
            {
                await Task.Delay(10, token);
            }

            socket.Dispose();
        }
    }

    private static async Task SendRestAsync(Socket socket, NetworkStream stream, byte[] bytes)
    {
        await stream.WriteAsync(bytes.AsMemory(1));
        socket.Shutdown(SocketShutdown.Send);
    }

    /// <summary>Starts a server at a port of the host that is free. Until it has it, somebody else may take it.</summary>
    private static (Cvm Cvm, QuietHost Output, int Port) StartPublished(IntravisorInstance intravisor, string what = "serve", bool isDatagram = false)
    {
        for (var attempt = 0; ; attempt++)
        {
            var port = FreePort();
            try
            {
                var (cvm, output) = Start(intravisor, $"server{attempt}", [what, "80"], o => o with { Publish = [new PublishedPort(IPAddress.Loopback, port, 80, isDatagram)] });
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
}
