using System.Buffers.Binary;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Events;

/// <summary>A signalfd: reads take signals that are blocked and pending for the process that made it, or for one of its threads.</summary>
/// <remarks>
/// Thread-safe. Linux gives a reader its own pending signals; here a child that inherits the file reads those of its parent, and each thread
/// those of all.
/// </remarks>
public sealed class SignalFile(Inode inode, int flags, GuestProcess process, ulong set) : OpenFile(inode, flags)
{
    /// <summary>Bytes of struct signalfd_siginfo.</summary>
    private const int RecordBytes = 128;

    private ulong _set = set;

    /// <summary>The signals that it takes.</summary>
    public ulong Set
    {
        set
        {
            Volatile.Write(ref _set, value);
            Waiters.Wake(FileAbi.POLLIN);
        }
    }

    /// <inheritdoc/>
    internal override WaitQueue Waiters => process.Signals.Arrivals;

    /// <inheritdoc/>
    internal override long Read(ref IoVector to)
    {
        if (to.Left < RecordBytes)
            return -Errno.EINVAL;
        Span<byte> record = stackalloc byte[RecordBytes];
        var done = 0L;
        while (to.Left >= RecordBytes && TryTake(out var info))
        {
            Write(record, info);
            if (!to.TryPut(record))
                return done > 0 ? done : -Errno.EFAULT;
            done += RecordBytes;
        }

        return done > 0 ? done : -Errno.EAGAIN;
    }

    /// <inheritdoc/>
    public override int Poll()
    {
        var pending = 0UL;
        lock (process.Cvm.Tasks)
        {
            lock (process.Signals.Gate)
            {
                pending = process.Signals.Pending.Pending;
                foreach (var thread in process.Threads)
                    pending |= thread.Pending.Pending;
            }
        }

        return (pending & Volatile.Read(ref _set)) != 0 ? FileAbi.POLLIN : 0;
    }

    private bool TryTake(out SignalInfo info)
    {
        lock (process.Cvm.Tasks)
        {
            lock (process.Signals.Gate)
            {
                var wanted = Volatile.Read(ref _set);
                foreach (var thread in process.Threads)
                {
                    if (thread.Pending.TryTake(wanted, out info))
                        return true;
                }

                return process.Signals.Pending.TryTake(wanted, out info);
            }
        }
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
