using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>What file system calls need of a thread.</summary>
public sealed partial class CvmThread
{
    private Func<bool>? _mayWait;

    /// <summary>The process's files.</summary>
    public ProcessFiles Files => Cvm.Files;

    /// <summary>Whether a call may go on waiting: no signal or exit is due. One delegate, so that calls do not allocate.</summary>
    public Func<bool> MayWait => _mayWait ??= () => !IsInterrupted;

    /// <summary>A write found no reader: SIGPIPE to this thread.</summary>
    internal void RaiseBrokenPipe() => Cvm.Send(this, SignalInfo.OfSender(Signal.SIGPIPE, code: 0, Cvm.Id, user: 0));
}
