using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.Ipc;

/// <summary>Something that a cVM, or the host, has published under a name for others to use: they find it as /cap/NAME.</summary>
/// <remarks>Thread-safe. Made by <see cref="Exchange"/>; over when it is revoked, and with its owner.</remarks>
public abstract class Publication : IDisposable
{
    private readonly Dictionary<string, CpAccess> _accesses = new(StringComparer.Ordinal);
    private readonly CpRights _mostRights;
    private bool _isRevoked;

    /// <param name="exchange">Where it is found.</param>
    /// <param name="name">Its name.</param>
    /// <param name="owner">Who publishes it; null: the host.</param>
    /// <param name="mostRights">What can be granted at most.</param>
    /// <param name="ownerRights">What the owner may do with it by its name.</param>
    private protected Publication(Exchange exchange, string name, ProcessImage? owner, CpRights mostRights, CpRights ownerRights)
    {
        Exchange = exchange;
        _mostRights = mostRights;
        Name = name;
        OwnerImage = owner;
        if (owner is not null)
            _accesses[owner.Cvm.Name] = new CpAccess(ownerRights);
    }

    /// <summary>Where it is published.</summary>
    private protected Exchange Exchange { get; }

    /// <summary>Its name, without "/cap/".</summary>
    public string Name { get; }

    /// <summary>Name of the cVM that published it; null: the host.</summary>
    public string? Owner => OwnerCvm?.Name;

    /// <summary>Whether it is over: nobody can use it any more, and the name is free.</summary>
    public bool IsRevoked => Volatile.Read(ref _isRevoked);

    /// <summary>The cVM that published it; null: the host.</summary>
    internal Cvm? OwnerCvm => OwnerImage?.Cvm;

    /// <summary>The memory that it is published of, and ends with; null: the host's.</summary>
    internal ProcessImage? OwnerImage { get; }

    /// <summary>
    /// Sets what a cVM may do: adds rights for what it opens from now on, and takes away what <paramref name="rights"/> lacks, also from
    /// what it has open, as <see cref="Revoke"/> does.
    /// </summary>
    /// <param name="cvm">Name of the cVM, or <see cref="Exchange.Everyone"/>. One that does not exist yet may be named.</param>
    /// <param name="rights">Its rights; those that were not published are left out.</param>
    public void Grant(string cvm, CpRights rights)
    {
        var isNarrowed = false;
        lock (_accesses)
        {
            if (_isRevoked)
                return;
            rights &= _mostRights;
            if (_accesses.Remove(cvm, out var before))
                isNarrowed = before.Narrow(rights);
            if (rights != CpRights.None)
                _accesses[cvm] = new CpAccess(rights);
        }

        Exchange.WakeWaiters();
        if (isNarrowed)
            Drain();
    }

    /// <summary>
    /// Ends it for everyone. When this returns, no byte is moved through it any more: an operation that was under way has moved the
    /// piece of at most <see cref="CpFile.LargestStep"/> bytes that it was at, and whatever is begun later fails.
    /// </summary>
    public void Revoke()
    {
        lock (_accesses)
        {
            if (_isRevoked)
                return;
            Volatile.Write(ref _isRevoked, true);
            foreach (var access in _accesses.Values)
                access.Narrow(CpRights.None);
            _accesses.Clear();
        }

        Exchange.Withdraw(this);
        Drain();
        Release();
    }

    /// <summary>Revokes it.</summary>
    public void Dispose()
    {
        Revoke();
        GC.SuppressFinalize(this);
    }

    /// <summary>The grant that a cVM has, by its name or as everyone; null: none.</summary>
    internal CpAccess? AccessOf(Cvm cvm)
    {
        lock (_accesses)
            return _accesses.TryGetValue(cvm.Name, out var own) ? own : _accesses.GetValueOrDefault(Exchange.Everyone);
    }

    /// <summary>Opens it for a cVM, as open(/cap/NAME) does; the flags are those of open. Null with a negated errno.</summary>
    internal abstract OpenFile? Open(Cvm cvm, Inode inode, int flags, out int error);

    /// <summary>st_mode and st_size of /cap/NAME as a cVM sees it.</summary>
    internal abstract (int Mode, long Size) Describe(CpRights rights);

    /// <summary>Waits until nobody is inside an operation that began before rights were taken away.</summary>
    private protected virtual void Drain() => Exchange.AwaitThreads(this);

    /// <summary>Takes mappings away from every cVM: what they had mapped has no access when this returns.</summary>
    private protected void WithdrawMappings(Func<IMappingSource, bool> isGone) => Exchange.WithdrawMappings(isGone);

    /// <summary>Nobody uses it any more: gives back what it holds.</summary>
    private protected virtual void Release()
    {
    }
}
