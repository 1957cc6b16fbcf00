using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Cheri2IL.Runtime.Execution;

/// <content>Arithmetic with an explicit rounding mode 0..4, and the fused multiply-add of the dynamic mode.</content>
public static partial class FloatOps
{
    /// <summary><c>fmadd.d</c> in the dynamic rounding mode: a * b + c, rounded once, canonical NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double MulAdd(double a, double b, double c)
    {
        var result = Math.FusedMultiplyAdd(a, b, c);
        return double.IsNaN(result) ? MulAddNaN(a, b, c) : result;
    }

    /// <summary><c>fmadd.s</c> in the dynamic rounding mode: a * b + c, rounded once, canonical NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float MulAdd(float a, float b, float c)
    {
        var result = MathF.FusedMultiplyAdd(a, b, c);
        return float.IsNaN(result) ? (float)MulAddNaN(a, b, c) : result;
    }

    /// <summary><c>fadd.d</c>.</summary>
    public static double Add(double a, double b, int roundingMode)
    {
        if (roundingMode == NearestAway)
            return SoftFloat.Add(a, b, roundingMode);
        var previous = HostFloatEnvironment.Change(roundingMode);
        var result = HostAdd(a, b);
        HostFloatEnvironment.Restore(previous);
        return CanonicalNaN(result);
    }

    /// <summary><c>fadd.s</c>.</summary>
    public static float Add(float a, float b, int roundingMode)
    {
        if (roundingMode == NearestAway)
            return SoftFloat.Add(a, b, roundingMode);
        var previous = HostFloatEnvironment.Change(roundingMode);
        var result = HostAdd(a, b);
        HostFloatEnvironment.Restore(previous);
        return CanonicalNaN(result);
    }

    /// <summary><c>fsub.d</c>.</summary>
    public static double Sub(double a, double b, int roundingMode) => Add(a, Negate(b), roundingMode);

    /// <summary><c>fsub.s</c>.</summary>
    public static float Sub(float a, float b, int roundingMode) => Add(a, Negate(b), roundingMode);

    /// <summary><c>fmul.d</c>.</summary>
    public static double Mul(double a, double b, int roundingMode)
    {
        if (roundingMode == NearestAway)
            return SoftFloat.Multiply(a, b, roundingMode);
        var previous = HostFloatEnvironment.Change(roundingMode);
        var result = HostMultiply(a, b);
        HostFloatEnvironment.Restore(previous);
        return CanonicalNaN(result);
    }

    /// <summary><c>fmul.s</c>.</summary>
    public static float Mul(float a, float b, int roundingMode)
    {
        if (roundingMode == NearestAway)
            return SoftFloat.Multiply(a, b, roundingMode);
        var previous = HostFloatEnvironment.Change(roundingMode);
        var result = HostMultiply(a, b);
        HostFloatEnvironment.Restore(previous);
        return CanonicalNaN(result);
    }

    /// <summary><c>fdiv.d</c>.</summary>
    public static double Div(double a, double b, int roundingMode)
    {
        if (roundingMode == NearestAway)
            return SoftFloat.Divide(a, b, roundingMode);
        var previous = HostFloatEnvironment.Change(roundingMode);
        var result = HostDivide(a, b);
        HostFloatEnvironment.Restore(previous);
        return CanonicalNaN(result);
    }

    /// <summary><c>fdiv.s</c>.</summary>
    public static float Div(float a, float b, int roundingMode)
    {
        if (roundingMode == NearestAway)
            return SoftFloat.Divide(a, b, roundingMode);
        var previous = HostFloatEnvironment.Change(roundingMode);
        var result = HostDivide(a, b);
        HostFloatEnvironment.Restore(previous);
        return CanonicalNaN(result);
    }

    /// <summary><c>fsqrt.d</c>.</summary>
    public static double Sqrt(double value, int roundingMode)
    {
        if (roundingMode == NearestAway)
            return SoftFloat.SquareRoot(value, roundingMode);
        var previous = HostFloatEnvironment.Change(roundingMode);
        var result = HostSquareRoot(value);
        HostFloatEnvironment.Restore(previous);
        return CanonicalNaN(result);
    }

