using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>What an outer cVM does for those nested in it; <see cref="OuterLayer"/> is the other side.</summary>
internal static unsafe class LayerHostcalls
{
    /// <summary>cp_handler_serve(function): the calling thread serves system calls of inner cVMs with it, one at a time.</summary>
    public static long Serve(CvmThread thread, in SyscallArguments a)
    {
        if (thread.Space.Tags is not null)
            return -Errno.EOPNOTSUPP;
        if ((a.A0 & 1) != 0 || !thread.Space.IsExecutable(a.A0))
            return -Errno.EFAULT;
        return CallHostcalls.Serve(thread, thread.Image.Publish(a.A0));
    }

    /// <summary>
    /// cp_copy(to, from, length): copies within the caller's memory, where either side may be an inner cVM's that unmaps it at that moment: 0, or
    /// -EFAULT where memory could not be read or written, when part of it may have been copied.
    /// </summary>
    public static long Copy(CvmThread thread, in SyscallArguments a)
    {
        var (to, from, length) = (a.A0, a.A1, (ulong)a.A2);
        if (!thread.Memory.Permits(to, length, isWrite: true) || !thread.Memory.Permits(from, length, isWrite: false))
            return -Errno.EFAULT;
        if ((ulong)(to - from) < length || (ulong)(from - to) < length)
            return -Errno.EINVAL;
        for (ulong done = 0; done < length;)
        {
            var step = Math.Min(length - done, CpFile.LargestStep);
            if (!thread.Memory.TryCopyIn(to + (long)done, thread.Space.Base + from + (long)done, step))
                return -Errno.EFAULT;
            done += step;
        }

        return 0;
    }

    /// <summary>cp_inner(name, bytes*): the address of an inner cVM's memory in the caller's, and how much that is.</summary>
    public static long Find(CvmThread thread, in SyscallArguments a)
    {
        var error = IpcHostcalls.ReadName(thread, a.A0, out var name);
        if (error != 0)
            return error;
        if (thread.Image.FindInner(c => c.Name == name)?.Outer is not { } layer)
            return -Errno.ENOENT;
        return thread.Memory.TryWrite(a.A1, layer.Size) ? (long)layer.Start : -Errno.EFAULT;
    }

    /// <summary>cp_inner_kill(address, signal): sends a signal to the inner cVM whose memory is there; 0 only asks whether it runs.</summary>
    public static long Kill(CvmThread thread, in SyscallArguments a)
    {
        var start = (ulong)a.A0;
        if (a.A1 is < 0 or > Signal.Last)
            return -Errno.EINVAL;
        if (thread.Image.FindInner(c => c.Outer!.Start == start) is not { IsEnding: false } inner)
            return -Errno.ESRCH;
        if (a.A1 == Signal.SIGKILL)
            inner.Kill(Signal.SIGKILL);
        else if (a.A1 != 0 && !inner.Send(SignalInfo.OfSender((int)a.A1, Signal.SI_USER, 0, 0)))
            return -Errno.EAGAIN;
        return 0;
    }
}
