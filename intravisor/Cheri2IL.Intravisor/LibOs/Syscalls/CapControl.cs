using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>
/// ioctl on /cap/NAME: what hostcalls do, for programs that cannot make them, such as those of scripting languages. corpus/include/cheri2il.h has the
/// numbers and the structures.
/// </summary>
internal static class CapControl
{
    /// <summary>_IOWR(0xca, 1, struct cp_event): cp_wait.</summary>
    private const uint Wait = 0xc010_ca01;

    /// <summary>_IO(0xca, 2): cp_wake.</summary>
    private const uint Wake = 0xca02;

    /// <summary>_IOWR(0xca, 3, struct cp_invocation): cp_call.</summary>
    private const uint Call = 0xc030_ca03;

    /// <summary>_IOW(0xca, 4, struct cp_manner): cp_call_set.</summary>
    private const uint Set = 0x4010_ca04;

    /// <summary>A request that files of other kinds do not have.</summary>
    public static long Ioctl(CvmThread thread, OpenFile file, uint request, long argument) => (file, request) switch
    {
        (CpOpenFile opened, Wait) => AwaitEvent(thread, opened, argument),
        (CpOpenFile opened, Wake) => Math.Min(opened.SignalEvent(), 0),
        (CpCallFile function, Call) => Invoke(thread, function, argument),
        (CpCallFile function, Set) => thread.Memory.TryRead(argument, out Manner manner) ? function.Set(manner.Flags, manner.Timeout) : -Errno.EFAULT,
        _ => -Errno.ENOTTY,
    };

    private static long AwaitEvent(CvmThread thread, CpOpenFile file, long argument)
    {
        if (!thread.Memory.TryRead(argument, out Event wait))
            return -Errno.EFAULT;
        var count = file.AwaitEvent(thread, wait.Count, Deadlines.After(thread.Cvm.Host, wait.Timeout));
        return count < 0 ? count : thread.Memory.TryWrite(argument, count) ? 0 : -Errno.EFAULT;
    }

    private static long Invoke(CvmThread thread, CpCallFile function, long argument)
    {
        if (!thread.Memory.TryRead(argument, out Invocation call))
            return -Errno.EFAULT;
        var error = function.Invoke(thread, new CallArguments(call.A0, call.A1, call.A2, call.Length), call.Buffer, call.Length, out var value);
        return error != 0 || thread.IsRedirected ? error : thread.Memory.TryWrite(argument + (5 * sizeof(long)), value) ? 0 : -Errno.EFAULT;
    }

    /// <summary>struct cp_event.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Event
    {
        public long Count;
        public long Timeout;
    }

    /// <summary>struct cp_invocation, but its last field, the value.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Invocation
    {
        public long A0;
        public long A1;
        public long A2;
        public long Buffer;
        public long Length;
    }

    /// <summary>struct cp_manner.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Manner
    {
        public long Flags;
        public long Timeout;
    }
}
