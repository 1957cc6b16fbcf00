using System.Buffers;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <content>What a file has room for, and where it has holes (fallocate(2), lseek(2)). Ranges are within what a file can be long.</content>
public sealed partial class FileContent
{
    /// <summary>Longest that a file can be: whole chunks.</summary>
    public const long MostBytes = long.MaxValue & -ChunkSize;

    private const int BlockSize = 4096;

    /// <summary>Bytes that it takes, in whole blocks of 4096: holes take none.</summary>
    public long Allocated
    {
        get
        {
            lock (_gate)
            {
                if (_backing is not null)
                    return _backing.AllocatedBytes;
                if (_isKept)
                {
                    // It is at rest, and nobody would close again what is opened only to look.
                    using var opened = _upper!.OpenContent(_upperId);
                    return opened?.AllocatedBytes ?? 0;
                }

                // Chunks behind the host's bytes, the rest of one where those end, and none behind the file's end in the chunk that it is in.
                var (lower, end) = (WholeBlocks(_lowerLength), WholeBlocks(_length));
                return lower + ((_chunks.Count - _lowerChunks) * (long)ChunkSize) + RestOfChunk(lower) - RestOfChunk(end);
            }
        }
    }

    /// <summary>The first byte from an offset within the file on that is in no hole, or that is in one; null: there is none. The end is a hole.</summary>
    public long? Find(long offset, bool hole)
    {
        lock (_gate)
        {
            if (HasBacking)
                return Backing()?.Find(offset, hole) is { } found ? Math.Min(found, _length) : hole ? _length : null;
            var at = offset;
            while (at < _length && IsHole(at) != hole)
            {
                // Of what lies below there is one run; from hole to data the next chunk leads.
                at = hole && !_chunks.ContainsKey(at >> ChunkShift) ? _lowerLength : NextChunk(at, mustExist: !hole);
            }

            return hole ? Math.Min(at, _length) : at < _length ? at : null;
        }
    }

    /// <summary>Takes memory for a range, so that writing there cannot fail, and unless told not to makes the file as long; 0 or a negated errno.</summary>
    internal int Allocate(long offset, long end, bool keepsSize)
    {
        lock (_gate)
        {
            if (!TryBeginChange(out var isBacked))
                return -Errno.ENOSPC;
            var error = isBacked ? AllocateBacking(offset, end, keepsSize) : TryAllocateChunks(offset, end) ? 0 : -Errno.ENOSPC;
            if (error == 0 && !keepsSize)
                _length = Math.Max(_length, end);
            return error;
        }
    }

    /// <summary>Makes a range a hole, as far as it is whole chunks, and zeros; 0 or a negated errno.</summary>
    internal int Punch(long offset, long end)
    {
        lock (_gate)
        {
            if (!TryBeginChange(out var isBacked))
                return -Errno.ENOSPC;
            if (isBacked)
                return Result(Backing()?.Punch(offset, end - offset));
            if (end >= _lowerLength)
                CutLower(offset);

            // What is left below the range are bytes of the host's file, over which zeros have to lie.
            for (var at = offset; at < Math.Min(end, _lowerLength); at = (at | (ChunkSize - 1)) + 1)
            {
                if (!TryOwn(at >> ChunkShift, out _))
                    return -Errno.ENOSPC;
            }

            foreach (var (index, chunk) in _chunks)
            {
                var (start, from, to) = (index << ChunkShift, Math.Max(index << ChunkShift, offset), Math.Min((index << ChunkShift) + ChunkSize, end));
                if (from >= to)
                    continue;
                if (to - from == ChunkSize && start >= _lowerLength && _chunks.Remove(index))
                    _fileSystem.Release(ChunkSize);
                else
                    chunk.AsSpan((int)(from - start), (int)(to - from)).Clear();
            }

            return 0;
        }
    }

    /// <summary>
    /// Takes a range out, so that what follows comes to its place, or makes room for one by a hole: 0 or a negated errno, and then nothing has changed.
    /// </summary>
    /// <param name="offset">Start, as the count in whole blocks. EINVAL unless it is within the file.</param>
    /// <param name="count">Bytes to take out, if negative: EINVAL where they reach the end; else bytes of the hole: EFBIG where the file would be too long.</param>
    internal int Shift(long offset, long count)
    {
        lock (_gate)
        {
            // Here, and not by who calls: another may cut the file off at any moment before.
            if (count > 0 && count > MostBytes - _length)
                return -Errno.EFBIG;
            if ((count < 0 ? offset - count : offset) >= _length)
                return -Errno.EINVAL;
            if (!TryBeginChange(out var isBacked))
                return -Errno.ENOSPC;
            var error = isBacked ? ShiftBacking(offset, count) : TryShiftChunks(offset, count) ? 0 : -Errno.ENOSPC;
            _length += error == 0 ? count : 0;
            return error;
        }
    }

    /// <summary>What a call returns for what the host's returned.</summary>
    private static int Result(int? error) => error is Errno.EOPNOTSUPP ? -Errno.EOPNOTSUPP : error == 0 ? 0 : -Errno.ENOSPC;

    private static long WholeBlocks(long length) => (length + BlockSize - 1) & -BlockSize;

    /// <summary>Bytes of the chunk that an offset is inside of from there on; 0 where there is none.</summary>
    private long RestOfChunk(long offset) => _chunks.ContainsKey(offset >> ChunkShift) ? -offset & (ChunkSize - 1) : 0;

