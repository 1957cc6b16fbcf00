using System.Buffers;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>Bytes of a regular file: chunks in memory, holes, and below them the unchanged bytes of a host file.</summary>
/// <remarks>Thread-safe. Memory is charged to the <see cref="FileSystem"/>'s budget as chunks appear.</remarks>
public sealed class FileContent
{
    private const int ChunkShift = 16;
    private const int ChunkSize = 1 << ChunkShift;

    private readonly Lock _gate = new();
    private readonly FileSystem _fileSystem;
    private readonly IHostFile? _lower;
    private long _lowerLength;
    private byte[]?[] _chunks = [];
    private long _length;

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

    /// <summary>Bytes of memory that it holds.</summary>
    public long Allocated
    {
        get
        {
            lock (_gate)
                return _chunks.Count(c => c is not null) * (long)ChunkSize;
        }
    }

    /// <summary>Copies bytes from <paramref name="offset"/> on; how many there were, or -EFAULT.</summary>
    internal long Read(long offset, ref IoVector to)
    {
        byte[]? lower = null;
        lock (_gate)
        {
            var total = Math.Clamp(_length - offset, 0, to.Left);
            for (var done = 0L; done < total;)
            {
                var (index, within) = ((offset + done) >> ChunkShift, (int)((offset + done) & (ChunkSize - 1)));
                var count = (int)Math.Min(total - done, ChunkSize - within);
                ReadOnlySpan<byte> part;
                if (index < _chunks.Length && _chunks[index] is { } chunk)
                {
                    part = chunk.AsSpan(within, count);
                }
                else
                {
                    lower ??= ArrayPool<byte>.Shared.Rent(ChunkSize);
                    ReadLower(offset + done, lower.AsSpan(0, count));
                    part = lower.AsSpan(0, count);
                }

                if (!to.TryPut(part))
                {
                    total = done > 0 ? done : -Errno.EFAULT;
                    break;
                }

                done += count;
            }

            if (lower is not null)
                ArrayPool<byte>.Shared.Return(lower);
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
            var done = 0L;
            while (done < total)
            {
                var (index, within) = ((offset + done) >> ChunkShift, (int)((offset + done) & (ChunkSize - 1)));
                var count = (int)Math.Min(total - done, ChunkSize - within);
                if (!Own(index))
                    return done > 0 ? done : -Errno.ENOSPC;
                if (!from.TryTake(_chunks[index].AsSpan(within, count)))
                    return done > 0 ? done : -Errno.EFAULT;
                done += count;
                _length = Math.Max(_length, offset + done);
            }

            return total;
        }
    }

    /// <summary>Cuts the file off or extends it by a hole.</summary>
    public void Truncate(long length)
    {
        lock (_gate)
        {
            if (length < _length)
            {
                var keep = (length + ChunkSize - 1) >> ChunkShift;
                for (var index = keep; index < _chunks.Length; index++)
                {
                    if (_chunks[index] is not null)
                        _fileSystem.Release(ChunkSize);
                    _chunks[index] = null;
                }

                if ((length & (ChunkSize - 1)) != 0 && keep - 1 < _chunks.Length)
                    _chunks[keep - 1]?.AsSpan((int)(length & (ChunkSize - 1))).Clear();
                _lowerLength = Math.Min(_lowerLength, length);
            }

            _length = length;
        }
    }

    /// <summary>Whether nothing was ever written, nor the length changed.</summary>
    private bool IsLower
    {
        get
        {
            lock (_gate)
                return _lower is not null && _chunks.Length == 0 && _length == _lower.Length && _lowerLength == _length;
        }
    }

    /// <summary>Makes the chunk at <paramref name="index"/> present and private.</summary>
    private bool Own(long index)
    {
        if (index >= _chunks.Length)
        {
            if (index >= Array.MaxLength)
                return false;
            Array.Resize(ref _chunks, (int)Math.Max(index + 1, Math.Min(_chunks.Length * 2L, Array.MaxLength)));
        }

        if (_chunks[index] is not null)
            return true;
        if (!_fileSystem.Charge(ChunkSize))
            return false;
        var chunk = new byte[ChunkSize];
        ReadLower(index << ChunkShift, chunk);
        _chunks[index] = chunk;
        return true;
    }

    private void ReadLower(long offset, Span<byte> destination)
    {
        var available = (int)Math.Clamp(_lowerLength - offset, 0, destination.Length);
        var count = available > 0 ? _lower!.Read(offset, destination[..available]) : 0;
        destination[count..].Clear();
    }
}
