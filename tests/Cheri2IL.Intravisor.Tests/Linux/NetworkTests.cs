using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using Cheri2IL.Cli;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
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

    [Theory]
    [InlineData("serve", "ask6", "fdc2:11::a00:2")]
    [InlineData("serve6", "ask6", "fdc2:11::a00:2")]
    public void TwoCvms_ByTheirAddressesOfIpv6_AnswerEachOther(string serve, string ask, string address)
    {
        using var intravisor = new IntravisorInstance();
        var (server, said) = Start(intravisor, "server", [serve, "80"]);
        var (client, heard) = Start(intravisor, "client", [ask, "server", "80", $"{Bytes}"]);
        Assert.Equal(0, client.Wait().ShellStatus);
        Assert.Equal($"answered: {Bytes}\n", heard.Output);
        Assert.Equal(0, server.Wait().ShellStatus);
        Assert.Equal($"bind: 0\nlisten: 0\naccept: ok\nfrom {address}\nserved: {Bytes}\n", said.Output);
    }

    /// <summary>Without any program of the other's.</summary>
    [Theory]
    [InlineData("ping", 0, "10.0.0.1")]
    [InlineData("ping6", 129, "fdc2:11::a00:1")]
    public void Echo_OfAnotherCvm_Comes(string ping, int type, string address)
    {
        using var intravisor = new IntravisorInstance();
        var (server, _) = Start(intravisor, "server", ["serve", "80"]);
        var (client, heard) = Start(intravisor, "client", [ping, "server"]);
        Assert.Equal(0, client.Wait().ShellStatus);
        Assert.Equal($"send: 12\nanswer: 12\ntype {type} from {address}: echo\n", heard.Output);
        server.Kill(Signal.SIGKILL);
        server.Wait();
    }

    [Fact]
    public void Cvm_HasAnAddressOfEitherFamily()
    {
        using var intravisor = new IntravisorInstance();
        var (cvm, output) = Start(intravisor, "one", ["addresses"]);
        Assert.Equal(0, cvm.Wait().ShellStatus);
        Assert.Equal(
            """
            getifaddrs: 0
            eth0 10.0.0.1 mask 255.0.0.0
            eth0 fdc2:11::a00:1 mask ffff:ffff:ffff:ffff::
            00000000000000000000000000000001 01 80 10 80       lo
            fdc2001100000000000000000a000001 02 40 00 80     eth0
            00000000000000000000000000000001 80 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001       lo
            fdc20011000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0
            127.0.0.1	localhost
            ::1	localhost ip6-localhost ip6-loopback
            10.0.0.1	one
            fdc2:11::a00:1	one

            """,
            output.Output);
    }

    /// <summary>By IPv6 that is sent, and lost.</summary>
    [Fact]
    public void Neighbour_ThatPretendsByIpv6ToBeTheCvmItself_IsNotHeard()
    {
        using var intravisor = new IntravisorInstance();
        var (server, said) = Start(intravisor, "server", ["hear6", "80"]);
        var (client, heard) = Start(intravisor, "client", ["pretend6", "server", "80"]);
        Assert.Equal(0, client.Wait().ShellStatus);
        Assert.Equal(
            """
            send from ::1: 5
            connect from ::1: 0
            send: 5
            and again: 5
            post from ::1: 5
            connect a stream: ETIMEDOUT
            connect: 0
            answered: 4

            """,
            heard.Output);
        Assert.Equal(0, server.Wait().ShellStatus);
        Assert.Equal("bind: 0\ntrue from fdc2:11::a00:2\nanswer: 4\n", said.Output);
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

    /// <summary>By the family by which it comes, if somebody listens there, or else by the other.</summary>
    [Theory]
    [InlineData("127.0.0.1", "serve", "::ffff:10.255.255.254")]
    [InlineData("127.0.0.1", "serve6", "fdc2:11::aff:fffe")]
    [InlineData("::1", "serve", "fdc2:11::aff:fffe")]
    [InlineData("::1", "serve6", "fdc2:11::aff:fffe")]
    public async Task PublishedPort_OfTheHost_IsPassedOn(string at, string serve, string seen)
    {
        var address = OfThisHost(at);
        using var intravisor = new IntravisorInstance();
        var (server, output, port) = StartPublished(intravisor, address, serve);
        var sent = new byte[Bytes];
        new Random(1).NextBytes(sent);
        using var client = await ConnectUntilServedAsync(address, port, sent);
        var received = new MemoryStream();
        await client.CopyToAsync(received, TestContext.Current.CancellationToken);
        Assert.True(sent.AsSpan().SequenceEqual(received.ToArray()));
        Assert.Equal(0, server.Wait().ShellStatus);
        Assert.Equal($"bind: 0\nlisten: 0\naccept: ok\nfrom {seen}\nserved: {Bytes}\n", output.Output);
    }

    [Theory]
    [InlineData("127.0.0.1", "ask")]
    [InlineData("::1", "ask")]
    [InlineData("::1", "ask6")]
    public async Task HostPort_ThatACvmMayReach_AnswersAndNoOther(string at, string ask)
    {
        using var listener = new TcpListener(OfThisHost(at), 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        using var intravisor = new IntravisorInstance();
        var (client, output) = Start(intravisor, "client", [ask, "gateway", $"{port}", $"{Bytes}"], o => o with { Reachable = [new ReachableHost(at, port)] });
        using (var connection = await listener.AcceptTcpClientAsync(TestContext.Current.CancellationToken))
        {
            var stream = connection.GetStream();
            await stream.CopyToAsync(stream, TestContext.Current.CancellationToken);
        }

        Assert.Equal(0, client.Wait().ShellStatus);
        Assert.Equal($"answered: {Bytes}\n", output.Output);
        var (other, refused) = Start(intravisor, "other", [ask, ask == "ask" ? "10.255.255.254" : "fdc2:11::aff:fffe", $"{port}", "1"], o => o with { Reachable = [new ReachableHost(at, port - 1)] });
        other.Wait();
        Assert.Equal("no connection: ENETUNREACH\n", refused.Output);
    }

    [Theory]
    [InlineData("127.0.0.1", "hear", "10.255.255.254")]
    [InlineData("127.0.0.1", "hear6", "fdc2:11::aff:fffe")]
    [InlineData("::1", "hear", "10.255.255.254")]
    [InlineData("::1", "hear6", "fdc2:11::aff:fffe")]
    public async Task PublishedPortOfDatagrams_IsPassedOnAndAnswered(string at, string hear, string seen)
    {
        var address = OfThisHost(at);
        using var intravisor = new IntravisorInstance();
        var (server, output, port) = StartPublished(intravisor, address, hear, isDatagram: true);
        // It is not connected: it would be told when one that was sent too many finds nobody.
        using var client = new UdpClient(new IPEndPoint(address, 0));
        var answer = client.ReceiveAsync(TestContext.Current.CancellationToken).AsTask();
        // Until the guest is there, nobody gets it.
        while (!answer.IsCompleted)
        {
            await client.SendAsync("true"u8.ToArray(), new IPEndPoint(address, port), TestContext.Current.CancellationToken);
            await Task.WhenAny(answer, Task.Delay(20, TestContext.Current.CancellationToken));
        }

        Assert.Equal("true"u8.ToArray(), (await answer).Buffer);
        Assert.Equal(0, server.Wait().ShellStatus);
        Assert.Equal($"bind: 0\ntrue from {seen}\nanswer: 4\n", output.Output);
    }

    /// <summary>What comes from elsewhere than the guest has sent to does not reach it.</summary>
    [Theory]
    [InlineData("127.0.0.1", "post")]
    [InlineData("::1", "post")]
    [InlineData("::1", "post6")]
    public async Task HostPortOfDatagrams_ThatACvmMayReach_AnswersAndNoOther(string at, string post)
    {
        var (token, address) = (TestContext.Current.CancellationToken, OfThisHost(at));
        using var host = new UdpClient(new IPEndPoint(address, 0));
        using var stranger = new UdpClient(new IPEndPoint(address, 0));
        var port = ((IPEndPoint)host.Client.LocalEndPoint!).Port;
        using var intravisor = new IntravisorInstance();
        var (client, output) = Start(
            intravisor, "client", [post, "gateway", $"{port}"], o => o with { Reachable = [new ReachableHost(at, port, IsDatagram: true), new ReachableHost(at, port + 1)] });
        var first = await host.ReceiveAsync(token);
        Assert.Equal("who"u8.ToArray(), first.Buffer);
        await stranger.SendAsync("false"u8.ToArray(), new IPEndPoint(address, first.RemoteEndPoint.Port), token);
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
    public async Task UrgentData_OfAConnectionThroughTheHost_IsUrgentAtEitherEnd()
    {
        var token = TestContext.Current.CancellationToken;
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        using var intravisor = new IntravisorInstance();
        var (client, output) = Start(intravisor, "client", ["urge", "gateway", $"{port}"], o => o with { Reachable = [new ReachableHost("127.0.0.1", port)] });
        using var host = await listener.AcceptSocketAsync(token);
        var bytes = new byte[3];
        // Reads end at the mark.
        for (var count = 0; count < 2;)
            count += await host.ReceiveAsync(bytes.AsMemory(count), SocketFlags.None, token);
        while (!host.Poll(TimeSpan.FromSeconds(1), SelectMode.SelectError))
            token.ThrowIfCancellationRequested();
        Assert.Equal(1, host.Receive(bytes.AsSpan(2), SocketFlags.OutOfBand));
        Assert.Equal("abc"u8.ToArray(), bytes);
        host.Send("xy"u8);
        host.Send("z"u8, SocketFlags.OutOfBand);
        Assert.Equal(1, await host.ReceiveAsync(bytes.AsMemory(0, 1), SocketFlags.None, token));
        Assert.Equal(0, client.Wait().ShellStatus);
        Assert.Equal(
            """
            connect: 0
            send: 2
            send: 1
            poll: 1
            events 2
            urgent: 1
            mark: 0
            at mark 0
            before it: 2
            mark: 0
            at mark 1: zxy
            send: 1

            """,
            output.Output);
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

    /// <summary>An address of the host's loopback device, which need not have one of IPv6.</summary>
    private static IPAddress OfThisHost(string text)
    {
        var address = IPAddress.Parse(text);
        if (!NetworkInterface.GetAllNetworkInterfaces().SelectMany(i => i.GetIPProperties().UnicastAddresses).Any(a => a.Address.Equals(address)))
            Assert.Skip($"needs {text} on this machine");
        return address;
    }

    /// <summary>The bridge resets connections while nobody listens at the cVM's port.</summary>
    private static async Task<NetworkStream> ConnectUntilServedAsync(IPAddress address, int port, byte[] bytes)
    {
        var token = TestContext.Current.CancellationToken;
        while (true)
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync(address, port, token);
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
    private static (Cvm Cvm, QuietHost Output, int Port) StartPublished(IntravisorInstance intravisor, IPAddress address, string what, bool isDatagram = false)
    {
        for (var attempt = 0; ; attempt++)
        {
            var port = FreePort(address);
            try
            {
                var (cvm, output) = Start(intravisor, $"server{attempt}", [what, "80"], o => o with { Publish = [new PublishedPort(address, port, 80, isDatagram)] });
                return (cvm, output, port);
            }
            catch (CvmLoadException error) when (attempt < 20 && error.Message.Contains("in use", StringComparison.OrdinalIgnoreCase))
            {
                // The next.
            }
        }
    }

    private static int FreePort(IPAddress address)
    {
        using var listener = new TcpListener(address, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
