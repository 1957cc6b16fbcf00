using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>What stands for a file that is in no directory: a pipe, a socket, an eventfd.</summary>
public sealed class AnonymousNode(FileSystem fileSystem, int mode) : Inode(fileSystem, mode)
{
    /// <inheritdoc/>
    public override OpenFile? Open(int flags, out int error)
    {
        error = -Errno.ENXIO;
        return null;
    }
}
