using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Events;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>A regular file.</summary>
public sealed class RegularFile : Inode
{
    private readonly Func<IHostFile?>? _lower;
    private FileContent? _content;
    private Lock? _sealGate;

    /// <summary>Makes a file.</summary>
    /// <param name="fileSystem">Its file system.</param>
    /// <param name="permissions">Permission bits.</param>
    /// <param name="lower">Opens the host file below it; null for a new, empty file.</param>
    public RegularFile(FileSystem fileSystem, int permissions, Func<IHostFile?>? lower = null)
        : base(fileSystem, FileAbi.S_IFREG | permissions) => _lower = lower;

    /// <summary>F_SEAL_ bits of a file of memfd_create; null: it is none. Changed under <see cref="SealGate"/>.</summary>
    internal int? Seals { get; set; }

    /// <summary>Taken while it is sealed, or mapped if it has seals.</summary>
    internal Lock SealGate => _sealGate ?? Interlocked.CompareExchange(ref _sealGate, new Lock(), null) ?? _sealGate;

    /// <summary>Cuts it off or extends it, unless its seals forbid that: 0 or a negated errno.</summary>
    internal int Truncate(long length)
    {
        if (Seals is { } seals && (length < Size ? (seals & FileAbi.F_SEAL_SHRINK) != 0 : length > Size && (seals & FileAbi.F_SEAL_GROW) != 0))
            return -Errno.EPERM;
        return length > FileContent.MostBytes ? -Errno.EFBIG : Content.Truncate(length);
    }

    /// <summary>
    /// How long it has to be allowed to become for fallocate, whose offset and length are those of a file, or the negated errno of what that cannot do.
    /// Files of memfd_create are a tmpfs' (mm/shmem.c, shmem_fallocate), others do what ext4's do (fs/ext4/extents.c).
    /// </summary>
    internal long SizeFor(int mode, long offset, long length)
    {
        const int blockSize = 4096;
        var (size, isAligned) = (Size, ((offset | length) & (blockSize - 1)) == 0);
        if (Seals is not null && (mode & ~(FileAbi.FALLOC_FL_KEEP_SIZE | FileAbi.FALLOC_FL_PUNCH_HOLE)) != 0)
            return -Errno.EOPNOTSUPP;
        switch (mode & ~FileAbi.FALLOC_FL_KEEP_SIZE)
        {
            case FileAbi.FALLOC_FL_PUNCH_HOLE:
                return size;
            case FileAbi.FALLOC_FL_COLLAPSE_RANGE:
                return !isAligned || offset + length >= size ? -Errno.EINVAL : size - length;
            case FileAbi.FALLOC_FL_INSERT_RANGE:
                if (!isAligned)
                    return -Errno.EINVAL;
                if (length > FileContent.MostBytes - size)
                    return -Errno.EFBIG;
                // ext4 does not ask whether it may become so long, but f2fs does, and a limit is meant to hold.
                return offset >= size ? -Errno.EINVAL : size + length;
            default:
                // A tmpfs asks even where the size is kept.
                return (mode & FileAbi.FALLOC_FL_KEEP_SIZE) != 0 && Seals is null ? size : offset + length;
        }
    }

    /// <summary>fallocate: 0 or a negated errno.</summary>
    internal int Allocate(int mode, long offset, long length)
    {
        var (end, keepsSize, seals) = (offset + length, (mode & FileAbi.FALLOC_FL_KEEP_SIZE) != 0, Seals ?? 0);
        if (SizeFor(mode, offset, length) is < 0 and var cannot)
            return (int)cannot;
        switch (mode & ~FileAbi.FALLOC_FL_KEEP_SIZE)
        {
            case 0:
                return (seals & FileAbi.F_SEAL_GROW) != 0 && end > Size ? -Errno.EPERM : Content.Allocate(offset, end, keepsSize);
            case FileAbi.FALLOC_FL_PUNCH_HOLE:
                return (seals & (FileAbi.F_SEAL_WRITE | FileAbi.F_SEAL_FUTURE_WRITE)) != 0 ? -Errno.EPERM : Content.Punch(offset, end);
            case FileAbi.FALLOC_FL_ZERO_RANGE:
                return Content.Punch(offset, end) is var error and not 0 ? error : Content.Allocate(offset, end, keepsSize);
            case FileAbi.FALLOC_FL_COLLAPSE_RANGE:
                return Content.Shift(offset, -length);
            case FileAbi.FALLOC_FL_INSERT_RANGE:
                return Content.Shift(offset, length);
            default:
                return -Errno.EOPNOTSUPP;
        }
    }

