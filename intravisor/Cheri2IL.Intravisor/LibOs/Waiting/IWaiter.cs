using Cheri2IL.Intravisor.Cvms;

namespace Cheri2IL.Intravisor.LibOs.Waiting;

/// <summary>A thread that can sleep until another wakes it: a guest's, or one of the host's.</summary>
internal interface IWaiter
{
    /// <summary>Its places in wait queues. For the thread itself.</summary>
    WaitSet Waits { get; }

    /// <inheritdoc cref="CvmThread.Park"/>
    ParkResult Park(long deadline);

    /// <inheritdoc cref="CvmThread.Unpark"/>
    void Unpark();
}

/// <summary>A thread of the host. One that is woken without having waited finds that out, as after any early wake-up.</summary>
internal sealed class HostWaiter : IWaiter
{
    [ThreadStatic]
    private static HostWaiter? t_waiter;

    private readonly object _gate = new();
    private bool _isWoken;

    private HostWaiter() => Waits = new WaitSet(this);

    /// <inheritdoc/>
    public WaitSet Waits { get; }

    /// <summary>The calling thread.</summary>
    public static HostWaiter OfThread => t_waiter ??= new HostWaiter();

    /// <inheritdoc/>
    public ParkResult Park(long deadline)
    {
        lock (_gate)
        {
            while (!_isWoken)
            {
                var left = deadline == long.MaxValue ? -1 : (deadline - LinuxHost.Instance.MonotonicNanoseconds + 999_999) / 1_000_000;
                if (deadline != long.MaxValue && left <= 0)
                    return ParkResult.TimedOut;
                Monitor.Wait(_gate, (int)Math.Min(left, int.MaxValue));
            }

            _isWoken = false;
            return ParkResult.Woken;
        }
    }

    /// <inheritdoc/>
    public void Unpark()
    {
        lock (_gate)
        {
            _isWoken = true;
            Monitor.Pulse(_gate);
        }
    }

    /// <summary>A timeout as a deadline.</summary>
    public static long DeadlineOf(TimeSpan timeout)
        => timeout < TimeSpan.Zero ? long.MaxValue : LinuxHost.Instance.MonotonicNanoseconds + (timeout.Ticks * 100);
}
