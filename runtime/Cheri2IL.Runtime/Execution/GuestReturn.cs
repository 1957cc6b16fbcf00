using System.Runtime.InteropServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>
/// What a translated method returns, in two registers: where the guest goes next and its a0. The caller goes on in
/// line when <see cref="Pc"/> is the return address it passed; otherwise it returns the value upward, until the
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
}
