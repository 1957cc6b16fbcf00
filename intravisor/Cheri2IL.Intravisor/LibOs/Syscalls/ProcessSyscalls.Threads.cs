using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <content>Threads: start, end, scheduling.</content>
internal static partial class ProcessSyscalls
{
    private const ulong CLONE_VM = 0x100;
    private const ulong CLONE_FS = 0x200;
    private const ulong CLONE_FILES = 0x400;
    private const ulong CLONE_SIGHAND = 0x800;
    private const ulong CLONE_PIDFD = 0x1000;
    private const ulong CLONE_VFORK = 0x4000;
    private const ulong CLONE_THREAD = 0x10000;
    private const ulong CLONE_NEWNS = 0x20000;
    private const ulong CLONE_SYSVSEM = 0x40000;
    private const ulong CLONE_SETTLS = 0x80000;
    private const ulong CLONE_PARENT_SETTID = 0x100000;
    private const ulong CLONE_CHILD_CLEARTID = 0x200000;
    private const ulong CLONE_DETACHED = 0x400000;
    private const ulong CLONE_CHILD_SETTID = 0x1000000;
    private const ulong CLONE_CLEAR_SIGHAND = 0x1_0000_0000;

    /// <summary>CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET.</summary>
    private const ulong NewNamespaces = 0x80 | CLONE_NEWNS | 0x7E00_0000;
    private const int StackPointer = 2;
    private const int ThreadPointer = 4;
    private const int Result = 10;
    private const int StackArgument = 1;
    private const int ThreadArgument = 3;
    private const int ChildArgument = 4;
    private const ulong ThreadFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
    private const ulong IdFlags = CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_DETACHED | CLONE_CHILD_SETTID;
    private const ulong KnownFlags = ThreadFlags | IdFlags;
    private const ulong ProcessFlags = CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD | CLONE_CLEAR_SIGHAND | IdFlags;

    public static long Exit(CvmThread thread, in SyscallArguments a)
    {
        thread.End((int)a.A0);
        return 0;
    }

    public static long ExitGroup(CvmThread thread, in SyscallArguments a)
    {
        thread.Process.Exit((int)a.A0);
        return 0;
    }

    public static long SetTidAddress(CvmThread thread, in SyscallArguments a)
    {
        thread.SetClearChildId(a.A0, thread.Argument(0));
        return thread.Id;
    }

    /// <summary>clone(flags, stack, parent_tid, tls, child_tid): riscv has CLONE_BACKWARDS.</summary>
    public static long Clone(CvmThread thread, in SyscallArguments a)
    {
        const ulong exitSignal = 0xff;
        var flags = (uint)a.A0 & ~exitSignal;
        return Start(thread, new CloneArguments(flags, (int)((ulong)a.A0 & exitSignal), a.A1, a.A2, a.A3, a.A4, a.A2));
    }

    /// <summary>clone3(args, size): struct clone_args of include/uapi/linux/sched.h, version 0 or later.</summary>
    public static long Clone3(CvmThread thread, in SyscallArguments a)
    {
        // Its structure has pointers that are no capabilities.
        if (thread.IsPure)
            return -Errno.ENOSYS;
        const ulong firstVersion = 64;
        const ulong mostBytes = 4096;
        if ((ulong)a.A1 < firstVersion)
            return -Errno.EINVAL;
        if ((ulong)a.A1 > mostBytes)
            return -Errno.E2BIG;
        Span<long> words = stackalloc long[11];
        words.Clear();
        var given = Words.AsBytes(words)[..(int)Math.Min(a.A1, words.Length * sizeof(long))];
        if (!thread.Memory.TryRead(a.A0, given))
            return -Errno.EFAULT;

        // flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls
        var (flags, exitSignal, stack, size) = ((ulong)words[0], words[4], words[5], words[6]);
        if ((stack == 0) != (size == 0) || (ulong)exitSignal > Signal.Last || (flags & (CLONE_DETACHED | 0xff)) != 0
            || ((flags & CLONE_THREAD) != 0 && exitSignal != 0))
            return -Errno.EINVAL;

        // set_tid, set_tid_size and cgroup.
        if (words[8] != 0 || words[9] != 0)
            return -Errno.EPERM;
        return Start(thread, new CloneArguments(flags, (int)exitSignal, stack + size, words[3], words[7], words[2], words[1]));
    }

    public static long SchedYield(CvmThread thread, in SyscallArguments a)
    {
        Thread.Yield();
        return 0;
    }

