using System.Security.Cryptography;
using Xunit;

namespace Cheri2IL.Cli.Tests.Guests;

/// <summary>
/// Debian's unmodified, dynamically linked riscv64 programs (corpus/workloads/debian.tsv): exit status and hash of the output are
/// those of the amd64 packages.
/// </summary>
public sealed class DebianTests(Workloads workloads)
{
    private static readonly string[][] Cases =
    [
        .. File.ReadLines(Path.Combine(Repository.Root(), "corpus", "workloads", "debian.tsv")).Where(line => !line.StartsWith('#')).Select(line => line.Split('\t')),
    ];

    private static readonly Lazy<string> Root = new(() => Workloads.Prepare("workloads/debian.sh", "--prepare").Trim());

    /// <summary>Names of the cases.</summary>
    public static TheoryData<string> Names => [.. Cases.Select(fields => fields[0])];

    [Theory]
    [MemberData(nameof(Names))]
    public void Program_OutputAndStatus_AreThoseOfTheNativeOne(string name)
    {
        var fields = Cases.Single(c => c[0] == name);
        var (exitCode, output, error) = workloads.RunGuest(Root.Value, null, ["--env", "LC_ALL=C", "--env", "TZ=UTC", "--root", Root.Value, .. fields[3..]]);
        Assert.Equal((fields[1], fields[2], ""), ($"{exitCode}", Convert.ToHexStringLower(SHA256.HashData(output)), exitCode == 0 ? "" : error));
    }

    [Fact]
    public void Translate_AllOfARoot_PreparesWhatProgramsNeed()
    {
        using var directory = new TemporaryDirectory();
        using var own = new Workloads();
        var tree = Path.Combine(directory.Path, "root");
        foreach (var path in (string[])["usr/bin/dash", "usr/lib/riscv64-linux-gnu/ld-linux-riscv64-lp64d.so.1", "usr/lib/riscv64-linux-gnu/libc.so.6"])
        {
            var copy = Path.Combine(tree, path);
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(Path.Combine(Root.Value, path), copy);
        }

        File.CreateSymbolicLink(Path.Combine(tree, "lib"), "usr/lib");
        File.CreateSymbolicLink(Path.Combine(tree, "usr/lib/ld-linux-riscv64-lp64d.so.1"), "riscv64-linux-gnu/ld-linux-riscv64-lp64d.so.1");
        File.WriteAllBytes(Path.Combine(tree, "usr/bin/broken"), File.ReadAllBytes(Path.Combine(tree, "usr/bin/dash"))[..500]);

        var made = own.Run(directory.Path, "translate", "--root", tree, "--all");
        Assert.Equal(ExitCode.Failure, made.ExitCode);
        Assert.Contains("usr/bin/broken: ", made.Error, StringComparison.Ordinal);
        Assert.Contains(" 1 failed", made.Error, StringComparison.Ordinal);

        // Whatever is run finds all of that, at the addresses that it was made for: only the vDSO is not in the tree.
        var again = own.Run(directory.Path, "translate", "--root", tree, "--all");
        Assert.Contains("0 files translated, 3 were there already, 1 failed", again.Error, StringComparison.Ordinal);
        var (exitCode, output, _) = own.RunGuest(directory.Path, null, "--root", tree, "/usr/bin/dash", "-c", "echo $((6 * 7))");
        Assert.Equal((0, "42\n"), (exitCode, System.Text.Encoding.ASCII.GetString(output)));
        Assert.Equal(4, own.Translations.Count());
    }
}
