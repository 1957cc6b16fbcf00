using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Translator.Ir;

/// <content>
/// Floating point and counters. An F64 is kept as its bits, an F32 as its bits in the low half. Every rounding mode is passed
/// explicitly, so that RMM and an invalid dynamic mode, which translated code does not serve, are exact here.
/// </content>
public sealed unsafe partial class IrEvaluator
{
    private const int DynamicRounding = 7;

    internal static long Float(IrInstruction i, long a, long b, long c, GuestState* state)
    {
        switch (i.Op)
        {
            case IrOp.Box:
                return unchecked((long)0xffffffff00000000) | (uint)a;
            case IrOp.Unbox:
                return FloatOps.Bits(FloatOps.Unbox(Double(a)));
            case IrOp.Bits or IrOp.FromBits:
                return a;
            case IrOp.ReadFlags:
                return state->FloatFlags;
            case IrOp.WriteFlags:
                state->FloatFlags = (int)a & 31;
                return 0;
            case IrOp.ReadRounding:
                return FloatStatus.ReadRounding(state);
            case IrOp.WriteRounding:
                // Not FloatStatus.WriteRounding: the evaluator itself runs in the host's mode.
                state->RoundingMode = (int)a & 7;
                return 0;
            case IrOp.ReadCounter:
                return GuestThread.Of(state).Host.ReadCounter((int)i.Immediate);
        }

        var rounding = IrSignature.Of(i.Op).Immediate == ImmediateRule.Rounding ? RoundingOf(i, state) : 0;
        var result = Compute(i, a, b, c, rounding);
        if (!FloatStatus.HasUnbankedFlags(state))
            return result;

        // Either the operation raised a flag for the first time, or host code did, such as the JIT on its way to the
        // operation. Twice more from clean flags tells: what only one of them raises is the host's.
        FloatStatus.Enter(state);
        Compute(i, a, b, c, rounding);
        var flags = FloatStatus.LiveFlags;
        FloatStatus.Enter(state);
        result = Compute(i, a, b, c, rounding);
        FloatStatus.Stop(state, flags & FloatStatus.LiveFlags);
        return result;
    }

    private static long Compute(IrInstruction i, long a, long b, long c, int rounding)
    {
        switch (i.Op)
        {
            case IrOp.FConvert when i.Type == IrType.F64:
                return FloatOps.Bits(FloatOps.Convert(Single(a)));
            case IrOp.FConvert:
                return FloatOps.Bits(FloatOps.Convert(Double(a), rounding));
            case IrOp.FToInteger:
                return ToInteger(i, a, rounding);
            case IrOp.IntegerToF:
                return FromInteger(i, a, rounding);
            default:
                return i.A!.Type == IrType.F32
                    ? Compute(i.Op, Single(a), Single(b), Single(c), rounding)
                    : Compute(i.Op, Double(a), Double(b), Double(c), rounding);
        }
    }

    /// <summary>The mode to round by. An instruction that asks for an invalid dynamic mode is illegal (unprivileged specification, 20.2).</summary>
    private static int RoundingOf(IrInstruction i, GuestState* state)
    {
        var mode = i.Immediate == DynamicRounding ? state->RoundingMode : (int)i.Immediate;
        return mode <= FloatOps.NearestAway ? mode : throw new GuestFault(GuestFaultKind.IllegalInstruction, i.Pc, i.Pc);
    }

    private static long Compute(IrOp op, double a, double b, double c, int rounding) => op switch
    {
        IrOp.FAdd => FloatOps.Bits(FloatOps.Add(a, b, rounding)),
        IrOp.FSub => FloatOps.Bits(FloatOps.Sub(a, b, rounding)),
        IrOp.FMul => FloatOps.Bits(FloatOps.Mul(a, b, rounding)),
        IrOp.FDiv => FloatOps.Bits(FloatOps.Div(a, b, rounding)),
        IrOp.FSqrt => FloatOps.Bits(FloatOps.Sqrt(a, rounding)),
        IrOp.FMulAdd => FloatOps.Bits(FloatOps.MulAdd(a, b, c, rounding)),
        IrOp.FNeg => FloatOps.Bits(FloatOps.Negate(a)),
        IrOp.FAbs => FloatOps.Bits(FloatOps.Absolute(a)),
        IrOp.FCopySign => FloatOps.Bits(FloatOps.CopySign(a, b)),
        IrOp.FMin => FloatOps.Bits(FloatOps.Min(a, b)),
        IrOp.FMax => FloatOps.Bits(FloatOps.Max(a, b)),
        IrOp.FEq => FloatOps.Eq(a, b) ? 1 : 0,
        IrOp.FLt => FloatOps.Lt(a, b) ? 1 : 0,
        IrOp.FLe => FloatOps.Le(a, b) ? 1 : 0,
        IrOp.FClass => FloatOps.Classify(a),
        _ => throw new InvalidOperationException($"{op} is no floating-point operation"),
    };

