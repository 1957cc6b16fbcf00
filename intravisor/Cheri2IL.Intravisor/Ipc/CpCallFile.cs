using System.Runtime.CompilerServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.Ipc;

/// <summary>A <see cref="CpCall"/> that a guest has open to call.</summary>
internal sealed unsafe class CpCallFile(CpCall call, CpAccess access, Inode inode, int flags) : OpenFile(inode, flags)
{
    private readonly Lock _gate = new();
    private CallEntries? _entries;
    private ulong _entry;
    private bool _isClosed;

    /// <summary>The server of the last call, most likely idle.</summary>
    private CallServer? _last;

    /// <summary>Whether the callee's own thread is to run the function, rather than the caller's.</summary>
    public bool UsesCarrier { get; private set; }

    /// <summary>Whether the callee may write what is lent to it.</summary>
    public bool LendsWritable { get; private set; }

    /// <summary>Nanoseconds for the wait for a server, and then again for the function; negative: no limit.</summary>
    public long Timeout { get; private set; } = -1;

    /// <summary>cp_call_set: how calls are made from now on; 0 or -EINVAL.</summary>
    public int Set(long flags, long timeout)
    {
        const long carrier = 1;
        const long lendsWritable = 2;
        if ((flags & ~(carrier | lendsWritable)) != 0)
            return -Errno.EINVAL;
        (UsesCarrier, LendsWritable, Timeout) = ((flags & carrier) != 0, (flags & lendsWritable) != 0, timeout);
        return 0;
    }

    /// <summary>The number by which programs of the cVM enter it with CInvoke, until it is closed; false: it is.</summary>
    public bool TryGetEntry(CallEntries entries, out ulong number)
    {
        lock (_gate)
        {
            if (!_isClosed && _entries is null)
                (_entries, _entry) = (entries, entries.Add(this));
            number = _entry;
            return !_isClosed;
        }
    }

    /// <summary>cp_call: 0 with what the function returned, or a negated errno; 0 without a value where it is to be made again (<see cref="CvmThread.IsRedirected"/>).</summary>
    // Left to the JIT compiler: see CallServer.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public long Invoke(CvmThread thread, in CallArguments arguments, long buffer, long length, out long value)
    {
        value = 0;
        if (length != 0 && !(thread.Memory.Permits(buffer, (ulong)length, isWrite: false) && (!LendsWritable || thread.Memory.Permits(buffer, (ulong)length, isWrite: true))))
            return -Errno.EFAULT;
        if (!access.Allows(CpRights.Call))
            return -Errno.EACCES;
        if (!UsesCarrier && !thread.HasHostStack(CpCall.LeastHostStack))
            return thread.TryUnwind(CpCall.LeastHostStack) ? 0 : -Errno.ELOOP;
        if (LendsWritable && UsesCarrier)
        {
            // The caller goes on when its time is over, perhaps before the last copy is.
            thread.Image.ShareMemory();
        }

        var deadline = Timeout < 0 ? long.MaxValue : Deadlines.After(thread.Cvm.Host, Timeout);
        var server = _last;
        var error = call.Claim(thread, ref server, IsNonBlocking ? 0 : deadline);
        if (error != 0)
            return IsNonBlocking && error == -Errno.ETIMEDOUT ? -Errno.EAGAIN : error;
        if (_last != server)
            _last = server;

        if (length != 0)
            server!.Lend(new LentBuffer((nint)(thread.Space.Base + buffer), (ulong)length, LendsWritable, thread.Space.Tags, (ulong)buffer));
        var outcome = UsesCarrier
            ? server!.Post(arguments, thread, deadline)
            : server!.Visit(arguments, thread, thread.HostStackLimit, Timeout);
        value = outcome.Value;
        return outcome.Error;
    }

    /// <inheritdoc/>
    internal override WaitQueue Waiters => call.Idle;

    /// <inheritdoc/>
    protected override void Close()
    {
        lock (_gate)
        {
            _isClosed = true;
            _entries?.Remove(_entry);
        }
    }

    /// <inheritdoc/>
    public override int Poll() => call.IsRevoked ? FileAbi.POLLERR | FileAbi.POLLHUP : FileAbi.POLLOUT;
}

/// <summary>The callee's end: closing it ends the publication.</summary>
internal sealed class CpCallOwner(CpCall call, Inode inode) : OpenFile(inode, FileAbi.O_RDONLY)
{
    /// <summary>What it is the end of.</summary>
    public CpCall Call => call;

    /// <inheritdoc/>
    protected override void Close() => call.Revoke();
}
