using System.Runtime.CompilerServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Calls of functions in other cVMs; <see cref="CpCall"/> and <see cref="CallServer"/> do the work.</summary>
internal static unsafe class CallHostcalls
{
    /// <summary>cp_call_publish(name, function): others may be granted to call it; a descriptor to serve by.</summary>
    public static long Publish(CvmThread thread, in SyscallArguments a)
    {
        var error = IpcHostcalls.ReadName(thread, a.A0, out var name);
        if (error != 0)
            return error;
        if ((a.A1 & 1) != 0 || !thread.Space.IsExecutable(a.A1))
            return -Errno.EFAULT;
        var exchange = thread.Cvm.Exchange;
        CpCall call;
        if (thread.Space.Tags is null)
            call = new CpCall(exchange, name, thread.Image, a.A1);
        else if (thread.TryGetFunction(1, out var code, out var data))
            call = new CpCall(exchange, name, thread.Image, code, data);
        else
            return -Errno.EFAULT;
        error = exchange.Publish(call);
        if (error != 0)
            return error;
        var node = new DeviceNode(thread.Files.FileSystem, FileAbi.S_IFCHR | 0x100, 0, (_, _) => throw new InvalidOperationException("a callee's end has no name"));
        return thread.Files.Descriptors.AddNew(new CpCallOwner(call, node) { Path = "/cap/" + name }, closeOnExec: false);
    }

    /// <summary>cp_call_serve(fd): the calling thread serves calls, for as long as the function is published.</summary>
    public static long Serve(CvmThread thread, in SyscallArguments a)
    {
        if (thread.Files.Descriptors[(int)a.A0] is not CpCallOwner { Call: var call })
            return -Errno.EBADF;
        return Serve(thread, call);
    }

    /// <summary>The calling thread serves calls of a function until it is revoked; -EPIPE then.</summary>
    public static long Serve(CvmThread thread, CpCall call)
    {
        // A function that serves would need the registers twice.
        if (thread.Server is { IsRunning: true })
            return -Errno.EDEADLK;
        if (!thread.HasHostStack(CpCall.LeastHostStack))
            return thread.TryUnwind(CpCall.LeastHostStack) ? 0 : -Errno.ELOOP;
        thread.Server ??= new CallServer(thread);
        return thread.Server.Serve(call);
    }

    /// <summary>cp_call(fd, a0, a1, a2, buffer, length): 0 with what the function returned in a1, or a negated errno.</summary>
    // Left to the JIT compiler: see CallServer.
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static long Call(CvmThread thread, in SyscallArguments a)
    {
        if (thread.Files.Descriptors[(int)a.A0] is not CpCallFile file)
            return -Errno.EBADF;
        return Returned(thread, file.Invoke(thread, new CallArguments(a.A1, a.A2, a.A3, a.A5), a.A4, a.A5, out var value), value);
    }

    /// <summary>What a call's caller gets: the error, and the value in a1 unless there is one, or the call is made again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static long Returned(CvmThread thread, long error, long value)
    {
        if (error == 0 && !thread.IsRedirected)
            thread.ReturnSecond(value);
        return error;
    }

    /// <summary>
    /// cp_entry(fd, pair*): stores the sealed pair, code and data, by which CInvoke enters the function, with the rights and settings of the open file, for
    /// as long as that is open. For programs with capabilities.
    /// </summary>
    public static long Entry(CvmThread thread, in SyscallArguments a)
    {
        if (thread.Files.Descriptors[(int)a.A0] is not CpCallFile file)
            return -Errno.EBADF;
        if (thread.Image.Capabilities is not { } process)
            return -Errno.EOPNOTSUPP;
        if (!file.TryGetEntry(thread.Cvm.Entries, out var number))
            return -Errno.EBADF;
        var (code, data) = process.Entry(number);
        return thread.Memory.TryWrite(a.A1, code) && thread.Memory.TryWrite(a.A1 + CapabilityState.Granule, data) ? 0 : -Errno.EFAULT;
    }

    /// <summary>
    /// cp_enter(a0, a1, a2, buffer, length), with what CInvoke has left in c31: cp_call of what that stands for. The buffer is a capability, and alone says what
    /// may be lent. The vDSO's code makes this call.
    /// </summary>
    public static long Enter(CvmThread thread, in SyscallArguments a)
    {
        if (!thread.TryGetEntry(out var number))
            return -Errno.EBADF;
        thread.LendBy(thread.Argument(3));
        var result = thread.Cvm.Entries.Find(number) is { } file
            ? Returned(thread, file.Invoke(thread, new CallArguments(a.A0, a.A1, a.A2, a.A4), a.A3, a.A4, out var value), value) : -Errno.EBADF;

        // One that is made again needs it; if a handler says otherwise, it is forgotten then.
        if (result is not (-Errno.ERESTARTSYS or -Errno.ERESTARTNOHAND) && !thread.IsRedirected)
            thread.ForgetEntry();
        return result;
    }

    /// <summary>cp_call_set(fd, flags, timeout): how calls by this descriptor are made from now on.</summary>
    public static long Set(CvmThread thread, in SyscallArguments a)
        => thread.Files.Descriptors[(int)a.A0] is CpCallFile file ? file.Set(a.A1, a.A2) : -Errno.EBADF;

    /// <summary>cp_lent_read(offset, buffer, length): inside a function that was called, copies from what the caller lent.</summary>
    public static long LentRead(CvmThread thread, in SyscallArguments a)
        => Transfer(thread, a, isWrite: false);

    /// <summary>cp_lent_write(offset, buffer, length): copies to it.</summary>
    public static long LentWrite(CvmThread thread, in SyscallArguments a)
        => Transfer(thread, a, isWrite: true);

    /// <summary>
    /// cp_lent_map(capability*, protection): inside a function that was called, stores a capability for what the caller lent, that permits what was asked for
    /// and is good until the function returns or the caller waits no more. For programs with capabilities.
    /// </summary>
    public static long LentMap(CvmThread thread, in SyscallArguments a)
    {
        if (thread.Image.Capabilities is null)
            return -Errno.EOPNOTSUPP;
        if ((a.A1 & ~(MemoryFlags.PROT_READ | MemoryFlags.PROT_WRITE)) != 0 || (a.A1 & MemoryFlags.PROT_READ) == 0)
            return -Errno.EINVAL;
        if (thread.Server is not { } server)
            return -Errno.EBADF;
        var error = server.Map(thread, (a.A1 & MemoryFlags.PROT_WRITE) != 0, out var bytes);
        return error != 0 ? error : thread.Memory.TryWrite(a.A0, bytes) ? 0 : -Errno.EFAULT;
    }

    private static long Transfer(CvmThread thread, in SyscallArguments a, bool isWrite)
    {
        var result = thread.Server?.Transfer(thread, (ulong)a.A0, a.A1, (ulong)a.A2, isWrite) ?? -Errno.EBADF;
        thread.Cvm.Telemetry?.Moved("cp_call", result);
        return result;
    }
}
