using System.Text;
using Cheri2IL.Runtime.Execution;
using static Cheri2IL.Intravisor.Tests.ScriptedGuest;

namespace Cheri2IL.Intravisor.Tests.Ipc;

/// <summary>What scripts of guests that share need: their memory, and the hostcalls by name.</summary>
internal static unsafe class Scripts
{
    /// <summary>Where <see cref="Name"/> puts strings.</summary>
    private const long Names = Data + 0xe00;

    /// <summary>The guest's memory.</summary>
    public static Span<byte> Bytes(GuestState* state, long address, int length) => new(state->MemoryBase + address, length);

    /// <summary>Puts a zero-terminated string into memory; its address.</summary>
    public static long Name(GuestState* state, string text, int slot = 0)
    {
        var address = Names + (slot * 0x100);
        Encoding.Latin1.GetBytes(text + "\0").CopyTo(Bytes(state, address, text.Length + 1));
        return address;
    }

    /// <summary>A call's result; throws where the guest has to leave, which these scripts do not expect.</summary>
    public static long Result(GuestState* state, long number, long a0 = 0, long a1 = 0, long a2 = 0, long a3 = 0, long a4 = 0, long a5 = 0)
    {
        Call(state, number, a0, a1, a2, a3, a4, a5);
        return state->X10;
    }

    /// <summary>open("/cap/NAME", flags).</summary>
    public static long OpenCap(GuestState* state, string name, int flags = 0) => Result(state, 56, -100, Name(state, "/cap/" + name), flags);

    /// <summary>pread.</summary>
    public static long ReadAt(GuestState* state, long descriptor, long address, long length, long offset) => Result(state, 67, descriptor, address, length, offset);

    /// <summary>pwrite.</summary>
    public static long WriteAt(GuestState* state, long descriptor, long address, long length, long offset) => Result(state, 68, descriptor, address, length, offset);

    /// <summary>Writable memory of its own.</summary>
    public static long Map(GuestState* state, long length) => Result(state, 222, 0, length, 3, 0x22, -1);

    /// <summary>exit_group.</summary>
    public static void Exit(GuestState* state, long status = 0) => Call(state, 94, status);
}
