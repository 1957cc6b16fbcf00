using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Mm;

/// <summary>The segments of System V shared memory of a cVM (ipc/shm.c, ipc/util.c).</summary>
/// <remarks>Guarded by <see cref="Gate"/>, which is taken before the locks of processes, address spaces and files.</remarks>
internal sealed class SharedSegments(Cvm cvm)
{
    /// <summary>Most segments (SHMMNI).</summary>
    public const int Most = 4096;

    /// <summary>Largest segment in bytes (SHMMAX): what a slot can hold is less.</summary>
    public const long LargestSize = long.MaxValue - (1 << 24);

    private const int IndexBits = 15;
    private const int LastSequence = (1 << (31 - IndexBits)) - 1;

    /// <summary>By place; grows up to <see cref="Most"/>, because most programs have none.</summary>
    private SharedSegment?[] _table = [];

    /// <summary>Those that go when nothing is attached to them any more.</summary>
    private HashSet<SharedSegment> Removed => field ??= [];
    private int _count;
    private int _sequence;

    /// <summary>Guards all segments.</summary>
    public Lock Gate { get; } = new();

    /// <summary>How many there are.</summary>
    public int Count => _count;

    /// <summary>The highest place in use; -1: none is.</summary>
    public int HighestIndex => Array.FindLastIndex(_table, s => s is not null);

    /// <summary>Bytes of all segments, in whole pages.</summary>
    public long Bytes => _table.Sum(s => s is null ? 0 : (s.Size + 4095) & -4096);

    /// <summary>The segment with an identifier; null: there is none.</summary>
    public SharedSegment? Find(int id)
    {
        RemoveUnused();
        return id >= 0 && At(id) is { } found && found.Id == id ? found : null;
    }

    /// <summary>The segment at a place of the table, whatever its identifier says besides; null: there is none.</summary>
    public SharedSegment? At(int index) => (index & ((1 << IndexBits) - 1)) is var place && place < _table.Length ? _table[place] : null;

    /// <summary>The segment with a key; null: there is none.</summary>
    public SharedSegment? FindKey(int key)
    {
        RemoveUnused();
        return key == 0 ? null : Array.Find(_table, s => s?.Key == key);
    }

    /// <summary>A new segment, or a negated errno: its identifier.</summary>
    public int Create(CvmThread thread, int key, long size, int mode)
    {
        if (size is < 1 or > LargestSize)
            return -Errno.EINVAL;
        if (_count == Most)
            return -Errno.ENOSPC;
        var credentials = thread.Process.Attributes.Credentials;
        var node = new RegularFile(cvm.FileSystem, mode) { Links = 0 };
        credentials.Own(node, directory: null);
        var file = node.Open(FileAbi.O_RDWR, out _)!;
        file.AddReference();

        // Memory for all of it is taken now: what attaches it later shall not fail for that.
        if (size > cvm.Options.Limits.FileBytes || node.Content.Truncate((size + 4095) & -4096) != 0 || node.Content.Share() < 0)
        {
            file.Release();
            return -Errno.ENOMEM;
        }

        _sequence = _sequence == LastSequence ? 0 : _sequence + 1;
        if (_count == _table.Length)
            Array.Resize(ref _table, Math.Min(Math.Max(2 * _count, 16), Most));
        var index = Array.IndexOf(_table, null);
        var owner = (credentials.Users.Effective, credentials.Groups.Effective);
        _table[index] = new SharedSegment((_sequence << IndexBits) | index, key, file, size)
        {
            Mode = mode & 0x1ff,
            Owner = owner,
            Creator = owner,
            CreatorProcess = thread.Process.Id,
            ChangeTime = Now,
        };
        _count++;
        return _table[index]!.Id;
    }

    /// <summary>IPC_RMID: it cannot be found by its key any more, and goes when nothing is attached to it.</summary>
    public void Remove(SharedSegment segment)
    {
        segment.Key = 0;
        segment.Mode |= SharedSegment.SHM_DEST;
        Removed.Add(segment);
        RemoveUnused();
    }

    /// <summary>Mappings of a segment, in all processes.</summary>
    public int AttachmentsOf(SharedSegment segment)
        => cvm.Spaces.Sum(segment.CountIn);

    /// <summary>Seconds since 1970.</summary>
    public long Now => cvm.FileSystem.Now / 1_000_000_000;

    /// <summary>
    /// Nobody says when the last attachment of a segment has gone, with a process perhaps: it is asked for before anything is looked up.
    /// </summary>
    private void RemoveUnused()
    {
        if (Removed.Count == 0)
            return;
        var attached = cvm.Spaces.SelectMany(SharedSegment.AttachedIn).ToHashSet();
        foreach (var segment in Removed)
        {
            if (attached.Contains(segment))
                continue;
            Removed.Remove(segment);
            _table[Array.IndexOf(_table, segment)] = null;
            _count--;
            segment.File.Release();
        }
    }
}
