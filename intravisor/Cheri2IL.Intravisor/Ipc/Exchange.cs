using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Net;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.Ipc;

/// <summary>
/// Where the cVMs of one Intravisor find what they share: names, who published them, and who may use them. It is asked when something
/// is published, opened or revoked, never when it is used.
/// </summary>
/// <remarks>Thread-safe.</remarks>
public sealed class Exchange
{
    /// <summary>Instead of a cVM's name in a grant: every cVM that has no grant of its own.</summary>
    public const string Everyone = "*";

    /// <summary>Most characters of a name.</summary>
    public const int LongestName = 200;

    /// <summary>Most publications that a cVM may have at a time.</summary>
    public const int MostPublications = 1024;

    /// <summary>Most publications of a cVM that have pages of their own: each takes a descriptor of the host.</summary>
    public const int MostPages = 32;

    private readonly Lock _gate = new();
    private readonly List<ProcessImage> _members = [];
    private readonly WaitQueue _waiting = new(isAsymmetric: true);
    private Dictionary<string, Publication>? _published;
    private Dictionary<string, string> Owners => field ??= new(StringComparer.Ordinal);
    private Dictionary<string, Dictionary<string, CpRights>> Grants => field ??= new(StringComparer.Ordinal);

    /// <summary>The network that connects its cVMs.</summary>
    public Network Network { get; } = new();

    /// <summary>What is published now, in no order.</summary>
    public IReadOnlyList<Publication> Published
    {
        get
        {
            lock (_gate)
                return _published is null ? [] : [.. _published.Values];
        }
    }

    /// <summary>Counts what is moved; null: nobody does.</summary>
    internal IntravisorTelemetry? Telemetry { get; init; }

    /// <summary>What has that name now, or null.</summary>
    public Publication? Find(string name)
    {
        lock (_gate)
            return _published?.GetValueOrDefault(name);
    }

    /// <summary>
    /// Sets what a cVM may do with whatever is published under a name, now and later, before what the owner grants. A cVM whose
    /// manifest says so thus finds what others publish without their knowing of it.
    /// </summary>
    /// <param name="name">Name, published or not.</param>
    /// <param name="cvm">Name of the cVM, or <see cref="Everyone"/>.</param>
    /// <param name="rights">Its rights.</param>
    /// <exception cref="ArgumentException">The name is none.</exception>
    public void Grant(string name, string cvm, CpRights rights)
    {
        Validate(name);
        Publication? published;
        lock (_gate)
        {
            if (!Grants.TryGetValue(name, out var grants))
                Grants[name] = grants = new Dictionary<string, CpRights>(StringComparer.Ordinal);
            grants[cvm] = rights;
            published = _published?.GetValueOrDefault(name);
        }

        published?.Grant(cvm, rights);
    }

    /// <summary>Keeps a name for one cVM: no other may publish it. The host still may.</summary>
    /// <param name="name">The name.</param>
    /// <param name="owner">Name of the cVM.</param>
    /// <exception cref="ArgumentException">The name is none.</exception>
    public void Reserve(string name, string owner)
    {
        Validate(name);
        lock (_gate)
            Owners[name] = owner;
    }

    /// <summary>Publishes a buffer of the host. It stays where it is, and pinned, until it is revoked.</summary>
    /// <param name="name">1 to <see cref="LongestName"/> characters of '!' to '~' without '/', not "." or "..".</param>
    /// <param name="buffer">The bytes, at least one. Guests that are granted <see cref="CpRights.Write"/> change them at any time.</param>
    /// <param name="mostRights">What can be granted at most: without <see cref="CpRights.Write"/>, no cVM ever writes it.</param>
    /// <exception cref="ArgumentException">The name is none, or the buffer is empty.</exception>
    /// <exception cref="InvalidOperationException">The name is taken.</exception>
    public CpFile PublishFile(string name, Memory<byte> buffer, CpRights mostRights = CpRights.ReadWrite)
    {
        Validate(name);
        ArgumentOutOfRangeException.ThrowIfZero(buffer.Length);
        return Entered(new CpFile(this, name, buffer, mostRights));
    }

    /// <summary>Publishes zeroed pages, which guests can also map (mmap of /cap/NAME): then they use them by loads and stores.</summary>
    /// <param name="name">As for <see cref="PublishFile(string, Memory{byte}, CpRights)"/>.</param>
    /// <param name="length">Bytes, at least one. What a mapping shows beyond, up to the end of the page, belongs to the file, too.</param>
    /// <param name="mostRights">What can be granted at most.</param>
    /// <exception cref="ArgumentException">The name is none, or the length not positive.</exception>
    /// <exception cref="InvalidOperationException">The name is taken.</exception>
    public CpFile PublishFile(string name, long length, CpRights mostRights = CpRights.ReadWrite)
    {
        Validate(name);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        return Entered(new CpFile(this, name, owner: null, length, mostRights));
    }

