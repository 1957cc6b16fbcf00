using System.Numerics;
using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Events;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>ppoll and pselect6.</summary>
internal static class PollSyscalls
{
    private const int MaxSelect = 1024;
    private const int SetSize = sizeof(ulong);

    /// <summary>What counts as readable, writable and exceptional to select (fs/select.c).</summary>
    private static ReadOnlySpan<int> SelectEvents =>
    [
        FileAbi.POLLIN | FileAbi.POLLHUP | FileAbi.POLLERR,
        FileAbi.POLLOUT | FileAbi.POLLERR,
        FileAbi.POLLPRI,
    ];

    public static long Ppoll(CvmThread thread, in SyscallArguments a)
    {
        var error = Deadline(thread, a.A2, out var deadline);
        if (error == 0 && a.A3 != 0)
            error = ChangeMask(thread, a.A3, a.A4);
        if (error != 0)
            return error;
        var result = (ulong)a.A1 > (ulong)thread.Files.Descriptors.Limit ? -Errno.EINVAL : Poll(thread, a.A0, (int)a.A1, deadline);
        return Finish(thread, a.A2, deadline, result);
    }

    public static long Pselect6(CvmThread thread, in SyscallArguments a)
    {
        var error = Deadline(thread, a.A4, out var deadline);
        if (error != 0)
            return error;
        if (a.A5 != 0)
        {
            // A pointer to {mask, size}.
            if (!thread.TryReadPointer(a.A5, out var mask) || !thread.Memory.TryRead(a.A5 + thread.PointerBytes, out long size))
                return -Errno.EFAULT;
            thread.ActFor(mask);
            error = mask.Address == 0 ? 0 : ChangeMask(thread, (long)mask.Address, size);
            thread.ActFor(null);
            if (error != 0)
                return error;
        }

        return Finish(thread, a.A4, deadline, (int)a.A0 < 0 ? -Errno.EINVAL : Select(thread, a, deadline));
    }

    /// <summary>Blocks signals while the call waits; 0, -EINVAL or -EFAULT.</summary>
    internal static long ChangeMask(CvmThread thread, long address, long size)
    {
        if (size != SetSize)
            return -Errno.EINVAL;
        if (!thread.Memory.TryRead(address, out ulong mask))
            return -Errno.EFAULT;
        thread.SetMaskForWait(mask);
        return 0;
    }

    private static long Poll(CvmThread thread, long address, int count, long deadline)
    {
        var table = thread.Files.Descriptors;
        try
        {
            for (var pass = 0; ; pass++)
            {
                var (ready, until) = (0, deadline);
                for (var k = 0; k < count; k++)
                {
                    // struct pollfd: int fd; short events, revents.
                    var at = address + (8 * k);
                    if (!thread.Memory.TryRead(at, out long descriptor))
                        return -Errno.EFAULT;
                    var asked = (short)(descriptor >> 32);
                    var wanted = PollEvents.Expand(asked) | PollEvents.Always;
                    var file = table[(int)descriptor];
                    // The first pass looks, the second enters the queues and looks again.
                    if (pass == 1 && file?.WaitersFor(thread) is { } queue)
                        thread.Waits.Enter(queue, wanted);
                    var events = (int)descriptor < 0 ? 0 : file is null ? FileAbi.POLLNVAL : PollEvents.Expand(file.PollFor(thread)) & ((ushort)asked | PollEvents.Always);
                    until = Math.Min(until, file?.ChangesAt ?? long.MaxValue);
                    if (!thread.Memory.TryWrite(at + 6, (short)events))
                        return -Errno.EFAULT;
                    ready += events != 0 ? 1 : 0;
                }

                if (ready > 0 || thread.Cvm.Host.MonotonicNanoseconds >= deadline)
                    return ready;
                if (pass > 0 && thread.Park(until) == ParkResult.Interrupted)
                    return -Errno.ERESTARTNOHAND;
            }
        }
        finally
        {
            thread.Waits.LeaveAll();
        }
    }

