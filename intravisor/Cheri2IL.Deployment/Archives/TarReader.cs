using System.Diagnostics.CodeAnalysis;
using System.Text;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Deployment.Archives;

/// <summary>Entries of a tar archive (POSIX ustar and pax, GNU, version 7), in order. Contents are skipped.</summary>
/// <param name="file">The file that has the archive.</param>
/// <param name="start">Offset of its first header.</param>
/// <param name="length">Bytes of the archive with what follows its end.</param>
internal sealed class TarReader(ImageFile file, long start, long length)
{
    /// <summary>Longest header that describes the next one: names and extended attributes of a file. 1 MiB.</summary>
    private const int LongestDescription = 1 << 20;

    private readonly PaxRecords _global = new();
    private readonly byte[] _block = new byte[TarHeader.Size];
    private readonly long _end = start + length;
    private long _at = start;

    /// <summary>Whether a file's first bytes are a header of an archive.</summary>
    public static bool IsArchive(ReadOnlySpan<byte> block)
        => block.Length >= TarHeader.Size && new TarHeader(block) is { IsEnd: false, IsSound: true };

    /// <summary>Reads the next entry; false behind the last one.</summary>
    /// <exception cref="RootFormatException">The archive is malformed, or has what is not supported.</exception>
    public bool TryRead([NotNullWhen(true)] out TarEntry? entry)
    {
        var own = new PaxRecords();
        string? name = null, linkName = null;
        for (var descriptions = 0; ; descriptions++)
        {
            var offset = _at;
            if (_at > _end - TarHeader.Size)
                throw Problem(offset, "the archive is cut off: its end is missing");
            file.ReadExactly(_at, _block);
            _at += TarHeader.Size;
            var header = new TarHeader(_block);
            if (header.IsEnd)
            {
                entry = null;
                return descriptions == 0 ? false : throw Problem(offset, "the entry that was announced is missing");
            }

            if (!header.IsSound)
                throw Problem(offset, "no header: its checksum is wrong");
            if (descriptions > 8)
                throw Problem(offset, "too many headers for one entry");
            switch (header.Type)
            {
                case 'x':
                    if (!own.TryAdd(Description(header, offset)))
                        throw Problem(offset, "malformed pax header");
                    break;
                case 'g':
                    if (!_global.TryAdd(Description(header, offset), isGeneral: true))
                        throw Problem(offset, "malformed pax header");
                    break;
                case 'L':
                    name = Encoding.Latin1.GetString(Description(header, offset).TrimEnd((byte)0));
                    break;
                case 'K':
                    linkName = Encoding.Latin1.GetString(Description(header, offset).TrimEnd((byte)0));
                    break;
                default:
                    entry = Read(header, offset, own.Over(_global), name, linkName);
                    return true;
            }
        }
    }

    private TarEntry Read(in TarHeader header, long offset, PaxRecords pax, string? longName, string? longLinkName)
    {
        var name = pax.Text("path") ?? longName ?? header.Name;
        var link = pax.Text("linkpath") ?? longLinkName ?? header.LinkName;
        var isHardLink = header.Type == '1';
        if (pax.IsSparse || header.Type == 'S')
            throw Problem(offset, $"{name}: files with holes (tar --sparse) are not supported");
        HostEntryKind? kind = header.Type switch
        {
            '0' or '\0' or '7' => name.EndsWith('/') ? HostEntryKind.Directory : HostEntryKind.File,
            '1' => HostEntryKind.File,
            '2' => HostEntryKind.SymbolicLink,
            '3' => HostEntryKind.CharacterDevice,
            '4' => HostEntryKind.BlockDevice,
            '5' => HostEntryKind.Directory,
            '6' => HostEntryKind.Fifo,
            _ => null,
        };
        if (kind is not { } known)
            throw Problem(offset, $"{name}: entries of type '{header.Type}' are not supported");
        var (length, user, group) = (header.Length ?? -1, header.UserId ?? -1, header.GroupId ?? -1);
        var time = PaxRecords.Nanoseconds((header.ModifyTime ?? 0) * 1_000_000_000m);
        if (!pax.TryNumber("size", ref length) || !pax.TryNumber("uid", ref user) || !pax.TryNumber("gid", ref group) || !pax.TryTime("mtime", ref time)
            || header.Mode is not { } mode || header.ModifyTime is null)
            throw Problem(offset, $"{name}: a number in its header is malformed");
        if (user is < 0 or >= uint.MaxValue || group is < 0 or >= uint.MaxValue)
            throw Problem(offset, $"{name}: no such owner: {user}:{group}");
        if (!pax.TryAttributes(out var attributes))
            throw Problem(offset, $"{name}: it has an extended attribute that no file can have");
        // The numbers of other kinds may say anything.
        var content = known == HostEntryKind.File && !isHardLink ? length : 0;
        if (content < 0 || content > _end - _at)
            throw Problem(offset, $"{name}: cut off: {content} bytes do not fit in");
        var entry = new TarEntry(offset, name, known, isHardLink, link)
        {
            Mode = (int)mode & 0xfff,
            UserId = (int)user,
            GroupId = (int)group,
            ModifyTime = time,
            Device = known is HostEntryKind.CharacterDevice or HostEntryKind.BlockDevice ? Device(header, offset, name) : 0,
            ContentOffset = _at,
            Length = content,
            Attributes = attributes,
        };
        Skip(content, offset);
        return entry;
    }

    /// <summary>A device's number as st_rdev has it (include/linux/kdev_t.h, new_encode_dev).</summary>
    private long Device(in TarHeader header, long offset, string name)
        => header is { DeviceMajor: >= 0 and <= 0xfff and var major, DeviceMinor: >= 0 and <= 0xfffff and var minor }
            ? (minor & 0xff) | (major << 8) | ((minor & ~0xffL) << 12)
            : throw Problem(offset, $"{name}: there is no device of that number");

    /// <summary>Content of a header that describes the next one.</summary>
    private ReadOnlySpan<byte> Description(in TarHeader header, long offset)
    {
        if (header.Length is not (>= 0 and <= LongestDescription and var size) || size > _end - _at)
            throw Problem(offset, "a header for the next entry is cut off, or longer than 1 MiB");
        var content = new byte[size];
        file.ReadExactly(_at, content);
        Skip(size, offset);
        return content;
    }

    private void Skip(long size, long offset)
    {
        var padded = (size + TarHeader.Size - 1) & -TarHeader.Size;
        if (padded < size || padded > _end - _at)
            throw Problem(offset, "the archive is cut off: its end is missing");
        _at += padded;
    }

    private RootFormatException Problem(long offset, string what) => file.Problem($"offset {offset}: {what}");
}
