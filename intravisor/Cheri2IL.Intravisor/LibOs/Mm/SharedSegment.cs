using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Mm;

/// <summary>A segment of System V shared memory (ipc/shm.c): a file without name, which the table keeps open.</summary>
/// <remarks>Guarded by the lock of <see cref="SharedSegments"/>.</remarks>
internal sealed class SharedSegment(int id, int key, OpenFile file, long size)
{
    /// <summary>Bit of <see cref="Mode"/>: it goes when nothing is attached to it any more.</summary>
    public const int SHM_DEST = 0x200;

    /// <summary>Bit of <see cref="Mode"/>: it is not to be swapped out.</summary>
    public const int SHM_LOCKED = 0x400;

    /// <summary>Identifier: its place in the table, and how often that was used before.</summary>
    public int Id => id;

    /// <summary>Key by which it is found; 0: none.</summary>
    public int Key { get; set; } = key;

    /// <summary>Bytes, as they were asked for.</summary>
    public long Size => size;

    /// <summary>What keeps its content.</summary>
    public OpenFile File => file;

    /// <summary>Rights, <see cref="SHM_DEST"/> and <see cref="SHM_LOCKED"/>.</summary>
    public int Mode { get; set; }

    /// <summary>Whose it is.</summary>
    public (int User, int Group) Owner { get; set; }

    /// <summary>Who made it.</summary>
    public (int User, int Group) Creator { get; init; }

    /// <summary>Process that made it.</summary>
    public int CreatorProcess { get; init; }

    /// <summary>Process that attached or detached it last.</summary>
    public int LastProcess { get; set; }

    /// <summary>Seconds since 1970 of the last shmat; 0: never.</summary>
    public long AttachTime { get; set; }

    /// <summary>Seconds since 1970 of the last shmdt; 0: never.</summary>
    public long DetachTime { get; set; }

    /// <summary>Seconds since 1970 of the last change of what is said of it.</summary>
    public long ChangeTime { get; set; }

    /// <summary>Whether rights (4: read, 2: write, 1: execute) are missing (ipc/util.c, ipcperms).</summary>
    public bool Denies(ProcessCredentials who, int wanted)
    {
        var user = who.Users.Effective;
        var granted = user == Owner.User || user == Creator.User ? Mode >> 6
            : IsIn(who, Owner.Group) || IsIn(who, Creator.Group) ? Mode >> 3
            : Mode;
        return (wanted & 7 & ~granted) != 0 && !who.Has(Privilege.OwnSystemV);

        static bool IsIn(ProcessCredentials who, int group) => who.Groups.Effective == group || Array.IndexOf(who.SupplementaryGroups, group) >= 0;
    }

    /// <summary>Whether somebody may remove it, and change its owner and rights.</summary>
    public bool IsControlledBy(ProcessCredentials who)
        => who.Users.Effective == Owner.User || who.Users.Effective == Creator.User || who.Has(Privilege.Administer);

    /// <summary>One more attachment of it.</summary>
    public IMappingSource Attach(bool canWrite) => new Attachment(this, new FileMapping((RegularFile)file.Inode, $"/SYSV{Key:x8} (deleted)", canWrite));

    /// <summary>Mappings of it in an address space.</summary>
    public int CountIn(AddressSpace space) => AttachedIn(space).Count(s => s == this);

    /// <summary>The segments that are mapped in an address space, each as often as it is.</summary>
    public static IEnumerable<SharedSegment> AttachedIn(AddressSpace space) => space.Snapshot().Select(m => m.Source).OfType<Attachment>().Select(a => a.Segment);

    /// <summary>The segment that was attached at an address, of which something is still mapped there; null: there is none.</summary>
    public static (SharedSegment Segment, IMappingSource Source)? AttachedAt(AddressSpace space, long address)
        => space.Snapshot().FirstOrDefault(m => m.Source is Attachment && (long)m.Start >= address && (long)m.Start - address == m.Offset)?.Source is Attachment attached
            ? (attached.Segment, attached)
            : null;

    private sealed class Attachment(SharedSegment segment, FileMapping file) : IMappingSource
    {
        public SharedSegment Segment => segment;

        public string Name => file.Name;

        public bool CanWriteShared => file.CanWriteShared;

        public int HostDescriptor => file.HostDescriptor;

        public object SharedIdentity => file.SharedIdentity;

        public int Share() => file.Share();

        public int ReadAt(long offset, Span<byte> destination) => file.ReadAt(offset, destination);
    }
}
