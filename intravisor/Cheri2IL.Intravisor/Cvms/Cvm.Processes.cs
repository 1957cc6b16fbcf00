using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Futexes;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Net;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.Cvms;

/// <content>Its processes.</content>
public sealed partial class Cvm
{
    /// <summary>pid_max.</summary>
    private const int LastId = 4194303;

    private readonly List<GuestProcess> _processes = [];
    private CvmExit? _exit;
    private CheckCounts _checks;
    private long _finishedCpu;
    private int _nextId;
    private int _running = 1;
    private bool _ending;

    /// <summary>Guards processes and threads: who there is, whose child and in which group it is, and how it ended.</summary>
    internal Lock Tasks { get; } = new();

    /// <summary>Sockets that descriptors stand for; one as often as there are descriptors.</summary>
    private IEnumerable<Socket> OpenSockets()
    {
        GuestProcess[] processes;
        lock (Tasks)
            processes = [.. _processes];
        return processes.SelectMany(p => p.Files.Descriptors.Snapshot()).Select(d => d.File).OfType<Socket>();
    }

    /// <summary>Processes that have not been reaped. Hold <see cref="Tasks"/>.</summary>
    internal IReadOnlyList<GuestProcess> Processes => _processes;

    /// <summary>Whether some process has a shared mapping of a file that is, or may be made, writable.</summary>
    internal bool IsMappedToWrite(object identity) => Array.Exists(Spaces, s => s.IsMappedToWrite(identity));

    /// <summary>The last process or thread id that was given out.</summary>
    internal int LastProcessId => _nextId - 1;

    /// <summary>The memory of all its processes. Those that vfork made share one.</summary>
    internal AddressSpace[] Spaces
    {
        get
        {
            GuestProcess[] processes;
            lock (Tasks)
                processes = [.. _processes];
            return [.. processes.Where(p => !p.IsZombie).Select(p => p.Image.Space).Distinct()];
        }
    }

    /// <summary>Futexes of all its processes.</summary>
    internal FutexTable Futexes { get; } = new();

    /// <summary>Whether the end of the first process, and so of all, has been decided.</summary>
    public bool IsEnding => Volatile.Read(ref _ending) || Init.IsEnding;

    /// <summary>CPU time of all threads, also ended ones, in nanoseconds.</summary>
    public long CpuNanoseconds
    {
        get
        {
            lock (Tasks)
                return _finishedCpu + _processes.Where(p => !p.IsZombie).Sum(p => p.CpuNanoseconds);
        }
    }

    /// <summary>Checks that the processes that have ended executed, where their code counts them.</summary>
    public CheckCounts Checks
    {
        get
        {
            lock (Tasks)
                return _checks;
        }
    }

    /// <summary>Threads that have not ended.</summary>
    public int ThreadCount
    {
        get
        {
            lock (Tasks)
                return CountThreads(least: 0);
        }
    }

    /// <summary>Threads, of each process at least so many. Hold <see cref="Tasks"/>.</summary>
    private int CountThreads(int least)
    {
        var count = 0;
        foreach (var process in _processes)
            count += Math.Max(least, process.Threads.Count);
        return count;
    }

    /// <summary>Whether it has more than one process, or a process with several threads.</summary>
    internal bool HasSeveralTasks
    {
        get
        {
            lock (Tasks)
                return _processes.Count > 1 || Init.Threads.Count > 1;
        }
    }

    /// <summary>The process with that id that has not been reaped, or null.</summary>
    public GuestProcess? FindProcess(int id)
    {
        lock (Tasks)
            return _processes.Find(p => p.Id == id);
    }

    /// <summary>The thread with that id in whatever process, or null.</summary>
    internal CvmThread? FindThread(int id)
    {
        lock (Tasks)
        {
            foreach (var process in _processes)
            {
                if (process.FindThread(id) is { } thread)
                    return thread;
            }

            return null;
        }
    }

    /// <summary>Does something with every thread that has not ended.</summary>
    internal void ForEachThread(Action<CvmThread> action)
    {
        CvmThread[] threads;
        lock (Tasks)
            threads = [.. _processes.SelectMany(p => p.Threads)];
        foreach (var thread in threads)
            action(thread);
    }

    /// <summary>The processes of a group.</summary>
    internal GuestProcess[] GroupMembers(int group)
    {
        lock (Tasks)
            return [.. _processes.Where(p => p.Group == group)];
    }

    /// <summary>Sends a signal of the kernel to every process of a group.</summary>
    internal void SignalGroup(int group, int signal)
    {
        foreach (var member in GroupMembers(group))
            member.Send(SignalInfo.OfSender(signal, Signal.SI_KERNEL, sender: 0, user: 0));
    }

    /// <summary>An id for a process or thread, of which there will be one more; null at the limit or when the cVM ends. Hold <see cref="Tasks"/>.</summary>
    internal int? NewId()
    {
        // As on Linux, a process that has ended counts until it is reaped.
        if (_ending || CountThreads(least: 1) >= Options.Limits.Threads)
            return null;
        do
            _nextId = _nextId == LastId ? FirstProcessId + 1 : _nextId + 1;
        while (IsUsed(_nextId - 1));
        return _nextId - 1;
    }

    /// <summary>A process begins. Hold <see cref="Tasks"/>.</summary>
    internal void Add(GuestProcess process)
    {
        _processes.Add(process);
        _running++;
    }

    /// <summary>A process never ran. Hold <see cref="Tasks"/>.</summary>
    internal void Forget(GuestProcess process)
    {
        if (_processes.Remove(process))
            _running--;
    }

    /// <summary>A process has been reaped. Hold <see cref="Tasks"/>.</summary>
    internal void Remove(GuestProcess process) => _processes.Remove(process);

    /// <summary>The last thread of a process has ended, and its image and files are given back.</summary>
    internal void Ended(GuestProcess process, CvmExit exit, in CheckCounts checks, long cpuNanoseconds)
    {
        if (process == Init)
            Kill(Signal.SIGKILL);
        lock (Tasks)
        {
            if (process == Init)
                _exit = exit;
            _checks += checks;
            _finishedCpu += cpuNanoseconds;
            if (--_running != 0)
                return;
            _released = true;
        }

        _cpuLimit?.Dispose();
        Terminal?.Dispose();
        Disconnect();
        if (Telemetry is not null)
            IntravisorTelemetry.Ended(this, _exit!);
        Complete(_exit!);
    }

    private bool IsUsed(int id) => _processes.Exists(p => p.Id == id || p.Group == id || p.Session == id || p.Threads.Any(t => t.Id == id));

    private void EndProcesses(Action<GuestProcess> end)
    {
        GuestProcess[] processes;
        lock (Tasks)
        {
            Volatile.Write(ref _ending, true);
            processes = [.. _processes];
        }

        foreach (var process in processes)
            end(process);
    }
}
