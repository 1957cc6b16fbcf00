using Cheri2IL.Deployment.Archives;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime.Tests;
using Xunit;
using static Cheri2IL.Intravisor.Tests.Deployment.ArchiveBuilder;

namespace Cheri2IL.Intravisor.Tests.Deployment;

/// <summary>Damaged archives and images of every kind: a tree, or one error, in memory that is in proportion.</summary>
[Trait("Category", "Fuzz")]
public sealed class RootFuzzTests : IDisposable
{
    private const int Rounds = 250;

    /// <summary>Bytes that may be allocated for an image of a few MiB: a tree of 1,000 files takes some 10 MiB.</summary>
    private const long MostAllocated = 512L << 20;

    private readonly string _directory = System.IO.Directory.CreateTempSubdirectory("cheri2il-test-").FullName;

    public static TheoryData<string> Formats() => ["tar", "gzip", "zstd", "layout", "compressed layout", "saved", .. Ext4Images.Variants.Keys];

    [Theory]
    [MemberData(nameof(Formats))]
    public void Open_Damaged_IsATreeOrAnError(string format)
    {
        var whole = Make(format);
        var seed = Environment.TickCount;
        TestContext.Current.TestOutputHelper!.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var fuzzing = new Fuzzing(Formats().Count);
        var (trees, rounds) = (0, 0);
        for (; rounds < Rounds || fuzzing.GoesOn; rounds++)
        {
            var damaged = Damage(whole, random, Hot(format, whole));
            System.IO.File.WriteAllBytes(In("file"), damaged);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                // Nothing is known of it yet: a file of the same name is not the same.
                var store = new RootStore(In("store"));
                Walk(RootFile.Open(In("file"), store).Tree);
                trees++;
            }
            catch (RootFormatException error)
            {
                Assert.DoesNotContain('\n', error.Message);
                Assert.Contains(In(""), error.Message, StringComparison.Ordinal);
            }

            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, MostAllocated);
            if (rounds % 100 == 99)
                System.IO.Directory.Delete(_directory, recursive: true);
            System.IO.Directory.CreateDirectory(_directory);
        }

        TestContext.Current.TestOutputHelper!.WriteLine($"{rounds} rounds, {trees} trees");
    }

    /// <inheritdoc/>
    public void Dispose() => System.IO.Directory.Delete(_directory, recursive: true);

    /// <summary>Where most damage goes: into what is interpreted.</summary>
    private static int Hot(string format, byte[] whole) => Ext4Images.Variants.ContainsKey(format) ? 256 << 10 : whole.Length;

    private static byte[] Damage(byte[] whole, Random random, int hot)
    {
        var damaged = whole.ToArray();
        for (var k = random.Next(1, 8); k > 0; k--)
        {
            var at = random.Next(random.Next(8) == 0 ? damaged.Length : hot);
            switch (random.Next(4))
            {
                case 0:
                    damaged[at] = (byte)random.Next(256);
                    break;
                case 1:
                    damaged[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    damaged.AsSpan(at, Math.Min(random.Next(1, 9), damaged.Length - at)).Fill((byte)(random.Next(2) == 0 ? 0 : 255));
                    break;
                default:
                    var length = Math.Min(random.Next(1, 600), damaged.Length - at);
                    damaged.AsSpan(random.Next(damaged.Length - length + 1), length).CopyTo(damaged.AsSpan(at));
                    break;
            }
        }

        // Without right checksums, headers would hide what is behind them.
        if (random.Next(2) == 0)
            RepairTar(damaged);
        return random.Next(10) == 0 ? damaged[..random.Next(damaged.Length)] : damaged;
    }

    private static void RepairTar(Span<byte> archive)
    {
        for (; archive.Length >= 512; archive = archive[512..])
        {
            if (!archive.Slice(257, 5).SequenceEqual("ustar"u8))
                continue;
            var sum = 0;
            for (var k = 0; k < 512; k++)
                sum += k is >= 148 and < 156 ? ' ' : archive[k];
            for (var k = 5; k >= 0; k--, sum >>= 3)
                archive[148 + k] = (byte)('0' + (sum & 7));
            (archive[154], archive[155]) = (0, (byte)' ');
        }
    }

    private static void Walk(IHostTree tree)
    {
        var buffer = new byte[1 << 16];
        var waiting = new Stack<string[]>([[]]);
        while (waiting.TryPop(out var directory))
        {
            foreach (var entry in tree.List(directory))
            {
                string[] path = [.. directory, entry.Name];
                Assert.DoesNotContain('/', entry.Name);
                Assert.NotInRange(entry.Name.Length, 256, int.MaxValue);
                Assert.False(entry.Name is "" or "." or "..");
                if (entry.Kind == HostEntryKind.Directory)
                    waiting.Push(path);
                else if (entry.Kind == HostEntryKind.File && tree.Open(path) is { } file)
                    Assert.InRange(file.Read(Math.Max(0, file.Length - buffer.Length), buffer), 0, buffer.Length);
            }
        }
    }

    private byte[] Make(string format)
    {
        var tar = Tar(
            Directory("etc"), File("etc/passwd", "root"), File("bin/ping", "ping", new() { ["user.note"] = "hello" }), Hard("bin/ping6", "bin/ping"), Symbolic("lib", "usr/lib"),
            File("lib/through", "through"), Device("dev/null", 1, 3), Fifo("run/fifo"), File(new string('n', 90) + "/" + new string('m', 200), "long"));
        byte[][] layers = [tar, Tar(File(".wh.etc"), File("bin/.wh..wh..opq"), File("bin/new", "new"))];
        switch (format)
        {
            case "tar":
                return tar;
            case "gzip":
                return Gzip(tar);
            case "zstd":
                return Zstd(tar);
            case "layout":
                return Layout(l => l, new { User = "root" }, layers, "amd64", "riscv64");
            case "compressed layout":
                return Layout(Gzip, new { User = "root" }, layers, "riscv64");
            case "saved":
                return Saved(Configuration("riscv64", layers), layers);
        }

        Ext4Images.MakeTree(In("tree"));
        if (Ext4Images.Make(In("tree"), In("image"), format) is { } image)
            return image;
        Assert.Skip("needs e2fsprogs: mke2fs");
        return [];
    }

    private string In(string name) => Path.Combine(_directory, name);
}
