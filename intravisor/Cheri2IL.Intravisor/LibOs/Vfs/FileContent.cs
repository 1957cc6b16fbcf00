using System.Buffers;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>
/// Bytes of a regular file: chunks in memory, holes, and below them the unchanged bytes of a host file; or, once pages of it are shared
/// with a mapping, all of them in a <see cref="BackingFile"/>.
/// </summary>
/// <remarks>Thread-safe. Memory is charged to the <see cref="FileSystem"/>'s budget as it is taken.</remarks>
public sealed partial class FileContent
{
    private const int ChunkShift = 16;
    private const int ChunkSize = 1 << ChunkShift;

    private readonly Lock _gate = new();
    private readonly FileSystem _fileSystem;
    private readonly IHostFile? _lower;
    private readonly Dictionary<long, byte[]> _chunks = [];
    private BackingFile? _backing;
    private bool _isChanged;
    private bool _isMapped;

    /// <summary>What keeps the content once it is written, and its number there; null: nothing does.</summary>
    private UpperLayer? _upper;
    private long _upperId;
    private bool _isKept;

    /// <summary>Bytes that the backing file was charged for. One without name gives them back itself, when nothing maps it any more.</summary>
    private FileCharge? _charge;
    private long _lowerLength;
    private long _length;

    /// <summary>Chunks that begin within what is left of the host's file.</summary>
    private int _lowerChunks;

    /// <summary>End of what the backing file has room for beyond its length.</summary>
    private long _reserved;

    /// <summary>Content of a new file, or of one that exists on the host.</summary>
    public FileContent(FileSystem fileSystem, IHostFile? lower)
    {
        _fileSystem = fileSystem;
        _lower = lower;
        _length = _lowerLength = lower?.Length ?? 0;
    }

    /// <summary>Bytes.</summary>
    public long Length
    {
        get
        {
            lock (_gate)
                return _length;
        }
    }

    /// <summary>What tells this content from any other, while it is that of a host file; else null.</summary>
    public FileIdentity? Identity => IsLower ? _lower!.Identity : null;

    /// <summary>This content in memory, while it is that of a file which never changes there; else null.</summary>
    public ReadOnlyMemory<byte>? Bytes => IsLower ? _lower!.Bytes : null;

    /// <summary>Descriptor of the host file whose pages are the content; -1 while there is none.</summary>
    public int Descriptor
    {
        get
        {
            lock (_gate)
                return _isMapped ? _backing?.Descriptor ?? -1 : -1;
        }
    }

    /// <summary>Whether nothing was ever written, nor the length changed.</summary>
    private bool IsLower
    {
        get
        {
            lock (_gate)
                return _lower is not null && !_isChanged;
        }
    }

    /// <summary>Makes the pages of the content such that a mapping can share them; their descriptor, or -1 where there is no memory for that.</summary>
    public int Share()
    {
        lock (_gate)
        {
            _isMapped = HasBacking || TryBack();
            return _isMapped && Backing() is { } backing ? backing.Descriptor : -1;
        }
    }

    /// <summary>From now on what is written goes into the upper layer; false where that has no room for what was written already.</summary>
    internal bool KeepIn(UpperLayer upper, long id)
    {
        lock (_gate)
        {
            (_upper, _upperId) = (upper, id);
            return !_isChanged || _isKept || TryBack();
        }
    }

    /// <summary>Whether the upper layer has the content.</summary>
    internal bool IsKept
    {
        get
        {
            lock (_gate)
                return _isKept;
        }
    }

    /// <summary>The upper layer has the content.</summary>
    internal void Restore(long length)
    {
        lock (_gate)
        {
            (_isKept, _isChanged, _length) = (true, true, length);
            _charge = new FileCharge(_fileSystem);
            _charge.Set(length);
        }
    }

    /// <summary>Returns when what was written is on the host's disk, where the upper layer keeps it.</summary>
    internal void Sync()
    {
        lock (_gate)
            _backing?.Sync();
    }

    /// <summary>It is open nowhere: what is kept needs no descriptor of the host.</summary>
    internal void Rest()
    {
        lock (_gate)
        {
            if (!_isKept || _isMapped)
                return;
            _backing?.Dispose();
            _backing = null;
        }
    }