    private static long Select(CvmThread thread, in SyscallArguments a, long deadline)
    {
        Span<ulong> wanted = stackalloc ulong[3 * MaxSelect / 64];
        Span<ulong> found = stackalloc ulong[3 * MaxSelect / 64];
        Span<long> sets = stackalloc long[] { a.A1, a.A2, a.A3 };
        var table = thread.Files.Descriptors;
        // Descriptors beyond the table's end cannot be open (max_select_fd).
        var words = (Math.Min((int)a.A0, MaxSelect) + 63) / 64;
        wanted.Clear();
        for (var s = 0; s < 3; s++)
        {
            if (sets[s] != 0 && !thread.Memory.TryRead(sets[s], Words.AsBytes(wanted.Slice(s * MaxSelect / 64, words))))
                return -Errno.EFAULT;
        }

        try
        {
            for (var pass = 0; ; pass++)
            {
                found.Clear();
                var (ready, until) = (0, deadline);
                for (var w = 0; w < words; w++)
                {
                    var any = wanted[w] | wanted[w + (MaxSelect / 64)] | wanted[w + (2 * MaxSelect / 64)];
                    if (w == words - 1 && ((int)a.A0 & 63) != 0 && (int)a.A0 < MaxSelect)
                        any &= (1UL << ((int)a.A0 & 63)) - 1;
                    for (; any != 0; any &= any - 1)
                    {
                        var bit = BitOperations.TrailingZeroCount(any);
                        if (table[(64 * w) + bit] is not { } file)
                            return -Errno.EBADF;
                        ready += LookAt(thread, file, w, 1UL << bit, wanted, found, enter: pass == 1);
                        until = Math.Min(until, file.ChangesAt);
                    }
                }

                if (ready > 0 || thread.Cvm.Host.MonotonicNanoseconds >= deadline)
                {
                    for (var s = 0; s < 3; s++)
                    {
                        if (sets[s] != 0 && !thread.Memory.TryWrite(sets[s], Words.AsBytes(found.Slice(s * MaxSelect / 64, words))))
                            return -Errno.EFAULT;
                    }

                    return ready;
                }

                if (pass > 0 && thread.Park(until) == ParkResult.Interrupted)
                    return -Errno.ERESTARTNOHAND;
            }
        }
        finally
        {
            thread.Waits.LeaveAll();
        }
    }

    /// <summary>One descriptor of select: sets its bits in the sets in which it is wanted and ready; how many.</summary>
    private static int LookAt(CvmThread thread, OpenFile file, int word, ulong bit, ReadOnlySpan<ulong> wanted, Span<ulong> found, bool enter)
    {
        var mask = 0;
        for (var s = 0; s < 3; s++)
            mask |= (wanted[(s * MaxSelect / 64) + word] & bit) != 0 ? SelectEvents[s] : 0;
        if (enter && file.WaitersFor(thread) is { } queue)
            thread.Waits.Enter(queue, mask);
        var events = file.PollFor(thread);
        var ready = 0;
        for (var s = 0; s < 3; s++)
        {
            var at = (s * MaxSelect / 64) + word;
            if ((wanted[at] & bit) == 0 || (events & SelectEvents[s]) == 0)
                continue;
            found[at] |= bit;
            ready++;
        }

        return ready;
    }

    private static long Deadline(CvmThread thread, long address, out long deadline)
    {
        deadline = long.MaxValue;
        if (address == 0)
            return 0;
        if (!thread.Memory.TryRead(address, out TimeSpecification timeout))
            return -Errno.EFAULT;
        if (!timeout.IsValid)
            return -Errno.EINVAL;
        deadline = Deadlines.After(thread.Cvm.Host.MonotonicNanoseconds, timeout);
        return 0;
    }

    /// <summary>Gives the mask back, and writes the time that is left, as the kernel does; a failure to write it is none (poll_select_finish).</summary>
    private static long Finish(CvmThread thread, long timeout, long deadline, long result)
    {
        if (result != -Errno.ERESTARTNOHAND)
            thread.EndMaskForWait();
        if (timeout != 0 && deadline != long.MaxValue)
        {
            var left = TimeSpecification.From(Math.Max(0, deadline - thread.Cvm.Host.MonotonicNanoseconds));
            _ = thread.Memory.TryWrite(timeout, left);
        }

        return result;
    }
}