    /// <summary><c>fsqrt.s</c>.</summary>
    public static float Sqrt(float value, int roundingMode)
    {
        if (roundingMode == NearestAway)
            return SoftFloat.SquareRoot(value, roundingMode);
        var previous = HostFloatEnvironment.Change(roundingMode);
        var result = HostSquareRoot(value);
        HostFloatEnvironment.Restore(previous);
        return CanonicalNaN(result);
    }

    /// <summary>
    /// The host's square root. Its instruction keeps the upper half of its destination; for Math.Sqrt the JIT lets it wait for
    /// whatever that register held before, which ties a loop's turns together. Here it waits for its operand alone.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double SquareRoot(double value)
    {
        if (!Sse2.IsSupported)
            return Math.Sqrt(value);
        var vector = Vector128.CreateScalarUnsafe(value);
        return Sse2.SqrtScalar(vector, vector).ToScalar();
    }

    /// <inheritdoc cref="SquareRoot(double)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float SquareRoot(float value)
    {
        if (!Sse.IsSupported)
            return MathF.Sqrt(value);
        var vector = Vector128.CreateScalarUnsafe(value);
        return Sse.SqrtScalar(vector, vector).ToScalar();
    }

    /// <summary><c>fmadd.d</c>: a * b + c, rounded once.</summary>
    public static double MulAdd(double a, double b, double c, int roundingMode)
    {
        if (roundingMode == NearestAway)
            return SoftFloat.MultiplyAdd(a, b, c, roundingMode);
        var previous = HostFloatEnvironment.Change(roundingMode);
        var result = HostMultiplyAdd(a, b, c);
        HostFloatEnvironment.Restore(previous);
        return result;
    }

    /// <summary><c>fmadd.s</c>: a * b + c, rounded once.</summary>
    public static float MulAdd(float a, float b, float c, int roundingMode)
    {
        if (roundingMode == NearestAway)
            return SoftFloat.MultiplyAdd(a, b, c, roundingMode);
        var previous = HostFloatEnvironment.Change(roundingMode);
        var result = HostMultiplyAdd(a, b, c);
        HostFloatEnvironment.Restore(previous);
        return result;
    }

    /// <summary><c>fcvt.s.d</c> with a static rounding mode.</summary>
    public static float Convert(double value, int roundingMode)
    {
        if (roundingMode == NearestAway)
            return SoftFloat.Narrow(value, roundingMode);
        var previous = HostFloatEnvironment.Change(roundingMode);
        var result = HostNarrow(value);
        HostFloatEnvironment.Restore(previous);
        return CanonicalNaN(result);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static double RoundDouble(bool negative, long integer, int roundingMode)
        => SoftFloat.DoubleOf(negative, negative ? (ulong)-integer : (ulong)integer, roundingMode);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static float RoundSingle(bool negative, long integer, int roundingMode)
        => SoftFloat.SingleOf(negative, negative ? (ulong)-integer : (ulong)integer, roundingMode);

    /// <summary>
    /// The host lets a quiet NaN addend hide the invalid product infinity * 0; RISC-V raises NV for it (unprivileged
    /// specification, 22.7). Everything else that makes a NaN has raised its flag.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static double MulAddNaN(double a, double b, double c)
    {
        if (double.IsNaN(c) && ((double.IsInfinity(a) && b == 0) || (a == 0 && double.IsInfinity(b))))
            FloatFlags.Raise(FloatFlags.Invalid);
        return FromBits(CanonicalBits64);
    }

    // Not inlined, so that no arithmetic moves across the change of rounding mode.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static double HostAdd(double a, double b) => a + b;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static float HostAdd(float a, float b) => a + b;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static double HostMultiply(double a, double b) => a * b;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static float HostMultiply(float a, float b) => a * b;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static double HostDivide(double a, double b) => a / b;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static float HostDivide(float a, float b) => a / b;

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static double HostSquareRoot(double value) => SquareRoot(value);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static float HostSquareRoot(float value) => SquareRoot(value);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static double HostMultiplyAdd(double a, double b, double c) => MulAdd(a, b, c);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static float HostMultiplyAdd(float a, float b, float c) => MulAdd(a, b, c);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static float HostNarrow(double value) => (float)value;
}
