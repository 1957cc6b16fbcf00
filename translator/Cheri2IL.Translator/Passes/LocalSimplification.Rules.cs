using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <content>The rules: each keeps the value of the instruction and costs no more than what it replaces.</content>
public sealed partial class LocalSimplification
{
    /// <summary>
    /// The value that stands for <paramref name="i"/>: itself, perhaps changed, or one that has been appended. Instructions with
    /// effects are returned as they are.
    /// </summary>
    private IrInstruction Reduce(IrInstruction i)
    {
        if (IrArithmetic.Covers(i.Op))
        {
            if (IsConstant(i.A) && (i.B is null || IsConstant(i.B)) && (i.C is null || IsConstant(i.C)))
                return Fold(i);
            return ReduceInteger(i);
        }

        switch (i.Op)
        {
            case IrOp.Unbox when i.A!.Op == IrOp.Box:
            case IrOp.Bits when i.A!.Op == IrOp.FromBits:
            case IrOp.FromBits when i.A!.Op == IrOp.Bits:
                return i.A.A!;
            case IrOp.Branch:
                // Any non-zero I32 takes the branch.
                while (IsRotation(i.A!) || (i.A!.Op == IrOp.Ne && i.A.A!.Type == IrType.I32 && IsConstant(i.A.B, 0)))
                    i.A = i.A!.A;
                return i;
            default:
                return i;
        }
    }

    private static IrInstruction Fold(IrInstruction i)
    {
        var variable = IrSignature.Of(i.Op).VariableOf(i);
        var value = IrArithmetic.Evaluate(i.Op, variable, i.A!.Immediate, i.B?.Immediate ?? 0, i.C?.Immediate ?? 0);
        i.Op = IrOp.Const;
        i.A = i.B = i.C = null;
        i.Immediate = value;
        return i;
    }

    private IrInstruction ReduceInteger(IrInstruction i)
    {
        var a = i.A!;
        var b = i.B;
        switch (i.Op)
        {
            case IrOp.Add or IrOp.Or or IrOp.Xor when IsConstant(a, 0):
                return b!;
            case IrOp.Add or IrOp.Sub or IrOp.Or or IrOp.Xor or IrOp.ShiftLeft or IrOp.ShiftRightU or IrOp.ShiftRightS
                or IrOp.RotateLeft or IrOp.RotateRight when IsConstant(b, 0):
                return a;
            case IrOp.Mul when IsConstant(b, 1):
                return a;
            case IrOp.And when ReferenceEquals(a, b):
            case IrOp.Or when ReferenceEquals(a, b):
                return a;
            case IrOp.And or IrOp.Or or IrOp.Xor when AreSignExtensions(a, b!):
                return New(IrOp.SignExtend32, IrType.I64, New(i.Op, IrType.I32, Narrow(a), Narrow(b!)));
            case IrOp.And when IsConstant(b):
                return MaskCovers(b!.Immediate, a) ? a : i;
            case IrOp.Or or IrOp.Xor or IrOp.Add:
                return ReduceToRotation(i);
            case IrOp.ShiftRightU or IrOp.ShiftRightS when i.Type == IrType.I64 && IsConstant(b):
                return ReduceShiftPair(i);
            case IrOp.SignExtend8:
                return _widths[a].Sign <= 8 ? a : i;
            case IrOp.SignExtend16:
                return _widths[a].Sign <= 16 ? a : i;
            case IrOp.SignExtend32 when a.Op == IrOp.Truncate && _widths[a.A!].Sign <= 32:
            case IrOp.ZeroExtend32 when a.Op == IrOp.Truncate && _widths[a.A!].Zero <= 32:
                return a.A!;
            case IrOp.SignExtend32 when _widths[a].Zero < 32:
                // The host's 32-bit operations clear the upper half anyhow.
                return Become(i, IrOp.ZeroExtend32, a);
            case IrOp.Truncate when a.Op is IrOp.SignExtend32 or IrOp.ZeroExtend32:
                return a.A!;
            case IrOp.Eq or IrOp.Ne or IrOp.LtS or IrOp.LtU or IrOp.GeS or IrOp.GeU:
                return ReduceComparison(i);
            case IrOp.Select when IsConstant(a):
                return a.Immediate != 0 ? b! : i.C!;
            case IrOp.Select when ReferenceEquals(b, i.C):
                return b!;
            case IrOp.Select when IsRotation(a):
                i.A = a.A;
                return ReduceInteger(i);
            default:
                return i;
        }
    }

    /// <summary>Whether both operands are sign extensions from 32 bits, and made as such, so that one can serve for two.</summary>
    private bool AreSignExtensions(IrInstruction a, IrInstruction b)
        => (a.Op == IrOp.SignExtend32 && IsExtension(b)) || (b.Op == IrOp.SignExtend32 && IsExtension(a));

    private bool IsExtension(IrInstruction value) => value.Op is IrOp.SignExtend32 or IrOp.ZeroExtend32 && _widths[value].Sign <= 32;

    /// <summary>x &lt;&lt; n | x &gt;&gt; (width - n): RV64GC has no rotation.</summary>
    private IrInstruction ReduceToRotation(IrInstruction i)
    {
        var (left, right) = i.A!.Op == IrOp.ShiftLeft ? (i.A, i.B!) : (i.B!, i.A);
        if (left.Op != IrOp.ShiftLeft || right.Op != IrOp.ShiftRightU || !IsConstant(left.B) || !IsConstant(right.B))
            return i;
        var width = i.Type == IrType.I32 ? 32 : 64;
        var distance = left.B!.Immediate & (width - 1);
        if (distance == 0 || distance + (right.B!.Immediate & (width - 1)) != width || !IsSame(left.A!, right.A!))
            return i;
        return Become(i, IrOp.RotateLeft, left.A, left.B);

        static bool IsSame(IrInstruction a, IrInstruction b)
            => ReferenceEquals(a, b) || (a.Op == IrOp.Truncate && b.Op == IrOp.Truncate && ReferenceEquals(a.A, b.A));
    }

