using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>A lock of a range of a file.</summary>
/// <param name="Owner">Who has it: the descriptor table of a process (fcntl), or an open file (open file description locks, flock).</param>
/// <param name="Process">Process id that F_GETLK tells; -1 for locks of open files.</param>
/// <param name="IsExclusive">Whether nobody else may have one there.</param>
/// <param name="Start">First byte.</param>
/// <param name="End">Last byte; <see cref="long.MaxValue"/>: to the end, wherever that is.</param>
internal readonly record struct FileLock(object Owner, int Process, bool IsExclusive, long Start, long End)
{
    /// <summary>Whether the other, of another owner, cannot be had while there is this one.</summary>
    public bool Conflicts(in FileLock other)
        => Owner != other.Owner && (IsExclusive || other.IsExclusive) && Start <= other.End && other.Start <= End;
}

/// <summary>Locks of one file, of one kind: by fcntl, or by flock. The two kinds do not see each other.</summary>
/// <remarks>Thread-safe. <see cref="FileSystem.LockGate"/> guards those of all files, so that circles of waiting are found.</remarks>
internal sealed class FileLocks(FileSystem fileSystem)
{
    /// <summary>Bytes of host memory that a lock takes.</summary>
    private const int LockBytes = 128;

    private readonly List<FileLock> _locks = [];
    private readonly WaitQueue _waiters = new();

    /// <summary>A lock that is in the way of another; null if there is none.</summary>
    public FileLock? Find(FileLock wanted)
    {
        lock (fileSystem.LockGate)
            return FindLocked(wanted);
    }

    /// <summary>Takes a lock, in place of what the owner has there. 0, -EAGAIN where others have it, or -ENOLCK.</summary>
    public int TryTake(FileLock wanted)
    {
        int error;
        lock (fileSystem.LockGate)
            error = FindLocked(wanted) is null ? Replace(wanted, wanted) : -Errno.EAGAIN;
        // A lock that became a shared one is less than before.
        if (error == 0)
            _waiters.Wake();
        return error;
    }

    /// <summary>The same, but waits. -EDEADLK where the owner of what is in the way waits for the same thread's locks, or -ERESTARTSYS.</summary>
    public int Take(CvmThread thread, FileLock wanted)
    {
        while (true)
        {
            var error = TryTake(wanted);
            if (error != -Errno.EAGAIN)
                return error;
            lock (fileSystem.LockGate)
            {
                if (WouldCircle(wanted))
                    return -Errno.EDEADLK;
                fileSystem.LockWaits.Add(new(this, wanted));
            }

            var result = _waiters.Wait(thread, long.MaxValue, static w => w.Locks.Find(w.Wanted) is null, (Locks: this, Wanted: wanted));
            lock (fileSystem.LockGate)
                fileSystem.LockWaits.Remove(new(this, wanted));
            if (result != ParkResult.Woken)
                return -Errno.ERESTARTSYS;
        }
    }

    /// <summary>Gives up what an owner has of a range; 0 or, where more locks than before are left, -ENOLCK.</summary>
    public int Release(object owner, long start = 0, long end = long.MaxValue)
    {
        int error;
        lock (fileSystem.LockGate)
            error = Replace(new FileLock(owner, 0, false, start, end), null);
        _waiters.Wake();
        return error;
    }

    /// <summary>The first in the file of those in the way.</summary>
    private FileLock? FindLocked(in FileLock wanted)
    {
        FileLock? first = null;
        foreach (var held in _locks)
        {
            if (held.Conflicts(wanted) && !(first?.Start <= held.Start))
                first = held;
        }

        return first;
    }

    /// <summary>Whether those whose locks are in the way wait, themselves or by others, for the owner of this one.</summary>
    private bool WouldCircle(in FileLock wanted)
    {
        if (wanted.Owner is OpenFile)
            return false;
        var blockers = new Queue<object>();
        var seen = new HashSet<object>();
        Enqueue(this, wanted);
        while (blockers.TryDequeue(out var blocker))
        {
            if (blocker == wanted.Owner)
                return true;
            foreach (var (locks, waits) in fileSystem.LockWaits)
            {
                if (waits.Owner == blocker)
                    Enqueue(locks, waits);
            }
        }

        return false;

        void Enqueue(FileLocks locks, in FileLock waits)
        {
            foreach (var held in locks._locks)
            {
                if (held.Conflicts(waits) && seen.Add(held.Owner))
                    blockers.Enqueue(held.Owner);
            }
        }
    }

    /// <summary>Cuts a range out of the owner's locks, and puts a lock there that joins with its neighbours of the same kind.</summary>
    private int Replace(in FileLock range, FileLock? added)
    {
        if (added is null && !_locks.Exists(OwnedBy(range.Owner)))
            return 0;
        var before = _locks.Count;
        // Two more than before at most: one that is cut in two, and the new one.
        if (!fileSystem.Charge(2 * LockBytes))
            return -Errno.ENOLCK;
        for (var k = _locks.Count - 1; k >= 0; k--)
        {
            var held = _locks[k];
            if (held.Owner != range.Owner || held.Start > range.End || held.End < range.Start)
                continue;
            _locks.RemoveAt(k);
            if (held.Start < range.Start)
                _locks.Add(held with { End = range.Start - 1 });
            if (held.End > range.End)
                _locks.Add(held with { Start = range.End + 1 });
        }

        if (added is { } lockToAdd)
            _locks.Add(Joined(lockToAdd));
        fileSystem.Release((2 + before - _locks.Count) * LockBytes);
        return 0;
    }

    private FileLock Joined(FileLock added)
    {
        for (var k = _locks.Count - 1; k >= 0; k--)
        {
            var held = _locks[k];
            if (held.Owner != added.Owner || held.IsExclusive != added.IsExclusive)
                continue;
            if (held.End != long.MaxValue && held.End + 1 == added.Start)
                added = added with { Start = held.Start };
            else if (added.End != long.MaxValue && added.End + 1 == held.Start)
                added = added with { End = held.End };
            else
                continue;
            _locks.RemoveAt(k);
        }

        return added;
    }

    private static Predicate<FileLock> OwnedBy(object owner) => held => held.Owner == owner;
}

/// <summary>A request that waits until locks of others are gone.</summary>
/// <param name="Locks">Locks of the file.</param>
/// <param name="Wanted">What is wanted.</param>
internal sealed record LockWait(FileLocks Locks, FileLock Wanted);
