using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <summary>A descriptor of a process (pidfd_open(2)): readable when it has ended.</summary>
public sealed class PidFile : OpenFile
{
    private PidFile(Inode inode, GuestProcess process, int flags)
        : base(inode, flags)
    {
        Process = process;
        Path = "anon_inode:[pidfd]";
    }

    /// <summary>The process.</summary>
    public GuestProcess Process { get; }

    /// <inheritdoc/>
    internal override WaitQueue Waiters => Process.Watching;

    /// <inheritdoc/>
    public override int Poll() => Process.HasEnded ? FileAbi.POLLIN : 0;

    /// <summary>The process that pidfd_send_signal reaches by a file: also by its directory in /proc; null: by none.</summary>
    internal static GuestProcess? ProcessOf(OpenFile? file)
        => (file as PidFile)?.Process ?? ((file as DirectoryFile)?.Inode as ProcessDirectory)?.Process;

    /// <summary>Opens one for a thread's process; the descriptor or a negated errno.</summary>
    internal static long Open(CvmThread thread, GuestProcess process, int flags)
    {
        const int mode = 0x180;
        var node = new AnonymousNode(thread.Files.FileSystem, mode);
        return thread.Files.Descriptors.AddNew(new PidFile(node, process, FileAbi.O_RDWR | flags), closeOnExec: true);
    }

    /// <summary>The same for clone, which writes the descriptor to guest memory; 0 or a negated errno.</summary>
    internal static long Open(CvmThread thread, GuestProcess process, long address)
    {
        var descriptor = Open(thread, process, flags: 0);
        if (descriptor < 0 || thread.Memory.TryWrite(address, (int)descriptor))
            return Math.Min(descriptor, 0);
        thread.Files.Descriptors.Close(descriptor);
        return -Errno.EFAULT;
    }
}
