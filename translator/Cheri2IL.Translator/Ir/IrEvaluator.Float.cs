using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Translator.Ir;

/// <content>Floating point and counters. An F64 is kept as its bits, an F32 as its bits in the low half.</content>
public sealed unsafe partial class IrEvaluator
{
    private const long CanonicalNaN32 = 0x7fc00000;

    private static long Float(IrInstruction i, long a, long b, long c, GuestState* state)
    {
        var sign = i.Type == IrType.F32 ? 0x80000000L : long.MinValue;
        switch (i.Op)
        {
            case IrOp.FNeg:
                return a ^ sign;
            case IrOp.FAbs:
                return a & ~sign;
            case IrOp.FCopySign:
                return (a & ~sign) | (b & sign);
            case IrOp.Box:
                return unchecked((long)0xffffffff00000000) | (uint)a;
            case IrOp.Unbox:
                return (ulong)a >> 32 == 0xffffffff ? (uint)a : CanonicalNaN32;
            case IrOp.Bits or IrOp.FromBits:
                return a;
            case IrOp.ReadFlags:
                return FloatStatus.ReadFlags(state);
            case IrOp.WriteFlags:
                FloatStatus.WriteFlags(state, a);
                return 0;
            case IrOp.ReadRounding:
                return state->RoundingMode;
            case IrOp.WriteRounding:
                FloatStatus.WriteRounding(state, a);
                return 0;
            case IrOp.ReadCounter:
                return GuestRuntime.ReadCounter(state, (int)i.Immediate);
            default:
                throw new NotSupportedException($"{i.Op} {c}");
        }
    }
}
