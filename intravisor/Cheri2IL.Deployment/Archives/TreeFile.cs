using System.Text;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime;

namespace Cheri2IL.Deployment.Archives;

/// <summary>A regular file of a tree, found by its path as a guest that has the tree as its root would find it.</summary>
/// <param name="Names">Names from the root of the tree, none of which is that of a link.</param>
/// <param name="Entry">It as its directory has it.</param>
public sealed record TreeFile(IReadOnlyList<string> Names, HostEntry Entry)
{
    /// <summary>Path from the root.</summary>
    public string Path => "/" + string.Join('/', Names.Select(n => Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(n))));

    /// <summary>Finds one; null if the path leads to none.</summary>
    public static TreeFile? Find(IHostTree tree, string path)
    {
        var files = new FileSystem(() => 0, tree, memoryLimit: 0);
        lock (files.Gate)
        {
            if (files.Walk(0, files.Root, FileSystem.FromText(path), followLast: true, out var at) != 0 || at.Inode is not RegularFile || at.HasTrailingSlash
                || files.PathOf(at.Parent) is not { } parent)
                return null;
            var directory = FileSystem.NamesOf(parent);
            return tree.Find(directory, at.Name) is { } entry ? new TreeFile((string[])[.. directory, at.Name], entry) : null;
        }
    }

    /// <summary>The bytes of a file; null if there is none, or it is longer than that.</summary>
    public static byte[]? Read(IHostTree tree, string path, long most)
    {
        if (Find(tree, path) is not { } found || tree.Open(found.Names) is not { } file || file.Length > most)
            return null;
        var bytes = new byte[file.Length];
        return file.Read(0, bytes) == bytes.Length ? bytes : null;
    }

    /// <summary>Every regular file of a tree, directory by directory.</summary>
    public static IEnumerable<TreeFile> All(IHostTree tree)
    {
        var waiting = new Stack<IReadOnlyList<string>>([[]]);
        while (waiting.TryPop(out var directory))
        {
            foreach (var entry in tree.List(directory))
            {
                if (entry.Kind == HostEntryKind.Directory)
                    waiting.Push([.. directory, entry.Name]);
                else if (entry.Kind == HostEntryKind.File)
                    yield return new TreeFile([.. directory, entry.Name], entry);
            }
        }
    }
}
