using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>What file system calls need of a thread.</summary>
public sealed partial class CvmThread
{
    private Func<bool>? _mayWait;
    private Publication? _inUse;

    /// <summary>The process's files.</summary>
    public ProcessFiles Files => Process.Files;

    /// <summary>Whether a call may go on waiting: no signal or exit is due. One delegate, so that calls do not allocate.</summary>
    public Func<bool> MayWait => _mayWait ??= () => !IsInterrupted;

    /// <summary>
    /// This thread starts to touch what a publication stands for; look at the right after this. It is a plain store: who takes the right
    /// away executes a barrier for all processors (<see cref="Exchange.AwaitThreads"/>), and then either sees it or is seen.
    /// </summary>
    internal void BeginUse(Publication publication) => Volatile.Write(ref _inUse, publication);

    /// <summary>And stops.</summary>
    internal void EndUse() => Volatile.Write(ref _inUse, null);

    /// <summary>Whether it is between the two; for other threads.</summary>
    internal bool IsUsing(Publication publication) => Volatile.Read(ref _inUse) == publication;

    /// <summary>A write found no reader: SIGPIPE to this thread.</summary>
    internal void RaiseBrokenPipe() => Process.Send(this, SignalInfo.OfSender(Signal.SIGPIPE, code: 0, Cvm.Id, user: 0));
}
