using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>Identity, limits, names and information about the system.</summary>
internal static partial class ProcessSyscalls
{
    private const int NameSize = 16;
    private const int UtsField = 65;
    private const int SysinfoSize = 112;
    private const ulong GetrandomFlags = 7;
    private const long MostRandomBytes = 33554431;

    public static long Getpid(CvmThread thread, in SyscallArguments a) => thread.Process.Id;

    public static long Gettid(CvmThread thread, in SyscallArguments a) => thread.Id;

    public static long Uname(CvmThread thread, in SyscallArguments a)
    {
        Span<byte> names = stackalloc byte[6 * UtsField];
        names.Clear();
        "Linux"u8.CopyTo(names);
        thread.Cvm.HostName.CopyTo(names[UtsField..]);
        "6.6.0"u8.CopyTo(names[(2 * UtsField)..]);
        "#1 SMP Cheri2IL"u8.CopyTo(names[(3 * UtsField)..]);
        "riscv64"u8.CopyTo(names[(4 * UtsField)..]);
        thread.Cvm.DomainName.CopyTo(names[(5 * UtsField)..]);
        return thread.Memory.TryWrite(a.A0, names) ? 0 : -Errno.EFAULT;
    }

    public static long Sethostname(CvmThread thread, in SyscallArguments a)
    {
        var error = ReadUtsName(thread, a, out var name);
        if (error == 0)
            thread.Cvm.HostName = name!;
        return error;
    }

    public static long Setdomainname(CvmThread thread, in SyscallArguments a)
    {
        var error = ReadUtsName(thread, a, out var name);
        if (error == 0)
            thread.Cvm.DomainName = name!;
        return error;
    }

    public static long Sysinfo(CvmThread thread, in SyscallArguments a)
    {
        Span<ulong> words = stackalloc ulong[SysinfoSize / sizeof(ulong)];
        words.Clear();
        var total = thread.Cvm.Options.Limits.MemoryBytes;
        words[0] = (ulong)(thread.Cvm.Host.MonotonicNanoseconds / 1_000_000_000);
        words[4] = total;
        words[5] = total - Math.Min(total, thread.Space.AccessibleBytes);
        words[10] = (ulong)thread.Process.ThreadCount;
        words[13] = 1;
        return thread.Memory.TryWrite(a.A0, Words.AsBytes(words)) ? 0 : -Errno.EFAULT;
    }

    public static long Getrandom(CvmThread thread, in SyscallArguments a)
    {
        if (((ulong)a.A2 & ~GetrandomFlags) != 0)
            return -Errno.EINVAL;
        var length = (ulong)a.A1 > MostRandomBytes ? MostRandomBytes : a.A1;
        Span<byte> chunk = stackalloc byte[256];
        for (long done = 0; done < length;)
        {
            var part = chunk[..(int)Math.Min(chunk.Length, length - done)];
            thread.Cvm.Host.FillRandom(part);
            if (!thread.Memory.TryWrite(a.A0 + done, part))
                return done > 0 ? done : -Errno.EFAULT;
            done += part.Length;
        }

        return length;
    }

    public static long Getrlimit(CvmThread thread, in SyscallArguments a) => Limit(thread, thread.Process, (uint)a.A0, 0, a.A1);

    public static long Setrlimit(CvmThread thread, in SyscallArguments a) => Limit(thread, thread.Process, (uint)a.A0, a.A1, 0);

    public static long Prlimit64(CvmThread thread, in SyscallArguments a)
        => Find(thread, (int)a.A0) is { } process ? Limit(thread, process, (uint)a.A1, a.A2, a.A3) : -Errno.ESRCH;

