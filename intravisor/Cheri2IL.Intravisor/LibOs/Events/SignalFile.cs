using System.Buffers.Binary;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Events;

/// <summary>A signalfd: reads take signals that are blocked and pending for the thread that reads, or for its process.</summary>
/// <remarks>Thread-safe. Whose signals they are has nothing to do with who made the file: a child that inherits it reads its own.</remarks>
public sealed class SignalFile(Inode inode, int flags, ulong set) : OpenFile(inode, flags)
{
    /// <summary>Bytes of struct signalfd_siginfo.</summary>
    private const int RecordBytes = 128;

    private ulong _set = set;

    /// <summary>The signals that it takes.</summary>
    public ulong Set
    {
        get => Volatile.Read(ref _set);
        set => Volatile.Write(ref _set, value);
    }

    /// <inheritdoc/>
    public override int Poll() => 0;

    /// <inheritdoc/>
    internal override WaitQueue WaitersFor(CvmThread thread) => thread.Process.Signals.Arrivals;

    /// <inheritdoc/>
    internal override long ReadFor(CvmThread thread, ref IoVector to)
    {
        if (to.Left < RecordBytes)
            return -Errno.EINVAL;
        Span<byte> record = stackalloc byte[RecordBytes];
        var done = 0L;
        while (to.Left >= RecordBytes && TryTake(thread, out var info))
        {
            Write(record, info);
            if (!to.TryPut(record))
                return done > 0 ? done : -Errno.EFAULT;
            done += RecordBytes;
        }

        return done > 0 ? done : -Errno.EAGAIN;
    }

    /// <inheritdoc/>
    internal override int PollFor(CvmThread thread)
    {
        lock (thread.Process.Signals.Gate)
            return ((thread.Pending.Pending | thread.Process.Signals.Pending.Pending) & Set) != 0 ? FileAbi.POLLIN : 0;
    }

    private bool TryTake(CvmThread thread, out SignalInfo info)
    {
        lock (thread.Process.Signals.Gate)
            return thread.Pending.TryTake(Set, out info) || thread.Process.Signals.Pending.TryTake(Set, out info);
    }

    /// <summary>struct signalfd_siginfo of a signal (include/uapi/linux/signalfd.h).</summary>
    private static void Write(Span<byte> record, in SignalInfo info)
    {
        record.Clear();
        BinaryPrimitives.WriteInt32LittleEndian(record, info.Number);
        BinaryPrimitives.WriteInt32LittleEndian(record[4..], info.Error);
        BinaryPrimitives.WriteInt32LittleEndian(record[8..], info.Code);
        BinaryPrimitives.WriteInt32LittleEndian(record[12..], info.Sender);
        BinaryPrimitives.WriteInt32LittleEndian(record[16..], info.User);
        if (info.Number == Signal.SIGCHLD && info.Code > 0)
            BinaryPrimitives.WriteInt32LittleEndian(record[40..], (int)info.Value);
        else
            BinaryPrimitives.WriteInt32LittleEndian(record[44..], (int)info.Value);
        BinaryPrimitives.WriteInt64LittleEndian(record[48..], info.Value);
    }
}
