namespace Cheri2IL.Intravisor.Cvms;

/// <content>Pausing, and what outsiders may want to know.</content>
public sealed unsafe partial class Cvm
{
    /// <summary>Paused threads wait on it.</summary>
    private readonly object _resumption = new();
    private CpuLimit? _cpuLimit;
    private bool _isPaused;

    /// <summary>Where it is in its life.</summary>
    public CvmState State
    {
        get
        {
            if (Completion.IsCompleted)
                return CvmState.Ended;
            if (IsEnding)
                return CvmState.Ending;
            lock (_gate)
                return !_started ? CvmState.Created : _isPaused ? CvmState.Paused : CvmState.Running;
        }
    }

    /// <summary>What it takes from the host now.</summary>
    public CvmUsage Usage
    {
        get
        {
            bool released;
            lock (_gate)
                released = _released;
            return new CvmUsage(
                released ? 0 : Space.AccessibleBytes,
                Space.MostAccessibleBytes,
                released ? 0 : Space.ResidentBytes,
                Files.FileSystem.MemoryUsed,
                ThreadCount,
                Files.Descriptors.Count,
                TimeSpan.FromMicroseconds(CpuNanoseconds / 1000));
        }
    }

    /// <summary>
    /// Stops it: no thread executes guest code once it has reached its next poll, which takes microseconds. A thread that waits
    /// in a system call goes on waiting, and stops when the call returns. Timers and deadlines go on. May be called in any state.
    /// </summary>
    public void Pause()
    {
        lock (_gate)
            _isPaused = true;
        ForEachThread(t => t.LeaveTranslatedCode());
        if (Telemetry is not null)
            IntravisorTelemetry.Paused(this, isPaused: true);
    }

    /// <summary>Lets it go on.</summary>
    public void Resume()
    {
        lock (_gate)
            _isPaused = false;
        WakePaused();
        if (Telemetry is not null)
            IntravisorTelemetry.Paused(this, isPaused: false);
    }

    /// <summary>Keeps the calling thread while the cVM is paused and the thread not about to end.</summary>
    internal void AwaitResumption(CvmThread thread)
    {
        if (!Volatile.Read(ref _isPaused))
            return;
        lock (_resumption)
        {
            while (Volatile.Read(ref _isPaused) && !thread.IsOver)
                Monitor.Wait(_resumption);
        }
    }

    /// <summary>Makes paused threads look whether they are about to end.</summary>
    internal void WakePaused()
    {
        lock (_resumption)
            Monitor.PulseAll(_resumption);
    }
}