    /// <summary>Bytes of a write at an offset that its seals allow, or a negated errno: one that would let it grow ends with the last whole page.</summary>
    internal long Writable(long offset, long length)
    {
        if (Seals is not { } seals || (seals & (FileAbi.F_SEAL_WRITE | FileAbi.F_SEAL_FUTURE_WRITE | FileAbi.F_SEAL_GROW)) == 0)
            return length;
        if ((seals & (FileAbi.F_SEAL_WRITE | FileAbi.F_SEAL_FUTURE_WRITE)) != 0)
            return -Errno.EPERM;
        if (offset + length <= Size)
            return length;
        var end = Size & -HostMemory.PageSize;
        return offset < end ? end - offset : -Errno.EPERM;
    }

    /// <summary>Whether linkat may give it a name when it has none (O_TMPFILE).</summary>
    internal bool MayBeLinked { get; set; }

    /// <summary>Directory that it was made in without a name (O_TMPFILE); null: it was not.</summary>
    internal DirectoryNode? MadeIn { get; init; }

    /// <inheritdoc/>
    internal override Mount? FindMount() => MadeIn?.Mount ?? base.FindMount();

    /// <summary>Its bytes; opens the host file at first use.</summary>
    public FileContent Content => _content ??= new FileContent(FileSystem, _lower?.Invoke());

    /// <summary>Whether the upper layer has its content.</summary>
    internal bool IsKept => _content?.IsKept == true;

    /// <inheritdoc/>
    public override long Size => Content.Length;

    /// <inheritdoc/>
    public override OpenFile? Open(int flags, out int error)
    {
        error = 0;
        if ((flags & FileAbi.O_ACCMODE) != FileAbi.O_RDONLY && FileSystem.Upper?.Opening(this) == false)
        {
            error = -Errno.ENOSPC;
            return null;
        }

        return new RegularOpenFile(this, flags);
    }

    /// <summary>
    /// Its content is about to change: unless who does that may keep them, it loses the rights that it gives to whoever executes it (fs/inode.c,
    /// file_remove_privs). 0, or -ENOSPC where there is no room to keep that.
    /// </summary>
    internal int RemovePrivileges(ProcessCredentials writer)
    {
        if ((Mode & (FileAbi.S_ISUID | FileAbi.S_ISGID)) == 0 && Attributes?.ContainsKey(FileAbi.XATTR_NAME_CAPS) != true)
            return 0;
        lock (FileSystem.Gate)
        {
            var mode = writer.Has(Privilege.KeepSetId) ? Mode : writer.WithoutSetId(this);
            var hadCapability = RemoveAttribute(FileAbi.XATTR_NAME_CAPS);
            var losesBits = Mode != mode;
            if (!losesBits && !hadCapability)
                return 0;
            (Mode, ChangeTime) = (mode, FileSystem.Now);
            if (losesBits)
                FileSystem.Notice(this, Inotify.IN_ATTRIB);
            return FileSystem.Upper is not { } upper || (hadCapability ? upper.AttributeChanged(this, FileAbi.XATTR_NAME_CAPS, value: null) : upper.Changed(this)) ? 0 : -Errno.ENOSPC;
        }
    }

    private protected override void Rest() => _content?.Rest();

    private protected override void End()
    {
        _content?.Discard();
        FileSystem.Upper?.Deleted(this);
        base.End();
    }
}
