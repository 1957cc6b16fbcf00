using Cheri2IL.Runtime;
using Microsoft.Win32.SafeHandles;

namespace Cheri2IL.Deployment.Archives;

/// <summary>A file of the host that has a file tree in it, read in place.</summary>
/// <remarks>Thread-safe. It must not change while it is used.</remarks>
internal sealed class ImageFile : IDisposable
{
    private readonly SafeFileHandle _handle;

    /// <summary>Opens a file.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It must not be read.</exception>
    public ImageFile(string path)
    {
        Path = path;
        _handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        Length = RandomAccess.GetLength(_handle);
        // By its descriptor: the path may lead elsewhere by now.
        Identity = HostFile.IdentityOf($"/proc/self/fd/{_handle.DangerousGetHandle()}")
            ?? throw new IOException($"{path}: not a regular file");
    }

    /// <summary>Path on the host.</summary>
    public string Path { get; }

    /// <summary>Bytes.</summary>
    public long Length { get; }

    /// <summary>What tells it, as it is now, from any other file.</summary>
    public FileIdentity Identity { get; }

    /// <summary>Reads at an offset; fewer bytes than asked for only at the end or on a host error.</summary>
    public int Read(long offset, Span<byte> destination)
    {
        var done = 0;
        try
        {
            while (done < destination.Length)
            {
                var count = RandomAccess.Read(_handle, destination[done..], offset + done);
                if (count == 0)
                    break;
                done += count;
            }
        }
        catch (IOException)
        {
            // What could be read.
        }

        return done;
    }

    /// <summary>Fills a buffer.</summary>
    /// <exception cref="RootFormatException">The file is shorter.</exception>
    public void ReadExactly(long offset, Span<byte> destination)
    {
        if (offset < 0 || offset > Length - destination.Length || Read(offset, destination) != destination.Length)
            throw Problem($"offset {offset}: cut off");
    }

    /// <summary>What tells a part of it from any other file.</summary>
    /// <param name="number">Number of the part, below 2^32, of which no two have the same.</param>
    /// <param name="length">Bytes.</param>
    public FileIdentity IdentityOf(long number, long length)
        => new(Identity.Device, Identity.Inode ^ ((ulong)(number + 1) << 32), length, Identity.ModifyTime, Identity.ChangeTime);

    /// <summary>Whether a part has anything but zeros.</summary>
    public bool HasData(long offset, long length)
    {
        var buffer = new byte[1 << 16];
        for (long done = 0; done < length;)
        {
            var count = Read(offset + done, buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - done)));
            if (count == 0 || buffer.AsSpan(0, count).ContainsAnyExcept((byte)0))
                return true;
            done += count;
        }

        return false;
    }

    /// <summary>A stream over a part.</summary>
    public Stream Slice(long offset, long length) => new Part(this, offset, length);

    /// <summary>What is wrong with it.</summary>
    public RootFormatException Problem(string what) => new(Path, what);

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private sealed class Part(ImageFile file, long offset, long length) : Stream
    {
        // Decoders read byte by byte.
        private readonly byte[] _buffer = new byte[1 << 16];
        private long _bufferAt;
        private int _buffered;
        private long _position;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => length;

        public override long Position
        {
            get => _position;
            set => throw new NotSupportedException();
        }

        public override int Read(Span<byte> buffer)
        {
            if (_position >= _bufferAt + _buffered)
            {
                _bufferAt = _position;
                _buffered = file.Read(offset + _position, _buffer.AsSpan(0, (int)Math.Min(_buffer.Length, length - _position)));
            }

            var there = _buffer.AsSpan((int)(_position - _bufferAt), (int)(_bufferAt + _buffered - _position));
            var count = Math.Min(there.Length, buffer.Length);
            there[..count].CopyTo(buffer);
            _position += count;
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
