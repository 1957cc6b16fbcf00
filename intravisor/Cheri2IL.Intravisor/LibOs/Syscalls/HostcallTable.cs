using System.Runtime.CompilerServices;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>
/// The calls by which guests use the Intravisor: ecall like a system call, with numbers outside of Linux's table. docs/ipc.md has the
/// interface for programs, corpus/include/cheri2il.h its C form.
/// </summary>
/// <remarks>
/// A number is <see cref="FirstNumber"/> plus that of CAP-VMs' Intravisor 0.3.0 where the meaning is the same; from
/// <see cref="FirstNumber"/> + 0x200 on, there is nothing like it there. Other numbers return ENOSYS. Immutable.
/// </remarks>
public static class HostcallTable
{
    /// <summary>Lowest number.</summary>
    public const int FirstNumber = 0x4000;

    /// <summary>cp_inner.</summary>
    internal const int Inner = FirstNumber + 700;

    /// <summary>cp_handler_serve.</summary>
    internal const int HandlerServe = Own + 11;

    /// <summary>cp_inner_kill.</summary>
    internal const int InnerKill = Own + 12;

    /// <summary>cp_copy.</summary>
    internal const int Copy = Own + 13;

    /// <summary>cp_enter.</summary>
    internal const int Enter = Own + 15;

    private const int Own = FirstNumber + 0x200;

    private static readonly SyscallRow?[] ByNumber = new SyscallRow?[0x2c0];

    /// <summary>The rows in ascending order of the number.</summary>
    public static IReadOnlyList<SyscallRow> Rows
        => field ??= [.. Enumerable.Range(FirstNumber, ByNumber.Length).Select(n => Find(n)).OfType<SyscallRow>()];

    /// <summary>The row for <paramref name="number"/>, or null when there is no such hostcall.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static SyscallRow? Find(long number)
    {
        var index = number - FirstNumber;
        return (ulong)index < (ulong)ByNumber.Length ? ByNumber[index] ?? Add((int)number) : null;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static SyscallRow? Add(int number) => ByNumber[number - FirstNumber] = Make(number);

    private static SyscallRow Row(int number, string name, string arguments, SyscallHandler handler)
        => new(number, name, arguments, SyscallSupport.Supported, "", handler);

    private static SyscallRow? Make(int number) => number switch
    {
        FirstNumber + 25 => Row(number, "cp_time", "", IpcHostcalls.Time),
        FirstNumber + 405 => Row(number, "cp_file_publish", "path address size rights", IpcHostcalls.FilePublish),
        FirstNumber + 406 => Row(number, "cp_open", "path open long", IpcHostcalls.Open),
        FirstNumber + 407 => Row(number, "cp_wait", "fd long long", IpcHostcalls.Wait),
        FirstNumber + 408 => Row(number, "cp_wake", "fd", IpcHostcalls.Wake),
        FirstNumber + 409 => Row(number, "cp_stream_create", "path stream address size", IpcHostcalls.StreamCreate),
        FirstNumber + 411 => Row(number, "cp_call", "fd long long long address size", CallHostcalls.Call),
        Inner => Row(number, "cp_inner", "path address", LayerHostcalls.Find),
        Own => Row(number, "cp_self", "", IpcHostcalls.Self),
        Own + 1 => Row(number, "cp_grant", "path path rights", IpcHostcalls.Grant),
        Own + 2 => Row(number, "cp_revoke", "path", IpcHostcalls.Revoke),
        Own + 3 => Row(number, "cp_stream_receive", "fd address long", IpcHostcalls.StreamReceive),
        Own + 4 => Row(number, "cp_call_publish", "path hex", CallHostcalls.Publish),
        Own + 5 => Row(number, "cp_call_serve", "fd", CallHostcalls.Serve),
        Own + 6 => Row(number, "cp_call_set", "fd call long", CallHostcalls.Set),
        Own + 7 => Row(number, "cp_lent_read", "size address size", CallHostcalls.LentRead),
        Own + 8 => Row(number, "cp_lent_write", "size address size", CallHostcalls.LentWrite),
        Own + 9 => Row(number, "cp_file_create", "path size rights", IpcHostcalls.FileCreate),
        Own + 10 => Row(number, "cp_map", "fd address protection", IpcHostcalls.Map),
        HandlerServe => Row(number, "cp_handler_serve", "hex", LayerHostcalls.Serve),
        Own + 14 => Row(number, "cp_entry", "fd address", CallHostcalls.Entry),
        Enter => Row(number, "cp_enter", "long long long address size", CallHostcalls.Enter),
        Own + 16 => Row(number, "cp_lent_map", "address protection", CallHostcalls.LentMap),
        Copy => Row(number, "cp_copy", "address address size", LayerHostcalls.Copy),
        InnerKill => Row(number, "cp_inner_kill", "hex signal", LayerHostcalls.Kill),
        _ => null,
    };
}
