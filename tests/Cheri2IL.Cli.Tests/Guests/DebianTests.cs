using System.Security.Cryptography;
using Cheri2IL.Translator.Elf;
using Cheri2IL.Translator.Emit;
using Xunit;

namespace Cheri2IL.Cli.Tests.Guests;

/// <summary>
/// Debian's unmodified, dynamically linked riscv64 programs (corpus/workloads/debian.tsv, and the scripts beside it): exit status and hash of
/// the output, or the output, are those of the amd64 packages.
/// </summary>
public sealed class DebianTests(Workloads workloads)
{
    private static readonly string[][] Cases =
    [
        .. File.ReadLines(Path.Combine(Repository.Root(), "corpus", "workloads", "debian.tsv")).Where(line => !line.StartsWith('#')).Select(line => line.Split('\t')),
    ];

    private static readonly string _scripts = Path.Combine(Repository.Root(), "corpus", "workloads", "scripts");

    /// <summary>The tree of Debian's programs.</summary>
    internal static Lazy<string> Root { get; } = new(() => Workloads.Prepare("workloads/debian.sh", "--prepare").Trim());

    /// <summary>Names of the cases.</summary>
    public static TheoryData<string> Names => [.. Cases.Select(fields => fields[0])];

    /// <summary>Names of the scripts.</summary>
    public static TheoryData<string> Scripts => [.. Directory.EnumerateFiles(_scripts, "*.out").Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Names))]
    public void Program_OutputAndStatus_AreThoseOfTheNativeOne(string name)
    {
        var fields = Cases.Single(c => c[0] == name);
        var (exitCode, output, error) = workloads.RunGuest(Root.Value, null, ["--env", "LC_ALL=C", "--env", "TZ=UTC", "--root", Root.Value, .. fields[3..]]);
        Assert.Equal((fields[1], fields[2], ""), ($"{exitCode}", Convert.ToHexStringLower(SHA256.HashData(output)), exitCode == 0 ? "" : error));
    }

    [Theory]
    [MemberData(nameof(Scripts))]
    [Trait("Category", "Workload")]
    public void Script_Output_IsThatOfTheNativePrograms(string name)
    {
        var interpreter = File.ReadLines(Path.Combine(_scripts, name)).First()["#!".Length..].Split(' ');
        var (exitCode, output, error) = workloads.RunGuest(Root.Value, null, ["--env", "LC_ALL=C.UTF-8", "--env", "TZ=UTC", "--root", Root.Value, .. interpreter, "/scripts/" + name]);
        Assert.True(exitCode == 0, error);
        Assert.Equal(File.ReadAllText(Path.Combine(_scripts, name + ".out")), System.Text.Encoding.UTF8.GetString(output));
    }

    [Fact]
    public void LibraryFunctions_OfGlibc_AreRecognised()
    {
        var file = File.ReadAllBytes(Path.Combine(Root.Value, "usr/lib/riscv64-linux-gnu/libc.so.6"));
        if (file.AsSpan().IndexOf(Convert.FromHexString("c635b81b0ab7f407680d1782994309eb627d2f0f")) < 0)
            Assert.Skip("another build of glibc than the one whose functions are known: its copies are merely slower");
        var image = ElfImage.Parse(file, "libc.so.6").ToGuestImage(0);
        var code = image.Segments.First(s => s.IsExecutable);
        var known = Enumerable.Range(0, (int)(code.Length / 2)).Select(k => LibraryFunctions.Recognise(image, code.Start + (2 * k))).Where(f => f != LibraryFunction.None);
        Assert.Equal([LibraryFunction.Copy, LibraryFunction.Move, LibraryFunction.Fill], known.Order());
    }

    [Trait("Category", "Workload")]
    [Theory]
    [InlineData("wal")]
    [InlineData("delete")]
    public void Database_OfAKilledIntravisor_IsWholeAndHasWhatWasCommitted(string journal)
    {
        using var directory = new TemporaryDirectory();
        string[] Guest(string program, params string[] arguments)
            => ["--root", Root.Value, "--upper", Path.Combine(directory.Path, "upper"), program, .. arguments];
        var start = workloads.Command(directory.Path, Guest("/usr/bin/dash", "-c", $$"""
            i=0
            { echo "PRAGMA journal_mode = {{journal}}; CREATE TABLE t(id INTEGER PRIMARY KEY, v BLOB);"
              while :; do i=$((i + 1)); echo "INSERT INTO t VALUES($i, randomblob(1000)); SELECT $i;"; done; } | sqlite3 -batch /var/lib/test.db
            """));
        start.RedirectStandardOutput = true;
        using var process = System.Diagnostics.Process.Start(start)!;
        Assert.Equal(journal, process.StandardOutput.ReadLine());
        var lines = new List<string>();
        while (process.StandardOutput.ReadLine() is { } line)
        {
            lines.Add(line);
            if (lines.Count == 2000)
                process.Kill();
        }

        // The last line may be the beginning of one.
        var committed = int.Parse(lines[^2], System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(committed, 1999, int.MaxValue);
        var (exitCode, output, error) = workloads.RunGuest(
            directory.Path, null, Guest("/usr/bin/sqlite3", "/var/lib/test.db", $"PRAGMA integrity_check; SELECT count(*) = max(id), count(*) >= {committed} FROM t"));
        Assert.Equal((0, "ok\n1|1\n", ""), (exitCode, System.Text.Encoding.ASCII.GetString(output), exitCode == 0 ? "" : error));
    }

    [Trait("Category", "Workload")]
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
