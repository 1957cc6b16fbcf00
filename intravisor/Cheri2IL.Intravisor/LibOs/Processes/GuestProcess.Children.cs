using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <content>Children: their beginning, their end, and the parent that waits for it.</content>
public sealed partial class GuestProcess
{
    private WaitEvent? _waitEvent;
    private bool _isZombie;
    private bool _borrowsImage;

    /// <summary>Its parent; null for the first process, and for one that nobody waits for any more.</summary>
    internal GuestProcess? Parent { get; private set; }

    /// <summary>Process id of its parent; 0 when that lies outside the cVM.</summary>
    public int ParentId
    {
        get
        {
            lock (Cvm.Tasks)
                return Parent?.Id ?? 0;
        }
    }

    /// <summary>Process group. <see cref="Cvm.Tasks"/> guards changes.</summary>
    public int Group { get; internal set; }

    /// <summary>Session. <see cref="Cvm.Tasks"/> guards changes.</summary>
    public int Session { get; internal set; }

    /// <summary>Whether it has made an execve; its parent cannot change its group any more.</summary>
    internal bool HasExecuted { get; private set; }

    /// <summary>Signal that the parent gets when it ends; 0: none.</summary>
    internal int ExitSignal { get; private set; }

    /// <summary>Whether it has ended and waits to be reaped. Hold <see cref="Cvm.Tasks"/>.</summary>
    internal bool IsZombie => _isZombie;

    /// <summary>Whether it has ended.</summary>
    internal bool HasEnded
    {
        get
        {
            lock (Cvm.Tasks)
                return _isZombie;
        }
    }

    /// <summary>Whether no member of its group has a parent in another group of the session: nobody could continue it.</summary>
    internal bool IsGroupOrphaned
    {
        get
        {
            lock (Cvm.Tasks)
                return !Cvm.Processes.Any(p => p.Group == Group && !p._isZombie && p.HasParentOutside);
        }
    }

    /// <summary>Whether its parent is in another group of the session. Hold <see cref="Cvm.Tasks"/>.</summary>
    private bool HasParentOutside => Parent is { } parent && parent.Group != Group && parent.Session == Session;

    /// <summary>Threads that wait for a child of this process.</summary>
    internal WaitQueue Waiting { get; } = new();

    /// <summary>Threads that wait until others of this process have ended, or until a child gives its image back.</summary>
    internal WaitQueue Departed { get; } = new();

    /// <summary>Descriptors and others that wait for its end.</summary>
    internal WaitQueue Watching { get; } = new();

    /// <summary>CPU time of children that were waited for, and of theirs, in nanoseconds. <see cref="Cvm.Tasks"/> guards it.</summary>
    internal long ChildrenCpuNanoseconds { get; private set; }

    /// <summary>
    /// Makes a child with a copy of this process's image, or with that image itself, and a thread with the registers of
    /// <paramref name="thread"/>. It does not run yet.
    /// </summary>
    /// <param name="thread">Who asks.</param>
    /// <param name="borrows">The child uses the image of this process (CLONE_VM).</param>
    /// <param name="sharesFiles">The child uses the descriptors of this process (CLONE_FILES).</param>
    /// <param name="exitSignal">What this process gets when the child ends; 0: nothing.</param>
    /// <returns>Null: at a limit, or the process ends.</returns>
    internal CvmThread? Fork(CvmThread thread, bool borrows, bool sharesFiles, int exitSignal)
    {
        // An inner cVM has the one slot.
        if (Cvm.Outer is not null)
            return null;
        if (borrows)
            Image.Hold();
        if ((borrows ? Image : Image.Fork(thread)) is not { } image)
            return null;
        CvmThread childThread;
        lock (Cvm.Tasks)
        {
            if (_exit is not null || Cvm.NewId() is not { } id)
            {
                image.Release();
                return null;
            }

            var child = new GuestProcess(this, id, image, Files.Fork(sharesFiles), exitSignal) { _borrowsImage = borrows };
            Cvm.Add(child);
            childThread = child.Enlist(new CvmThread(child, image, id), isAlone: !borrows);
        }

        childThread.CopyRegisters(thread);
        childThread.InheritAlternateStack(thread);
        childThread.Affinity = thread.Affinity;
        return childThread;
    }

