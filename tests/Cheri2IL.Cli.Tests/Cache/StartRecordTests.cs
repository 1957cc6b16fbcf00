using Cheri2IL.Cli.Cache;
using Cheri2IL.Runtime;
using Xunit;

namespace Cheri2IL.Cli.Tests.Cache;

/// <summary>When a record leads to a translation, and when it must not.</summary>
public sealed class StartRecordTests : IDisposable
{
    private const string Name = "0123456789abcdef0123456789abcdef";

    private readonly TemporaryDirectory _directory = new();

    private static FileIdentity Settled { get; } = new(1, 2, 3, Time(-10), Time(-5));

    [Fact]
    public void Find_SameFile_LeadsToTheName()
    {
        var path = Written(Settled);
        Assert.Equal(Name, StartRecord.Find(path, Settled));
        Assert.Equal((Name, "/bin/program"), StartRecord.Read(path));
    }

    [Fact]
    public void Find_AnythingDiffers_FindsNothing()
    {
        var path = Written(Settled);
        Assert.Null(StartRecord.Find(path, Settled with { Device = 9 }));
        Assert.Null(StartRecord.Find(path, Settled with { Inode = 9 }));
        Assert.Null(StartRecord.Find(path, Settled with { Size = 9 }));
        Assert.Null(StartRecord.Find(path, Settled with { ModifyTime = Settled.ModifyTime + 1 }));
        Assert.Null(StartRecord.Find(path, Settled with { ChangeTime = Settled.ChangeTime + 1 }));
    }

    [Theory]
    [InlineData(-10, -1)]
    [InlineData(-1, -10)]
    [InlineData(-10, 0)]
    [InlineData(-10, 3600)]
    public void Make_FileChangedJustNow_IsNotTrusted(int modified, int changed)
        => Assert.Null(StartRecord.Make(Settled with { ModifyTime = Time(modified), ChangeTime = Time(changed) }, "/bin/program", Name));

    [Fact]
    public void Find_AnyByteOfTheRecordDiffers_FindsNothingElse()
    {
        var path = Written(Settled);
        var record = File.ReadAllBytes(path);
        for (var k = 0; k < record.Length - "/bin/program".Length; k++)
        {
            record[k] ^= 0x80;
            File.WriteAllBytes(path, record);
            Assert.Null(StartRecord.Find(path, Settled));
            record[k] ^= 0x80;
        }

        File.WriteAllBytes(path, record[..100]);
        Assert.Null(StartRecord.Find(path, Settled));
    }

    [Fact]
    public void Find_NameLeadsElsewhere_FindsNothing()
    {
        var path = Path.Combine(_directory.Path, "record");
        File.WriteAllBytes(path, StartRecord.Make(Settled, "/bin/program", "../../../etc/0123456789abcdef012")!);
        Assert.Null(StartRecord.Find(path, Settled));
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    private static long Time(int secondsFromNow) => (DateTime.UtcNow.AddSeconds(secondsFromNow) - DateTime.UnixEpoch).Ticks * 100;

    private string Written(FileIdentity identity)
    {
        var path = Path.Combine(_directory.Path, StartRecord.FileName(identity, "optimized"));
        File.WriteAllBytes(path, StartRecord.Make(identity, "/bin/program", Name)!);
        return path;
    }
}
