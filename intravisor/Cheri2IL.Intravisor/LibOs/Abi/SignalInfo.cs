using System.Runtime.InteropServices;

namespace Cheri2IL.Intravisor.LibOs.Abi;

/// <summary>siginfo_t (include/uapi/asm-generic/siginfo.h): 128 bytes; the fields that this library OS fills.</summary>
[StructLayout(LayoutKind.Explicit, Size = 128)]
public struct SignalInfo
{
    /// <summary>si_signo.</summary>
    [FieldOffset(0)]
    public int Number;

    /// <summary>si_errno.</summary>
    [FieldOffset(4)]
    public int Error;

    /// <summary>si_code.</summary>
    [FieldOffset(8)]
    public int Code;

    /// <summary>si_addr of faults.</summary>
    [FieldOffset(16)]
    public long Address;

    /// <summary>si_pid of sent signals.</summary>
    [FieldOffset(16)]
    public int Sender;

    /// <summary>si_uid of sent signals.</summary>
    [FieldOffset(20)]
    public int User;

    /// <summary>si_value of queued signals.</summary>
    [FieldOffset(24)]
    public long Value;

    /// <summary>A signal that a fault raises.</summary>
    public static SignalInfo OfFault(int number, int code, long address) => new() { Number = number, Code = code, Address = address };

    /// <summary>A signal that a process sends.</summary>
    public static SignalInfo OfSender(int number, int code, int sender, int user)
        => new() { Number = number, Code = code, Sender = sender, User = user };

    /// <summary>SIGCHLD, or what a child was made to send instead.</summary>
    /// <param name="number">The signal.</param>
    /// <param name="code">CLD_ value.</param>
    /// <param name="child">Process id.</param>
    /// <param name="user">Its user.</param>
    /// <param name="status">Exit status, or the signal (si_status).</param>
    public static SignalInfo OfChild(int number, int code, int child, int user, int status)
        => new() { Number = number, Code = code, Sender = child, User = user, Value = (uint)status };
}
