using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// What a translated method returns, in two registers: where the guest goes next and its a0. The caller goes on in
/// line when <see cref="Pc"/> is the return address it passed (sp then is what it was at the call); otherwise it returns the value upward, until the
/// dispatcher enters by table.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct GuestReturn
{
    /// <summary>
    /// Guest pc to continue at. While <see cref="GuestState.Unwinding"/> is set its bit 0 is set too, so that it equals no
    /// return address and every frame passes it on.
    /// </summary>
    public long Pc;

    /// <summary>Register a0; not stored in the state block.</summary>
    public long A0;

    /// <summary>The result of returning to <paramref name="pc"/> with <paramref name="a0"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static GuestReturn To(long pc, long a0) => new() { Pc = pc, A0 = a0 };
}