    public static long SchedGetaffinity(CvmThread thread, in SyscallArguments a)
    {
        if ((uint)a.A1 < sizeof(ulong) || (a.A1 & 7) != 0)
            return -Errno.EINVAL;
        if (ThreadOf(thread, (int)a.A0) is not { } target)
            return -Errno.ESRCH;
        return thread.Memory.TryWrite(a.A2, target.Affinity) ? sizeof(ulong) : -Errno.EFAULT;
    }

    public static long SchedSetaffinity(CvmThread thread, in SyscallArguments a)
    {
        Span<byte> mask = stackalloc byte[sizeof(ulong)];
        mask.Clear();
        var given = mask[..(int)Math.Min((uint)a.A1, sizeof(ulong))];
        if (!thread.Memory.TryRead(a.A2, given))
            return -Errno.EFAULT;
        if (ThreadOf(thread, (int)a.A0) is not { } target)
            return -Errno.ESRCH;
        var processors = System.Buffers.Binary.BinaryPrimitives.ReadUInt64LittleEndian(mask) & CvmThread.AllProcessors(thread.Cvm.Host);
        if (processors == 0)
            return -Errno.EINVAL;
        target.Affinity = processors;
        return 0;
    }

    /// <summary>A time slice of SCHED_OTHER is shorter than a tick of the clock, and told in those.</summary>
    public static long SchedRrGetInterval(CvmThread thread, in SyscallArguments a)
        => (int)a.A0 < 0 ? -Errno.EINVAL : !IsThread(thread, (int)a.A0) ? -Errno.ESRCH
            : thread.Memory.TryWrite(a.A1, 0L) && thread.Memory.TryWrite(a.A1 + sizeof(long), 0L) ? 0 : -Errno.EFAULT;

    public static long SchedGetscheduler(CvmThread thread, in SyscallArguments a) => IsThread(thread, (int)a.A0) ? 0 : -Errno.ESRCH;

    public static long SchedSetscheduler(CvmThread thread, in SyscallArguments a)
    {
        // SCHED_OTHER, SCHED_BATCH and SCHED_IDLE have priority 0 only; real-time ones need a right that guests lack.
        if (!thread.Memory.TryRead(a.A2, out int priority))
            return -Errno.EFAULT;
        if (!IsThread(thread, (int)a.A0))
            return -Errno.ESRCH;
        return (int)a.A1 switch
        {
            0 or 3 or 5 => priority == 0 ? 0 : -Errno.EINVAL,
            1 or 2 => -Errno.EPERM,
            _ => -Errno.EINVAL,
        };
    }

    public static long SchedGetparam(CvmThread thread, in SyscallArguments a)
        => !IsThread(thread, (int)a.A0) ? -Errno.ESRCH : thread.Memory.TryWrite(a.A1, 0) ? 0 : -Errno.EFAULT;

    public static long SchedSetparam(CvmThread thread, in SyscallArguments a)
    {
        if (!thread.Memory.TryRead(a.A1, out int priority))
            return -Errno.EFAULT;
        return !IsThread(thread, (int)a.A0) ? -Errno.ESRCH : priority == 0 ? 0 : -Errno.EINVAL;
    }

    public static long SchedGetPriorityMax(CvmThread thread, in SyscallArguments a) => PriorityBound((int)a.A0, 99);

    public static long SchedGetPriorityMin(CvmThread thread, in SyscallArguments a) => PriorityBound((int)a.A0, 1);

    public static long Getcpu(CvmThread thread, in SyscallArguments a)
    {
        var processor = Thread.GetCurrentProcessorId() % thread.Cvm.Host.ProcessorCount;
        return (a.A0 == 0 || thread.Memory.TryWrite(a.A0, processor)) && (a.A1 == 0 || thread.Memory.TryWrite(a.A1, 0))
            ? 0
            : -Errno.EFAULT;
    }

    public static long Membarrier(CvmThread thread, in SyscallArguments a)
    {
        const int query = 0;
        const int global = 1;
        const int globalExpedited = 2;
        const int registerGlobalExpedited = 4;
        const int privateExpedited = 8;
        const int registerPrivateExpedited = 16;
        if (a.A1 != 0)
            return -Errno.EINVAL;
        switch ((int)a.A0)
        {
            case query:
                return global | globalExpedited | registerGlobalExpedited | privateExpedited | registerPrivateExpedited;
            case global or globalExpedited or privateExpedited:
                Interlocked.MemoryBarrierProcessWide();
                return 0;
            case registerGlobalExpedited or registerPrivateExpedited:
                return 0;
            default:
                return -Errno.EINVAL;
        }
    }

