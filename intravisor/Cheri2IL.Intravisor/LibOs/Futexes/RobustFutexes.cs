using Cheri2IL.Intravisor.Cvms;

namespace Cheri2IL.Intravisor.LibOs.Futexes;

/// <summary>Gives up the robust futexes of an ending thread (kernel/futex/core.c, exit_robust_list).</summary>
internal static class RobustFutexes
{
    private const int OwnerDied = 0x4000_0000;
    private const int Waiters = int.MinValue;
    private const int OwnerMask = 0x3fff_ffff;

    /// <summary>Most entries followed: the list is the guest's and may be endless.</summary>
    private const int MostEntries = 2048;

    /// <summary>Walks the list that the thread registered.</summary>
    public static void Release(CvmThread thread)
    {
        var head = thread.RobustList;
        if (head == 0 || !thread.Memory.TryRead(head, out long entry) || !thread.Memory.TryRead(head + 8, out long offset)
            || !thread.Memory.TryRead(head + 16, out long pending))
            return;

        // Bit 0 of an entry marks a priority-inheriting futex.
        for (var count = 0; (entry & ~1L) != head && count < MostEntries; count++)
        {
            if ((entry & ~1L) != (pending & ~1L))
                ReleaseOne(thread, (entry & ~1L) + offset);
            if (!thread.Memory.TryRead(entry & ~1L, out entry))
                return;
        }

        if ((pending & ~1L) != 0)
            ReleaseOne(thread, (pending & ~1L) + offset);
    }

    private static void ReleaseOne(CvmThread thread, long address)
    {
        if (!thread.Memory.TryLoad32(address, out var value))
            return;
        while ((value & OwnerMask) == thread.Id)
        {
            if (!thread.Memory.TryCompareExchange32(address, (value & Waiters) | OwnerDied, value, out var found))
                return;
            if (found == value)
            {
                if ((value & Waiters) != 0)
                    thread.Cvm.Futexes.Wake(FutexKey.Of(thread, address, isPrivate: false), 1, uint.MaxValue);
                return;
            }

            value = found;
        }
    }
}