    public static long Prctl(CvmThread thread, in SyscallArguments a)
    {
        const int PR_SET_PDEATHSIG = 1;
        const int PR_GET_PDEATHSIG = 2;
        const int PR_GET_SECUREBITS = 27;
        const int PR_CAP_AMBIENT = 47;
        const int PR_GET_DUMPABLE = 3;
        const int PR_SET_DUMPABLE = 4;
        const int PR_SET_NAME = 15;
        const int PR_GET_NAME = 16;
        const int PR_SET_NO_NEW_PRIVS = 38;
        const int PR_GET_NO_NEW_PRIVS = 39;
        const int PR_GET_KEEPCAPS = 7;
        const int PR_SET_KEEPCAPS = 8;
        const int PR_CAPBSET_READ = 23;
        const int PR_CAPBSET_DROP = 24;
        var process = thread.Process.Attributes;
        switch ((int)a.A0)
        {
            case PR_GET_KEEPCAPS:
                return process.Credentials.KeepsCapabilities ? 1 : 0;
            case PR_SET_KEEPCAPS:
                if ((ulong)a.A1 > 1)
                    return -Errno.EINVAL;
                lock (process.Gate)
                    process.Credentials = process.Credentials with { KeepsCapabilities = a.A1 != 0 };
                return 0;
            case PR_CAPBSET_READ:
                return (ulong)a.A1 > ProcessCredentials.LastCapability ? -Errno.EINVAL : (long)(process.Credentials.Bounding >> (int)a.A1) & 1;
            case PR_CAPBSET_DROP:
                if (!process.Credentials.Has(Privilege.SetCapabilities))
                    return -Errno.EPERM;
                if ((ulong)a.A1 > ProcessCredentials.LastCapability)
                    return -Errno.EINVAL;
                lock (process.Gate)
                    process.Credentials = process.Credentials with { Bounding = process.Credentials.Bounding & ~(1UL << (int)a.A1) };
                return 0;
            case PR_SET_PDEATHSIG:
                if ((ulong)a.A1 > Signal.Last)
                    return -Errno.EINVAL;
                process.ParentDeathSignal = (int)a.A1;
                return 0;
            case PR_GET_PDEATHSIG:
                return thread.Memory.TryWrite(a.A1, process.ParentDeathSignal) ? 0 : -Errno.EFAULT;
            case PR_GET_SECUREBITS:
                return 0;
            case PR_CAP_AMBIENT:
                return ChangeAmbient(process, a);
            case PR_GET_DUMPABLE:
                return process.Dumpable;
            case PR_SET_DUMPABLE:
                if (a.A1 is not (0 or 1))
                    return -Errno.EINVAL;
                process.Dumpable = (int)a.A1;
                return 0;
            case PR_SET_NAME:
                Span<byte> name = stackalloc byte[NameSize - 1];
                var length = thread.Memory.ReadString(a.A1, name);
                if (length < 0)
                    return -Errno.EFAULT;
                thread.Name = name[..length].ToArray();
                return 0;
            case PR_GET_NAME:
                Span<byte> padded = stackalloc byte[NameSize];
                padded.Clear();
                thread.Name.AsSpan().CopyTo(padded);
                return thread.Memory.TryWrite(a.A1, padded) ? 0 : -Errno.EFAULT;
            case PR_SET_NO_NEW_PRIVS:
                if (a.A1 != 1 || (a.A2 | a.A3 | a.A4) != 0)
                    return -Errno.EINVAL;
                process.NoNewPrivileges = true;
                return 0;
            case PR_GET_NO_NEW_PRIVS:
                return (a.A1 | a.A2 | a.A3 | a.A4) != 0 ? -Errno.EINVAL : process.NoNewPrivileges ? 1 : 0;
            default:
                return -Errno.EINVAL;
        }
    }

    /// <summary>PR_CAP_AMBIENT (security/commoncap.c, cap_task_prctl).</summary>
    private static long ChangeAmbient(ProcessAttributes process, in SyscallArguments a)
    {
        const int isSet = 1, raise = 2, lower = 3, clearAll = 4;
        lock (process.Gate)
        {
            var now = process.Credentials;
            if (a.A1 == clearAll)
            {
                if ((a.A2 | a.A3 | a.A4) != 0)
                    return -Errno.EINVAL;
                process.Credentials = now with { Ambient = 0 };
                return 0;
            }

            if ((ulong)a.A2 > ProcessCredentials.LastCapability || (a.A3 | a.A4) != 0)
                return -Errno.EINVAL;
            var bit = 1UL << (int)a.A2;
            switch (a.A1)
            {
                case isSet:
                    return (now.Ambient & bit) != 0 ? 1 : 0;
                case raise when (now.Permitted & now.Inheritable & bit) == 0:
                    return -Errno.EPERM;
                case raise or lower:
                    process.Credentials = now with { Ambient = a.A1 == raise ? now.Ambient | bit : now.Ambient & ~bit };
                    return 0;
                default:
                    return -Errno.EINVAL;
            }
        }
    }

