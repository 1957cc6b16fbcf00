using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.Ipc;

/// <summary>/cap of a cVM. It lists what the cVM has been granted; what exists without a grant is found, but cannot be opened.</summary>
internal sealed class CapDirectory(FileSystem fileSystem, DirectoryNode parent, Exchange exchange, Cvm cvm) : DirectoryNode(fileSystem, parent, 0x16d)
{
    private Dictionary<string, CapNode> Nodes => field ??= new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public override IEnumerable<NamedInode> Children
    {
        get
        {
            foreach (var publication in exchange.Published)
            {
                if (publication.AccessOf(cvm) is not null)
                    yield return new NamedInode(publication.Name, NodeOf(publication));
            }
        }
    }

    /// <inheritdoc/>
    public override Inode? Lookup(string name)
    {
        if (exchange.Find(name) is { } publication)
            return NodeOf(publication);
        Nodes.Remove(name);
        return null;
    }

    /// <summary>The same inode, with the same number, for as long as the publication lasts. The caller holds the file system's gate.</summary>
    private CapNode NodeOf(Publication publication)
    {
        if (!Nodes.TryGetValue(publication.Name, out var node) || node.Publication != publication)
            Nodes[publication.Name] = node = new CapNode(FileSystem, publication, cvm);
        node.Mode = publication.Describe(publication.AccessOf(cvm)?.Rights ?? CpRights.None).Mode;
        return node;
    }
}

/// <summary>/cap/NAME.</summary>
internal sealed class CapNode(FileSystem fileSystem, Publication publication, Cvm cvm) : Inode(fileSystem, FileAbi.S_IFREG)
{
    /// <inheritdoc/>
    internal override Mount? FindMount() => cvm.FileSystem.Root.Lookup("cap")?.FindMount();

    /// <summary>What it is.</summary>
    public Publication Publication => publication;

    /// <inheritdoc/>
    public override long Size => publication.Describe(CpRights.None).Size;

    /// <inheritdoc/>
    public override OpenFile? Open(int flags, out int error) => publication.Open(cvm, this, flags, out error);
}
