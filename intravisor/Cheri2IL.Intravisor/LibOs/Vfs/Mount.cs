using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>A file system in the tree of a cVM, as mount(8) shows it. The tree is one; this is what tells its parts from each other.</summary>
/// <param name="Number">Minor number of st_dev, of which the major one is 0, as file systems without a device have it.</param>
/// <param name="Path">Where it stands.</param>
/// <param name="Type">Its type: tmpfs, proc.</param>
/// <param name="Magic">f_type of statfs (linux/magic.h).</param>
/// <param name="IsFixed">Whether guests can neither make nor remove anything there.</param>
public sealed record Mount(int Number, string Path, string Type, long Magic, bool IsFixed = false)
{
    private const long TmpfsMagic = 0x01021994;
    private const long ProcMagic = 0x9fa0;
    private const long SysfsMagic = 0x62656572;
    private const long DevptsMagic = 0x1cd1;

    /// <summary>/proc.</summary>
    public static Mount Proc { get; } = new(5, "/proc", "proc", ProcMagic, IsFixed: true);

    /// <summary>/dev/pts.</summary>
    public static Mount Terminals { get; } = new(3, "/dev/pts", "devpts", DevptsMagic, IsFixed: true);

    /// <summary>All that there are, the root first; each behind the one that it stands in.</summary>
    public static ReadOnlySpan<Mount> All => _all;

    private static readonly Mount[] _all =
    [
        new(1, "/", "tmpfs", TmpfsMagic),
        new(2, "/dev", "tmpfs", TmpfsMagic),
        Terminals,
        new(4, "/dev/shm", "tmpfs", TmpfsMagic),
        Proc,
        new(6, "/sys", "sysfs", SysfsMagic, IsFixed: true),
        new(7, "/cap", "tmpfs", TmpfsMagic, IsFixed: true),
    ];

    /// <summary>What is mounted: there are no devices below.</summary>
    public string Source => this == Root ? "root" : Type;

    /// <summary>Number of the one that it stands in; 0: none.</summary>
    public int Parent => this == Root ? 0 : _all.Last(m => m != this && (m == Root || Path.StartsWith(m.Path + "/", StringComparison.Ordinal))).Number;

    /// <summary>That of the root.</summary>
    public static Mount Root => All[0];

    /// <summary>st_dev of a file that is in no directory of the tree: each kind is in a file system of its own, that nobody sees.</summary>
    public static int NumberWithout(int type) => _all.Length + (type switch
    {
        FileAbi.S_IFIFO => 1,
        FileAbi.S_IFSOCK => 2,
        FileAbi.S_IFREG => 3,
        _ => 4,
    });
}
