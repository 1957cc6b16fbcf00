using System.Numerics;

namespace Cheri2IL.Translator.Ir;

/// <summary>
/// Reference semantics of the operations that only compute on integers: the evaluator executes them with it, and constant
/// folding uses the same code. Values are 64-bit images; an I32 is kept sign-extended.
/// </summary>
public static class IrArithmetic
{
    /// <summary>Whether <see cref="Evaluate"/> takes <paramref name="op"/>.</summary>
    public static bool Covers(IrOp op) => op is >= IrOp.Add and <= IrOp.Select;

    /// <summary>Result of <paramref name="op"/>.</summary>
    /// <param name="op">An operation that <see cref="Covers"/> accepts.</param>
    /// <param name="variable">Its type variable (<see cref="IrSignature.VariableOf"/>); any value when it has none.</param>
    /// <param name="a">First operand.</param>
    /// <param name="b">Second operand; ignored when there is none.</param>
    /// <param name="c">Third operand; ignored when there is none.</param>
    public static long Evaluate(IrOp op, IrType variable, long a, long b, long c) => op switch
    {
        IrOp.SignExtend32 => (int)a,
        IrOp.ZeroExtend32 => (uint)a,
        IrOp.Truncate => (int)a,
        IrOp.Select => (int)a != 0 ? b : c,
        _ => variable == IrType.I64 ? Evaluate64(op, a, b) : Evaluate32(op, (int)a, (int)b),
    };

    private static long Evaluate64(IrOp op, long a, long b) => op switch
    {
        IrOp.Add => a + b,
        IrOp.Sub => a - b,
        IrOp.Mul => a * b,
        IrOp.MulHighS => Math.BigMul(a, b, out _),
        IrOp.MulHighU => (long)Math.BigMul((ulong)a, (ulong)b, out _),
        // As unsigned product, less b << 64 when a is negative.
        IrOp.MulHighSU => (long)Math.BigMul((ulong)a, (ulong)b, out _) - (a < 0 ? b : 0),
        IrOp.DivS => b == 0 ? -1 : b == -1 ? -a : a / b,
        IrOp.DivU => b == 0 ? -1 : (long)((ulong)a / (ulong)b),
        IrOp.RemS => b == 0 ? a : b == -1 ? 0 : a % b,
        IrOp.RemU => b == 0 ? a : (long)((ulong)a % (ulong)b),
        IrOp.And => a & b,
        IrOp.Or => a | b,
        IrOp.Xor => a ^ b,
        IrOp.ShiftLeft => a << (int)b,
        IrOp.ShiftRightU => a >>> (int)b,
        IrOp.ShiftRightS => a >> (int)b,
        IrOp.RotateLeft => (long)BitOperations.RotateLeft((ulong)a, (int)b),
        IrOp.RotateRight => (long)BitOperations.RotateRight((ulong)a, (int)b),
        IrOp.MinS => Math.Min(a, b),
        IrOp.MaxS => Math.Max(a, b),
        IrOp.MinU => (long)Math.Min((ulong)a, (ulong)b),
        IrOp.MaxU => (long)Math.Max((ulong)a, (ulong)b),
        IrOp.CountLeadingZeros => BitOperations.LeadingZeroCount((ulong)a),
        IrOp.CountTrailingZeros => BitOperations.TrailingZeroCount((ulong)a),
        IrOp.PopCount => BitOperations.PopCount((ulong)a),
        IrOp.ByteSwap => System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(a),
        IrOp.OrCombine => OrCombine((ulong)a),
        IrOp.SignExtend8 => (sbyte)a,
        IrOp.SignExtend16 => (short)a,
        _ => Compare(op, a, b),
    };

    private static long Evaluate32(IrOp op, int a, int b) => op switch
    {
        IrOp.Add => a + b,
        IrOp.Sub => a - b,
        IrOp.Mul => a * b,
        IrOp.DivS => b == 0 ? -1 : b == -1 ? -a : a / b,
        IrOp.DivU => b == 0 ? -1 : (int)((uint)a / (uint)b),
        IrOp.RemS => b == 0 ? a : b == -1 ? 0 : a % b,
        IrOp.RemU => b == 0 ? a : (int)((uint)a % (uint)b),
        IrOp.And => a & b,
        IrOp.Or => a | b,
        IrOp.Xor => a ^ b,
        IrOp.ShiftLeft => a << b,
        IrOp.ShiftRightU => a >>> b,
        IrOp.ShiftRightS => a >> b,
        IrOp.RotateLeft => (int)BitOperations.RotateLeft((uint)a, b),
        IrOp.RotateRight => (int)BitOperations.RotateRight((uint)a, b),
        IrOp.MinS => Math.Min(a, b),
        IrOp.MaxS => Math.Max(a, b),
        IrOp.MinU => (int)Math.Min((uint)a, (uint)b),
        IrOp.MaxU => (int)Math.Max((uint)a, (uint)b),
        IrOp.CountLeadingZeros => BitOperations.LeadingZeroCount((uint)a),
        IrOp.CountTrailingZeros => BitOperations.TrailingZeroCount((uint)a),
        IrOp.PopCount => BitOperations.PopCount((uint)a),
        IrOp.ByteSwap => System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(a),
        _ => Compare(op, a, b),
    };

    /// <summary>Sign extension keeps both orders, so one comparison serves both widths.</summary>
    private static long Compare(IrOp op, long a, long b) => op switch
    {
        IrOp.Eq => a == b,
        IrOp.Ne => a != b,
        IrOp.LtS => a < b,
        IrOp.LtU => (ulong)a < (ulong)b,
        IrOp.GeS => a >= b,
        IrOp.GeU => (ulong)a >= (ulong)b,
        _ => throw new ArgumentOutOfRangeException(nameof(op), op, "not an integer operation"),
    } ? 1 : 0;

    private static long OrCombine(ulong a)
    {
        // Folds each byte onto its lowest bit, then spreads that over the byte.
        a |= a >> 4 & 0x0f0f0f0f0f0f0f0f;
        a |= a >> 2 & 0x3f3f3f3f3f3f3f3f;
        a |= a >> 1 & 0x7f7f7f7f7f7f7f7f;
        return (long)((a & 0x0101010101010101) * 0xff);
    }
}
