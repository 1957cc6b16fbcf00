using System.Globalization;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Signals;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <summary>A process of a guest: its threads, and what they share besides memory.</summary>
/// <remarks>
/// Thread-safe. <see cref="Cvm.Tasks"/> guards the threads, the links between processes, and how the process has ended; it is taken before
/// <see cref="ProcessSignals.Gate"/>.
/// </remarks>
public sealed unsafe partial class GuestProcess
{
    private readonly List<CvmThread> _threads = [];
    private long _finishedCpu;
    private CheckCounts _checks;
    private CvmExit? _exit;
    private int _leaderStatus;
    private bool _ending;

    /// <summary>The first process of a cVM.</summary>
    internal GuestProcess(Cvm cvm, int id, ProcessImage image, ProcessFiles files)
    {
        (Cvm, Id, Group, Session) = (cvm, id, id, id);
        Image = image;
        Files = files;
        Attributes = new ProcessAttributes(cvm.Options);
        Signals = new ProcessSignals();
        Timers = new ProcessTimers(this);
        StartNanoseconds = cvm.Host.MonotonicNanoseconds;
    }

    /// <summary>A child of another.</summary>
    private GuestProcess(GuestProcess parent, int id, ProcessImage image, ProcessFiles files, int exitSignal)
    {
        (Cvm, Id, Group, Session, Parent) = (parent.Cvm, id, parent.Group, parent.Session, parent);
        Image = image;
        Files = files;
        Attributes = new ProcessAttributes(parent.Attributes);
        Signals = new ProcessSignals(parent.Signals);
        Timers = new ProcessTimers(this);
        ExitSignal = exitSignal;
        StartNanoseconds = Cvm.Host.MonotonicNanoseconds;
        Terminal = parent.Terminal;
    }

    /// <summary>The cVM.</summary>
    public Cvm Cvm { get; }

    /// <summary>Process id.</summary>
    public int Id { get; }

    /// <summary>Memory and code.</summary>
    public ProcessImage Image { get; private set; }

    /// <summary>Signal actions and signals pending for the process.</summary>
    public ProcessSignals Signals { get; }

    /// <summary>Files of the process.</summary>
    public ProcessFiles Files { get; }

    /// <summary>Attributes of the process.</summary>
    public ProcessAttributes Attributes { get; }

    /// <summary>It as one who walks paths.</summary>
    internal FileCaller FileCaller => new(Id, Id, Attributes.Credentials, Files.Root);

    /// <summary>Timers that send it signals.</summary>
    internal ProcessTimers Timers { get; }

    /// <summary>Whether exit_group, a fatal signal or the end of the last thread has been decided.</summary>
    public bool IsEnding => Volatile.Read(ref _ending);

    /// <summary>CPU time of all threads, also ended ones, in nanoseconds.</summary>
    public long CpuNanoseconds
    {
        get
        {
            lock (Cvm.Tasks)
            {
                var sum = _finishedCpu;
                foreach (var thread in _threads)
                    sum += thread.CpuNanoseconds;
                return sum;
            }
        }
    }

    /// <summary>Threads that have not ended.</summary>
    public int ThreadCount
    {
        get
        {
            lock (Cvm.Tasks)
                return _threads.Count;
        }
    }

    /// <summary>Threads that have not ended, at this moment.</summary>
    internal CvmThread[] ThreadSnapshot()
    {
        lock (Cvm.Tasks)
            return [.. _threads];
    }

    /// <summary>When it began, by the host's monotonic clock.</summary>
    internal long StartNanoseconds { get; }

    /// <summary>Threads that have not ended. Hold <see cref="Cvm.Tasks"/>.</summary>
    internal IReadOnlyList<CvmThread> Threads => _threads;

    /// <summary>exit_group: ends every thread. The first decision stands.</summary>
    public void Exit(int status) => Decide(new CvmExit(status & 0xff, 0));

