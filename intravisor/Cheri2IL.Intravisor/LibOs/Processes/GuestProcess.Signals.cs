using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <content>Signals that are sent to it, and stopping.</content>
public sealed partial class GuestProcess
{
    private const ulong StopSignals = 1UL << (Signal.SIGSTOP - 1) | 1UL << (Signal.SIGTSTP - 1) | 1UL << (Signal.SIGTTIN - 1) | 1UL << (Signal.SIGTTOU - 1);

    private bool _isStopped;

    /// <summary>Whether a signal has stopped it.</summary>
    public bool IsStopped => Volatile.Read(ref _isStopped);

    /// <summary>Sends a signal to the process (kill): some thread that does not block it takes it.</summary>
    /// <returns>False when its queue is full.</returns>
    public bool Send(in SignalInfo info)
    {
        Prepare(info.Number);
        CvmThread? target = null;
        lock (Cvm.Tasks)
        {
            lock (Signals.Gate)
            {
                var bit = Signal.Bit(info.Number);
                foreach (var thread in _threads)
                {
                    if ((thread.AwaitedSignals & bit) != 0 || (target is null && (thread.Mask & bit) == 0))
                        target = thread;
                }

                if (Discards(info.Number, target))
                    return true;
                if (!Signals.Pending.Add(info))
                    return false;
            }
        }

        Notify(target, info.Number);
        Queued(info.Number);
        return true;
    }

    /// <summary>Sends a signal to one thread (tgkill).</summary>
    /// <returns>False when its queue is full.</returns>
    public bool Send(CvmThread thread, in SignalInfo info)
    {
        Prepare(info.Number);
        lock (Signals.Gate)
        {
            if (Discards(info.Number, thread))
                return true;
            if (!thread.Pending.Add(info))
                return false;
        }

        Notify(thread, info.Number);
        Queued(info.Number);
        return true;
    }

    /// <summary>A signal that stops is delivered: every thread waits from its next poll on, until SIGCONT or the end.</summary>
    internal void Stop(int signal)
    {
        lock (Cvm.Tasks)
        {
            if (_isStopped || _ending)
                return;
            Volatile.Write(ref _isStopped, true);
            _waitEvent = new WaitEvent(Signal.CLD_STOPPED, signal);
        }

        ForEachThread(t => t.Interrupt());
        TellParent(Signal.CLD_STOPPED, signal);
    }

    /// <summary>What a signal does when it is sent, whatever becomes of it (kernel/signal.c, prepare_signal).</summary>
    private void Prepare(int signal)
    {
        var drops = signal == Signal.SIGCONT ? StopSignals : (Signal.Bit(signal) & StopSignals) != 0 ? Signal.Bit(Signal.SIGCONT) : 0;
        var continues = false;
        lock (Cvm.Tasks)
        {
            if (drops != 0)
            {
                lock (Signals.Gate)
                {
                    Signals.Pending.Discard(drops);
                    foreach (var thread in _threads)
                        thread.Pending.Discard(drops);
                }
            }

            if (_isStopped && signal == Signal.SIGCONT)
            {
                continues = true;
                Volatile.Write(ref _isStopped, false);
                _waitEvent = new WaitEvent(Signal.CLD_CONTINUED, Signal.SIGCONT);
            }
        }

        if (!continues)
            return;
        Cvm.WakePaused();
        TellParent(Signal.CLD_CONTINUED, Signal.SIGCONT);
    }

    /// <summary>A signal has been queued: SIGKILL ends also what is stopped, which must not go on before it finds the signal.</summary>
    private void Queued(int signal)
    {
        if (signal == Signal.SIGKILL)
        {
            lock (Cvm.Tasks)
            {
                if (_isStopped)
                    _waitEvent = null;
                Volatile.Write(ref _isStopped, false);
            }
        }

        Cvm.WakePaused();
        Signals.Arrivals.Wake(FileAbi.POLLIN);
    }

    private bool Discards(int signal, CvmThread? target)
        => Signals.IsIgnored(signal) && target is not null
            && (target.Mask & Signal.Bit(signal)) == 0 && (target.AwaitedSignals & Signal.Bit(signal)) == 0;

    private static void Notify(CvmThread? thread, int signal)
    {
        if (thread is null)
            return;
        if ((thread.Mask & Signal.Bit(signal)) == 0)
            thread.Interrupt();
        else
            thread.Unpark();
    }
}
