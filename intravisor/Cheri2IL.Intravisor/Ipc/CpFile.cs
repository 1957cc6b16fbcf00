using System.Buffers;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.Ipc;

/// <summary>
/// A range of bytes of a cVM's own memory, or of the host's, that others read and write as the file /cap/NAME. The bytes stay where
/// they are; each operation is one copy between them and the caller's memory, made by the caller's thread. One that has pages of its own
/// can also be mapped: then there is no operation, but loads and stores.
/// </summary>
/// <remarks>
/// Nothing orders what several do to the same bytes at the same time, as with shared memory. A range of a cVM is whatever is mapped there
/// when an operation reaches it: where its owner has unmapped or protected pages, operations fail with EFAULT.
/// </remarks>
public sealed unsafe class CpFile : Publication
{
    /// <summary>Most bytes that one operation moves without looking whether its right was revoked.</summary>
    public const int LargestStep = 1 << 18;

    private readonly byte* _bytes;

    /// <summary>Of the owner, if the bytes are in its slot: then copies may trap, and what is written there loses its tags.</summary>
    private readonly AddressSpace? _space;
    private readonly SharedMemory? _pages;
    private MemoryHandle _pin;
    private int _hostUses;
    private long _events;

    internal CpFile(Exchange exchange, string name, Memory<byte> buffer, CpRights mostRights)
        : base(exchange, name, owner: null, mostRights, CpRights.ReadWrite)
    {
        _pin = buffer.Pin();
        _bytes = (byte*)_pin.Pointer;
        Length = buffer.Length;
    }

    /// <summary>Of [address, address + length) in the owner's slot, which the caller has checked.</summary>
    internal CpFile(Exchange exchange, string name, ProcessImage owner, long address, long length, CpRights mostRights)
        : base(exchange, name, owner, mostRights, CpRights.ReadWrite)
    {
        _space = owner.Space;
        _bytes = _space.Base + address;
        Length = length;
    }

    /// <summary>Of zeroed pages of its own, which can be mapped.</summary>
    /// <exception cref="System.ComponentModel.Win32Exception">The host has no memory left.</exception>
    internal CpFile(Exchange exchange, string name, ProcessImage? owner, long length, CpRights mostRights)
        : base(exchange, name, owner, mostRights, CpRights.ReadWrite)
    {
        _pages = new SharedMemory((ulong)length);
        _bytes = _pages.Base;
        Length = length;
    }

    /// <summary>Bytes.</summary>
    public long Length { get; }

    /// <summary>
    /// How many events it has had; wraps at 2^62. What they mean is between its users: usually that bytes were written.
    /// </summary>
    public long Events => Interlocked.Read(ref _events) & (long.MaxValue >> 1);

    /// <summary>Guest threads that wait for an event.</summary>
    internal WaitQueue Waiting { get; } = new(isAsymmetric: true);

    /// <summary>One event more; wakes who waits for one. The count.</summary>
    public long SignalEvent()
    {
        var count = Interlocked.Increment(ref _events) & (long.MaxValue >> 1);
        Waiting.Wake();
        return count;
    }

    /// <summary>Host descriptor of its pages, which can be mapped; -1: it has none of its own.</summary>
    internal int Descriptor => _pages?.Descriptor ?? -1;

    /// <summary>Copies bytes out, for the host.</summary>
    /// <param name="offset">Where to start.</param>
    /// <param name="destination">Receives them.</param>
    /// <returns>Bytes copied: fewer than asked at the end of the file.</returns>
    /// <exception cref="InvalidOperationException">It is revoked, or its owner has unmapped the memory.</exception>
    public int Read(long offset, Span<byte> destination)
    {
        fixed (byte* to = destination)
            return Checked(Copy(to, destination.Length, offset, isWrite: false));
    }

    /// <summary>Copies bytes in, for the host, which needs no right.</summary>
    /// <param name="offset">Where to start.</param>
    /// <param name="source">The bytes.</param>
    /// <returns>Bytes copied: fewer than asked at the end of the file.</returns>
    /// <exception cref="InvalidOperationException">It is revoked, or its owner has unmapped or protected the memory.</exception>
    public int Write(long offset, ReadOnlySpan<byte> source)
    {
        fixed (byte* from = source)
            return Checked(Copy(from, source.Length, offset, isWrite: true));
    }

