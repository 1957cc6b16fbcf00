using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.Ipc;

/// <summary>A <see cref="CpStream"/> that a guest has open to send.</summary>
internal sealed unsafe class CpStreamSender : IpcFile
{
    private readonly CpStream _stream;
    private readonly CpAccess _access;

    /// <summary>What did not fit last: poll reports room when it does.</summary>
    private long _refused = 1;

    public CpStreamSender(CpStream stream, CpAccess access, Inode inode, int flags)
        : base(inode, flags)
    {
        (_stream, _access) = (stream, access);
        stream.ChangeSenders(1);
    }

    /// <inheritdoc/>
    public override long Transfer(CvmThread thread, long address, long length, long offset, bool isWrite)
    {
        if (offset >= 0)
            return -Errno.ESPIPE;
        if (!thread.Memory.Permits(address, (ulong)length, isWrite: false))
            return -Errno.EFAULT;
        var sent = _stream.Send(thread, thread, _access, thread.Space.Base + address, length, IsNonBlocking ? 0 : long.MaxValue);
        if (sent == -Errno.EAGAIN)
            _refused = length;
        return sent;
    }

    /// <inheritdoc/>
    internal override WaitQueue Waiters => _stream.Writable;

    /// <inheritdoc/>
    public override int Poll()
        => (_stream.IsWritable(Math.Min(_refused, _stream.LargestMessage)) ? FileAbi.POLLOUT : 0) | (_access.Rights == CpRights.None ? FileAbi.POLLERR : 0);

    /// <inheritdoc/>
    protected override void Close() => _stream.ChangeSenders(-1);
}

/// <summary>The receiving end of a <see cref="CpStream"/>; closing it ends the stream.</summary>
internal sealed unsafe class CpStreamReceiver(CpStream stream, Inode inode, int flags) : IpcFile(inode, flags)
{
    /// <inheritdoc/>
    public override long Transfer(CvmThread thread, long address, long length, long offset, bool isWrite)
    {
        if (offset >= 0)
            return -Errno.ESPIPE;
        if (length == 0)
            return 0;
        var count = stream.Receive(thread, length, IsNonBlocking ? 0 : long.MaxValue, out var at);
        if (count <= 0)
            return count;
        if (!thread.Memory.TryCopyIn(address, thread.Space.Base + stream.OwnerAddress + at, (ulong)count))
            return -Errno.EFAULT;
        stream.ReleaseTaken();
        return count;
    }

    /// <inheritdoc/>
    public override long Available => stream.Available;

    /// <summary>cp_stream_receive: the next message in place.</summary>
    public long Receive(CvmThread thread, long deadline, out long offset)
        => stream.Receive(thread, long.MaxValue, IsNonBlocking ? 0 : deadline, out offset);

    /// <inheritdoc/>
    internal override WaitQueue Waiters => stream.Readable;

    /// <inheritdoc/>
    public override int Poll() => (stream.IsReadable ? FileAbi.POLLIN : 0) | (stream.IsAtEnd ? FileAbi.POLLHUP : 0);

    /// <inheritdoc/>
    protected override void Close() => stream.Revoke();
}
