using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.Tests.Linux;

/// <summary>A directory of the host of which some files have two names.</summary>
internal sealed class LinkedTree(HostTree tree) : IHostTree
{
    private readonly Dictionary<string, object> _files = Names.Values.Distinct().ToDictionary(f => f, _ => new object());

    /// <summary>Names of such files, and what tells which they are of.</summary>
    public static Dictionary<string, string> Names { get; } = new()
    {
        ["pairs/a1"] = "a",
        ["pairs/a2"] = "a",
        ["pairs/b1"] = "b",
        ["pairs/b2"] = "b",
        ["pairs/b3"] = "single",
        ["pairs/c1"] = "c",
        ["pairs/c2"] = "c",
        ["here/name"] = "name",
        ["there/name"] = "name",
    };

    public IReadOnlyList<HostEntry> List(IReadOnlyList<string> path)
        => [.. tree.List(path).OrderBy(e => e.Name, StringComparer.Ordinal).Select(e => Linked([.. path, e.Name], e))];

    public IHostFile? Open(IReadOnlyList<string> path) => tree.Open(FirstName([.. path]));

    /// <summary>An entry, which under each of its file's names is the same but for the name.</summary>
    private HostEntry Linked(string[] path, HostEntry entry)
    {
        if (!Names.TryGetValue(string.Join('/', path[1..]), out var file))
            return entry;
        var first = FirstName(path);
        return tree.Find(first[..^1], first[^1])! with { Name = entry.Name, Identity = _files[file], Links = Names.Values.Count(f => f == file) };
    }

    /// <summary>The first name of the file that a path leads to, whose content and times they all have.</summary>
    private static string[] FirstName(string[] path)
        => Names.TryGetValue(string.Join('/', path[1..]), out var file) ? [path[0], .. Names.First(n => n.Value == file).Key.Split('/')] : path;
}