    /// <summary>Gives up a child that was never launched, with its thread.</summary>
    internal void Abandon(CvmThread thread)
    {
        lock (Cvm.Tasks)
            Cvm.Forget(this);
        Discard(thread);
        Files.Close();
        LeaveImage(Image);
    }

    /// <summary>Waits until a child that borrows the image has given it back, by execve or at its end.</summary>
    internal void AwaitImage(CvmThread thread, GuestProcess child)
    {
        // Signals do not end it, the end of the process does: it is not the guest's thread that parks.
        Departed.Wait(HostWaiter.OfThread, long.MaxValue, static w => w.thread.IsOver || !Volatile.Read(ref w.child._borrowsImage), (thread, child));
    }

    /// <summary>Gives the process another image, with a thread in it that takes the place of the calling one; all others are ended.</summary>
    /// <returns>The new thread, or null: the process ends, or another thread was first.</returns>
    internal CvmThread? Replace(CvmThread caller, ProcessImage image)
    {
        lock (Cvm.Tasks)
        {
            if (_exit is not null || caller.IsOver)
                return null;
            foreach (var thread in _threads)
            {
                if (thread != caller)
                    thread.End(0);
            }
        }

        Departed.Wake();
        Departed.Wait(HostWaiter.OfThread, long.MaxValue, static w => w.caller.IsOver || w.process.ThreadCount == 1, (caller, process: this));
        lock (Cvm.Tasks)
        {
            if (_exit is not null || caller.IsOver)
                return null;
            HasExecuted = true;
            Image = image;
            Signals.ResetHandlers();
            Timers.DeleteAll();
            var next = new CvmThread(this, image, Id);
            next.TakeSignals(caller);
            next.Affinity = caller.Affinity;
            caller.ReplaceBy(next);
            return Enlist(next, isAlone: true);
        }
    }

    /// <summary>
    /// The last event of a child that fits, for wait; removed if it is reaped.
    /// </summary>
    /// <param name="choice">Which children.</param>
    /// <param name="codes">CLD_ values that are asked for, a bit each.</param>
    /// <param name="keeps">Whether the child can be waited for again (WNOWAIT).</param>
    /// <param name="reaped">The child, its event, and its CPU time in nanoseconds.</param>
    /// <returns>Whether there is a child that could have such an event, now or later.</returns>
    internal bool TryWait(in ChildChoice choice, int codes, bool keeps, out (GuestProcess Child, WaitEvent Event, long Cpu)? reaped)
    {
        reaped = null;
        lock (Cvm.Tasks)
        {
            var exists = false;
            foreach (var child in Cvm.Processes)
            {
                if (child.Parent != this || !choice.Matches(child))
                    continue;
                exists = true;
                if (child._waitEvent is not { } found || (codes & (1 << found.Code)) == 0 || (found.Code <= Signal.CLD_DUMPED && !child._isZombie))
                    continue;
                var cpu = child._finishedCpu + child.ChildrenCpuNanoseconds;
                reaped = (child, found, cpu);
                if (!keeps)
                {
                    child._waitEvent = null;
                    if (child._isZombie)
                    {
                        ChildrenCpuNanoseconds += cpu;
                        Cvm.Remove(child);
                    }
                }

                break;
            }

            return exists;
        }
    }

    /// <summary>A thread of it, or its end, has given back an image.</summary>
    private void LeaveImage(ProcessImage image)
    {
        image.Release();
        if (!_borrowsImage)
            return;
        Volatile.Write(ref _borrowsImage, false);
        GuestProcess? parent;
        lock (Cvm.Tasks)
            parent = Parent;
        parent?.Departed.Wake();
    }

