using Xunit;

namespace Cheri2IL.Cli.Tests.Guests;

/// <summary>Debian's unmodified Python runs tests of its own standard library.</summary>
[Trait("Category", "Workload")]
public sealed class PythonTests(Workloads workloads)
{
    [Fact]
    public void PythonsOwnTests_OfSomeModules_HaveTheResultsOfTheTable()
    {
        // The others, too: corpus/workloads/python-tests.sh.
        string[] modules = ["test_struct", "test_select", "test_poll", "test_fork1", "test_wait4", "test_glob", "test_zlib"];
        var table = File.ReadLines(Path.Combine(Repository.Root(), "corpus", "workloads", "python-tests.tsv")).Where(line => !line.StartsWith('#')).Select(line => line.Split('\t')).ToDictionary(fields => fields[0]);
        Assert.True(table.Count >= 40, $"only {table.Count} modules");
        var expected = string.Concat(modules.Select(m => $"{m}\t{(table[m][2] == "=" ? table[m][1] : table[m][2])}\n"));
        var (exitCode, output, error) = workloads.RunGuest(
            DebianTests.Root.Value, null, ["--env", "LC_ALL=C.UTF-8", "--env", "TZ=UTC", "--root", DebianTests.Root.Value, "/usr/bin/python3", "/scripts/python-tests.py", "-v", "300", .. modules]);
        Assert.True(exitCode == 0, error);
        Assert.True(expected == System.Text.Encoding.UTF8.GetString(output), System.Text.Encoding.UTF8.GetString(output) + error);
    }
}
