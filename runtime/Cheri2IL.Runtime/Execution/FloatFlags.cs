using System.Runtime.CompilerServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>The fflags bits, and how to raise them on the host without a call out of managed code.</summary>
internal static class FloatFlags
{
    /// <summary>NX: the result was rounded.</summary>
    public const int Inexact = 1;

    /// <summary>UF: tiny after rounding, and inexact.</summary>
    public const int Underflow = 2;

    /// <summary>OF: too large for the format.</summary>
    public const int Overflow = 4;

    /// <summary>DZ: exact infinity from finite operands.</summary>
    public const int DivideByZero = 8;

    /// <summary>NV: no meaningful result.</summary>
    public const int Invalid = 16;

    /// <summary>
    /// Raises <paramref name="flags"/> by operations that raise them in every rounding mode. Overflow and underflow imply
    /// inexact, as every IEEE 754 operation's do under masked exceptions.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Raise(int flags)
    {
        // Left alone, the JIT would fold the operation or drop it.
        if ((flags & Invalid) != 0)
            FloatOps.Keep(FloatOps.Opaque(0.0) / FloatOps.Opaque(0.0));
        if ((flags & DivideByZero) != 0)
            FloatOps.Keep(FloatOps.Opaque(1.0) / FloatOps.Opaque(0.0));
        if ((flags & Overflow) != 0)
            FloatOps.Keep(FloatOps.Opaque(double.MaxValue) * FloatOps.Opaque(2.0));
        if ((flags & Underflow) != 0)
            FloatOps.Keep(FloatOps.Opaque(double.Epsilon) * FloatOps.Opaque(double.Epsilon));
        if ((flags & Inexact) != 0)
            FloatOps.Keep(FloatOps.Opaque(1.0) + FloatOps.Opaque(double.Epsilon));
    }
}
