namespace Cheri2IL.Intravisor.Ipc;

/// <summary>
/// A lock for sections of one copy, within which nobody waits: some nanoseconds when it is free. A field, never copied.
/// </summary>
internal struct SpinGate
{
    private int _held;

    /// <summary>Enters; spins, and then yields, while another is inside.</summary>
    public void Enter()
    {
        if (Interlocked.CompareExchange(ref _held, 1, 0) == 0)
            return;
        var wait = new SpinWait();
        while (Interlocked.CompareExchange(ref _held, 1, 0) != 0)
            wait.SpinOnce();
    }

    /// <summary>Leaves.</summary>
    public void Exit() => Volatile.Write(ref _held, 0);
}