    /// <summary>Copies between the file and memory of a guest, on its thread; bytes moved or a negated errno.</summary>
    /// <param name="thread">The calling thread.</param>
    /// <param name="access">By what right.</param>
    /// <param name="address">Guest address of the thread's cVM.</param>
    /// <param name="length">Bytes asked for, not negative.</param>
    /// <param name="offset">Where in the file, not negative.</param>
    /// <param name="isWrite">Whether the guest writes the file.</param>
    internal long Copy(CvmThread thread, CpAccess access, long address, long length, long offset, bool isWrite)
    {
        var room = Length - offset;
        if (room <= 0)
            return isWrite && length > 0 ? -Errno.ENOSPC : 0;
        length = Math.Min(length, room);
        var done = 0L;
        do
        {
            var step = Math.Min(length - done, LargestStep);
            thread.BeginUse(this);
            var error = access.Allows(isWrite ? CpRights.Write : CpRights.Read)
                ? MoveStep(thread, address + done, _bytes + offset + done, (ulong)step, isWrite, length >= GuestCopy.BeyondCaches) ? 0 : -Errno.EFAULT
                : -Errno.EACCES;
            thread.EndUse();
            if (error != 0)
                return done > 0 ? done : error;
            done += step;
        }
        while (done < length && !thread.IsInterrupted);
        thread.Cvm.Telemetry?.Moved("cp_file", done);
        return done;
    }

    /// <summary>Copies between the file and memory of the host; bytes moved or a negated errno. Where a guest asked, by its right.</summary>
    internal int Copy(byte* memory, int length, long offset, bool isWrite, CpAccess? access = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        length = (int)Math.Min(length, Math.Max(Length - offset, 0));
        Interlocked.Increment(ref _hostUses);
        var entered = _space is not null && FaultTrap.EnterThread();
        try
        {
            if (IsRevoked || access?.Allows(isWrite ? CpRights.Write : CpRights.Read) == false)
                return -Errno.EACCES;
            if (_space is not null)
            {
                var at = _bytes - _space.Base + offset;
                return (isWrite ? _space.Memory.TryCopyIn(at, memory, (ulong)length) : _space.Memory.TryCopyOut(at, memory, (ulong)length))
                    ? length : -Errno.EFAULT;
            }

            Buffer.MemoryCopy(isWrite ? memory : _bytes + offset, isWrite ? _bytes + offset : memory, length, length);
            return length;
        }
        finally
        {
            if (entered)
                FaultTrap.LeaveThread();
            Interlocked.Decrement(ref _hostUses);
        }
    }

    /// <inheritdoc/>
    internal override OpenFile? Open(Cvm cvm, Inode inode, int flags, out int error)
    {
        var needed = (flags & FileAbi.O_ACCMODE) switch
        {
            FileAbi.O_RDONLY => CpRights.Read,
            FileAbi.O_WRONLY => CpRights.Write,
            _ => CpRights.ReadWrite,
        };
        var access = AccessOf(cvm);
        error = access?.Allows(needed) == true ? 0 : -Errno.EACCES;
        return error == 0 ? new CpOpenFile(this, access!, inode, flags) : null;
    }

    /// <inheritdoc/>
    internal override (int Mode, long Size) Describe(CpRights rights)
    {
        const int readable = 0x124;
        const int writable = 0x92;
        return (FileAbi.S_IFREG | (rights.HasFlag(CpRights.Read) ? readable : 0) | (rights.HasFlag(CpRights.Write) ? writable : 0), Length);
    }

    private protected override void Drain()
    {
        Waiting.Wake();
        base.Drain();
        if (_pages is not null)
            WithdrawMappings(source => source is CpMapping mapping && mapping.File == this && !mapping.IsCurrent);
        var wait = new SpinWait();
        while (Volatile.Read(ref _hostUses) > 0)
            wait.SpinOnce();
    }

    private protected override void Release()
    {
        _pin.Dispose();
        if (_pages is null)
            return;
        _pages.Dispose();
        OwnerImage?.Space.Discharge(_pages.Length);
    }

    private static int Checked(int result) => result >= 0 ? result
        : throw new InvalidOperationException(result == -Errno.EFAULT ? "the owner has unmapped or protected the memory" : "revoked");

    /// <summary>One copy; what the owner has there stops being capabilities when it is written.</summary>
    private bool MoveStep(CvmThread thread, long address, byte* bytes, ulong length, bool isWrite, bool isStreaming)
    {
        if (!isWrite)
            return thread.Memory.TryCopyIn(address, bytes, length, isStreaming);
        _space?.Tags?.Clear((ulong)(bytes - _space.Base), length);
        return thread.Memory.TryCopyOut(address, bytes, length, isStreaming);
    }
}