    /// <summary>
    /// A shift left and one right again extract a field: RV64GC has no other zext.w, zext.h or sext.b, and compilers index
    /// arrays this way.
    /// </summary>
    private IrInstruction ReduceShiftPair(IrInstruction i)
    {
        var inner = i.A!;
        if (inner.Op != IrOp.ShiftLeft || !IsConstant(inner.B))
            return i;
        var left = (int)inner.B!.Immediate & 63;
        var right = (int)i.B!.Immediate & 63;
        var source = inner.A!;
        if (i.Op == IrOp.ShiftRightS)
        {
            return (left, right) switch
            {
                (56, 56) => Become(i, IrOp.SignExtend8, source),
                (48, 48) => Become(i, IrOp.SignExtend16, source),
                (32, 32) => Become(i, IrOp.SignExtend32, New(IrOp.Truncate, IrType.I32, source)),
                _ => i,
            };
        }

        if (left == 32 && right <= 32)
        {
            var extended = New(IrOp.ZeroExtend32, IrType.I64, New(IrOp.Truncate, IrType.I32, source));
            return right == 32 ? extended : Become(i, IrOp.ShiftLeft, extended, Constant(IrType.I32, 32 - right));
        }

        return left == right && left is 48 or 56 ? Become(i, IrOp.And, source, Constant(IrType.I64, (1L << (64 - left)) - 1)) : i;
    }

    private IrInstruction ReduceComparison(IrInstruction i)
    {
        var a = i.A!;
        var b = i.B!;
        // seqz and snez.
        if (i.Op is IrOp.LtU or IrOp.GeU && IsConstant(b, 1))
            return Become(i, i.Op == IrOp.LtU ? IrOp.Eq : IrOp.Ne, a, Constant(a.Type, 0));
        if (i.Op is IrOp.LtU or IrOp.GeU && IsConstant(a, 0))
            return Become(i, i.Op == IrOp.LtU ? IrOp.Ne : IrOp.Eq, b, a);
        if (IsConstant(b, 0) && i.Op is IrOp.Eq or IrOp.Ne)
        {
            if (IsRotation(a))
                return Become(i, i.Op, a.A, b);

            // (c ? 1 : 0) != 0 is c; the comparison with 0 is how the guest branches on what slt or an FP compare left.
            var condition = a.Op is IrOp.ZeroExtend32 or IrOp.SignExtend32 ? a.A! : a;
            if (IsComparison(condition.Op) && i.Op == IrOp.Ne)
                return condition;
            if (Inverse(condition.Op) is { } inverse)
                return Become(i, inverse, condition.A, condition.B);
        }

        // Both orders survive sign extension, so the 32-bit operands can be compared as they were.
        if (a.Type == IrType.I64 && (a.Op == IrOp.SignExtend32 || b.Op == IrOp.SignExtend32)
            && _widths[a].Sign <= 32 && _widths[b].Sign <= 32)
            return Become(i, i.Op, Narrow(a), Narrow(b));
        // Zero extension keeps equality and the unsigned order.
        if (a.Type == IrType.I64 && i.Op is IrOp.Eq or IrOp.Ne or IrOp.LtU or IrOp.GeU
            && (a.Op == IrOp.ZeroExtend32 || b.Op == IrOp.ZeroExtend32)
            && _widths[a].Zero <= 32 && _widths[b].Zero <= 32)
            return Become(i, i.Op, Narrow(a), Narrow(b));
        return i;
    }

    private IrInstruction Narrow(IrInstruction value) => New(IrOp.Truncate, IrType.I32, value);

    private bool MaskCovers(long mask, IrInstruction value)
    {
        var zero = _widths[value].Zero;
        return zero < 64 && (~mask & ((1L << zero) - 1)) == 0;
    }

    private static bool IsConstant(IrInstruction? value) => value is { Op: IrOp.Const };

    private static bool IsConstant(IrInstruction? value, long number) => value is { Op: IrOp.Const } && value.Immediate == number;

    /// <summary>
    /// 0 only if what is rotated is: it must not be compared with 0 itself. RyuJIT (10.0) takes x86-64's rotations for instructions that set the zero
    /// flag, as shifts do.
    /// </summary>
    private static bool IsRotation(IrInstruction value) => value.Op is IrOp.RotateLeft or IrOp.RotateRight;

    private static bool IsComparison(IrOp op)
        => op is IrOp.Eq or IrOp.Ne or IrOp.LtS or IrOp.LtU or IrOp.GeS or IrOp.GeU or IrOp.FEq or IrOp.FLt or IrOp.FLe;

    /// <summary>The integer comparison with the opposite result. Floating-point ones have none: both are false for a NaN.</summary>
    private static IrOp? Inverse(IrOp op) => op switch
    {
        IrOp.Eq => IrOp.Ne,
        IrOp.Ne => IrOp.Eq,
        IrOp.LtS => IrOp.GeS,
        IrOp.GeS => IrOp.LtS,
        IrOp.LtU => IrOp.GeU,
        IrOp.GeU => IrOp.LtU,
        _ => null,
    };
}