    private bool IsHole(long offset) => offset >= _lowerLength && !_chunks.ContainsKey(offset >> ChunkShift);

    /// <summary>Start of the chunk behind an offset, or of the first one behind it that there is; the file's end where that comes first.</summary>
    private long NextChunk(long offset, bool mustExist)
    {
        var next = ((offset >> ChunkShift) + 1) << ChunkShift;
        if (!mustExist)
            return next;
        var first = long.MaxValue;
        foreach (var index in _chunks.Keys)
            first = index << ChunkShift >= next ? Math.Min(first, index << ChunkShift) : first;
        return Math.Min(first, _length);
    }

    private bool TryAllocateChunks(long offset, long end)
    {
        // All are charged first, so that nothing has to be undone; chunks are at most as many as the budget has room for.
        var (first, last) = (offset >> ChunkShift, (end - 1) >> ChunkShift);
        var missing = last - first + 1 - _chunks.Keys.LongCount(index => index >= first && index <= last);
        if (missing > long.MaxValue / ChunkSize || !_fileSystem.Charge(missing * ChunkSize))
            return false;
        for (var index = first; index <= last; index++)
        {
            if (!_chunks.ContainsKey(index))
                Own(index);
        }

        return true;
    }

    private int AllocateBacking(long offset, long end, bool keepsSize)
    {
        var charged = _charge!.Bytes;
        if (!_charge.Set(Math.Max(Math.Max(_length, _reserved), end)))
            return -Errno.ENOSPC;
        var error = Result(Backing()?.Allocate(offset, end - offset, keepsSize));
        if (error != 0)
            _charge.Set(charged);
        else if (keepsSize)
            _reserved = Math.Max(_reserved, end);
        return error;
    }

    /// <summary>Copies chunks, and parts of them, to where they come to lie.</summary>
    private bool TryShiftChunks(long offset, long count)
    {
        for (var at = offset & -ChunkSize; at < _lowerLength; at += ChunkSize)
        {
            if (!TryOwn(at >> ChunkShift, out _))
                return false;
        }

        // Each comes to lie in two at most, and what is in front of the offset stays where it is.
        var (first, from) = (offset >> ChunkShift, count < 0 ? offset - count : offset);
        var old = _chunks.Where(c => c.Key >= first).ToArray();
        var most = (2 * old.Length + 1) * (long)ChunkSize;
        if (!_fileSystem.Charge(most))
            return false;
        var moved = new Dictionary<long, byte[]>();
        var within = (int)(offset & (ChunkSize - 1));
        if (within != 0 && _chunks.TryGetValue(first, out var head))
            head.AsSpan(0, within).CopyTo(At(first));
        foreach (var (index, chunk) in old)
        {
            var end = Math.Min((index << ChunkShift) + ChunkSize, _length);
            for (var at = Math.Max(index << ChunkShift, from); at < end;)
            {
                var to = (int)((at + count) & (ChunkSize - 1));
                var part = (int)Math.Min(end - at, ChunkSize - to);
                chunk.AsSpan((int)(at & (ChunkSize - 1)), part).CopyTo(At((at + count) >> ChunkShift).AsSpan(to));
                at += part;
            }
        }

        foreach (var (index, _) in old)
            _chunks.Remove(index);
        foreach (var (index, chunk) in moved)
            _chunks.Add(index, chunk);
        _fileSystem.Release(most + ((old.Length - moved.Count) * (long)ChunkSize));
        CutLower(offset);
        return true;

        byte[] At(long index) => moved.TryGetValue(index, out var chunk) ? chunk : moved[index] = new byte[ChunkSize];
    }

    /// <summary>Copies within the host's file, which is charged for all its length, beginning where nothing is lost.</summary>
    private int ShiftBacking(long offset, long count)
    {
        var (from, length, charged) = (count < 0 ? offset - count : offset, _length + count, _charge!.Bytes);
        if (Backing() is not { } backing || !_charge.Set(Math.Max(length, Math.Max(_length, _reserved))))
            return -Errno.ENOSPC;

        // Whatever is to be written has its room before anything is.
        var left = _length - from;
        var error = Result(backing.Allocate(from + count, left, keepsSize: true));
        if (error != 0)
        {
            _charge.Set(charged);
            return error;
        }

        var buffer = ArrayPool<byte>.Shared.Rent(ChunkSize);
        for (var done = 0L; done < left;)
        {
            var part = buffer.AsSpan(0, (int)Math.Min(ChunkSize, left - done));
            var at = count < 0 ? from + done : _length - done - part.Length;
            part[backing.Read(at, part)..].Clear();
            backing.Write(at + count, part);
            done += part.Length;
        }

        ArrayPool<byte>.Shared.Return(buffer);
        if (count < 0 && !backing.SetLength(length))
            return -Errno.ENOSPC;
        if (count > 0 && backing.Punch(offset, count) != 0)
            Zero(backing, offset, Math.Min(offset + count, WholeBlocks(_length)));
        _reserved = 0;
        _charge.Set(length);
        return 0;
    }

    /// <summary>Writes zeros over those of some whole blocks that have others: they have their room already, so that this cannot fail for want of it.</summary>
    private static void Zero(BackingFile backing, long offset, long end)
    {
        Span<byte> block = stackalloc byte[BlockSize];
        for (var at = offset; at < end; at += BlockSize)
        {
            if (!block[..backing.Read(at, block)].ContainsAnyExcept((byte)0))
                continue;
            block.Clear();
            backing.Write(at, block);
        }
    }
}
