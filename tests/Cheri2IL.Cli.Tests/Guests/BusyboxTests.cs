using Xunit;

namespace Cheri2IL.Cli.Tests.Guests;

/// <summary>
/// Debian's unmodified riscv64 busybox over 20 MB of text and other data (corpus/workloads/busybox.tsv): exit status and every
/// byte of output are those of the x86-64 build.
/// </summary>
public sealed class BusyboxTests(Workloads workloads)
{
    private static readonly string[][] Cases =
    [
        .. File.ReadLines(Path.Combine(Repository.Root(), "corpus", "workloads", "busybox.tsv")).Where(line => !line.StartsWith('#')).Select(line => line.Split('\t')),
    ];

    private static readonly Lazy<string> Data = new(PrepareData);

    /// <summary>Names of the cases.</summary>
    public static TheoryData<string> Names => [.. Cases.Select(fields => fields[0])];

    [Theory]
    [MemberData(nameof(Names))]
    public void Applet_OutputAndStatus_AreThoseOfTheNativeOne(string name)
    {
        var data = Data.Value;
        var fields = Cases.Single(c => c[0] == name);
        var input = fields[1] == "-" ? null : Path.Combine(data, fields[1]);
        var words = fields[2..];
        if (!File.Exists(Path.Combine(data, "text.xz")) && fields.Contains("text.xz"))
            Assert.Skip("needs xz to make its input: apt-get install xz-utils");
        if (name == "tar-create" && !Environment.IsPrivilegedProcess)
            Assert.Skip("files belong to root in a guest, and the archive says so: needs to be run by root");
        var expected = Workloads.RunNative(data, input, Busybox("amd64"), words);
        var actual = workloads.RunGuest(data, input, ["--root", data, Busybox("riscv64"), .. words]);
        Assert.Equal(expected.ExitCode, actual.ExitCode);
        Assert.True(expected.Output.AsSpan().SequenceEqual(actual.Output), Difference(expected.Output, actual.Output) + actual.Error);
    }

    /// <summary>It has none, and would run with tags, or from a root not as translated at all, if it were taken for a program that has.</summary>
    [Fact]
    public void Info_UnmodifiedProgram_HasNoCapabilities()
    {
        var actual = ToolProcess.Run(Data.Value, "info", Busybox("riscv64"));
        Assert.Equal(0, actual.ExitCode);
        Assert.DoesNotContain("capabilities", actual.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Cases_CoverTheAppletsThatUsersExpect()
    {
        var applets = Cases.Select(fields => fields[2]).ToHashSet();
        Assert.True(applets.Count >= 40, $"only {applets.Count} applets");
        string[] named = ["sha256sum", "md5sum", "sort", "awk", "sed", "grep", "gzip", "tar", "bzip2", "xz", "diff", "find", "wc", "od", "dc", "bc"];
        Assert.Empty(named.Except(applets));
    }

    private static string Busybox(string architecture) => Path.Combine(Workloads.Store, "debian-" + architecture, "usr", "bin", "busybox");

    private static string PrepareData()
    {
        Workloads.Prepare("debian/fetch.sh");
        var data = Path.Combine(Workloads.Store, "workload-data");
        Workloads.Prepare("workloads/generate.sh", data, Busybox("amd64"));
        return data;
    }

    private static string Difference(byte[] expected, byte[] actual)
    {
        var at = expected.AsSpan().CommonPrefixLength(actual);
        return $"{actual.Length} bytes instead of {expected.Length}; they differ from byte {at} on. ";
    }
}
