using Cheri2IL.Intravisor.Ipc;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>
/// Makes the cVMs of a process and keeps track of them. A process may have several; they share the arena only.
/// </summary>
/// <remarks>Thread-safe. A cVM that has ended stays listed until it is reaped; only ordinary objects are kept of it.</remarks>
public sealed class IntravisorInstance : IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<Cvm> _cvms = [];
    private int _nextId = 1;
    private bool _disposed;

    /// <summary>Makes an Intravisor without cVMs.</summary>
    public IntravisorInstance()
    {
        Telemetry = new IntravisorTelemetry(() => Cvms);
        Exchange = new Exchange { Telemetry = Telemetry };
    }

    /// <summary>What it tells the tools of .NET.</summary>
    public IntravisorTelemetry Telemetry { get; }

    /// <summary>The cVMs that were not reaped yet, oldest first.</summary>
    public IReadOnlyList<Cvm> Cvms
    {
        get
        {
            lock (_gate)
                return [.. _cvms];
        }
    }

    /// <summary>Those of them that have not ended.</summary>
    public IReadOnlyList<Cvm> Running => [.. Cvms.Where(IsLive)];

    /// <summary>What its cVMs, and the host, share by name.</summary>
    public Exchange Exchange { get; }

    /// <summary>Makes a cVM; it runs nothing yet.</summary>
    /// <exception cref="ArgumentException">A cVM that has not ended has its name.</exception>
    /// <exception cref="InsufficientMemoryException">The arena has no slot of that size left.</exception>
    public Cvm Create(CvmOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            var name = options.Name ?? Cvm.DefaultName(_nextId);
            if (name == Exchange.Everyone || _cvms.Exists(c => c.Name == name && IsLive(c)))
                throw new ArgumentException($"there is a cVM {name} already", nameof(options));
            var cvm = new Cvm(_nextId++, options, Exchange);
            _cvms.Add(cvm);
            return cvm;
        }
    }

    /// <summary>The cVM of that name that has not ended, or else the last one that had it; null if there is none.</summary>
    public Cvm? Find(string name)
    {
        lock (_gate)
            return _cvms.Find(c => c.Name == name && IsLive(c)) ?? _cvms.FindLast(c => c.Name == name);
    }

    /// <summary>
    /// Starts the program of a cVM anew in another one with the same options, name included. Kills the first if it runs, waits for its
    /// end, and forgets it.
    /// </summary>
    /// <exception cref="InvalidOperationException">It was never started.</exception>
    public async Task<Cvm> RestartAsync(Cvm cvm)
    {
        ArgumentNullException.ThrowIfNull(cvm);
        if (cvm.Program is not { } program)
            throw new InvalidOperationException("it was never started");
        cvm.Kill(LibOs.Abi.Signal.SIGKILL);
        await cvm.Completion.ConfigureAwait(false);
        lock (_gate)
            _cvms.Remove(cvm);
        var next = Create(cvm.Options);
        next.Start(program);
        return next;
    }

    /// <summary>Forgets the cVMs that have ended, and returns them.</summary>
    public IReadOnlyList<Cvm> Reap()
    {
        lock (_gate)
        {
            var ended = _cvms.FindAll(c => !IsLive(c));
            _cvms.RemoveAll(ended.Contains);
            return ended;
        }
    }

    /// <summary>Kills every cVM, waits for all of them, and forgets them.</summary>
    public void Dispose()
    {
        Cvm[] cvms;
        lock (_gate)
        {
            _disposed = true;
            cvms = [.. _cvms];
            _cvms.Clear();
        }

        foreach (var cvm in cvms)
            cvm.Dispose();
        Telemetry.Dispose();
    }

    private static bool IsLive(Cvm cvm) => cvm.State != CvmState.Ended;
}
