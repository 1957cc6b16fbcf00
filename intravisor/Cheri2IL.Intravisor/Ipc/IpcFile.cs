using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.Ipc;

/// <summary>What a guest has open of another cVM: bytes go between the two without a buffer in between.</summary>
internal abstract class IpcFile(Inode inode, int flags) : OpenFile(inode, flags)
{
    /// <summary>read, write, pread or pwrite; bytes moved or a negated errno.</summary>
    /// <param name="thread">The calling thread.</param>
    /// <param name="address">Guest address, not validated.</param>
    /// <param name="length">Bytes, not negative.</param>
    /// <param name="offset">Offset, not negative; -1: at the file's own position.</param>
    /// <param name="isWrite">Whether the guest writes.</param>
    public abstract long Transfer(CvmThread thread, long address, long length, long offset, bool isWrite);
}