    private static long Compute(IrOp op, float a, float b, float c, int rounding) => op switch
    {
        IrOp.FAdd => FloatOps.Bits(FloatOps.Add(a, b, rounding)),
        IrOp.FSub => FloatOps.Bits(FloatOps.Sub(a, b, rounding)),
        IrOp.FMul => FloatOps.Bits(FloatOps.Mul(a, b, rounding)),
        IrOp.FDiv => FloatOps.Bits(FloatOps.Div(a, b, rounding)),
        IrOp.FSqrt => FloatOps.Bits(FloatOps.Sqrt(a, rounding)),
        IrOp.FMulAdd => FloatOps.Bits(FloatOps.MulAdd(a, b, c, rounding)),
        IrOp.FNeg => FloatOps.Bits(FloatOps.Negate(a)),
        IrOp.FAbs => FloatOps.Bits(FloatOps.Absolute(a)),
        IrOp.FCopySign => FloatOps.Bits(FloatOps.CopySign(a, b)),
        IrOp.FMin => FloatOps.Bits(FloatOps.Min(a, b)),
        IrOp.FMax => FloatOps.Bits(FloatOps.Max(a, b)),
        IrOp.FEq => FloatOps.Eq(a, b) ? 1 : 0,
        IrOp.FLt => FloatOps.Lt(a, b) ? 1 : 0,
        IrOp.FLe => FloatOps.Le(a, b) ? 1 : 0,
        IrOp.FClass => FloatOps.Classify(a),
        _ => throw new InvalidOperationException($"{op} is no floating-point operation"),
    };

    private static long ToInteger(IrInstruction i, long a, int rounding)
    {
        if (i.A!.Type == IrType.F32)
        {
            var single = Single(a);
            return i.Format switch
            {
                IntegerFormat.W => FloatOps.ToW(single, rounding),
                IntegerFormat.WU => FloatOps.ToWU(single, rounding),
                IntegerFormat.L => FloatOps.ToL(single, rounding),
                _ => FloatOps.ToLU(single, rounding),
            };
        }

        var value = Double(a);
        return i.Format switch
        {
            IntegerFormat.W => FloatOps.ToW(value, rounding),
            IntegerFormat.WU => FloatOps.ToWU(value, rounding),
            IntegerFormat.L => FloatOps.ToL(value, rounding),
            _ => FloatOps.ToLU(value, rounding),
        };
    }

    private static long FromInteger(IrInstruction i, long a, int rounding)
    {
        if (i.Type == IrType.F32)
        {
            return FloatOps.Bits(i.Format switch
            {
                IntegerFormat.W => FloatOps.SingleFromW(a, rounding),
                IntegerFormat.WU => FloatOps.SingleFromWU(a, rounding),
                IntegerFormat.L => FloatOps.SingleFromL(a, rounding),
                _ => FloatOps.SingleFromLU(a, rounding),
            });
        }

        return FloatOps.Bits(i.Format switch
        {
            IntegerFormat.W => FloatOps.DoubleFromW(a),
            IntegerFormat.WU => FloatOps.DoubleFromWU(a),
            IntegerFormat.L => FloatOps.DoubleFromL(a, rounding),
            _ => FloatOps.DoubleFromLU(a, rounding),
        });
    }

    private static double Double(long bits) => BitConverter.Int64BitsToDouble(bits);

    private static float Single(long bits) => BitConverter.Int32BitsToSingle((int)bits);
}