    /// <summary>Copies bytes from <paramref name="offset"/> on; how many there were, or -EFAULT.</summary>
    internal long Read(long offset, ref IoVector to)
    {
        byte[]? buffer = null;
        lock (_gate)
        {
            var total = Math.Clamp(_length - offset, 0, to.Left);
            for (var done = 0L; done < total;)
            {
                var count = (int)Math.Min(total - done, ChunkSize - ((offset + done) & (ChunkSize - 1)));
                if (!_chunks.ContainsKey((offset + done) >> ChunkShift))
                    buffer ??= ArrayPool<byte>.Shared.Rent(ChunkSize);
                if (!to.TryPut(PartAt(offset + done, count, buffer)))
                {
                    total = done > 0 ? done : -Errno.EFAULT;
                    break;
                }

                done += count;
            }

            if (buffer is not null)
                ArrayPool<byte>.Shared.Return(buffer);
            return total;
        }
    }

    /// <summary>
    /// Writes bytes at <paramref name="offset"/>, growing the file; how many, -EFAULT, or -ENOSPC when the memory budget is used up.
    /// </summary>
    internal long Write(long offset, ref IoVector from)
    {
        lock (_gate)
        {
            var total = from.Left;
            if (total == 0)
                return 0;
            if (!TryBeginChange(out var isBacked))
                return -Errno.ENOSPC;
            if (isBacked)
                return WriteBacking(offset, ref from);
            for (var done = 0L; done < total;)
            {
                var (index, within) = ((offset + done) >> ChunkShift, (int)((offset + done) & (ChunkSize - 1)));
                var count = (int)Math.Min(total - done, ChunkSize - within);
                if (!TryOwn(index, out var chunk))
                    return done > 0 ? done : -Errno.ENOSPC;
                if (!from.TryTake(chunk.AsSpan(within, count)))
                    return done > 0 ? done : -Errno.EFAULT;
                done += count;
                _length = Math.Max(_length, offset + done);
            }

            return total;
        }
    }

    /// <summary>Cuts the file off or extends it by a hole; 0 or -ENOSPC.</summary>
    public int Truncate(long length)
    {
        lock (_gate)
        {
            _isChanged |= length != _length;
            if (HasBacking || (_upper is not null && _isChanged && TryBack()))
            {
                _reserved = length < _length ? 0 : _reserved;
                if (!_charge!.Set(Math.Max(length, _reserved)) || Backing()?.SetLength(length) != true)
                    return -Errno.ENOSPC;
            }
            else if (_upper is not null && _isChanged)
            {
                return -Errno.ENOSPC;
            }
            else if (length < _length)
            {
                DropChunks((length + ChunkSize - 1) >> ChunkShift);
                if ((length & (ChunkSize - 1)) != 0 && _chunks.TryGetValue(length >> ChunkShift, out var last))
                    last.AsSpan((int)(length & (ChunkSize - 1))).Clear();
                CutLower(length);
            }

            _length = length;
            return 0;
        }
    }

    /// <summary>The file is deleted and open nowhere, or never had a name: gives back its memory. Pages that mappings share are the collector's to find.</summary>
    internal void Discard()
    {
        lock (_gate)
        {
            DropChunks(0);
            if (_isKept)
                _charge?.Release();
            else if (_backing is not null)
                _fileSystem.Unlinked();
        }
    }

    /// <summary>Something is to be written: into a file of the host, or into chunks; false where an upper layer has no room.</summary>
    private bool TryBeginChange(out bool isBacked)
    {
        _isChanged = true;
        isBacked = HasBacking || (_upper is not null && TryBack());
        return isBacked || _upper is null;
    }

    private bool HasBacking => _backing is not null || _isKept;

    /// <summary>The host's file, which is opened again where it rested.</summary>
    private BackingFile? Backing() => _backing ??= _isKept ? _upper!.OpenContent(_upperId) : null;

