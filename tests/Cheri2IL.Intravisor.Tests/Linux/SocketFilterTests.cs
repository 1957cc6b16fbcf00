using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Net;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Linux;

/// <summary>Programs that choose sockets come from guests.</summary>
public sealed class SocketFilterTests(ITestOutputHelper output)
{
    /// <summary>Mostly such as might be valid: known codes, and steps over few operations.</summary>
    [Fact]
    public void AnyProgram_IsRefusedOrEnds()
    {
        const int programs = 200_000, mostOperations = 12;
        var seed = Environment.TickCount;
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        using var stack = new NetworkStack(new Network(), "one", new FileSystem(() => 0, null, long.MaxValue), 16, null, () => []);
        Socket[] sockets = [new DatagramSocket(stack, SocketAbi.AF_INET), new DatagramSocket(stack, SocketAbi.AF_INET6)];
        var (valid, taken) = (0, 0);
        for (var k = 0; k < programs; k++)
        {
            var code = new byte[4 * random.Next(1, mostOperations) + (random.Next(20) == 0 ? 2 : 0)];
            for (var at = 0; at + 4 <= code.Length; at += 4)
                (code[at], code[at + 1], code[at + 2]) = ((byte)random.Next(14), (byte)(4 * random.Next(1, 8)), (byte)(4 * random.Next(1, 8)));
            if (random.Next(10) == 0)
                code[random.Next(code.Length)] = (byte)random.Next(256);
            if (!SocketFilter.IsValid(code))
                continue;
            valid++;
            foreach (var socket in sockets)
                taken += SocketFilter.Run(code, socket, SocketAddress.OfInet(socket.Family, InternetAddress.Loopback6, (ushort)random.Next(65536))) ? 1 : 0;
        }

        Assert.InRange(valid, programs / 1000, programs);
        Assert.InRange(taken, 1, (2 * valid) - 1);
    }
}