    private static long PriorityBound(int policy, int realtime) => policy switch
    {
        0 or 3 or 5 or 6 => 0,
        1 or 2 => realtime,
        _ => -Errno.EINVAL,
    };

    private static bool IsThread(CvmThread thread, int id) => ThreadOf(thread, id) is not null;

    private static CvmThread? ThreadOf(CvmThread thread, int id) => id == 0 || id == thread.Id ? thread : thread.Cvm.FindThread(id);

    /// <summary>A pointer that clone was given: its argument, with pure capabilities.</summary>
    private static Capability PointerOf(CvmThread thread, int argument, long address)
        => thread.IsPure ? thread.Argument(argument) : Capability.FromInteger((ulong)address);

    /// <summary>Checks in the order of kernel/fork.c, copy_process.</summary>
    private static long Start(CvmThread parent, in CloneArguments a)
    {
        if ((a.Flags & NewNamespaces) != 0)
            return (a.Flags & (CLONE_NEWNS | CLONE_FS)) == (CLONE_NEWNS | CLONE_FS) ? -Errno.EINVAL : -Errno.EPERM;
        if (((a.Flags & CLONE_THREAD) != 0 && (a.Flags & CLONE_SIGHAND) == 0) || ((a.Flags & CLONE_SIGHAND) != 0 && (a.Flags & CLONE_VM) == 0))
            return -Errno.EINVAL;
        return (a.Flags & CLONE_THREAD) != 0 ? StartThread(parent, a) : StartProcess(parent, a);
    }

    private static long StartThread(CvmThread parent, in CloneArguments a)
    {
        if ((a.Flags & ThreadFlags) != ThreadFlags || (a.Flags & ~KnownFlags) != 0)
            return -Errno.ENOSYS;
        if (parent.Process.NewThread() is not { } child)
            return -Errno.EAGAIN;
        child.CopyRegisters(parent);
        child.Affinity = parent.Affinity;
        Prepare(parent, child, a);
        var id = child.Id;
        return parent.Process.TryLaunch(child, parent.Cvm.Options.Limits.ThreadHostStack) ? id : -Errno.EAGAIN;
    }

    private static long StartProcess(CvmThread parent, in CloneArguments a)
    {
        if ((a.Flags & ~ProcessFlags) != 0)
            return -Errno.ENOSYS;
        if (a.ExitSignal > Signal.Last)
            return -Errno.EINVAL;
        var borrows = (a.Flags & CLONE_VM) != 0;
        if (parent.Process.Fork(parent, borrows, (a.Flags & CLONE_FILES) != 0, a.ExitSignal) is not { } child)
            return -Errno.EAGAIN;
        var process = child.Process;
        if ((a.Flags & CLONE_CLEAR_SIGHAND) != 0)
            process.Signals.ResetHandlers();
        Prepare(parent, child, a);
        if ((a.Flags & CLONE_PIDFD) != 0 && PidFile.Open(parent, process, a.PidFd) is < 0 and var error)
        {
            process.Abandon(child);
            return error;
        }

        if (!process.TryLaunch(child, parent.Cvm.Options.Limits.MainHostStack))
        {
            process.Abandon(child);
            return -Errno.EAGAIN;
        }

        if ((a.Flags & CLONE_VFORK) != 0)
            parent.Process.AwaitImage(parent, process);
        return process.Id;
    }

    /// <summary>The child goes on behind the ecall with the parent's registers, a stack of its own, and 0 as result.</summary>
    private static unsafe void Prepare(CvmThread parent, CvmThread child, in CloneArguments a)
    {
        child.State->Pc += 4;
        if (a.Stack != 0)
            child.SetRegister(StackPointer, PointerOf(parent, StackArgument, a.Stack));
        if ((a.Flags & CLONE_SETTLS) != 0)
            child.SetRegister(ThreadPointer, PointerOf(parent, ThreadArgument, a.ThreadPointer));
        child.SetRegister(Result, default);
        var childPointer = parent.Argument(ChildArgument);
        if ((a.Flags & CLONE_CHILD_CLEARTID) != 0)
            child.SetClearChildId(a.ChildId, childPointer);

        // Linux ignores failures of these two stores.
        if ((a.Flags & CLONE_PARENT_SETTID) != 0)
            _ = parent.Memory.TryWrite(a.ParentId, child.Id);
        if ((a.Flags & CLONE_CHILD_SETTID) != 0)
            child.WriteChildId(a.ChildId, childPointer);
    }

    /// <summary>What clone and clone3 ask for.</summary>
    private readonly record struct CloneArguments(ulong Flags, int ExitSignal, long Stack, long ParentId, long ThreadPointer, long ChildId, long PidFd);
}