    /// <summary>Moves the content to a file of the host; false where there is no room for it.</summary>
    private bool TryBack()
    {
        var charge = new FileCharge(_fileSystem);
        var backing = !charge.Set(_length) ? null : _upper is not null ? _upper.OpenContent(_upperId) : _fileSystem.NewBackingFile(charge.Release);
        if (backing is null)
        {
            charge.Release();
            return false;
        }

        var buffer = ArrayPool<byte>.Shared.Rent(ChunkSize);
        var isCopied = backing.SetLength(0) && backing.SetLength(_length);
        for (var offset = 0L; isCopied && offset < _length; offset += ChunkSize)
        {
            // Holes stay holes.
            if (!_chunks.ContainsKey(offset >> ChunkShift) && offset >= _lowerLength)
                continue;
            var part = PartAt(offset, (int)Math.Min(ChunkSize, _length - offset), buffer);
            isCopied = backing.Write(offset, part) == part.Length;
        }

        ArrayPool<byte>.Shared.Return(buffer);
        if (!isCopied || _upper?.HasContent(_upperId) == false)
        {
            backing.Dispose();
            if (_upper is not null)
                charge.Release();
            return false;
        }

        DropChunks(0);
        (_backing, _charge) = (backing, charge);
        if (_upper is null)
            return true;
        _isKept = true;
        return true;
    }

    /// <summary>Bytes of one chunk, or in the buffer those of the host's file.</summary>
    private ReadOnlySpan<byte> PartAt(long offset, int count, byte[]? buffer)
    {
        if (_chunks.TryGetValue(offset >> ChunkShift, out var chunk))
            return chunk.AsSpan((int)(offset & (ChunkSize - 1)), count);
        var part = buffer.AsSpan(0, count);
        if (HasBacking)
            part[(Backing()?.Read(offset, part) ?? 0)..].Clear();
        else
            ReadLower(offset, part);
        return part;
    }

    private long WriteBacking(long offset, ref IoVector from)
    {
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(ChunkSize, Math.Max(from.Left, 1)));
        try
        {
            for (var done = 0L; ;)
            {
                var part = buffer.AsSpan(0, (int)Math.Min(ChunkSize, from.Left));
                if (part.IsEmpty)
                    return done;
                if (!from.TryTake(part))
                    return done > 0 ? done : -Errno.EFAULT;
                if (!_charge!.Set(Math.Max(Math.Max(_length, _reserved), offset + done + part.Length)) || Backing()?.Write(offset + done, part) != part.Length)
                    return done > 0 ? done : -Errno.ENOSPC;
                done += part.Length;
                _length = Math.Max(_length, offset + done);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Makes the chunk at <paramref name="index"/> present and private.</summary>
    private bool TryOwn(long index, out byte[] chunk)
    {
        if (_chunks.TryGetValue(index, out chunk!))
            return true;
        if (!_fileSystem.Charge(ChunkSize))
            return false;
        chunk = Own(index);
        return true;
    }

    /// <summary>Makes a chunk that there is not, which has been charged.</summary>
    private byte[] Own(long index)
    {
        var chunk = new byte[ChunkSize];
        ReadLower(index << ChunkShift, chunk);
        _chunks.Add(index, chunk);
        _lowerChunks += index << ChunkShift < _lowerLength ? 1 : 0;
        return chunk;
    }

    /// <summary>Gives up the chunks from an index on.</summary>
    private void DropChunks(long first)
    {
        foreach (var index in _chunks.Keys)
        {
            if (index < first || !_chunks.Remove(index))
                continue;
            _fileSystem.Release(ChunkSize);
            _lowerChunks -= index << ChunkShift < _lowerLength ? 1 : 0;
        }
    }

    /// <summary>No more than so many bytes of the host's file are left.</summary>
    private void CutLower(long length)
    {
        if (length >= _lowerLength)
            return;
        (_lowerLength, _lowerChunks) = (length, 0);
        foreach (var index in _chunks.Keys)
            _lowerChunks += index << ChunkShift < length ? 1 : 0;
    }

    private void ReadLower(long offset, Span<byte> destination)
    {
        var available = (int)Math.Clamp(_lowerLength - offset, 0, destination.Length);
        var count = available > 0 ? _lower!.Read(offset, destination[..available]) : 0;
        destination[count..].Clear();
    }
}
