using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Intravisor.LibOs.Waiting;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>
/// What an inner cVM has of its outer one: a slot inside the other's memory, and a function of the other that serves its system calls. The
/// outer one reads and writes that memory with its own loads and stores; the inner one's checks end at its own slot.
/// </summary>
/// <remarks>
/// A call runs on the host thread of the inner one's thread, with the registers of a thread of the outer one that serves
/// (<see cref="CallServer.Visit"/>). Thread-safe.
/// </remarks>
internal sealed unsafe class OuterLayer
{
    /// <summary>Number with which the handler is told that the inner cVM has ended; the arguments are its status and the signal.</summary>
    private const long Ended = -1;

    private const ulong ThreadFlags = 0x100 | 0x10000;

    private readonly Cvm _inner;
    private readonly Cvm _outer;
    private readonly ProcessImage _image;
    private readonly ulong _size;
    private ulong _start;

    /// <summary>Makes the layer of a cVM that is being made.</summary>
    public OuterLayer(Cvm inner, Cvm outer)
    {
        (_inner, _outer) = (inner, outer);
        _image = outer.Init.Image;
        // Room for three beside what the outer one has itself, and for the next layer.
        _size = Math.Min(inner.Options.Limits.SlotSize, Math.Max(_image.Space.Size / 4, GuestLayout.MinimumSlotSize));
    }

    /// <summary>Address in the outer cVM's memory of the inner one's address 0.</summary>
    public ulong Start => _start;

    /// <summary>Bytes of the inner cVM's slot.</summary>
    public ulong Size => _size;

    /// <summary>Held while the inner cVM is being made: the outer one does not end meanwhile.</summary>
    public Lock Nesting => _image.Nesting;

    /// <summary>The slot of the inner cVM, which has one process.</summary>
    /// <exception cref="InsufficientMemoryException">There is no room for it.</exception>
    /// <exception cref="InvalidOperationException">The outer cVM has ended, or has capabilities.</exception>
    public Slot NewSlot()
    {
        (var slot, _start) = _image.Nest(_inner, _size);
        return slot;
    }

    /// <summary>The slot is not used any more.</summary>
    public void GiveBack() => _image.Unnest(_inner, _start, _size);

    /// <summary>
    /// Whether a call is the Intravisor's own affair: what concerns threads, signals and pages of the inner cVM, which its outer one has no
    /// means to carry out, and nobody outside. All others are the outer one's, also those that do not exist.
    /// </summary>
    public static bool IsNative(long number, in SyscallArguments a) => number switch
    {
        93 or 94 => true, // exit, exit_group
        96 or 98 or 99 or 100 or 124 or 178 => true, // set_tid_address, futex, robust lists, sched_yield, gettid
        129 or 130 or 131 or 172 => true, // kill, tkill, tgkill, getpid: its only process is its own
        >= 132 and <= 139 or 240 => true, // sigaltstack and rt_sig...
        214 or 215 or 216 or 226 or 227 or (>= 228 and <= 233) or 284 => true, // brk, munmap, mremap, mprotect, msync, mlock..., madvise
        222 => (a.A3 & MemoryFlags.MAP_ANONYMOUS) != 0, // mmap; the descriptors are the outer one's
        220 => ((ulong)a.A0 & ThreadFlags) == ThreadFlags, // clone of a thread, not of a process
        258 or 259 or 283 => true, // riscv_hwprobe, riscv_flush_icache, membarrier
        HostcallTable.HandlerServe or HostcallTable.Inner or HostcallTable.InnerKill or HostcallTable.Copy => true, // it may be an outer one itself
        _ => false,
    };

    /// <summary>Has the outer cVM serve a call; what its function returns, or -ERESTARTSYS.</summary>
    public long SystemCall(CvmThread thread, long number, in SyscallArguments a)
    {
        if (!thread.HasHostStack(CpCall.LeastHostStack))
            return thread.TryUnwind(CpCall.LeastHostStack) ? 0 : -Errno.ELOOP;
        var error = Claim(thread, ref thread.LastHandler);
        if (error != 0)
            return error;
        var arguments = new CallArguments(number, a.A0, a.A1, a.A2, a.A3, a.A4, a.A5, (long)_start);
        var outcome = thread.LastHandler!.Visit(arguments, thread, thread.HostStackLimit, nanoseconds: -1, isCompleted: true);
        if (outcome.Error == 0)
            return outcome.Value;
        // The call was cut short: with its outer cVM the inner one ends, and the thread that served alone is no reason.
        if (_outer.IsEnding)
            _inner.Kill(Signal.SIGKILL);
        return -Errno.EIO;
    }

    /// <summary>Tells the outer cVM that the inner one has ended, while its memory is there, and waits until it has taken note of it.</summary>
    public void ReportEnd(CvmExit exit)
    {
        const ulong stack = 512 * 1024;
        byte marker;
        CallServer? server = null;
        if (Claim(HostWaiter.OfThread, ref server) != 0)
            return;
        var entered = FaultTrap.EnterThread();
        server!.Visit(new CallArguments(Ended, exit.Status, exit.Signal, 0, A7: (long)_start), caller: null, (ulong)&marker - stack, nanoseconds: -1);
        if (entered)
            FaultTrap.LeaveThread();
    }

    /// <summary>Takes a thread that serves, waiting for one, and for the function to be published; 0, -ERESTARTSYS or, when the outer cVM ends, -EPIPE.</summary>
    private int Claim(IWaiter who, ref CallServer? server)
    {
        while (true)
        {
            if (_image.Handler is { IsRevoked: false } handler)
            {
                var error = handler.Claim(who, ref server, long.MaxValue);
                if (error != -Errno.EPIPE)
                    return error;
            }

            if (_image.IsOver)
                return -Errno.EPIPE;
            if (_image.Published.Wait(who, long.MaxValue, static i => i.IsOver || i.Handler is { IsRevoked: false }, _image) != ParkResult.Woken)
                return -Errno.ERESTARTSYS;
        }
    }
}
