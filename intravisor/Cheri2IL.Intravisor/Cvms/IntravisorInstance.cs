using Cheri2IL.Intravisor.Ipc;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>
/// Makes the cVMs of a process and keeps track of those that live. A process may have several; they share the arena only.
/// </summary>
/// <remarks>Thread-safe.</remarks>
public sealed class IntravisorInstance : IDisposable
{
    private readonly Lock _gate = new();
    private readonly List<Cvm> _cvms = [];
    private int _nextId = 1;

    /// <summary>The cVMs that have not ended, oldest first.</summary>
    public IReadOnlyList<Cvm> Running
    {
        get
        {
            lock (_gate)
                return [.. _cvms.Where(c => !c.Completion.IsCompleted)];
        }
    }

    /// <summary>What its cVMs, and the host, share by name.</summary>
    public Exchange Exchange { get; } = new();

    /// <summary>Makes a cVM; it runs nothing yet.</summary>
    /// <exception cref="ArgumentException">A cVM that has not ended has its name.</exception>
    public Cvm Create(CvmOptions options)
    {
        lock (_gate)
        {
            _cvms.RemoveAll(c => c.Completion.IsCompleted);
            var name = options.Name ?? Cvm.DefaultName(_nextId);
            if (name == Exchange.Everyone || _cvms.Exists(c => c.Name == name))
                throw new ArgumentException($"there is a cVM {name} already", nameof(options));
            var cvm = new Cvm(_nextId++, options, Exchange);
            _cvms.Add(cvm);
            return cvm;
        }
    }

    /// <summary>Kills every cVM.</summary>
    public void Dispose()
    {
        Cvm[] cvms;
        lock (_gate)
            cvms = [.. _cvms];
        foreach (var cvm in cvms)
            cvm.Dispose();
    }
}
