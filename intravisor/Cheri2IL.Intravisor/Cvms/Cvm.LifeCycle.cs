using Cheri2IL.Intravisor.LibOs.Net;
using Cheri2IL.Intravisor.LibOs.Processes;

namespace Cheri2IL.Intravisor.Cvms;

/// <content>Pausing, and what outsiders may want to know.</content>
public sealed partial class Cvm
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
            lock (Tasks)
                return !_started ? CvmState.Created : _isPaused ? CvmState.Paused : CvmState.Running;
        }
    }

    /// <summary>What it takes from the host now.</summary>
    public CvmUsage Usage
    {
        get
        {
            GuestProcess[] processes;
            lock (Tasks)
                processes = _released ? [] : [.. _processes.Where(p => !p.IsZombie)];
            return new CvmUsage(
                MemoryBudget.Used,
                MemoryBudget.MostUsed,
                processes.Select(p => p.Image).Distinct().Aggregate(0UL, (sum, image) => sum + image.Space.ResidentBytes),
                FileSystem.MemoryUsed,
                ThreadCount,
                processes.Sum(p => p.Files.Descriptors.Count),
                TimeSpan.FromMicroseconds(CpuNanoseconds / 1000));
        }
    }

    /// <summary>
    /// Stops it: no thread executes guest code once it has reached its next poll, which takes microseconds. A thread that waits
    /// in a system call goes on waiting, and stops when the call returns. Timers and deadlines go on. May be called in any state.
    /// </summary>
    public void Pause()
    {
        lock (Tasks)
            _isPaused = true;
        ForEachThread(t => t.LeaveTranslatedCode());
        if (Telemetry is not null)
            IntravisorTelemetry.Paused(this, isPaused: true);
    }

    /// <summary>Lets it go on.</summary>
    public void Resume()
    {
        lock (Tasks)
            _isPaused = false;
        WakePaused();
        if (Telemetry is not null)
            IntravisorTelemetry.Paused(this, isPaused: false);
    }

    /// <summary>Keeps the calling thread while the cVM is paused, or its process stopped, and the thread not about to end.</summary>
    internal void AwaitResumption(CvmThread thread)
    {
        if (!IsHeld(thread))
            return;
        lock (_resumption)
        {
            while (IsHeld(thread) && !thread.IsOver)
                Monitor.Wait(_resumption);
        }
    }

    /// <summary>A new thread waits at its first poll if others do.</summary>
    internal void HoldBack(CvmThread thread)
    {
        if (IsHeld(thread))
            thread.LeaveTranslatedCode();
    }

    /// <summary>Makes paused threads look whether they are about to end.</summary>
    internal void WakePaused()
    {
        lock (_resumption)
            Monitor.PulseAll(_resumption);
    }

    private bool IsHeld(CvmThread thread) => Volatile.Read(ref _isPaused) || thread.Process.IsStopped;

    /// <summary>What it publishes can be connected to from now on; its program waits for what it may connect to itself to be found.</summary>
    /// <exception cref="CvmLoadException">A port of the host cannot be had.</exception>
    private void Open(HostBridge bridge)
    {
        try
        {
            bridge.OpenAsync(Network, Options.Publish).GetAwaiter().GetResult();
        }
        catch (System.Net.Sockets.SocketException error)
        {
            throw new CvmLoadException($"its ports cannot be published: {error.Message}");
        }
    }
}
