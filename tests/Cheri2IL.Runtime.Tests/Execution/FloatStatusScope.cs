using System.Runtime.InteropServices;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Runtime.Tests.Execution;

/// <summary>A guest's floating-point status on the calling thread, between Enter and Leave.</summary>
internal sealed unsafe class FloatStatusScope : IDisposable
{
    private readonly GuestState* _state = (GuestState*)NativeMemory.AllocZeroed((nuint)sizeof(GuestState));

    public FloatStatusScope()
    {
        FloatStatus.Enter(_state);

        // Compiles the methods that a run calls after it has cleared the flags.
        FloatStatus.WriteFlags(_state, 0);
        FloatStatus.ReadFlags(_state);
    }

    public GuestState* State => _state;

    /// <summary>
    /// Runs <paramref name="instruction"/> with fflags clear and frm = <paramref name="mode"/>; its result and fflags.
    /// Runs it once before, because the runtime's bookkeeping of a method's compilation raises inexact.
    /// </summary>
    public (ulong? Result, long Flags) Run(int mode, Func<ulong?> instruction)
    {
        FloatStatus.WriteRounding(_state, mode);
        _ = instruction();
        FloatStatus.WriteFlags(_state, 0);
        var result = instruction();
        var flags = FloatStatus.ReadFlags(_state);
        FloatStatus.WriteRounding(_state, 0);
        return (result, flags);
    }

    public void Dispose()
    {
        FloatStatus.Leave(_state);
        NativeMemory.Free(_state);
    }
}
