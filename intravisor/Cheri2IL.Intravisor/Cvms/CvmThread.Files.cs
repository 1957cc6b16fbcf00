using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Events;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Intravisor.LibOs.Terminals;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>What file system calls need of a thread. Here alone they wait.</summary>
public sealed partial class CvmThread
{
    private GuestRange[]? _ranges;
    private Publication? _inUse;

    /// <summary>The process's files.</summary>
    public ProcessFiles Files => Process.Files;

    /// <summary>Reads at the position; waits for something to read unless the file is non-blocking.</summary>
    /// <param name="file">The file.</param>
    /// <param name="to">What to fill.</param>
    /// <returns>Bytes, or a negated errno: -EAGAIN, -ERESTARTSYS if a signal came first.</returns>
    internal long Read(OpenFile file, ref IoVector to)
    {
        if (file is TerminalFile terminal)
            return Read(terminal, ref to);
        var deadline = 0L;
        while (true)
        {
            var result = file.ReadFor(this, ref to);
            if (result != -Errno.EAGAIN || file.IsNonBlocking)
                return result;
            if (deadline == 0)
                deadline = DeadlineAfter(file.ReadTimeout);
            var error = Await(file, FileAbi.POLLIN, deadline);
            if (error != 0)
                return error;
        }
    }

    /// <summary>Writes at the position; waits until all is written unless the file is non-blocking. -EPIPE comes with SIGPIPE.</summary>
    /// <param name="file">The file.</param>
    /// <param name="from">What to write.</param>
    /// <returns>Bytes, or a negated errno.</returns>
    internal long Write(OpenFile file, ref IoVector from)
    {
        var (done, deadline) = (0L, 0L);
        if (from.Left > 0 && Modifying(file) is var error and not 0)
            return error;
        if (file is RegularOpenFile)
            from.SizeLimit = Process.Attributes.SizeLimit;
        if (file is TerminalFile terminal && MayWrite(terminal) is var refused and not 0)
            return refused;
        while (true)
        {
            var result = file.Write(ref from);
            if (result > 0)
            {
                done += result;
            }
            else if (result == -Errno.EAGAIN && !file.IsNonBlocking)
            {
                if (deadline == 0)
                    deadline = DeadlineAfter(file.WriteTimeout);
                result = Await(file, FileAbi.POLLOUT, deadline);
            }
            else
            {
                return Written(done, result);
            }

            if (from.Left == 0 || result < 0 || (file.IsNonBlocking && file.Waiters is not null && file is not MasterFile))
                return Written(done, result);
            // A terminal can take for ever what nobody reads.
            if (file is MasterFile && IsInterrupted)
                return Written(done, -Errno.ERESTARTSYS);
        }
    }

    /// <summary>Writes at an offset.</summary>
    internal long WriteAt(OpenFile file, long offset, ref IoVector from)
    {
        if (from.Left > 0 && Modifying(file) is var error and not 0)
            return error;
        from.SizeLimit = Process.Attributes.SizeLimit;
        return Written(0, file.WriteAt(offset, ref from));
    }

    /// <summary>A file is about to become so long: 0, or -EFBIG, with SIGXFSZ where that is beyond what this process may (fs/attr.c, inode_newsize_ok).</summary>
    internal int CheckSize(Inode inode, long length)
        => inode is RegularFile && length > inode.Size && length > Process.Attributes.SizeLimit ? (int)Written(0, -Errno.EFBIG) : 0;

    /// <summary>Content of a file is about to be changed: 0 or a negated errno.</summary>
    internal int Modifying(OpenFile file) => file.Inode is RegularFile regular ? regular.RemovePrivileges(Process.Attributes.Credentials) : 0;

    /// <summary>
    /// Waits until a file has one of the events, or POLLERR or POLLHUP, which end every wait. 0, -EAGAIN when the deadline has passed, or -ERESTARTSYS.
    /// </summary>
    internal int Await(OpenFile file, int events, long deadline)
    {
        events |= PollEvents.Always;
        if (file.WaitersFor(this) is not { } queue)
            return 0;
        while (true)
        {
            var until = Math.Min(deadline, file.ChangesAt);
            var result = queue.Wait(this, until, static w => (w.File.PollFor(w.Thread) & w.Events) != 0, (Thread: this, File: file, Events: events), events);
            if (result == ParkResult.Woken)
                return 0;
            if (result == ParkResult.Interrupted)
                return -Errno.ERESTARTSYS;
            if (until == deadline)
                return -Errno.EAGAIN;
        }
    }

    /// <summary>Until when a call waits that has so many nanoseconds; 0: without limit.</summary>
    internal long DeadlineAfter(long nanoseconds) => nanoseconds == 0 ? long.MaxValue : Deadlines.After(Cvm.Host, nanoseconds);

    /// <summary>Room for the ranges of one vectored call, used again by the next.</summary>
    internal Span<GuestRange> Ranges(int count)
    {
        if (_ranges is null || _ranges.Length < count)
            _ranges = new GuestRange[Math.Max(count, 2 * (_ranges?.Length ?? 0))];
        return _ranges.AsSpan(0, count);
    }

    /// <summary>
    /// This thread starts to touch what a publication stands for; look at the right after this. It is a plain store: who takes the right
    /// away executes a barrier for all processors (<see cref="Exchange.AwaitThreads"/>), and then either sees it or is seen.
    /// </summary>
    internal void BeginUse(Publication publication) => Volatile.Write(ref _inUse, publication);

    /// <summary>And stops.</summary>
    internal void EndUse() => Volatile.Write(ref _inUse, null);

    /// <summary>Whether it is between the two; for other threads.</summary>
    internal bool IsUsing(Publication publication) => Volatile.Read(ref _inUse) == publication;

    /// <summary>What a write returns after some bytes and then a result; SIGPIPE to this thread where a reader is missing, SIGXFSZ at its limit of sizes.</summary>
    internal long Written(long done, long result)
    {
        if (done > 0)
            return done;
        var signal = result == -Errno.EPIPE ? Signal.SIGPIPE : result == -Errno.EFBIG && Process.Attributes.SizeLimit != long.MaxValue ? Signal.SIGXFSZ : 0;
        if (signal != 0)
            Process.Send(this, SignalInfo.OfSender(signal, code: 0, Process.Id, user: 0));
        return result;
    }
}
