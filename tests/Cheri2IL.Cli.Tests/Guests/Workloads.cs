using System.ComponentModel;
using System.Diagnostics;
using Xunit;

[assembly: AssemblyFixture(typeof(Cheri2IL.Cli.Tests.Guests.Workloads))]

namespace Cheri2IL.Cli.Tests.Guests;

/// <summary>
/// What the corpus scripts fetch and build, outside the repository: Debian's busybox and data for it, Lua, SQLite. One
/// cache of translations for all tests that run them.
/// </summary>
public sealed class Workloads : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    /// <summary>Where this machine keeps what was fetched and built.</summary>
    public static string Store { get; } = Path.Combine(
        Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } home ? home : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"),
        "cheri2il");

    /// <summary>Runs a script of the corpus and returns what it prints; skips the test when it cannot do its work here.</summary>
    public static string Prepare(string script, params string[] arguments)
    {
        try
        {
            var start = new ProcessStartInfo("bash", [Path.Combine(Repository.Root(), "corpus", script), .. arguments]);
            var (exitCode, output, error) = ToolProcess.Run(start, limit: TimeSpan.FromMinutes(10)); // SQLite takes a compiler minutes
            if (exitCode != 0)
                Assert.Skip($"corpus/{script} failed with status {exitCode}: {error.TrimEnd().Split('\n')[^1]}");
            return System.Text.Encoding.UTF8.GetString(output);
        }
        catch (Win32Exception)
        {
            Assert.Skip("needs bash");
            throw;
        }
    }

    /// <summary>Runs a guest; see <see cref="ToolProcess.Run(ProcessStartInfo, string?)"/>.</summary>
    internal (int ExitCode, byte[] Output, string Error) RunGuest(string workingDirectory, string? input, params string[] arguments)
        => ToolProcess.Run(Command(workingDirectory, arguments), input, limit: TimeSpan.FromMinutes(10)); // the first run translates

    /// <summary>How a guest is run.</summary>
    internal ProcessStartInfo Command(string workingDirectory, params string[] arguments) => ToolProcess.Command(["run", .. arguments], workingDirectory, _directory.Path);

    /// <summary>Whole translations in the cache of <see cref="RunGuest"/>, without those of regions.</summary>
    internal IEnumerable<string> Translations
        => Directory.EnumerateFiles(Path.Combine(_directory.Path, "cheri2il", "translations"), "*.dll").Where(f => !Path.GetFileName(f).Contains('_', StringComparison.Ordinal));

    /// <summary>Words that start the tool with the same cache, for scripts.</summary>
    internal IEnumerable<string> Tool
    {
        get
        {
            var start = ToolProcess.Command([], _directory.Path, _directory.Path);
            return ["env", .. ((string[])["XDG_CACHE_HOME", "DOTNET_ROOT"]).Where(n => start.Environment.TryGetValue(n, out var value) && value is not null).Select(n => $"{n}={start.Environment[n]}"), start.FileName];
        }
    }

    /// <summary>Runs another command of the tool with the same cache.</summary>
    internal (int ExitCode, byte[] Output, string Error) Run(string workingDirectory, params string[] arguments)
        => ToolProcess.Run(ToolProcess.Command(arguments, workingDirectory, _directory.Path), limit: TimeSpan.FromMinutes(10));

    /// <summary>The same for a command that runs scripts of the corpus: they find what this machine has fetched and built.</summary>
    internal ToolResult RunWithStore(params string[] arguments)
    {
        var own = Directory.CreateDirectory(Path.Combine(_directory.Path, "cheri2il")).FullName;
        foreach (var entry in Directory.EnumerateFileSystemEntries(Store))
        {
            if (Path.GetFileName(entry) is not "translations" and var name && !Path.Exists(Path.Combine(own, name)))
                File.CreateSymbolicLink(Path.Combine(own, name), entry);
        }

        var (exitCode, output, error) = Run(_directory.Path, arguments);
        return new ToolResult(exitCode, System.Text.Encoding.UTF8.GetString(output), error);
    }

    /// <summary>Runs a program of this machine the way a guest is run: with an empty environment.</summary>
    internal static (int ExitCode, byte[] Output, string Error) RunNative(string workingDirectory, string? input, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = workingDirectory };
        start.Environment.Clear();
        return ToolProcess.Run(start, input);
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();
}
