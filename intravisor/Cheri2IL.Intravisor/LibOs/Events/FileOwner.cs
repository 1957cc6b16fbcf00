using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Events;

/// <summary>Whom the signals of a file go to that tell of its events (fcntl(2): O_ASYNC, F_SETOWN, F_SETSIG).</summary>
/// <remarks>
/// Thread-safe. The signal is sent while the file's queue is locked, which no lock of signals or processes is ever held around.
/// </remarks>
internal sealed class FileOwner(OpenFile file) : WaitEntry
{
    /// <summary>F_OWNER_TID.</summary>
    public const int Thread = 0;

    /// <summary>F_OWNER_PID.</summary>
    public const int Process = 1;

    /// <summary>F_OWNER_PGRP.</summary>
    public const int Group = 2;

    private const int PollInCode = 1;
    private const int PollOutCode = 2;
    private const int PollPriorityCode = 5;
    private const int PollHangUpCode = 6;
    private const int SigIoCode = -5;

    private readonly Lock _gate = new();

    /// <summary>Taken before the queue's lock, and that before <see cref="_gate"/>.</summary>
    private readonly Lock _switch = new();
    private Cvm? _cvm;
    private (int Type, int Id, Ids Users) _owner;
    private int _signal;
    private int _descriptor;
    private bool _isOn;

    /// <summary>Thread, process or group, and its id; 0: nobody.</summary>
    public (int Type, int Id) Owner
    {
        get
        {
            lock (_gate)
            {
                var (type, id, _) = _owner;
                return id != 0 && _cvm is { } cvm && !Exists(cvm, type, id) ? (type, 0) : (type, id);
            }
        }
    }

    /// <summary>The signal; 0: SIGIO, without what it tells.</summary>
    public int Signal
    {
        get => Volatile.Read(ref _signal);
        set => Volatile.Write(ref _signal, value);
    }

    /// <summary>Sets the owner; 0 or -ESRCH.</summary>
    /// <param name="thread">Who asks: the signals are sent with its rights.</param>
    /// <param name="type">Thread, process or group.</param>
    /// <param name="id">Its id; 0: nobody.</param>
    public long Set(CvmThread thread, int type, int id)
    {
        if (id != 0 && !Exists(thread.Cvm, type, id))
            return -Errno.ESRCH;
        lock (_gate)
            (_cvm, _owner) = (thread.Cvm, (type, id, thread.Process.Attributes.Users));
        return 0;
    }

    /// <summary>Begins to send signals, which name this descriptor.</summary>
    public void Start(int descriptor)
    {
        lock (_gate)
            _descriptor = descriptor;
        lock (_switch)
        {
            if (!_isOn)
                file.Waiters!.Add(this, file.SignalEvents);
            _isOn = true;
        }
    }

    /// <summary>Sends none any more.</summary>
    public void Stop()
    {
        lock (_switch)
        {
            if (_isOn)
                file.Waiters!.Remove(this);
            _isOn = false;
        }
    }

    /// <inheritdoc/>
    internal override void Follow(WaitQueue queue, SafeHandle host) => HostWatcher.Watch(queue, host);

    /// <inheritdoc/>
    internal override void Wake(int events) => Send(Describe(events & file.SignalEvents));

    /// <summary>Urgent data has come: SIGURG, and the signal that was chosen where there are others (net/core/sock.c, sk_send_sigurg).</summary>
    public void TellUrgent()
    {
        Send(SignalInfo.OfSender(Abi.Signal.SIGURG, Abi.Signal.SI_KERNEL, sender: 0, user: 0));
        if (Volatile.Read(ref _isOn) && Signal != 0)
            Send(Describe(FileAbi.POLLPRI));
    }

    private void Send(in SignalInfo info)
    {
        (int Type, int Id, Ids Users) owner;
        Cvm? cvm;
        lock (_gate)
            (owner, cvm) = (_owner, _cvm);
        if (cvm is null || owner.Id == 0)
            return;
        switch (owner.Type)
        {
            case Thread when cvm.FindThread(owner.Id) is { } thread:
                if (MaySignal(owner.Users, thread.Process) && !thread.Process.Send(thread, info))
                    thread.Process.Send(thread, Plain);
                break;
            case Process when cvm.FindProcess(owner.Id) is { } process:
                Send(owner.Users, process, info);
                break;
            case Group:
                foreach (var member in cvm.GroupMembers(owner.Id))
                    Send(owner.Users, member, info);
                break;
        }
    }

    private static SignalInfo Plain => SignalInfo.OfSender(Abi.Signal.SIGIO, Abi.Signal.SI_KERNEL, sender: 0, user: 0);

    private static void Send(Ids sender, GuestProcess process, in SignalInfo info)
    {
        // A queue that is full leaves the plain signal (fs/fcntl.c, send_sigio_to_task).
        if (MaySignal(sender, process) && !process.Send(info))
            process.Send(Plain);
    }

    private static bool Exists(Cvm cvm, int type, int id) => type switch
    {
        Thread => cvm.FindThread(id) is not null,
        Process => cvm.FindProcess(id) is not null,
        _ => cvm.GroupMembers(id).Length > 0,
    };

    /// <summary>fs/fcntl.c, sigio_perm.</summary>
    private static bool MaySignal(Ids sender, GuestProcess to)
    {
        var receiver = to.Attributes.Users;
        return sender.Effective == 0 || sender.Effective == receiver.Saved || sender.Effective == receiver.Real
            || sender.Real == receiver.Saved || sender.Real == receiver.Real;
    }

    /// <summary>The signal, which tells of what happened if it was chosen.</summary>
    private SignalInfo Describe(int events)
    {
        var number = Signal;
        if (number == 0)
            return Plain;
        int descriptor;
        lock (_gate)
            descriptor = _descriptor;

        // POLLRDNORM goes with POLLIN, POLLWRNORM and POLLWRBAND with POLLOUT, POLLRDBAND with POLLPRI.
        var (code, band) = (events & FileAbi.POLLIN) != 0 ? (PollInCode, 0x41L) : (events & FileAbi.POLLPRI) != 0 ? (PollPriorityCode, 0x82L) : (events & FileAbi.POLLOUT) != 0 ? (PollOutCode, 0x304L) : (PollHangUpCode, 0x18L);
        return new SignalInfo { Number = number, Code = HasOwnCodes(number) ? SigIoCode : code, Address = band, Value = descriptor };
    }

    /// <summary>Whether codes of the signal mean something else (include/linux/signal.h, sig_specific_sicodes); SIGIO's own are these.</summary>
    private static bool HasOwnCodes(int signal)
        => signal is Abi.Signal.SIGILL or Abi.Signal.SIGFPE or Abi.Signal.SIGSEGV or Abi.Signal.SIGBUS or Abi.Signal.SIGTRAP or Abi.Signal.SIGCHLD or Abi.Signal.SIGSYS;
}
