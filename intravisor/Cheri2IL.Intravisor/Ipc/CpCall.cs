using System.Reflection;
using System.Runtime.CompilerServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.Ipc;

/// <summary>
/// A function of a cVM that others call: with three integers, a value, and a buffer that the callee may use until it returns. Threads of
/// the callee that wait in cp_call_serve lend stack and registers to the calls, so there are as many at a time as there are such threads.
/// </summary>
/// <remarks>Thread-safe.</remarks>
public sealed unsafe class CpCall : Publication
{
    /// <summary>Host stack that a function gets at least: less, and there would be no progress.</summary>
    internal const ulong LeastHostStack = 128 * 1024;

    private readonly Lock _gate = new();
    private CallServer[] _servers = [];

    /// <summary>What every call goes through is compiled before the first function is published, because it takes milliseconds, of which a call may not have so many.</summary>
    static CpCall()
    {
        const BindingFlags all = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;
        foreach (var method in ((Type[])[typeof(CallHostcalls), typeof(CpCallFile), typeof(CallServer), typeof(GuestThread)]).SelectMany(t => t.GetMethods(all)))
        {
            if (method.MethodImplementationFlags.HasFlag(MethodImplAttributes.AggressiveOptimization))
                RuntimeHelpers.PrepareMethod(method.MethodHandle);
        }
    }

    internal CpCall(Exchange exchange, string name, ProcessImage owner, long function)
        : base(exchange, name, owner, CpRights.Call, CpRights.Call) => Function = function;

    /// <summary>A function of a program with capabilities.</summary>
    /// <param name="exchange">Where it is found.</param>
    /// <param name="name">Its name.</param>
    /// <param name="owner">Whose it is.</param>
    /// <param name="code">PCC when it is called: where it begins, and what it may execute.</param>
    /// <param name="data">DDC when it is called.</param>
    internal CpCall(Exchange exchange, string name, ProcessImage owner, in Capability code, in Capability data)
        : this(exchange, name, owner, (long)code.Address) => (Code, Data) = (code, data);

    /// <summary>PCC when it is called, of a program with capabilities.</summary>
    internal Capability Code { get; }

    /// <summary>DDC when it is called, of a program with capabilities.</summary>
    internal Capability Data { get; }

    /// <summary>Guest address of the function.</summary>
    internal long Function { get; }

    /// <summary>Callers that wait for a server.</summary>
    internal WaitQueue Idle { get; } = new(isAsymmetric: true);

    /// <summary>Calls the function from the host, on the calling thread.</summary>
    /// <param name="a0">First argument.</param>
    /// <param name="a1">Second.</param>
    /// <param name="a2">Third.</param>
    /// <param name="buffer">What the function may read and write until it returns; its length is the fourth argument.</param>
    /// <param name="timeout">For the wait for a serving thread and then for the function; negative: none.</param>
    /// <returns>What the function returned.</returns>
    /// <exception cref="InvalidOperationException">It is revoked, or the cVM ended during the call.</exception>
    /// <exception cref="TimeoutException">The function did not return, or no thread served, in time.</exception>
    public long Invoke(long a0 = 0, long a1 = 0, long a2 = 0, Span<byte> buffer = default, TimeSpan? timeout = null)
    {
        // Of what a thread has at least: 1.5 MB, of which this may be called deep inside.
        const ulong stack = 512 * 1024;
        byte marker;
        RuntimeHelpers.EnsureSufficientExecutionStack();
        var entered = FaultTrap.EnterThread();
        try
        {
            fixed (byte* bytes = buffer)
            {
                CallServer? last = null;
                var nanoseconds = timeout is { } time && time >= TimeSpan.Zero ? time.Ticks * 100 : -1;
                var error = Claim(HostWaiter.OfThread, ref last, HostWaiter.DeadlineOf(timeout ?? TimeSpan.FromTicks(-1)));
                if (error == 0)
                    last!.Lend(new LentBuffer((nint)bytes, (ulong)buffer.Length, IsWritable: true, Tags: null, Address: 0));
                var outcome = error != 0 ? new CallOutcome(error, 0)
                    : last!.Visit(new CallArguments(a0, a1, a2, buffer.Length), caller: null, (ulong)&marker - stack, nanoseconds);
                return outcome.Error switch
                {
                    0 => outcome.Value,
                    -Errno.ETIMEDOUT => throw new TimeoutException(),
                    _ => throw new InvalidOperationException(outcome.Error == -Errno.ECONNRESET ? "the callee ended" : "revoked"),
                };
            }
        }
        finally
        {
            if (entered)
                FaultTrap.LeaveThread();
        }
    }

    /// <summary>
    /// Takes a server that is idle, waiting for one if need be; 0, or -ETIMEDOUT, what <see cref="Deadlines.Interrupted"/> says, -EPIPE.
    /// </summary>
    /// <param name="who">The calling thread.</param>
    /// <param name="server">The one that it had last, and then the one that it has.</param>
    /// <param name="deadline">Until when it waits.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal int Claim(IWaiter who, ref CallServer? server, long deadline)
        => server is not null && server.TryClaim(this) ? 0 : ClaimAny(who, ref server, deadline);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private int ClaimAny(IWaiter who, ref CallServer? server, long deadline)
    {
        // Before the first call by a descriptor, when what calls go through may have to be compiled, and before one that has to wait: not what the
        // thread's next transition may take for next to nothing.
        if (who is CvmThread thread)
            FloatStatus.Forget(thread.State);
        while (true)
        {
            foreach (var candidate in Volatile.Read(ref _servers))
            {
                if (candidate.TryClaim(this))
                {
                    server = candidate;
                    return 0;
                }
            }

            if (IsRevoked)
                return -Errno.EPIPE;
            var result = Idle.Wait(who, deadline, static c => c.IsRevoked || c.HasIdle, this);
            if (result != ParkResult.Woken)
                return result == ParkResult.TimedOut ? -Errno.ETIMEDOUT : Deadlines.Interrupted(deadline);
        }
    }

    /// <summary>A thread serves.</summary>
    internal void Add(CallServer server)
    {
        lock (_gate)
            Volatile.Write(ref _servers, [.. _servers, server]);
        Idle.Wake();
    }

    /// <summary>It does not any more.</summary>
    internal void Remove(CallServer server)
    {
        lock (_gate)
            Volatile.Write(ref _servers, [.. _servers.Where(s => s != server)]);
    }

    /// <inheritdoc/>
    internal override OpenFile? Open(Cvm cvm, Inode inode, int flags, out int error)
    {
        var access = AccessOf(cvm);
        error = access?.Allows(CpRights.Call) == true ? 0 : -Errno.EACCES;
        return error == 0 ? new CpCallFile(this, access!, inode, flags) : null;
    }

    /// <inheritdoc/>
    internal override (int Mode, long Size) Describe(CpRights rights) => (FileAbi.S_IFCHR | (rights.HasFlag(CpRights.Call) ? 0x1b6 : 0), 0);

    /// <summary>
    /// Calls that run go on: they are the callee's own doing. Whoever waits to begin, and the threads that serve, look and stop.
    /// </summary>
    private protected override void Drain()
    {
        Interlocked.MemoryBarrierProcessWide();
        Idle.Wake();
        foreach (var server in Volatile.Read(ref _servers))
            server.Wake();
    }

    private bool HasIdle => Array.Exists(Volatile.Read(ref _servers), static s => s.IsIdle);
}
