using System.Text;
using Cheri2IL.Deployment.Archives;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Deployment;

/// <summary>Roots that are ext4 file systems.</summary>
public sealed class Ext4Tests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("cheri2il-test-").FullName;

    private RootStore Store => new(Path.Combine(_directory, "store"));

    public static TheoryData<string> Variants() => [.. Ext4Images.Variants.Keys];

    [Theory]
    [MemberData(nameof(Variants))]
    public void Open_EveryKindOfFile_IsAsItWasMade(string variant)
    {
        var folder = MakeTree();
        Make(folder, variant);
        var tree = RootFile.Open(In("image"), Store).Tree;
        var entries = tree.List([]).ToDictionary(e => e.Name);
        Assert.Equal(
            ["empty", "far", "fifo", "link", "long", "lost+found", "many", "middle", "other", "short", "sparse"], entries.Keys.Order(StringComparer.Ordinal));
        foreach (var name in (string[])["empty", "long", "middle", "short", "sparse"])
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder, name)), Bytes(tree, name));
        Assert.Equal("short", entries["link"].LinkTarget);
        Assert.Equal("/" + new string('d', 100) + "/" + new string('e', 100), entries["far"].LinkTarget);
        Assert.Equal(HostEntryKind.Fifo, entries["fifo"].Kind);
        Assert.Same(entries["short"].Identity, entries["other"].Identity);
        Assert.NotNull(entries["short"].Identity);
        Assert.Equal((2, 0x9c9), (entries["short"].Links, entries["middle"].Mode));
        // Inodes of 128 bytes have whole seconds.
        Assert.Equal(981_173_106, entries["middle"].ModifyTime / 1_000_000_000);
        Assert.Equal(300, tree.List(["many"]).Count);
        foreach (var entry in tree.List(["many"]))
            Assert.EndsWith(": " + Encoding.ASCII.GetString(Bytes(tree, "many", entry.Name)), entry.Name, StringComparison.Ordinal);
        Assert.Null(tree.Open(["link"]));
        Assert.Null(tree.Open(["many"]));
        Assert.Empty(tree.List(["short"]));
        Assert.NotEqual(tree.Open(["long"])!.Identity, tree.Open(["short"])!.Identity);
    }

    [Fact]
    public void Open_WhatDebugfsWrites_IsKept()
    {
        Make(MakeTree(), "usual");
        foreach (var command in (string[])["mknod null c 1 3", "mknod disk b 259 300", "sif short uid 100000", "sif short gid 33", "ea_set short user.note hello", "ea_set short security.capability 0123456789"])
            Assert.Equal(0, Ext4Images.Run("debugfs", "-w", "-R", command, In("image")) ?? Skip());
        var entries = RootFile.Open(In("image"), Store).Tree.List([]).ToDictionary(e => e.Name);
        Assert.Equal((HostEntryKind.CharacterDevice, 0x103L), (entries["null"].Kind, entries["null"].Device));
        Assert.Equal((HostEntryKind.BlockDevice, (259L << 8) | 44 | (256L << 12)), (entries["disk"].Kind, entries["disk"].Device));
        Assert.Equal((100000, 33), (entries["short"].UserId, entries["short"].GroupId));
        Assert.Equal(["security.capability", "user.note"], entries["short"].Attributes!.Keys.Order(StringComparer.Ordinal));
        Assert.Equal("hello", Encoding.ASCII.GetString(entries["short"].Attributes!["user.note"]));
    }

    [Fact]
    public void Open_LargeDirectoryWithIndex_HasAllOfIt()
    {
        var folder = MakeTree();
        Make(folder, "small blocks");
        // mke2fs makes linear directories: e2fsck gives them indexes.
        _ = Ext4Images.Run("e2fsck", "-fyD", In("image")) ?? Skip();
        Assert.Equal(300, RootFile.Open(In("image"), Store).Tree.List(["many"]).Count);
    }

    [Fact]
    public void Open_NotUnmounted_IsRefused()
    {
        Make(MakeTree(), "usual");
        Assert.Equal(0, Ext4Images.Run("debugfs", "-w", "-R", "feature needs_recovery", In("image")) ?? Skip());
        Assert.Contains("its journal has to be replayed first", Refused(), StringComparison.Ordinal);
    }

    [Fact]
    public void Open_CutOff_IsRefused()
    {
        var image = Make(MakeTree(), "usual");
        File.WriteAllBytes(In("image"), image[..^4096]);
        Assert.Contains("cut off", Refused(), StringComparison.Ordinal);
        File.WriteAllBytes(In("image"), image[..1500]);
        Assert.Contains("cut off", Refused(), StringComparison.Ordinal);
    }

    [Fact]
    public void Open_AnyMetadataDamaged_IsRefused()
    {
        var image = Make(MakeTree(), "usual");
        // The superblock's fields up to its checksum, and the root directory's inode and block.
        foreach (var offset in (int[])[1024, 1024 + 0x60, 1024 + 0x200, 1024 + 0x3fc])
        {
            var damaged = image.ToArray();
            damaged[offset] ^= 4;
            File.WriteAllBytes(In("image"), damaged);
            Refused();
        }

        var name = image.AsSpan().IndexOf("sparse"u8);
        Assert.True(name > 0);
        var renamed = image.ToArray();
        renamed[name] ^= 1;
        File.WriteAllBytes(In("image"), renamed);
        Assert.Contains("a checksum is wrong", Refused(), StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static int Skip()
    {
        Assert.Skip("needs e2fsprogs: mke2fs, debugfs, e2fsck");
        return 0;
    }

    private static byte[] Bytes(IHostTree tree, params string[] path)
    {
        var file = tree.Open(path)!;
        var bytes = new byte[file.Length];
        Assert.Equal(bytes.Length, file.Read(0, bytes));
        // And in other portions.
        var again = new byte[file.Length];
        for (var done = 0; done < again.Length;)
            done += file.Read(done, again.AsSpan(done, Math.Min(4999, again.Length - done)));
        Assert.Equal(bytes, again);
        Assert.Equal(0, file.Read(file.Length, new byte[10]));
        return bytes;
    }

    private string MakeTree()
    {
        Ext4Images.MakeTree(In("tree"));
        return In("tree");
    }

    private byte[] Make(string folder, string variant)
    {
        if (Ext4Images.Make(folder, In("image"), variant) is { } image)
            return image;
        Skip();
        return [];
    }

    private string Refused() => Assert.Throws<RootFormatException>(() => RootFile.Open(In("image"), Store)).Message;

    private string In(string name) => Path.Combine(_directory, name);
}
