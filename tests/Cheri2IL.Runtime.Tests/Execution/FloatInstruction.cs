using System.Runtime.CompilerServices;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Runtime.Tests.Execution;

/// <summary>Executes one guest instruction through the primitives, the way translated code and the evaluator do.</summary>
/// <remarks>Operands and results are bit patterns: of a single the low 32 bits, of an integer the register.</remarks>
internal static class FloatInstruction
{
    /// <summary>Through the overloads with an explicit rounding mode (or none, where the instruction has none).</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong Static(string mnemonic, int mode, ulong a, ulong b, ulong c) => mnemonic switch
    {
        "fadd.d" => D(FloatOps.Add(D(a), D(b), mode)),
        "fsub.d" => D(FloatOps.Sub(D(a), D(b), mode)),
        "fmul.d" => D(FloatOps.Mul(D(a), D(b), mode)),
        "fdiv.d" => D(FloatOps.Div(D(a), D(b), mode)),
        "fsqrt.d" => D(FloatOps.Sqrt(D(a), mode)),
        "fmadd.d" => D(FloatOps.MulAdd(D(a), D(b), D(c), mode)),
        "fadd.s" => S(FloatOps.Add(S(a), S(b), mode)),
        "fsub.s" => S(FloatOps.Sub(S(a), S(b), mode)),
        "fmul.s" => S(FloatOps.Mul(S(a), S(b), mode)),
        "fdiv.s" => S(FloatOps.Div(S(a), S(b), mode)),
        "fsqrt.s" => S(FloatOps.Sqrt(S(a), mode)),
        "fmadd.s" => S(FloatOps.MulAdd(S(a), S(b), S(c), mode)),
        "fcvt.s.d" => S(FloatOps.Convert(D(a), mode)),
        "fcvt.w.d" => (ulong)FloatOps.ToW(D(a), mode),
        "fcvt.wu.d" => (ulong)FloatOps.ToWU(D(a), mode),
        "fcvt.l.d" => (ulong)FloatOps.ToL(D(a), mode),
        "fcvt.lu.d" => (ulong)FloatOps.ToLU(D(a), mode),
        "fcvt.w.s" => (ulong)FloatOps.ToW(S(a), mode),
        "fcvt.wu.s" => (ulong)FloatOps.ToWU(S(a), mode),
        "fcvt.l.s" => (ulong)FloatOps.ToL(S(a), mode),
        "fcvt.lu.s" => (ulong)FloatOps.ToLU(S(a), mode),
        "fcvt.d.l" => D(FloatOps.DoubleFromL((long)a, mode)),
        "fcvt.d.lu" => D(FloatOps.DoubleFromLU((long)a, mode)),
        "fcvt.s.w" => S(FloatOps.SingleFromW((long)a, mode)),
        "fcvt.s.wu" => S(FloatOps.SingleFromWU((long)a, mode)),
        "fcvt.s.l" => S(FloatOps.SingleFromL((long)a, mode)),
        "fcvt.s.lu" => S(FloatOps.SingleFromLU((long)a, mode)),
        "fcvt.d.w" => D(FloatOps.DoubleFromW((long)a)),
        "fcvt.d.wu" => D(FloatOps.DoubleFromWU((long)a)),
        "fcvt.d.s" => D(FloatOps.Convert(S(a))),
        "fmin.d" => D(FloatOps.Min(D(a), D(b))),
        "fmax.d" => D(FloatOps.Max(D(a), D(b))),
        "fmin.s" => S(FloatOps.Min(S(a), S(b))),
        "fmax.s" => S(FloatOps.Max(S(a), S(b))),
        "fsgnj.d" => D(FloatOps.CopySign(D(a), D(b))),
        "fsgnj.s" => S(FloatOps.CopySign(S(a), S(b))),
        "feq.d" => FloatOps.Eq(D(a), D(b)) ? 1UL : 0,
        "flt.d" => FloatOps.Lt(D(a), D(b)) ? 1UL : 0,
        "fle.d" => FloatOps.Le(D(a), D(b)) ? 1UL : 0,
        "feq.s" => FloatOps.Eq(S(a), S(b)) ? 1UL : 0,
        "flt.s" => FloatOps.Lt(S(a), S(b)) ? 1UL : 0,
        "fle.s" => FloatOps.Le(S(a), S(b)) ? 1UL : 0,
        "fclass.d" => (ulong)FloatOps.Classify(D(a)),
        "fclass.s" => (ulong)FloatOps.Classify(S(a)),
        _ => throw new ArgumentOutOfRangeException(nameof(mnemonic), mnemonic, "unknown instruction"),
    };

    /// <summary>
    /// As plain host instructions under the rounding mode that <see cref="FloatStatus"/> has set; null when the instruction
    /// has no dynamic form of its own. Conversions to integers take the mode as translated code does, from the state.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static ulong? Dynamic(string mnemonic, ulong a, ulong b, ulong c) => mnemonic switch
    {
        "fadd.d" => D(FloatOps.CanonicalNaN(D(a) + D(b))),
        "fsub.d" => D(FloatOps.CanonicalNaN(D(a) - D(b))),
        "fmul.d" => D(FloatOps.CanonicalNaN(D(a) * D(b))),
        "fdiv.d" => D(FloatOps.CanonicalNaN(D(a) / D(b))),
        "fsqrt.d" => D(FloatOps.CanonicalNaN(Math.Sqrt(D(a)))),
        "fmadd.d" => D(FloatOps.MulAdd(D(a), D(b), D(c))),
        "fadd.s" => S(FloatOps.CanonicalNaN(S(a) + S(b))),
        "fsub.s" => S(FloatOps.CanonicalNaN(S(a) - S(b))),
        "fmul.s" => S(FloatOps.CanonicalNaN(S(a) * S(b))),
        "fdiv.s" => S(FloatOps.CanonicalNaN(S(a) / S(b))),
        "fsqrt.s" => S(FloatOps.CanonicalNaN(MathF.Sqrt(S(a)))),
        "fmadd.s" => S(FloatOps.MulAdd(S(a), S(b), S(c))),
        "fcvt.s.d" => S(FloatOps.Convert(D(a))),
        "fcvt.d.l" => D(FloatOps.DoubleFromL((long)a)),
        "fcvt.d.lu" => D(FloatOps.DoubleFromLU((long)a)),
        "fcvt.s.w" => S(FloatOps.SingleFromW((long)a)),
        "fcvt.s.wu" => S(FloatOps.SingleFromWU((long)a)),
        "fcvt.s.l" => S(FloatOps.SingleFromL((long)a)),
        "fcvt.s.lu" => S(FloatOps.SingleFromLU((long)a)),
        _ => null,
    };

    private static double D(ulong bits) => BitConverter.UInt64BitsToDouble(bits);

    private static ulong D(double value) => BitConverter.DoubleToUInt64Bits(value);

    private static float S(ulong bits) => BitConverter.UInt32BitsToSingle((uint)bits);

    private static ulong S(float value) => BitConverter.SingleToUInt32Bits(value);
}
