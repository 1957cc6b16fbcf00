using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Writing to the host's standard streams, for guests without a file system.</summary>
internal static class ConsoleSyscalls
{
    private const int MostVectors = 1024;

    public static long Write(CvmThread thread, in SyscallArguments a) => Write(thread, (int)a.A0, a.A1, (ulong)a.A2);

    public static long Writev(CvmThread thread, in SyscallArguments a)
    {
        if ((ulong)a.A2 > MostVectors)
            return -Errno.EINVAL;
        var total = 0L;
        for (var k = 0; k < (int)a.A2; k++)
        {
            if (!thread.Memory.TryRead(a.A1 + (16 * k), out long address) || !thread.Memory.TryRead(a.A1 + (16 * k) + 8, out ulong length))
                return -Errno.EFAULT;
            if (length == 0)
                continue;
            var written = Write(thread, (int)a.A0, address, length);
            if (written < 0)
                return total > 0 ? total : written;
            total += written;
            if ((ulong)written < length)
                break;
        }

        return total;
    }

    private static long Write(CvmThread thread, int descriptor, long address, ulong length)
    {
        if (descriptor is not (1 or 2))
            return -Errno.EBADF;
        Span<byte> buffer = stackalloc byte[4096];
        var total = 0UL;
        while (total < length)
        {
            var chunk = buffer[..(int)Math.Min((ulong)buffer.Length, length - total)];
            if (!thread.Memory.TryRead(address + (long)total, chunk))
                return total > 0 ? (long)total : -Errno.EFAULT;
            var written = thread.Cvm.Host.WriteConsole(descriptor, chunk);
            if (written < 0)
                return total > 0 ? (long)total : written;
            total += (ulong)written;
        }

        return (long)total;
    }
}
