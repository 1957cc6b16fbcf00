using System.IO.Compression;
using SharpCompress.Compressors.Xz;
using ZstdSharp;

namespace Cheri2IL.Deployment.Archives;

/// <summary>Formats of compressed data, told apart by their first bytes.</summary>
internal static class Compression
{
    /// <summary>First bytes that are looked at.</summary>
    public const int HeadLength = 6;

    /// <summary>Bytes that any data may grow to: 256 MiB.</summary>
    private const long FreeLength = 256L << 20;

    /// <summary>Beyond that, how many times as long as what was compressed it may become.</summary>
    private const long GreatestRatio = 100;

    /// <summary>Base-2 logarithm of the longest distance back that zstd may refer to, as of its own tool: 128 MiB.</summary>
    private const int LongestZstdWindow = 27;

    /// <summary>Whether data begins as that of a known format does.</summary>
    public static bool IsCompressed(ReadOnlySpan<byte> head) => FormatOf(head) is not null;

    /// <summary>Decompresses all of a part of a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="offset">Offset of the part.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="output">Receives what it becomes.</param>
    /// <exception cref="RootFormatException">It is damaged, or becomes far longer than files do.</exception>
    public static void Decompress(ImageFile file, long offset, long length, Stream output)
    {
        using var source = file.Slice(offset, length);
        var buffer = new byte[1 << 20];
        var head = buffer.AsSpan(0, HeadLength);
        var written = 0L;
        do
        {
            var start = offset + source.Position;
            head = head[..file.Read(start, head)];
            var format = FormatOf(head) ?? throw file.Problem($"offset {start}: something that is not compressed follows");
            using var stream = Guarded(() => Open(format, source));
            while (Guarded(() => stream.Read(buffer)) is > 0 and var count)
            {
                written += count;
                if (written > FreeLength && written / GreatestRatio > source.Position)
                    throw file.Problem($"offset {start}: {format}: it becomes more than {GreatestRatio} times as long, which no roots do; unpack it yourself if you trust it");
                output.Write(buffer, 0, count);
            }

            // Whatever a decoder makes of damaged data, it is the data's fault.
            T Guarded<T>(Func<T> read)
            {
                try
                {
                    return read();
                }
                catch (Exception error) when (error is not RootFormatException)
                {
                    throw file.Problem($"offset {start}: {format}: damaged or cut off: {error.Message.ReplaceLineEndings(" ")}");
                }
            }
        }
        while (source.Position < length && file.HasData(offset + source.Position, length - source.Position));
    }

    private static string? FormatOf(ReadOnlySpan<byte> head)
        => head.StartsWith((ReadOnlySpan<byte>)[0x1f, 0x8b]) ? "gzip"
            : head.StartsWith((ReadOnlySpan<byte>)[0xfd, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0]) ? "xz"
            : head.StartsWith((ReadOnlySpan<byte>)[0x28, 0xb5, 0x2f, 0xfd]) ? "zstd"
            : null;

    private static Stream Open(string format, Stream source)
    {
        switch (format)
        {
            case "gzip":
                return new GZipStream(source, CompressionMode.Decompress, leaveOpen: true);
            case "xz":
                return new XZStream(source);
            default:
                var zstd = new DecompressionStream(source, checkEndOfStream: true, leaveOpen: true);
                zstd.SetParameter(ZstdSharp.Unsafe.ZSTD_dParameter.ZSTD_d_windowLogMax, LongestZstdWindow);
                return zstd;
        }
    }
}
