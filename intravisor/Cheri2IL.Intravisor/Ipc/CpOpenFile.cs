using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.Ipc;

/// <summary>A <see cref="CpFile"/> that a guest has open: an ordinary file of fixed length with a position.</summary>
/// <remarks>
/// Threads that read at the position at the same time get different bytes: each takes its range before it copies. Where the copy fails
/// or is cut short, it puts the position back by the rest.
/// </remarks>
internal sealed unsafe class CpOpenFile(CpFile file, CpAccess access, Inode inode, int flags) : IpcFile(inode, flags)
{
    private long _position;

    /// <summary>What is open.</summary>
    public CpFile File => file;

    /// <summary>By what right.</summary>
    public CpAccess Access => access;

    /// <inheritdoc/>
    public override bool IsSeekable => true;

    /// <inheritdoc/>
    public override long Available => Math.Max(0, file.Length - Volatile.Read(ref _position));

    /// <inheritdoc/>
    public override long Transfer(CvmThread thread, long address, long length, long offset, bool isWrite)
    {
        if (offset >= 0)
            return file.Copy(thread, access, address, length, offset, isWrite);
        var taken = Take(length, out offset);
        var done = file.Copy(thread, access, address, length, offset, isWrite);
        if (done != taken)
            Interlocked.Add(ref _position, Math.Max(done, 0) - taken);
        return done;
    }

    /// <inheritdoc/>
    internal override long Read(ref IoVector to)
    {
        var taken = Take(to.Left, out var offset);
        var done = ReadAt(offset, ref to);
        Interlocked.Add(ref _position, Math.Max(done, 0) - taken);
        return done;
    }

    /// <inheritdoc/>
    internal override long Write(ref IoVector from)
    {
        var taken = Take(from.Left, out var offset);
        var done = WriteAt(offset, ref from);
        Interlocked.Add(ref _position, Math.Max(done, 0) - taken);
        return done;
    }

    /// <inheritdoc/>
    // Buffers of the library OS: guests' own memory goes through Transfer.
    internal override long ReadAt(long offset, ref IoVector to)
    {
        fixed (byte* bytes = to.Buffer)
        {
            var done = file.Copy(bytes, to.Buffer.Length, offset, isWrite: false, access);
            to.Skip((int)Math.Max(done, 0));
            return done;
        }
    }

    /// <inheritdoc/>
    internal override long WriteAt(long offset, ref IoVector from)
    {
        fixed (byte* bytes = from.Buffer)
        {
            var length = from.Buffer.Length;
            var done = file.Copy(bytes, length, offset, isWrite: true, access);
            from.Skip((int)Math.Max(done, 0));
            return done == 0 && length > 0 ? -Errno.ENOSPC : done;
        }
    }

    /// <inheritdoc/>
    public override long Seek(long offset, int whence)
    {
        var from = whence switch
        {
            FileAbi.SEEK_SET or FileAbi.SEEK_DATA or FileAbi.SEEK_HOLE => 0,
            FileAbi.SEEK_CUR => Volatile.Read(ref _position),
            FileAbi.SEEK_END => file.Length,
            _ => -1,
        };
        if (from < 0 || offset > long.MaxValue - from || from + offset < 0)
            return -Errno.EINVAL;
        var target = from + offset;
        if (whence is FileAbi.SEEK_DATA or FileAbi.SEEK_HOLE && target >= file.Length)
            return -Errno.ENXIO;
        if (whence == FileAbi.SEEK_HOLE)
            target = file.Length;
        Volatile.Write(ref _position, target);
        return target;
    }

    /// <summary>mmap: the address, or a negated errno.</summary>
    public long Map(CvmThread thread, long address, ulong length, int protection, int flags, long offset)
    {
        var rights = access.Rights & (CanWrite ? CpRights.ReadWrite : CpRights.Read);
        // A mapping that can become writable is one that ends when the right to write does.
        var source = new CpMapping(file, access, access.Rights, Path);
        if (!rights.HasFlag(CpRights.Read) || (!rights.HasFlag(CpRights.Write) && (protection & MemoryFlags.PROT_WRITE) != 0 && (flags & MemoryFlags.MAP_TYPE) != MemoryFlags.MAP_PRIVATE))
            return -Errno.EACCES;
        if (file.Descriptor < 0)
            return -Errno.ENODEV;
        // Before others' stores reach its memory.
        thread.Image.ShareMemory();
        var result = thread.Space.Map(address, length, protection, flags, source, offset, Path);
        if (result < 0 || source.IsCurrent)
            return result;
        // Who took the right away may have looked for mappings before this one was there.
        thread.Space.Unmap(result, length);
        return -Errno.EACCES;
    }

    /// <summary>cp_wait: the count of events as soon as it is not <paramref name="seen"/>; -ETIMEDOUT, what <see cref="Deadlines.Interrupted"/> says or, without right, -EACCES.</summary>
    public long AwaitEvent(CvmThread thread, long seen, long deadline)
    {
        var result = file.Waiting.Wait(thread, deadline, static w => w.File.Events != w.Seen || w.Access.Rights == CpRights.None, (File: file, Access: access, Seen: seen));
        return access.Rights == CpRights.None ? -Errno.EACCES
            : result == ParkResult.Woken ? file.Events
            : result == ParkResult.TimedOut ? -Errno.ETIMEDOUT : Deadlines.Interrupted(deadline);
    }

    /// <summary>cp_wake: one event more; the count.</summary>
    public long SignalEvent() => access.Rights == CpRights.None ? -Errno.EACCES : file.SignalEvent();

    /// <inheritdoc/>
    internal override WaitQueue Waiters => file.Waiting;

    /// <summary>POLLHUP once it is revoked.</summary>
    public override int Poll() => FileAbi.POLLIN | FileAbi.POLLOUT | (access.Rights == CpRights.None ? FileAbi.POLLHUP | FileAbi.POLLERR : 0);

    /// <summary>Moves the position over the range that an operation is to have; its length.</summary>
    private long Take(long length, out long offset)
    {
        while (true)
        {
            offset = Volatile.Read(ref _position);
            var taken = Math.Clamp(file.Length - offset, 0, length);
            if (Interlocked.CompareExchange(ref _position, offset + taken, offset) == offset)
                return taken;
        }
    }
}
