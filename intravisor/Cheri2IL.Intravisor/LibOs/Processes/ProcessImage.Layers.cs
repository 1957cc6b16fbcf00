using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Waiting;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <content>Inner cVMs: their slots are ranges of this memory, and its program serves their system calls.</content>
public sealed unsafe partial class ProcessImage
{
    private readonly Lock _layers = new();
    private List<Cvm>? _inner;
    private CpCall? _handler;
    private bool _isOver;

    /// <summary>The function that serves system calls of inner cVMs; null while the program has not published it.</summary>
    internal CpCall? Handler => Volatile.Read(ref _handler);

    /// <summary>Whether nothing runs in it any more, and inner cVMs are being ended.</summary>
    internal bool IsOver => Volatile.Read(ref _isOver);

    /// <summary>Threads of inner cVMs that wait for a <see cref="Handler"/>.</summary>
    internal WaitQueue Published { get; } = new();

    /// <summary>Held while an inner cVM is being made.</summary>
    internal Lock Nesting { get; } = new();

    /// <summary>The function at an address serves system calls of inner cVMs from now on. Another one before it is revoked.</summary>
    internal CpCall Publish(long function)
    {
        CpCall handler;
        CpCall? before;
        lock (_layers)
        {
            if (_handler is { IsRevoked: false } present && present.Function == function)
                return present;
            before = _handler;
            handler = new CpCall(Cvm.Exchange, "[handler]", this, function);
            Volatile.Write(ref _handler, handler);
        }

        before?.Revoke();
        Published.Wake();
        return handler;
    }

    /// <summary>Makes a slot for an inner cVM, and ends that one when this image goes.</summary>
    /// <exception cref="InsufficientMemoryException">There is no room for it.</exception>
    /// <exception cref="InvalidOperationException">The image is going, or its program has capabilities.</exception>
    internal (Slot Slot, ulong Start) Nest(Cvm inner, ulong size)
    {
        lock (_layers)
        {
            if (_isOver)
                throw new InvalidOperationException($"{Cvm.Name} has ended");
            if (Space.Tags is not null)
                throw new InvalidOperationException($"{Cvm.Name} has capabilities: it cannot have inner cVMs");
            if (!Space.TryNest(size, $"[cvm:{inner.Name}]", out var start))
                throw new InsufficientMemoryException($"{Cvm.Name} has no room for a slot of {size >> 30} GiB");
            (_inner ??= []).Add(inner);
            return (_slot.Nest(start, size), start);
        }
    }

    /// <summary>
    /// Its program has capabilities. With inner cVMs that cannot be: what those store would have to clear tags of this memory as well. In an inner cVM, the
    /// outer one's stores may change what was tagged at any time.
    /// </summary>
    /// <exception cref="CvmLoadException">It has inner cVMs.</exception>
    private void EnableTags()
    {
        lock (_layers)
        {
            if (_inner is { Count: > 0 })
                throw new CvmLoadException($"it has capabilities, and the cVM {_inner[0].Name} is nested in it: programs with capabilities cannot have inner cVMs");
            Space.EnableTags();
        }

        if (Cvm.Outer is not null)
            Space.ShareTags();
    }

    /// <summary>The slot of an inner cVM is given back.</summary>
    internal void Unnest(Cvm inner, ulong start, ulong size)
    {
        Space.EndNested(start, size);
        lock (_layers)
            _inner?.Remove(inner);
    }

    /// <summary>The inner cVM whose slot begins at a guest address, or that has a name; null if there is none.</summary>
    internal Cvm? FindInner(Func<Cvm, bool> isMeant)
    {
        lock (_layers)
            return _inner?.Find(c => isMeant(c));
    }

    /// <summary>Nothing runs here any more: ends the inner cVMs, whose memory goes with this one, and waits for them.</summary>
    private void EndInner()
    {
        Cvm[] inner = [];
        lock (Nesting)
        {
            lock (_layers)
            {
                Volatile.Write(ref _isOver, true);
                if (_inner is not null)
                    inner = [.. _inner];
            }
        }

        // Those that want to report their end find nobody.
        Handler?.Revoke();
        Published.Wake();
        foreach (var cvm in inner)
            cvm.Dispose();
    }
}
