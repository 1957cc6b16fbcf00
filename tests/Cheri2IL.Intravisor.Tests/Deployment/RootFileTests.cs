using System.Diagnostics;
using System.Text;
using Cheri2IL.Deployment.Archives;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Xunit;
using static Cheri2IL.Intravisor.Tests.Deployment.ArchiveBuilder;

namespace Cheri2IL.Intravisor.Tests.Deployment;

/// <summary>Roots from archives, images of containers and file systems.</summary>
public sealed class RootFileTests : IDisposable
{
    private readonly string _directory = System.IO.Directory.CreateTempSubdirectory("cheri2il-test-").FullName;

    private RootStore Store => new(Path.Combine(_directory, "store"));

    [Fact]
    public void Tar_EveryKindOfFile_IsKept()
    {
        var owned = (System.Formats.Tar.PosixTarEntry)File("etc/shadow", "secret");
        (owned.Uid, owned.Gid, owned.Mode) = (1000, 42, (UnixFileMode)0x9a0);
        var tree = Open(Tar(
            Directory("etc", (UnixFileMode)0x1c0),
            owned,
            File("bin/ping", "ping", new() { ["user.note"] = "hello" }),
            Hard("bin/ping6", "bin/ping"),
            Symbolic("lib", "usr/lib"),
            Directory("usr/lib"),
            File("lib/through", "through a link"),
            Device("dev/null", 1, 3),
            Device("dev/big", 259, 300),
            Fifo("run/fifo"))).Tree;
        var shadow = Entry(tree, "etc", "shadow");
        Assert.Equal((HostEntryKind.File, 0x9a0, 1000, 42), (shadow.Kind, shadow.Mode, shadow.UserId, shadow.GroupId));
        Assert.Equal(0x1c0, Entry(tree, "etc").Mode);
        var (ping, other) = (Entry(tree, "bin", "ping"), Entry(tree, "bin", "ping6"));
        Assert.Same(ping.Identity, other.Identity);
        Assert.NotNull(ping.Identity);
        Assert.Equal((2, 2), (ping.Links, other.Links));
        Assert.Equal("hello", Encoding.UTF8.GetString(ping.Attributes!["user.note"]));
        Assert.Equal("ping", Text(tree, "bin", "ping6"));
        Assert.Equal("usr/lib", Entry(tree, "lib").LinkTarget);
        Assert.Equal("through a link", Text(tree, "usr", "lib", "through"));
        Assert.Equal((HostEntryKind.CharacterDevice, 0x103L), (Entry(tree, "dev", "null").Kind, Entry(tree, "dev", "null").Device));
        Assert.Equal((259L << 8) | 44 | (256L << 12), Entry(tree, "dev", "big").Device);
        Assert.Equal(HostEntryKind.Fifo, Entry(tree, "run", "fifo").Kind);
        Assert.Equal(1_000_000_000_250_000_000, Entry(tree, "run", "fifo").ModifyTime);
    }

    [Fact]
    public void Tar_GeneralHeader_GivesNoAttributesAndTakesNoMemoryForEachEntry()
    {
        var records = Enumerable.Range(0, 5000).Select(k => KeyValuePair.Create($"SCHILY.xattr.user.a{k}", "value")).Append(KeyValuePair.Create("uid", "7"));
        var file = Tar([new System.Formats.Tar.PaxGlobalExtendedAttributesTarEntry(records), .. Enumerable.Range(0, 1000).Select(k => File($"file{k}"))]);
        var before = GC.GetAllocatedBytesForCurrentThread();
        var tree = Open(file).Tree;
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 20_000_000);
        Assert.All(tree.List([]), e => Assert.Null(e.Attributes));
        Assert.Equal((1000, 7), (tree.List([]).Count, Entry(tree, "file1").UserId));
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd")]
    [InlineData("xz")]
    public void Tar_Compressed_IsTheSame(string format)
    {
        var tar = Tar(File("a", "content of a"), File("b", new string('b', 100_000)));
        var root = Open(Compress(format, tar));
        Assert.Equal("content of a", Text(root.Tree, "a"));
        Assert.Equal(100_000, Text(root.Tree, "b").Length);
        Assert.NotEqual(0, Store.Bytes);
    }

