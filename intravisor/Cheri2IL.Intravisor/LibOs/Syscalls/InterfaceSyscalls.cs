using System.Buffers.Binary;
using System.Text;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Net;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>ioctl of sockets that asks for network interfaces (netdevice(7); net/core/dev_ioctl.c, net/ipv4/devinet.c).</summary>
internal static class InterfaceSyscalls
{
    private const uint SIOCGIFNAME = 0x8910;
    private const uint SIOCGIFCONF = 0x8912;
    private const uint SIOCGIFFLAGS = 0x8913;
    private const uint SIOCGIFADDR = 0x8915;
    private const uint SIOCGIFBRDADDR = 0x8919;
    private const uint SIOCGIFNETMASK = 0x891b;
    private const uint SIOCGIFMTU = 0x8921;
    private const uint SIOCGIFHWADDR = 0x8927;
    private const uint SIOCGIFINDEX = 0x8933;
    private const uint SIOCGIFTXQLEN = 0x8942;

    private const int NameBytes = 16;
    private const int AddressBytes = 16;

    /// <summary>Bytes of struct ifreq: a name, and what is told.</summary>
    private static int RequestBytes(CvmThread thread) => NameBytes + (thread.PointerBytes == sizeof(long) ? 24 : 32);

    /// <summary>A request; -ENOTTY if it is none of these.</summary>
    public static long Ioctl(CvmThread thread, Socket socket, uint request, long argument)
    {
        var isInet = request is SIOCGIFADDR or SIOCGIFBRDADDR or SIOCGIFNETMASK;
        if (request == SIOCGIFCONF)
            return List(thread, socket, argument);
        if (request is not (SIOCGIFNAME or SIOCGIFFLAGS or SIOCGIFMTU or SIOCGIFHWADDR or SIOCGIFINDEX or SIOCGIFTXQLEN) && !(isInet && socket.Family == SocketAbi.AF_INET))
            return -Errno.ENOTTY;
        Span<byte> bytes = stackalloc byte[RequestBytes(thread)];
        if (!thread.Memory.TryRead(argument, bytes))
            return -Errno.EFAULT;
        var value = bytes[NameBytes..];
        var all = NetworkInterface.Of(socket.Stack);
        if (request == SIOCGIFNAME)
        {
            var index = BinaryPrimitives.ReadInt32LittleEndian(value);
            return Array.Find(all, i => i.Index == index) is { } found ? Tell(thread, argument, bytes, found) : -Errno.ENODEV;
        }

        var name = bytes[..(NameBytes - 1)];
        var end = name.IndexOf((byte)0);
        var text = Encoding.Latin1.GetString(end < 0 ? name : name[..end]);
        if (Array.Find(all, i => i.Name == text) is not { } asked)
            return -Errno.ENODEV;
        value.Clear();
        switch (request)
        {
            case SIOCGIFFLAGS:
                BinaryPrimitives.WriteInt16LittleEndian(value, asked.Flags);
                break;
            case SIOCGIFMTU:
                BinaryPrimitives.WriteInt32LittleEndian(value, asked.Mtu);
                break;
            case SIOCGIFTXQLEN:
                BinaryPrimitives.WriteInt32LittleEndian(value, NetworkInterface.QueueLength);
                break;
            case SIOCGIFINDEX:
                BinaryPrimitives.WriteInt32LittleEndian(value, asked.Index);
                break;
            case SIOCGIFHWADDR:
                BinaryPrimitives.WriteUInt16LittleEndian(value, asked.Type);
                asked.HardwareAddress.CopyTo(value[sizeof(ushort)..]);
                break;
            default:
                Write(value, request switch
                {
                    SIOCGIFADDR => asked.Address,
                    SIOCGIFNETMASK => NetworkInterface.Mask,
                    _ => asked.Broadcast,
                });
                break;
        }

        return Tell(thread, argument, bytes, asked);
    }

    private static long Tell(CvmThread thread, long argument, Span<byte> bytes, NetworkInterface of)
    {
        bytes[..NameBytes].Clear();
        Encoding.Latin1.GetBytes(of.Name, bytes);
        return thread.Memory.TryWrite(argument, bytes) ? 0 : -Errno.EFAULT;
    }

    /// <summary>struct ifconf: bytes, and where to; without that, how many bytes it would be.</summary>
    private static long List(CvmThread thread, Socket socket, long argument)
    {
        if (!thread.Memory.TryRead(argument, out int room) || !thread.TryReadPointer(argument + thread.PointerBytes, out var to))
            return -Errno.EFAULT;
        if (room < 0)
            return -Errno.EINVAL;
        var size = RequestBytes(thread);
        Span<byte> bytes = stackalloc byte[size];
        var length = 0;
        foreach (var one in NetworkInterface.Of(socket.Stack))
        {
            if (to.Address != 0)
            {
                if (room - length < size)
                    break;
                bytes.Clear();
                Encoding.Latin1.GetBytes(one.Name, bytes);
                Write(bytes[NameBytes..], one.Address);
                thread.ActFor(to);
                var isWritten = thread.Memory.TryWrite((long)to.Address + length, bytes);
                thread.ActFor(null);
                if (!isWritten)
                    return -Errno.EFAULT;
            }

            length += size;
        }

        return thread.Memory.TryWrite(argument, length) ? 0 : -Errno.EFAULT;
    }

    /// <summary>struct sockaddr_in.</summary>
    private static void Write(Span<byte> to, uint address)
    {
        to[..AddressBytes].Clear();
        BinaryPrimitives.WriteUInt16LittleEndian(to, SocketAbi.AF_INET);
        BinaryPrimitives.WriteUInt32BigEndian(to[4..], address);
    }
}
