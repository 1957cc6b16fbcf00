using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Syscalls;

namespace Cheri2IL.Intravisor.LibOs.Futexes;

/// <summary>The futexes of a cVM.</summary>
/// <remarks>Thread-safe. Waiting and waking allocate nothing but buckets, each when it is first used: most cVMs use few, and there may be thousands of cVMs.</remarks>
internal sealed class FutexTable
{
    private const int BucketShift = 8;
    private const int BucketCount = 1 << BucketShift;

    private readonly FutexBucket?[] _buckets = new FutexBucket?[BucketCount];

    /// <summary>
    /// Sleeps when the word at <paramref name="address"/>, of which <paramref name="key"/> is the futex, is <paramref name="expected"/>, until woken or
    /// <paramref name="deadline"/> (monotonic nanoseconds).
    /// </summary>
    /// <returns>0, -EAGAIN, -ETIMEDOUT, -ERESTARTSYS, -EFAULT or -EINVAL.</returns>
    public long Wait(CvmThread thread, in FutexKey key, long address, int expected, uint bits, long deadline)
    {
        if (bits == 0 || (address & 3) != 0)
            return -Errno.EINVAL;
        var waiter = thread.Waiter;
        var bucket = BucketOf(key);
        lock (bucket.Gate)
        {
            // Compared under the lock that a waker takes after it changed the word: no wake-up is lost.
            if (!thread.Memory.TryLoad32(address, out var value))
                return -Errno.EFAULT;
            if (value != expected)
                return -Errno.EAGAIN;
            waiter.Key = key;
            waiter.Bits = bits;
            bucket.Add(waiter);
        }

        while (true)
        {
            var parked = thread.Park(deadline);
            if (waiter.Bucket is null || (parked != ParkResult.Woken && !TryCancel(waiter)))
                return 0;
            if (parked == ParkResult.TimedOut)
                return -Errno.ETIMEDOUT;
            if (parked == ParkResult.Interrupted)
                return Deadlines.Interrupted(deadline);
        }
    }

    /// <summary>Wakes at most <paramref name="count"/> waiters with a common bit; returns how many.</summary>
    public long Wake(in FutexKey key, int count, uint bits)
    {
        var bucket = BucketOf(key);
        lock (bucket.Gate)
            return WakeLocked(bucket, key, count, bits);
    }

    /// <summary>
    /// Wakes at most <paramref name="wake"/> waiters of <paramref name="from"/> and moves at most <paramref name="move"/> others
    /// to <paramref name="to"/>, if the word at <paramref name="from"/> is <paramref name="expected"/> (null: in any case).
    /// </summary>
    /// <returns>Waiters woken plus moved, -EAGAIN, -EFAULT or -EINVAL.</returns>
    public long Requeue(CvmThread thread, long from, long to, int wake, int move, int? expected, bool isPrivate)
    {
        if (((from | to) & 3) != 0 || wake < 0 || move < 0)
            return -Errno.EINVAL;
        var (fromKey, toKey) = (FutexKey.Of(thread, from, isPrivate), FutexKey.Of(thread, to, isPrivate));
        var (source, target) = (BucketOf(fromKey), BucketOf(toKey));
        var (first, second) = Index(fromKey) <= Index(toKey) ? (source, target) : (target, source);
        lock (first.Gate)
        {
            lock (second.Gate)
            {
                if (expected is { } value)
                {
                    if (!thread.Memory.TryLoad32(from, out var found))
                        return -Errno.EFAULT;
                    if (found != value)
                        return -Errno.EAGAIN;
                }

                var done = WakeLocked(source, fromKey, wake, uint.MaxValue);
                var moved = 0;
                var waiter = source.First;
                while (waiter is not null && moved < move)
                {
                    var next = waiter.Next;
                    if (waiter.Key == fromKey)
                    {
                        if (fromKey != toKey)
                        {
                            source.Remove(waiter);
                            waiter.Key = toKey;
                            target.Add(waiter);
                        }

                        moved++;
                    }

                    waiter = next;
                }

                return done + moved;
            }
        }
    }

    /// <summary>
    /// FUTEX_WAKE_OP: changes the word at <paramref name="second"/> atomically, wakes waiters of <paramref name="first"/>, and
    /// of <paramref name="second"/> too when its old value compares as <paramref name="operation"/> says.
    /// </summary>
    public long WakeOperation(CvmThread thread, long first, int firstCount, long second, int secondCount, uint operation, bool isPrivate)
    {
        // Fields of the operation: include/uapi/linux/futex.h, FUTEX_OP.
        var kind = (operation >> 28) & 7;
        var compare = (operation >> 24) & 15;
        var argument = SignExtend12(operation >> 12);
        var compareArgument = SignExtend12(operation);
        if ((operation >> 31) != 0)
            argument = 1 << (argument & 31);
        if (kind > 4 || compare > 5)
            return -Errno.ENOSYS;
        if (((first | second) & 3) != 0)
            return -Errno.EINVAL;
        if (!thread.Memory.TryLoad32(second, out var old))
            return -Errno.EFAULT;
        while (true)
        {
            var next = kind switch
            {
                0 => argument,
                1 => old + argument,
                2 => old | argument,
                3 => old & ~argument,
                _ => old ^ argument,
            };
            if (!thread.Memory.TryCompareExchange32(second, next, old, out var found))
                return -Errno.EFAULT;
            if (found == old)
                break;
            old = found;
        }

        var woken = Wake(FutexKey.Of(thread, first, isPrivate), firstCount, uint.MaxValue);
        var holds = compare switch
        {
            0 => old == compareArgument,
            1 => old != compareArgument,
            2 => old < compareArgument,
            3 => old <= compareArgument,
            4 => old > compareArgument,
            _ => old >= compareArgument,
        };
        return holds ? woken + Wake(FutexKey.Of(thread, second, isPrivate), secondCount, uint.MaxValue) : woken;
    }

    private static int SignExtend12(uint value) => (int)(value << 20) >> 20;

    /// <summary>Takes a waiter out of its queue; false when a waker was first. A requeue may move it meanwhile.</summary>
    private static bool TryCancel(FutexWaiter waiter)
    {
        while (waiter.Bucket is { } bucket)
        {
            lock (bucket.Gate)
            {
                if (waiter.Bucket == bucket)
                {
                    bucket.Remove(waiter);
                    waiter.Bucket = null;
                    return true;
                }
            }
        }

        return false;
    }

    private static long WakeLocked(FutexBucket bucket, in FutexKey key, int count, uint bits)
    {
        var woken = 0;
        for (var waiter = bucket.First; waiter is not null && woken < count;)
        {
            var next = waiter.Next;
            if (waiter.Key == key && (waiter.Bits & bits) != 0)
            {
                bucket.Remove(waiter);
                waiter.Bucket = null;
                waiter.Thread.Unpark();
                woken++;
            }

            waiter = next;
        }

        return woken;
    }

    private FutexBucket BucketOf(in FutexKey key)
    {
        ref var bucket = ref _buckets[Index(key)];
        return Volatile.Read(ref bucket) ?? Interlocked.CompareExchange(ref bucket, new FutexBucket(), null) ?? bucket;
    }

    private static int Index(in FutexKey key) => (int)((uint)key.GetHashCode() * 0x9E3779B97F4A7C15UL >> (64 - BucketShift));
}
