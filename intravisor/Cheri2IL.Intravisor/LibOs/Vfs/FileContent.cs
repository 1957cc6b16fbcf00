using System.Buffers;
using System.ComponentModel;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>
/// Bytes of a regular file: chunks in memory, holes, and below them the unchanged bytes of a host file; or, once it has been mapped shared,
/// pages that mappings show, too.
/// </summary>
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
    private SharedMemory? _shared;
    private long _length;

    /// <summary>Content of a new file, or of one that exists on the host.</summary>
    public FileContent(FileSystem fileSystem, IHostFile? lower)
    {
        _fileSystem = fileSystem;
        _lower = lower;
        _length = _lowerLength = lower?.Length ?? 0;
    }

    /// <summary>
    /// Gives back what was charged, when neither a directory nor an open file nor a mapping leads here any more: mappings need the bytes
    /// after the file is unlinked and closed, so that only the collector knows.
    /// </summary>
    ~FileContent()
    {
        _fileSystem.Release(Charged);
        _shared?.Dispose();
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
                return Charged;
        }
    }

    private long Charged => _shared is { } shared ? (long)shared.Length : _chunks.Count(c => c is not null) * (long)ChunkSize;

    /// <summary>Host descriptor of its pages; -1 before <see cref="Share"/>.</summary>
    internal int Descriptor
    {
        get
        {
            lock (_gate)
                return _shared?.Descriptor ?? -1;
        }
    }

    /// <summary>Makes the bytes pages that can be mapped, up to <paramref name="end"/> at least; 0, -ENOSPC or -ENOMEM.</summary>
    internal int Share(long end)
    {
        lock (_gate)
        {
            end = Math.Max((Math.Max(end, _length) + ChunkSize - 1) & ~(ChunkSize - 1L), ChunkSize);
            if (_shared is { } found)
                return (long)found.Length >= end || TryGrow(found, end) ? 0 : -Errno.ENOMEM;
            if (!_fileSystem.Charge(end))
                return -Errno.ENOSPC;
            try
            {
                var shared = new SharedMemory((ulong)end, canGrow: true);
                for (var index = 0L; index << ChunkShift < _length; index++)
                {
                    var to = ChunkOf(shared, index)[..(int)Math.Min(ChunkSize, _length - (index << ChunkShift))];
                    if (index < _chunks.Length && _chunks[index] is { } chunk)
                        chunk.AsSpan(0, to.Length).CopyTo(to);
                    else
                        ReadLower(index << ChunkShift, to);
                }

                foreach (var chunk in _chunks)
                {
                    if (chunk is not null)
                        _fileSystem.Release(ChunkSize);
                }

                (_shared, _chunks) = (shared, []);
                return 0;
            }
            catch (Win32Exception)
            {
                _fileSystem.Release(end);
                return -Errno.ENOMEM;
            }
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
                if (_shared is { } shared && index << ChunkShift < (long)shared.Length)
                {
                    part = ChunkOf(shared, index).Slice(within, count);
                }
                else if (index < _chunks.Length && _chunks[index] is { } chunk)
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
                var part = _shared is { } shared ? ChunkOf(shared, index) : _chunks[index];
                if (!from.TryTake(part.Slice(within, count)))
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
            if (_shared is { } shared)
            {
                // Behind the old end, too, there may be what a mapping has written.
                if (Math.Min(length, _length) < (long)shared.Length)
                    shared.Clear((ulong)Math.Min(length, _length), shared.Length);
            }
            else if (length < _length)
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
                return _lower is not null && _shared is null && _chunks.Length == 0 && _length == _lower.Length && _lowerLength == _length;
        }
    }

    /// <summary>Makes the chunk at <paramref name="index"/> present and private.</summary>
    private bool Own(long index)
    {
        if (_shared is { } shared)
            return (long)shared.Length >= (index + 1) << ChunkShift || TryGrow(shared, (index + 1) << ChunkShift);
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

    private static unsafe Span<byte> ChunkOf(SharedMemory shared, long index) => new(shared.Base + (index << ChunkShift), ChunkSize);

    private bool TryGrow(SharedMemory shared, long length)
    {
        var more = length - (long)shared.Length;
        if (!_fileSystem.Charge(more))
            return false;
        try
        {
            shared.Grow((ulong)length);
            return true;
        }
        catch (Win32Exception)
        {
            _fileSystem.Release(more);
            return false;
        }
    }

    private void ReadLower(long offset, Span<byte> destination)
    {
        var available = (int)Math.Clamp(_lowerLength - offset, 0, destination.Length);
        var count = available > 0 ? _lower!.Read(offset, destination[..available]) : 0;
        destination[count..].Clear();
    }
}