    /// <summary>Publishes a stream that the host receives.</summary>
    /// <param name="name">As for <see cref="PublishFile(string, Memory{byte}, CpRights)"/>.</param>
    /// <param name="capacity">Bytes that can be under way, from <see cref="CpStream.SmallestRing"/> on; rounded up to 16.</param>
    /// <param name="isMessages">Whether it keeps the bounds of what is sent.</param>
    /// <exception cref="ArgumentException">The name is none, or the capacity too small.</exception>
    /// <exception cref="InvalidOperationException">The name is taken.</exception>
    public CpStream PublishStream(string name, int capacity, bool isMessages)
    {
        Validate(name);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, CpStream.SmallestRing);
        var stream = new CpStream(this, name, (capacity + CpStream.HeaderBytes - 1) / CpStream.HeaderBytes * CpStream.HeaderBytes, isMessages);
        return Entered(stream);
    }

    /// <summary>Whether a publication may have that name.</summary>
    public static bool IsName(ReadOnlySpan<char> name)
        => name.Length is > 0 and <= LongestName && name is not ("." or "..") && !name.Contains('/') && !name.ContainsAnyExceptInRange('!', '~');

    /// <summary>Enters a publication under its name; 0, or -EEXIST (taken), -EACCES (reserved for another) or -ENOSPC (too many).</summary>
    internal int Publish(Publication publication)
    {
        // Before others can write it. Its owner, if it is a cVM, is the one that publishes it.
        if (publication is CpFile or CpStream)
            publication.OwnerImage?.ShareMemory();
        lock (_gate)
        {
            _published ??= new(StringComparer.Ordinal);
            if (publication.OwnerCvm is { } owner)
            {
                if (Owners.TryGetValue(publication.Name, out var reserved) && reserved != owner.Name)
                    return -Errno.EACCES;
                if (_published.Values.Count(p => p.OwnerCvm == owner) >= MostPublications)
                    return -Errno.ENOSPC;
                if (HasPages(publication) && _published.Values.Count(p => p.OwnerCvm == owner && HasPages(p)) >= MostPages)
                    return -Errno.ENOSPC;
            }

            if (!_published.TryAdd(publication.Name, publication))
                return -Errno.EEXIST;
            if (Grants.TryGetValue(publication.Name, out var grants))
            {
                foreach (var (cvm, rights) in grants)
                    publication.Grant(cvm, rights);
            }
        }

        WakeWaiters();
        return 0;
    }

    /// <summary>The name is free again.</summary>
    internal void Withdraw(Publication publication)
    {
        lock (_gate)
        {
            if (_published?.GetValueOrDefault(publication.Name) == publication)
                _published.Remove(publication.Name);
        }
    }

    /// <summary>What a cVM may use under a name: null with -ENOENT where there is nothing, -EACCES where there is no grant.</summary>
    internal Publication? Find(Cvm cvm, string name, out int error)
    {
        var found = Find(name);
        error = found is null ? -Errno.ENOENT : found.AccessOf(cvm) is null ? -Errno.EACCES : 0;
        return error == 0 ? found : null;
    }

    /// <summary>Waits until a cVM may use something under a name; 0, -ETIMEDOUT or, for a signal, what <see cref="Deadlines.Interrupted"/> says.</summary>
    internal int Await(CvmThread thread, string name, long deadline)
        => _waiting.Wait(thread, deadline, static w => w.Cvm.Exchange.Find(w.Cvm, w.Name, out _) is not null, (thread.Cvm, Name: name)) switch
        {
            ParkResult.Woken => 0,
            ParkResult.TimedOut => -Errno.ETIMEDOUT,
            _ => Deadlines.Interrupted(deadline),
        };

    /// <summary>Something was published or granted: who waits looks again.</summary>
    internal void WakeWaiters() => _waiting.Wake();

    /// <summary>There is memory that publications can be in and be mapped to.</summary>
    internal void Join(ProcessImage image)
    {
        lock (_gate)
            _members.Add(image);
    }

    /// <summary>No thread uses that memory any more: what is published of it is revoked, before it goes to another.</summary>
    internal void Leave(ProcessImage image)
    {
        if (Volatile.Read(ref _published) is { } published)
            RevokeAll(published, image);
        lock (_gate)
            _members.Remove(image);
    }

    private void RevokeAll(Dictionary<string, Publication> published, ProcessImage image)
    {
        Publication[] own;
        lock (_gate)
            own = [.. published.Values.Where(p => p.OwnerImage == image)];
        foreach (var publication in own)
            publication.Revoke();
    }

    /// <summary>
    /// Waits until no guest thread is inside an operation on a publication. Threads that use one say so in a word of their own, without
    /// a barrier (<see cref="CvmThread.BeginUse"/>); the barrier of all processors here pays for it.
    /// </summary>
    internal void AwaitThreads(Publication publication)
    {
        ProcessImage[] members;
        lock (_gate)
            members = [.. _members];
        Interlocked.MemoryBarrierProcessWide();
        foreach (var image in members)
        {
            image.ForEachThread(thread =>
            {
                var wait = new SpinWait();
                while (thread.IsUsing(publication))
                    wait.SpinOnce();
            });
        }
    }

    private static bool HasPages(Publication publication) => publication is CpFile { Descriptor: >= 0 };

    /// <summary>Takes mappings away from every cVM.</summary>
    internal void WithdrawMappings(Func<LibOs.Mm.IMappingSource, bool> isGone)
    {
        ProcessImage[] members;
        lock (_gate)
            members = [.. _members];
        foreach (var image in members)
            image.Space.Withdraw(isGone);
    }

    private T Entered<T>(T publication)
        where T : Publication
    {
        if (Publish(publication) == 0)
            return publication;
        publication.Revoke();
        throw new InvalidOperationException($"{publication.Name} is published already");
    }

    private static void Validate(string name)
    {
        if (!IsName(name))
            throw new ArgumentException($"\"{name}\" cannot be published: a name has 1 to {LongestName} characters of '!' to '~' without '/'", nameof(name));
    }
}