    [Theory]
    [InlineData("gzip")]
    [InlineData("zstd")]
    [InlineData("xz")]
    public void Tar_CompressedAndDamaged_IsRefused(string format)
    {
        var random = new Random(11);
        var noise = new byte[4000];
        random.NextBytes(noise);
        var whole = Compress(format, Tar(Binary("noise", noise)));
        for (var length = 7; length < whole.Length; length += 97)
            Refused(whole[..length]);
        for (var k = 0; k < 200; k++)
        {
            // Somewhere in what is compressed: headers may say nothing of importance.
            var damaged = whole.ToArray();
            damaged[random.Next(whole.Length / 4, 3 * whole.Length / 4)] ^= (byte)(1 << random.Next(8));
            Refused(damaged);
        }
    }

    [Fact]
    public void Tar_BombOfZeros_IsRefused()
    {
        var bomb = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(bomb, System.IO.Compression.CompressionLevel.SmallestSize, leaveOpen: true))
        {
            for (var k = 0; k < 400; k++)
                gzip.Write(new byte[1 << 20]);
        }

        Assert.Contains("100 times", Refused(bomb.ToArray()).Message, StringComparison.Ordinal);
        Assert.Empty(System.IO.Directory.EnumerateFiles(Store.Directory, "*tar*"));
    }

    public static TheoryData<string, string> Escapes() => new()
    {
        { "up", "it leads upwards" },
        { "hard", "which is not in the archive" },
        { "directory", "which is a directory" },
        { "file", "is no directory" },
        { "loop", "too many symbolic links" },
        { "long", "no file can be called that" },
        { "sparse", "holes" },
        { "type", "not supported" },
    };

    [Theory]
    [MemberData(nameof(Escapes))]
    public void Tar_EntriesThatCannotBe_AreRefusedByName(string which, string message)
    {
        var tar = which switch
        {
            "up" => Tar(File("a/../../outside", "x")),
            "hard" => Tar(Hard("inside", "/etc/passwd")),
            "directory" => Tar(Directory("d"), Hard("inside", "d")),
            "file" => Tar(File("a", "x"), File("a/b", "x")),
            "loop" => Tar(Symbolic("a", "b"), Symbolic("b", "a"), File("a/c", "x")),
            "long" => Tar(File(new string('n', 256), "x")),
            "sparse" => Typed('S'),
            "type" => Typed('Z'),
            _ => throw new ArgumentException("no such case", nameof(which)),
        };
        var error = Refused(tar);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.Contains("offset ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Tar_LinksThatLeadOutside_StayInside()
    {
        var tree = Open(Tar(Symbolic("out", "../../../../../etc"), File("out/passwd", "mine"), Symbolic("abs", "/etc"), File("abs/group", "mine too"))).Tree;
        Assert.Equal(["passwd", "group"], tree.List(["etc"]).Select(e => e.Name));
    }

    [Fact]
    public void Tar_FarTooManyNames_AreRefusedSoon()
    {
        // Each entry's name makes 2,000 directories of its own.
        var entries = Enumerable.Range(0, 600).Select(k => File($"{k}/" + string.Concat(Enumerable.Repeat("d/", 2000)) + "f")).ToArray();
        Assert.Contains("more than 1000000 files", Refused(Tar(entries)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Image_LayersWithWhiteouts_AreAppliedInOrder()
    {
        byte[][] layers =
        [
            Tar(File("kept", "lower"), File("gone", "lower"), File("changed", "lower"), File("dir/a", "a"), File("dir/b", "b"), File("opaque/old", "old"), File("opaque/sub/old", "old"), File("was", "file")),
            Tar(File(".wh.gone"), File("changed", "upper"), File("dir/.wh.a"), File("dir/c", "c"), File("opaque/new", "new"), File("opaque/sub/new", "new"), File("opaque/.wh..wh..opq"), File(".wh.was"), File("again", "1")),
            Tar(File("again", "2"), Hard("link", "kept"), File(".wh.again"), File(".wh..wh.plnk")),
        ];
        foreach (var store in (Func<byte[], byte[]>[])[l => l, Gzip, Zstd])
        {
            var root = Open(Layout(store, null, layers, "amd64", "riscv64"));
            Assert.Equal(["again", "changed", "dir", "kept", "link", "opaque"], root.Tree.List([]).Select(e => e.Name).Order(StringComparer.Ordinal));
            Assert.Equal("upper", Text(root.Tree, "changed"));
            Assert.Equal("2", Text(root.Tree, "again"));
            Assert.Equal(["b", "c"], root.Tree.List(["dir"]).Select(e => e.Name).Order(StringComparer.Ordinal));
            Assert.Equal(["new", "sub"], root.Tree.List(["opaque"]).Select(e => e.Name).Order(StringComparer.Ordinal));
            Assert.Equal(["new"], root.Tree.List(["opaque", "sub"]).Select(e => e.Name));
            Assert.Equal("lower", Text(root.Tree, "link"));
        }
    }

    [Fact]
    public void Image_Configuration_IsThatOfTheImage()
    {
        var config = new { Env = new[] { "PATH=/opt/bin", "A=1" }, Entrypoint = new[] { "start" }, Cmd = new[] { "now" }, WorkingDir = "/srv", User = "web:www" };
        byte[][] layers = [Tar(File("etc/passwd", "root:x:0:0::/root:/bin/sh\nweb:x:33:33::/var/www:/bin/sh\n"), File("etc/group", "www:x:80:\nweb:x:33:\nmore:x:90:a,web\n"), Executable("opt/bin/start"))];
        foreach (var file in (byte[][])[Layout(l => l, config, layers, "riscv64"), Saved(Configuration("riscv64", layers, config), layers), Gzip(Saved(Configuration("riscv64", layers, config), layers))])
        {
            var root = Open(file);
            Assert.Equal(["start", "now"], root.Configuration.Command);
            Assert.Equal("/opt/bin/start", root.Search("start", root.Configuration.Environment));
            Assert.Null(root.Search("start", ["PATH=/bin"]));
            var options = root.Apply(new CvmOptions { Arguments = ["start"], ProgramPath = "start", Environment = ["A=2"], CodeFactory = (_, _) => throw new NotSupportedException() })!;
            Assert.Equal((33, 80, "/srv"), (options.UserId, options.GroupId, options.WorkingDirectory));
            Assert.Equal(["PATH=/opt/bin", "A=2", "HOME=/var/www"], options.Environment);
            Assert.Equal([33, 90], ImageUser.Find("web", root.Tree)!.Groups);
            Assert.Equal((7, 0), (ImageUser.Find("7", root.Tree)!.UserId, ImageUser.Find("7", root.Tree)!.GroupId));
            Assert.Null(ImageUser.Find("nobody", root.Tree));
        }
    }

    [Theory]
    [InlineData("root:x:0:0::/root:/bin/sh\n", "/root")]
    [InlineData("root:x:0:none::/root:/bin/sh\n", "/root")]
    [InlineData("root:x:0:5::/root:/bin/sh\n", "/root")]
    [InlineData("root:x:0:0:::/bin/sh\n", "/")]
    [InlineData("root\n", "/")]
    [InlineData("", "/")]
    public void Root_WithoutUser_IsRunAsRootWhateverItsFilesSay(string users, string home)
    {
        var folder = System.IO.Directory.CreateDirectory(In("etc")).FullName;
        System.IO.File.WriteAllText(Path.Combine(folder, "passwd"), users);
        System.IO.File.WriteAllText(Path.Combine(folder, "group"), "root:x:0:\ndisk:x:6:root\n");
        var options = RootFile.Open(_directory, Store).Apply(new CvmOptions { Arguments = ["start"], ProgramPath = "start", CodeFactory = (_, _) => throw new NotSupportedException() })!;
        Assert.Equal((0, 0), (options.UserId, options.GroupId));
        Assert.Equal([0], options.Groups);
        Assert.Contains("HOME=" + home, options.Environment);
    }

    [Fact]
    public void Image_ForOtherArchitectures_IsRefused()
    {
        byte[][] layers = [Tar(File("a", "x"))];
        Assert.Contains("for amd64, arm64, not for riscv64", Refused(Layout(l => l, null, layers, "amd64", "arm64")).Message, StringComparison.Ordinal);
        Assert.Contains("for amd64, not for riscv64", Refused(Saved(Configuration("amd64", layers), layers)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Image_WithAnyBlobDamaged_IsRefused()
    {
        byte[][] layers = [Tar(File("marker-of-layer", "marker-of-content"))];
        var config = new { Env = new[] { "MARKER=config" } };
        foreach (var (file, marker) in new[] { (Layout(l => l, config, layers, "riscv64"), "marker-of-content"), (Layout(l => l, config, layers, "riscv64"), "MARKER"), (Saved(Configuration("riscv64", layers, config), layers), "marker-of-content"), (Saved(Configuration("riscv64", layers, config), layers), "MARKER") })
        {
            var damaged = file.ToArray();
            damaged[damaged.AsSpan().IndexOf(Encoding.ASCII.GetBytes(marker))] ^= 1;
            Assert.Contains("SHA-256", Refused(damaged).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Open_NeitherOfThese_IsRefused()
    {
        Refused([]);
        Refused(new byte[4096]);
        Refused(Encoding.ASCII.GetBytes(new string('x', 4096)));
        Assert.Contains("no tar archive", Refused(Gzip(Encoding.ASCII.GetBytes("text"))).Message, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose() => System.IO.Directory.Delete(_directory, recursive: true);

    private static System.Formats.Tar.TarEntry Executable(string name)
    {
        var entry = File(name, "#!/bin/sh\n");
        entry.Mode = (UnixFileMode)0x1ed;
        return entry;
    }

    private static byte[] Typed(char type)
    {
        var tar = Tar(new System.Formats.Tar.UstarTarEntry(System.Formats.Tar.TarEntryType.RegularFile, "f"));
        tar[156] = (byte)type;
        var sum = 0;
        for (var k = 0; k < 512; k++)
            sum += k is >= 148 and < 156 ? ' ' : tar[k];
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(tar, 148);
        return tar;
    }

    private static byte[] Compress(string format, byte[] content)
    {
        if (format != "xz")
            return format == "gzip" ? Gzip(content) : Zstd(content);
        try
        {
            using var xz = Process.Start(new ProcessStartInfo("xz", "-c -T1") { RedirectStandardInput = true, RedirectStandardOutput = true })!;
            var output = new MemoryStream();
            var reading = xz.StandardOutput.BaseStream.CopyToAsync(output);
            xz.StandardInput.BaseStream.Write(content);
            xz.StandardInput.Close();
            reading.Wait();
            return output.ToArray();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("needs xz");
            throw;
        }
    }

    private static HostEntry Entry(IHostTree tree, params string[] path) => tree.List(path[..^1]).Single(e => e.Name == path[^1]);

    private static string Text(IHostTree tree, params string[] path)
    {
        var file = tree.Open(path)!;
        var bytes = new byte[file.Length + 10];
        return Encoding.UTF8.GetString(bytes, 0, file.Read(0, bytes));
    }

    private string In(string name) => Path.Combine(_directory, name);

    private RootFile Open(byte[] content)
    {
        System.IO.File.WriteAllBytes(In("file"), content);
        return RootFile.Open(In("file"), Store);
    }

    private RootFormatException Refused(byte[] content) => Assert.Throws<RootFormatException>(() => Open(content));
}
