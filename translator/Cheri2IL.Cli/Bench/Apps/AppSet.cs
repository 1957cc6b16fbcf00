namespace Cheri2IL.Cli.Bench.Apps;

/// <summary>What <c>bench apps</c> compares, as <c>corpus/workloads/apps.sh</c> has prepared it.</summary>
/// <param name="Cases">Command lines.</param>
/// <param name="Engines">Ways to run them, the native one first and the translated one last.</param>
/// <param name="Guest">The riscv64 tree.</param>
internal sealed record AppSet(IReadOnlyList<AppCase> Cases, IReadOnlyList<AppEngine> Engines, string Guest)
{
    /// <summary>Fetches and finds everything.</summary>
    /// <exception cref="ToolException">The packages cannot be had.</exception>
    public static AppSet Find(string repository, Action<string> progress)
    {
        progress("preparing Debian's programs (corpus/workloads/apps.sh)");
        using var prepared = CorpusScript.Run(Path.Combine(repository, "corpus", "workloads", "apps.sh"), progress);
        string? Of(string name) => prepared.RootElement.GetProperty(name).GetString();
        var (guest, native) = (Of("guest")!, Of("native")!);
        var engines = new List<AppEngine>
        {
            new(AppEngine.Native, "Debian 13's packages for amd64, in a chroot", [.. Change(native)], Temporary(native)),
        };
        if (Of("qemu7") is { } old)
            engines.Add(new("qemu7", "the riscv64 packages under qemu-user of Debian 12, in a chroot", [.. Change(guest), old], Temporary(guest)));
        if (Of("qemu10") is { } current)
            engines.Add(new("qemu10", "the same under qemu-user of Debian 13 with -cpu rv64", [.. Change(guest), current, "-cpu", "rv64"], Temporary(guest)));
        engines.Add(new(AppEngine.Translated, "the riscv64 packages translated, everything in the cache", [.. HostProgram.Self(), "run", "--root", guest, "--env", "LC_ALL=C"], null));
        return new AppSet(ReadCases(Of("cases")!), engines, guest);
    }

    private static IReadOnlyList<AppCase> ReadCases(string path)
        => [.. File.ReadLines(path).Where(l => !l.StartsWith('#')).Select(l => l.Split('\t')).Select(f => new AppCase(f[0], f[1] == "start", f[2..]))];

    private static string Temporary(string tree) => Path.Combine(tree, "tmp");

    /// <summary>chroot, which only root may do, or whoever makes a namespace for users.</summary>
    private static IEnumerable<string> Change(string tree)
        => [.. Environment.IsPrivilegedProcess ? (string[])[] : ["unshare", "--map-root-user"], "chroot", tree];
}
