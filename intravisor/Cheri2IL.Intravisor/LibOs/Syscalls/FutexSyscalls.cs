using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Futexes;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>futex and the robust list.</summary>
internal static class FutexSyscalls
{
    private const int FUTEX_WAIT = 0;
    private const int FUTEX_WAKE = 1;
    private const int FUTEX_REQUEUE = 3;
    private const int FUTEX_CMP_REQUEUE = 4;
    private const int FUTEX_WAKE_OP = 5;
    private const int FUTEX_WAIT_BITSET = 9;
    private const int FUTEX_WAKE_BITSET = 10;
    private const int FUTEX_PRIVATE_FLAG = 128;
    private const int FUTEX_CLOCK_REALTIME = 256;
    private const int RobustHeadSize = 24;

    public static long Futex(CvmThread thread, in SyscallArguments a)
    {
        var operation = (int)a.A1 & ~(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
        var realtime = ((int)a.A1 & FUTEX_CLOCK_REALTIME) != 0;
        if (realtime && operation is not (FUTEX_WAIT or FUTEX_WAIT_BITSET))
            return -Errno.ENOSYS;
        var isPrivate = ((int)a.A1 & FUTEX_PRIVATE_FLAG) != 0;
        var table = thread.Cvm.Futexes;
        var key = operation is FUTEX_WAIT or FUTEX_WAIT_BITSET or FUTEX_WAKE or FUTEX_WAKE_BITSET ? FutexKey.Of(thread, a.A0, isPrivate) : default;
        switch (operation)
        {
            case FUTEX_WAIT:
            case FUTEX_WAIT_BITSET:
                var deadline = long.MaxValue;
                if (a.A3 != 0)
                {
                    if (!thread.Memory.TryRead(a.A3, out TimeSpecification timeout))
                        return -Errno.EFAULT;
                    if (!timeout.IsValid)
                        return -Errno.EINVAL;
                    deadline = operation == FUTEX_WAIT
                        ? Deadlines.After(thread.Cvm.Host.MonotonicNanoseconds, timeout)
                        : Deadlines.At(thread.Cvm.Host, timeout, realtime);
                }

                return table.Wait(thread, key, a.A0, (int)a.A2, operation == FUTEX_WAIT ? uint.MaxValue : (uint)a.A5, deadline);
            case FUTEX_WAKE:
                return CheckAddress(thread, a.A0) is not 0 and var refused ? refused : table.Wake(key, (int)a.A2, uint.MaxValue);
            case FUTEX_WAKE_BITSET:
                return (uint)a.A5 == 0 ? -Errno.EINVAL : CheckAddress(thread, a.A0) is not 0 and var bad ? bad : table.Wake(key, (int)a.A2, (uint)a.A5);
            case FUTEX_REQUEUE:
                return table.Requeue(thread, a.A0, a.A4, (int)a.A2, (int)a.A3, null, isPrivate);
            case FUTEX_CMP_REQUEUE:
                return table.Requeue(thread, a.A0, a.A4, (int)a.A2, (int)a.A3, (int)a.A5, isPrivate);
            case FUTEX_WAKE_OP:
                return table.WakeOperation(thread, a.A0, (int)a.A2, a.A4, (int)a.A3, (uint)a.A5, isPrivate);
            default:
                return -Errno.ENOSYS;
        }
    }

    /// <summary>What the kernel checks of an address that it does not read: alignment, and that the process could have it (get_futex_key).</summary>
    private static int CheckAddress(CvmThread thread, long address)
        => (address & 3) != 0 ? -Errno.EINVAL : (ulong)address >= thread.Space.Size ? -Errno.EFAULT : 0;

    public static long SetRobustList(CvmThread thread, in SyscallArguments a)
    {
        // The list consists of pointers that are no capabilities.
        if (thread.IsPure)
            return -Errno.ENOSYS;
        if (a.A1 != RobustHeadSize)
            return -Errno.EINVAL;
        thread.RobustList = a.A0;
        return 0;
    }

    public static long GetRobustList(CvmThread thread, in SyscallArguments a)
    {
        if (thread.IsPure)
            return -Errno.ENOSYS;
        var target = (int)a.A0 == 0 ? thread : thread.Cvm.FindThread((int)a.A0);
        if (target is null)
            return -Errno.ESRCH;
        return thread.Memory.TryWrite(a.A2, (long)RobustHeadSize) && thread.Memory.TryWrite(a.A1, target.RobustList)
            ? 0
            : -Errno.EFAULT;
    }
}
