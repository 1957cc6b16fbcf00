using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>
/// Ends a cVM that has used its processor time, as Linux does at RLIMIT_CPU: SIGXCPU at the limit, which a handler may use to
/// finish, and SIGKILL a second of processor time later.
/// </summary>
internal sealed class CpuLimit : IDisposable
{
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Shortest = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    private readonly Cvm _cvm;
    private readonly TimeSpan _limit;
    private readonly Timer _timer;
    private bool _warned;

    /// <summary>Watches from now on.</summary>
    /// <param name="cvm">The cVM.</param>
    /// <param name="limit">Processor time of all its threads together.</param>
    public CpuLimit(Cvm cvm, TimeSpan limit)
    {
        _cvm = cvm;
        _limit = limit;
        _timer = new Timer(_ => Check());
        Check();
    }

    /// <inheritdoc/>
    public void Dispose() => _timer.Dispose();

    private void Check()
    {
        if (_cvm.Completion.IsCompleted)
        {
            Dispose();
            return;
        }

        var used = TimeSpan.FromMicroseconds(_cvm.CpuNanoseconds / 1000);
        if (used >= _limit + Grace)
        {
            _cvm.Kill(Signal.SIGKILL);
            return;
        }

        if (used >= _limit && !_warned)
        {
            _warned = true;
            _cvm.Send(new SignalInfo { Number = Signal.SIGXCPU, Code = Signal.SI_KERNEL });
        }

        // As many processors as there are can use up what is left.
        var left = ((_warned ? _limit + Grace : _limit) - used) / Environment.ProcessorCount;
        try
        {
            _timer.Change(left < Shortest ? Shortest : left > Longest ? Longest : left, Timeout.InfiniteTimeSpan);
        }
        catch (ObjectDisposedException)
        {
            // It has ended meanwhile.
        }
    }
}
