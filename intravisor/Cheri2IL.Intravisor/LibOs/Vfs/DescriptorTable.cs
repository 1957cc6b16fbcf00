using System.Runtime.CompilerServices;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>File descriptors of a process, or of several that share them.</summary>
/// <remarks>Thread-safe.</remarks>
public sealed class DescriptorTable
{
    private readonly Lock _gate = new();
    private (OpenFile? File, bool CloseOnExec)[] _slots = new (OpenFile?, bool)[16];
    private int _holders = 1;

    /// <summary>New descriptors must be below this (RLIMIT_NOFILE).</summary>
    public int Limit { get; set; } = 1024;

    /// <summary>Open descriptors.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _slots.Count(s => s.File is not null);
        }
    }

    /// <summary>The open file of a descriptor, or null.</summary>
    // Without the lock, which every read and write would take: an entry's file is one word, and a table that has been replaced by a
    // larger one only lacks what came later.
    public OpenFile? this[long descriptor]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            var slots = Volatile.Read(ref _slots);
            return (ulong)descriptor < (ulong)slots.Length ? Volatile.Read(ref slots[descriptor].File) : null;
        }
    }

    /// <summary>Open descriptors, ascending.</summary>
    public IReadOnlyList<OpenDescriptor> Snapshot()
    {
        lock (_gate)
        {
            var list = new List<OpenDescriptor>();
            for (var k = 0; k < _slots.Length; k++)
            {
                if (_slots[k].File is { } file)
                    list.Add(new(k, file));
            }

            return list;
        }
    }

    /// <summary>Puts a file into the lowest free descriptor from <paramref name="from"/> on. Negated EMFILE if there is none.</summary>
    public long Add(OpenFile file, bool closeOnExec, int from = 0)
    {
        lock (_gate)
        {
            for (var k = from; k < Limit; k++)
            {
                if (k < _slots.Length && _slots[k].File is not null)
                    continue;
                Store(k, file, closeOnExec);
                return k;
            }
        }

        return -Errno.EMFILE;
    }

    /// <summary>As <see cref="Add"/> for a file that has no descriptor yet: it is closed where there is none for it.</summary>
    public long AddNew(OpenFile file, bool closeOnExec)
    {
        file.AddReference();
        var descriptor = Add(file, closeOnExec);
        file.Release();
        return descriptor;
    }

    /// <summary>Puts a file into a descriptor, closing what was there. Negated EBADF beyond the limit.</summary>
    public long Set(long descriptor, OpenFile file, bool closeOnExec)
    {
        if ((ulong)descriptor >= (ulong)Limit)
            return -Errno.EBADF;
        OpenFile? old;
        lock (_gate)
        {
            old = (int)descriptor < _slots.Length ? _slots[descriptor].File : null;
            Store((int)descriptor, file, closeOnExec);
        }

        if (old is not null)
            Forget(old);
        return descriptor;
    }

    /// <summary>Closes a descriptor; false if it was not open.</summary>
    public bool Close(long descriptor)
    {
        OpenFile? file;
        lock (_gate)
        {
            if ((ulong)descriptor >= (ulong)_slots.Length || _slots[descriptor].File is null)
                return false;
            file = _slots[descriptor].File;
            _slots[descriptor] = default;
        }

        Forget(file!);
        return true;
    }

    /// <summary>A descriptor of a file is closed. With it go all locks that the process has of that file, by whatever descriptor (fcntl(2)).</summary>
    private void Forget(OpenFile file)
    {
        file.Inode.ReleaseLocks(this);
        file.Release();
    }

    /// <summary>Whether several processes have it.</summary>
    public bool IsShared => Volatile.Read(ref _holders) > 1;

    /// <summary>A table with the same open files, held once.</summary>
    public DescriptorTable Copy()
    {
        var copy = new DescriptorTable { Limit = Limit };
        lock (_gate)
        {
            copy._slots = ((OpenFile?, bool)[])_slots.Clone();
            foreach (var (file, _) in _slots)
                file?.AddReference();
        }

        return copy;
    }

    /// <summary>One more process has it. Returns the table.</summary>
    public DescriptorTable Hold()
    {
        Interlocked.Increment(ref _holders);
        return this;
    }

    /// <summary>One process less; the last one closes everything.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _holders) != 0)
            return;
        for (var k = 0; k < _slots.Length; k++)
            Close(k);
    }

    /// <summary>Closes what has FD_CLOEXEC.</summary>
    public void CloseForExecute()
    {
        foreach (var (descriptor, _) in Snapshot())
        {
            if (CloseOnExec(descriptor))
                Close(descriptor);
        }
    }

    /// <summary>FD_CLOEXEC of an open descriptor.</summary>
    public bool CloseOnExec(long descriptor)
    {
        lock (_gate)
            return _slots[descriptor].CloseOnExec;
    }

    /// <summary>Sets FD_CLOEXEC of an open descriptor.</summary>
    public void SetCloseOnExec(long descriptor, bool value)
    {
        lock (_gate)
            _slots[descriptor].CloseOnExec = value;
    }

    private void Store(int index, OpenFile file, bool closeOnExec)
    {
        if (index >= _slots.Length)
            Array.Resize(ref _slots, Math.Max(index + 1, _slots.Length * 2));
        file.AddReference();
        _slots[index] = (file, closeOnExec);
    }
}

/// <summary>An open descriptor.</summary>
/// <param name="Descriptor">Its number.</param>
/// <param name="File">What it is of.</param>
public sealed record OpenDescriptor(int Descriptor, OpenFile File);