    /// <summary>The last thread has ended: gives back what it has, and tells the parent.</summary>
    private void End()
    {
        Timers.Dispose();
        try
        {
            Files.Close();
        }
        catch (Exception exception)
        {
            // A defect, which ends the cVM and nothing else.
            Cvm.Fail(exception, "files of a process that has ended");
        }

        LeaveTerminal();
        if (this == Cvm.Init)
            Cvm.Outer?.ReportEnd(_exit!);
        LeaveImage(Image);
        Cvm.Options.Trace?.Ended(this, _exit!);
        var code = _exit!.Signal == 0 ? Signal.CLD_EXITED : Signal.DumpsCore(_exit.Signal) ? Signal.CLD_DUMPED : Signal.CLD_KILLED;
        var status = _exit.Signal == 0 ? _exit.Status : _exit.Signal;

        // Arrays, for most processes leave nobody behind: each kind of list would have its types loaded at the end of every run.
        GuestProcess[] orphans = [], bereaved = [];
        int[] groups = [];
        GuestProcess? parent;
        lock (Cvm.Tasks)
        {
            if (HasParentOutside)
                groups = [Group];
            _isZombie = true;
            _waitEvent = new WaitEvent(code, status);
            foreach (var child in Cvm.Processes)
            {
                if (child.Parent != this)
                    continue;
                if (child.HasParentOutside && Array.IndexOf(groups, child.Group) < 0)
                    groups = [.. groups, child.Group];
                // As in a container whose first process is the reaper of all.
                child.Parent = this == Cvm.Init ? null : Cvm.Init;
                child.ExitSignal = Signal.SIGCHLD;
                if (child._isZombie)
                    orphans = [.. orphans, child];
                else
                    bereaved = [.. bereaved, child];
            }

            foreach (var orphan in orphans)
            {
                if (orphan.Parent is not { } reaper || !reaper.KeepsZombies(Signal.SIGCHLD))
                    Cvm.Remove(orphan);
            }

            if (groups.Length > 0)
                groups = Array.FindAll(groups, IsOrphanedAndStopped);
            parent = Parent;
            if (parent is null || !parent.KeepsZombies(ExitSignal))
                Cvm.Remove(this);
        }

        foreach (var child in bereaved)
        {
            if (child.Attributes.ParentDeathSignal is var signal and not 0)
                child.Send(SignalInfo.OfSender(signal, Signal.SI_USER, Id, Attributes.UserId));
        }

        // Nobody could continue their stopped processes any more (kernel/exit.c, kill_orphaned_pgrp).
        foreach (var group in groups)
        {
            Cvm.SignalGroup(group, Signal.SIGHUP);
            Cvm.SignalGroup(group, Signal.SIGCONT);
        }

        foreach (var orphan in orphans)
            orphan.TellParent(orphan._waitEvent?.Code ?? Signal.CLD_EXITED, orphan._waitEvent?.Status ?? 0);
        Watching.Wake();
        TellParent(code, status);
        Cvm.Ended(this, _exit, _checks, _finishedCpu);
    }

    /// <summary>Whether a group has stopped processes, and nobody who could continue them. Hold <see cref="Cvm.Tasks"/>.</summary>
    private bool IsOrphanedAndStopped(int group)
    {
        var members = Cvm.Processes.Where(p => p.Group == group && !p._isZombie);
        return members.Any(p => p._isStopped) && !members.Any(p => p.HasParentOutside);
    }

    /// <summary>Whether its children that have ended wait for it (kernel/signal.c, do_notify_parent). Hold <see cref="Cvm.Tasks"/>.</summary>
    private bool KeepsZombies(int exitSignal)
    {
        if (_isZombie)
            return false;
        lock (Signals.Gate)
        {
            ref var action = ref Signals.Action(Signal.SIGCHLD);
            return exitSignal != Signal.SIGCHLD || (action.Handler != Signal.SIG_IGN && (action.Flags & Signal.SA_NOCLDWAIT) == 0);
        }
    }

    private void TellParent(int code, int status)
    {
        GuestProcess? parent;
        int signal;
        lock (Cvm.Tasks)
            (parent, signal) = (Parent, code <= Signal.CLD_DUMPED ? ExitSignal : Signal.SIGCHLD);
        if (parent is null)
            return;
        if (signal != 0 && (code <= Signal.CLD_DUMPED || !parent.IgnoresStops()))
            parent.Send(SignalInfo.OfChild(signal, code, Id, Attributes.UserId, status));
        parent.Waiting.Wake();
    }

    private bool IgnoresStops()
    {
        lock (Signals.Gate)
            return (Signals.Action(Signal.SIGCHLD).Flags & Signal.SA_NOCLDSTOP) != 0;
    }
}
