using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Waiting for several descriptors.</summary>
internal static class PollSyscalls
{
    private const int MaxDescriptors = 65536;

    /// <summary>Descriptors have no wait queues here: they are looked at again at this interval.</summary>
    private const int IntervalMilliseconds = 1;

    public static long Ppoll(CvmThread thread, in SyscallArguments a)
    {
        if ((ulong)a.A1 > MaxDescriptors)
            return -Errno.EINVAL;
        if (!Deadline(thread, a.A2, out var deadline, out var error))
            return error;
        var count = (int)a.A1;
        while (true)
        {
            var ready = 0;
            for (var k = 0; k < count; k++)
            {
                var at = a.A0 + (8 * k);
                if (!thread.Memory.TryRead(at, out int descriptor) || !thread.Memory.TryRead(at + 4, out short wanted))
                    return -Errno.EFAULT;
                var events = descriptor < 0 ? (short)0
                    : thread.Files.Descriptors[descriptor] is not { } file ? FileAbi.POLLNVAL
                    : (short)(file.Poll() & (wanted | FileAbi.POLLERR | FileAbi.POLLHUP));
                if (!thread.Memory.TryWrite(at + 6, events))
                    return -Errno.EFAULT;
                ready += events != 0 ? 1 : 0;
            }

            if (ready > 0 || thread.Cvm.Host.MonotonicNanoseconds >= deadline)
                return ready;
            if (!thread.MayWait())
                return -Errno.EINTR;
            Pause(thread, deadline, count);
        }
    }

    public static long Pselect6(CvmThread thread, in SyscallArguments a)
    {
        var limit = (int)a.A0;
        if (limit is < 0 or > 1024)
            return -Errno.EINVAL;
        if (!Deadline(thread, a.A4, out var deadline, out var error))
            return error;
        Span<byte> wanted = stackalloc byte[3 * 128];
        Span<byte> found = stackalloc byte[3 * 128];
        Span<long> sets = [a.A1, a.A2, a.A3];
        var bytes = (limit + 63) / 64 * 8;
        for (var s = 0; s < 3; s++)
        {
            if (sets[s] != 0 && !thread.Memory.TryRead(sets[s], wanted.Slice(128 * s, bytes)))
                return -Errno.EFAULT;
        }

        while (true)
        {
            found.Clear();
            var ready = 0;
            for (var d = 0; d < limit; d++)
            {
                for (var s = 0; s < 3; s++)
                {
                    var bit = 1 << (d & 7);
                    if (sets[s] == 0 || (wanted[(128 * s) + (d >> 3)] & bit) == 0)
                        continue;
                    if (thread.Files.Descriptors[d] is not { } file)
                        return -Errno.EBADF;
                    var mask = s == 0 ? FileAbi.POLLIN | FileAbi.POLLHUP | FileAbi.POLLERR : s == 1 ? FileAbi.POLLOUT | FileAbi.POLLERR : FileAbi.POLLPRI;
                    if ((file.Poll() & mask) == 0)
                        continue;
                    found[(128 * s) + (d >> 3)] |= (byte)bit;
                    ready++;
                }
            }

            if (ready > 0 || thread.Cvm.Host.MonotonicNanoseconds >= deadline)
            {
                for (var s = 0; s < 3; s++)
                {
                    if (sets[s] != 0 && !thread.Memory.TryWrite(sets[s], found.Slice(128 * s, bytes)))
                        return -Errno.EFAULT;
                }

                return ready;
            }

            if (!thread.MayWait())
                return -Errno.EINTR;
            Pause(thread, deadline, limit);
        }
    }

    private static bool Deadline(CvmThread thread, long address, out long deadline, out long error)
    {
        (deadline, error) = (long.MaxValue, 0);
        if (address == 0)
            return true;
        if (!thread.Memory.TryRead(address, out long seconds) || !thread.Memory.TryRead(address + 8, out long nanoseconds))
            error = -Errno.EFAULT;
        else if (seconds < 0 || (ulong)nanoseconds >= 1_000_000_000)
            error = -Errno.EINVAL;
        else if (seconds < int.MaxValue)
            deadline = thread.Cvm.Host.MonotonicNanoseconds + (seconds * 1_000_000_000) + nanoseconds;
        return error == 0;
    }

    /// <summary>Waits for a while, or where there are no descriptors to look at, for the deadline.</summary>
    private static void Pause(CvmThread thread, long deadline, long descriptors)
        => thread.Park(descriptors == 0 ? deadline : Math.Min(deadline, thread.Cvm.Host.MonotonicNanoseconds + (IntervalMilliseconds * 1_000_000L)));
}
