using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <content>Threads: start, end, scheduling.</content>
internal static partial class ProcessSyscalls
{
    private const ulong CLONE_VM = 0x100;
    private const ulong CLONE_FS = 0x200;
    private const ulong CLONE_FILES = 0x400;
    private const ulong CLONE_SIGHAND = 0x800;
    private const ulong CLONE_THREAD = 0x10000;
    private const ulong CLONE_SYSVSEM = 0x40000;
    private const ulong CLONE_SETTLS = 0x80000;
    private const ulong CLONE_PARENT_SETTID = 0x100000;
    private const ulong CLONE_CHILD_CLEARTID = 0x200000;
    private const ulong CLONE_DETACHED = 0x400000;
    private const ulong CLONE_CHILD_SETTID = 0x1000000;
    private const int StackPointer = 2;
    private const int ThreadPointer = 4;
    private const int Result = 10;
    private const int StackArgument = 1;
    private const int ThreadArgument = 3;
    private const int ChildArgument = 4;
    private const ulong ThreadFlags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD;
    private const ulong KnownFlags = ThreadFlags | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID
        | CLONE_DETACHED | CLONE_CHILD_SETTID;

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
        => StartThread(thread, (ulong)a.A0 & ~0xffUL, a.A1, a.A2, a.A3, a.A4, a.A4);

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
        Span<long> words = stackalloc long[8];
        if (!thread.Memory.TryRead(a.A0, System.Runtime.InteropServices.MemoryMarshal.AsBytes(words)))
            return -Errno.EFAULT;

        // flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls
        var (stack, size) = (words[5], words[6]);
        if ((stack == 0) != (size == 0))
            return -Errno.EINVAL;
        return StartThread(thread, (ulong)words[0], stack + size, words[3], words[7], words[2], words[2]);
    }

    public static long SchedYield(CvmThread thread, in SyscallArguments a)
    {
        Thread.Yield();
        return 0;
    }

    public static long SchedGetaffinity(CvmThread thread, in SyscallArguments a)
    {
        if (!IsThread(thread, (int)a.A0))
            return -Errno.ESRCH;
        if ((uint)a.A1 < sizeof(ulong) || (a.A1 & 7) != 0)
            return -Errno.EINVAL;
        var count = Math.Min(64, thread.Cvm.Host.ProcessorCount);
        return thread.Memory.TryWrite(a.A2, ulong.MaxValue >> (64 - count)) ? sizeof(ulong) : -Errno.EFAULT;
    }

    public static long SchedSetaffinity(CvmThread thread, in SyscallArguments a)
    {
        if (!IsThread(thread, (int)a.A0))
            return -Errno.ESRCH;
        Span<byte> mask = stackalloc byte[sizeof(ulong)];
        mask.Clear();
        var given = mask[..(int)Math.Min((uint)a.A1, sizeof(ulong))];
        return !thread.Memory.TryRead(a.A2, given) ? -Errno.EFAULT : mask.IndexOfAnyExcept((byte)0) < 0 ? -Errno.EINVAL : 0;
    }

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

    public static long Getpriority(CvmThread thread, in SyscallArguments a)
        => a.A0 is < 0 or > 2 ? -Errno.EINVAL : 20 - thread.Process.Attributes.Nice;

    public static long Setpriority(CvmThread thread, in SyscallArguments a)
    {
        if (a.A0 is < 0 or > 2)
            return -Errno.EINVAL;
        thread.Process.Attributes.Nice = Math.Clamp((int)a.A2, -20, 19);
        return 0;
    }

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

    private static bool IsThread(CvmThread thread, int id)
        => id == 0 || id == thread.Id || thread.Process.FindThread(id) is not null;

    /// <summary>A pointer that clone was given: its argument, with pure capabilities.</summary>
    private static Capability PointerOf(CvmThread thread, int argument, long address)
        => thread.IsPure ? thread.Argument(argument) : Capability.FromInteger((ulong)address);

    private static unsafe long StartThread(CvmThread parent, ulong flags, long stack, long parentId, long tls, long childId, long clearId)
    {
        if ((flags & ThreadFlags) != ThreadFlags || (flags & ~KnownFlags) != 0)
            return -Errno.ENOSYS;
        if (parent.Process.NewThread() is not { } child)
            return -Errno.EAGAIN;

        // The child goes on behind the ecall with the parent's registers, a stack of its own, and 0 as result.
        child.CopyRegisters(parent);
        child.State->Pc += 4;
        if (stack != 0)
            child.SetRegister(StackPointer, PointerOf(parent, StackArgument, stack));
        if ((flags & CLONE_SETTLS) != 0)
            child.SetRegister(ThreadPointer, PointerOf(parent, ThreadArgument, tls));
        child.SetRegister(Result, default);
        if ((flags & CLONE_CHILD_CLEARTID) != 0)
            child.SetClearChildId(clearId, parent.Argument(ChildArgument));

        // Linux ignores failures of these two stores.
        if ((flags & CLONE_PARENT_SETTID) != 0)
            _ = parent.Memory.TryWrite(parentId, child.Id);
        if ((flags & CLONE_CHILD_SETTID) != 0)
            _ = parent.Memory.TryWrite(childId, child.Id);
        var id = child.Id;
        return parent.Process.TryLaunch(child, parent.Cvm.Options.Limits.ThreadHostStack) ? id : -Errno.EAGAIN;
    }
}