    /// <summary>Ends every thread as a fatal signal does. The first decision stands.</summary>
    public void Kill(int signal) => Decide(new CvmExit(0, signal));

    /// <summary>The thread with that id, or null.</summary>
    public CvmThread? FindThread(int id)
    {
        lock (Cvm.Tasks)
            return _threads.Find(t => t.Id == id);
    }

    /// <summary>The thread that it starts with, not running yet; null when it is to end.</summary>
    internal CvmThread? FirstThread()
    {
        lock (Cvm.Tasks)
            return _exit is not null ? null : Enlist(new CvmThread(this, Image, Id), isAlone: true);
    }

    /// <summary>One more thread, not running yet; null at the limit or when the process ends.</summary>
    internal CvmThread? NewThread()
    {
        lock (Cvm.Tasks)
            return _exit is not null || Cvm.NewId() is not { } id ? null : Enlist(new CvmThread(this, Image, id), isAlone: false);
    }

    /// <summary>Runs a new thread on a host thread of its own; false when the host has no more.</summary>
    internal bool TryLaunch(CvmThread thread, int hostStackBytes)
    {
        try
        {
            new Thread(() => Carry(thread, hostStackBytes), hostStackBytes)
            {
                IsBackground = true,
                Name = string.Concat("cvm ", Cvm.Id.ToString(CultureInfo.InvariantCulture), " thread ", thread.Id.ToString(CultureInfo.InvariantCulture)),
            }.Start();
            return true;
        }
        catch (Exception exception) when (exception is OutOfMemoryException or ThreadStartException)
        {
            Discard(thread);
            return false;
        }
    }

    /// <summary>Does something with every thread that has not ended.</summary>
    internal void ForEachThread(Action<CvmThread> action)
    {
        foreach (var thread in ThreadSnapshot())
            action(thread);
    }

    /// <summary>Puts a thread into the list. Hold <see cref="Cvm.Tasks"/>.</summary>
    private CvmThread Enlist(CvmThread thread, bool isAlone)
    {
        _threads.Add(thread);
        thread.UseMemory(isAlone);
        Cvm.HoldBack(thread);
        return thread;
    }

    /// <summary>Gives up a thread that was never launched.</summary>
    private void Discard(CvmThread thread)
    {
        lock (Cvm.Tasks)
            _threads.Remove(thread);
        thread.Dispose();
    }

    private void Decide(CvmExit exit)
    {
        lock (Cvm.Tasks)
        {
            _exit ??= exit;
            Volatile.Write(ref _ending, true);
        }

        ForEachThread(t => t.Interrupt());
        Departed.Wake();
        Cvm.WakePaused();
    }

    private void Carry(CvmThread thread, int hostStackBytes)
    {
        for (CvmThread? next = thread; next is not null;)
        {
            thread = next;
            try
            {
                thread.Run(hostStackBytes);
            }
            catch (Exception exception)
            {
                Cvm.Fail(exception, "guest code");
            }

            try
            {
                thread.CleanUp();
            }
            finally
            {
                next = Finish(thread);
            }
        }
    }

    /// <summary>A thread has ended. What goes on in its place after execve, or null.</summary>
    private CvmThread? Finish(CvmThread thread)
    {
        bool last;
        lock (Cvm.Tasks)
        {
            // The host thread of one that is replaced goes on: its time is counted when that one ends.
            if (thread.Successor is null)
                _finishedCpu += thread.CpuNanoseconds;
            _checks += thread.State->Counts;
            _threads.Remove(thread);
            last = _threads.Count == 0;
            if (thread.Id == Id)
                _leaderStatus = thread.ExitStatus;
            if (last)
            {
                _exit ??= new CvmExit(_leaderStatus & 0xff, 0);
                Volatile.Write(ref _ending, true);
            }
        }

        var successor = thread.Successor;
        thread.Dispose();
        if (successor is not null)
            LeaveImage(thread.Image);
        else if (last)
            End();
        else
            Departed.Wake();
        return successor;
    }
}