    public static long RiscvHwprobe(CvmThread thread, in SyscallArguments a)
    {
        // Keys and values: include/uapi/asm/hwprobe.h of riscv.
        const long imaBehaviour = 1;
        const long floatAndCompressed = 1 | 2;
        const long fastMisaligned = 3;
        const long timeFrequency = 10_000_000;
        if (a.A4 != 0)
            return -Errno.EINVAL;
        for (ulong k = 0; k < (ulong)a.A1 && !thread.Process.IsEnding; k++)
        {
            var pair = a.A0 + (long)(k * 16);
            if (!thread.Memory.TryRead(pair, out long key))
                return -Errno.EFAULT;
            var value = key switch
            {
                0 or 1 or 2 => 0L,
                3 => imaBehaviour,
                4 => floatAndCompressed,
                5 or 9 => fastMisaligned,
                6 => 0,
                7 => (long)thread.Space.Size - 1,
                8 => timeFrequency,
                _ => -1,
            };
            var known = key is >= 0 and <= 9;
            if (!thread.Memory.TryWrite(pair, known ? key : -1L) || !thread.Memory.TryWrite(pair + 8, known ? value : 0L))
                return -Errno.EFAULT;
        }

        return 0;
    }

    public static long RiscvFlushIcache(CvmThread thread, in SyscallArguments a)
    {
        if ((a.A2 & ~1L) != 0)
            return -Errno.EINVAL;
        var start = (ulong)a.A0;
        var end = Math.Min((ulong)a.A1, thread.Space.Size);
        if (start < end)
            thread.Space.CodeChanged?.Invoke((long)start, (long)(end - start), true);
        return 0;
    }

    /// <summary>The name that sethostname and setdomainname get (kernel/sys.c): 0, or a negated errno with null.</summary>
    private static int ReadUtsName(CvmThread thread, in SyscallArguments a, out byte[]? name)
    {
        name = null;
        if (!thread.Process.Attributes.IsPrivileged)
            return -Errno.EPERM;
        if ((int)a.A1 is < 0 or >= UtsField)
            return -Errno.EINVAL;
        var bytes = new byte[(int)a.A1];
        if (!thread.Memory.TryRead(a.A0, bytes))
            return -Errno.EFAULT;
        name = bytes;
        return 0;
    }

    private static long Limit(CvmThread thread, GuestProcess target, uint resource, long next, long previous)
    {
        if (resource >= ProcessAttributes.LimitCount)
            return -Errno.EINVAL;
        var process = target.Attributes;
        var (soft, hard) = (0UL, 0UL);
        if (next != 0 && (!thread.Memory.TryRead(next, out soft) || !thread.Memory.TryRead(next + 8, out hard)))
            return -Errno.EFAULT;
        var wanted = new ResourceLimit(soft, hard);
        ResourceLimit current;
        lock (process.Gate)
        {
            current = process.Limits[resource];
            if (next != 0)
            {
                if (wanted.Soft > wanted.Hard)
                    return -Errno.EINVAL;
                if (wanted.Hard > current.Hard)
                    return -Errno.EPERM;
                process.Limits[resource] = wanted;
            }
        }

        if (next != 0)
            target.Files.Descriptors.Limit = process.SoftFileLimit;
        return previous == 0 || (thread.Memory.TryWrite(previous, current.Soft) && thread.Memory.TryWrite(previous + 8, current.Hard))
            ? 0
            : -Errno.EFAULT;
    }
}
