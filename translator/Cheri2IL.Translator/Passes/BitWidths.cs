using System.Numerics;
using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>How many low bits determine each integer value of a block: the fact behind every dropped extension.</summary>
internal sealed class BitWidths
{
    private Width[] _widths = new Width[256];

    /// <summary>
    /// <paramref name="Zero"/>: the value is the zero extension of that many low bits; <paramref name="Sign"/>: the sign
    /// extension of that many. The width of the type when nothing is known.
    /// </summary>
    internal readonly record struct Width(byte Zero, byte Sign);

    /// <summary>What is known of a value that <see cref="Learn"/> has seen.</summary>
    public Width this[IrInstruction value] => _widths[value.Id];

    /// <summary>Derives what is known of <paramref name="i"/>, whose operands have been learnt, under its number.</summary>
    public void Learn(IrInstruction i)
    {
        if (i.Id >= _widths.Length)
            Array.Resize(ref _widths, i.Id * 2);
        _widths[i.Id] = Derive(i);
    }

    private Width Derive(IrInstruction i)
    {
        var full = i.Type == IrType.I32 ? 32 : 64;
        var a = i.A is null ? default : _widths[i.A.Id];
        var b = i.B is null ? default : _widths[i.B.Id];
        switch (i.Op)
        {
            case IrOp.Const:
                var bits = full == 32 ? (uint)i.Immediate : (ulong)i.Immediate;
                return Make(
                    64 - BitOperations.LeadingZeroCount(bits),
                    65 - BitOperations.LeadingZeroCount((ulong)(i.Immediate ^ (i.Immediate >> 63))),
                    full);
            case IrOp.Load or IrOp.LoadReserved or IrOp.Amo:
                return i.Access switch
                {
                    MemoryAccess.I8 => Signed(8, full),
                    MemoryAccess.U8 => Unsigned(8, full),
                    MemoryAccess.I16 => Signed(16, full),
                    MemoryAccess.U16 => Unsigned(16, full),
                    MemoryAccess.I32 => Signed(32, full),
                    MemoryAccess.U32 => Unsigned(32, full),
                    _ => Signed(full, full),
                };
            case IrOp.SignExtend8 or IrOp.SignExtend16 or IrOp.SignExtend32:
                var from = i.Op == IrOp.SignExtend8 ? 8 : i.Op == IrOp.SignExtend16 ? 16 : 32;
                return a.Zero < from ? Make(a.Zero, a.Sign, full) : Signed(Math.Min(from, (int)a.Sign), full);
            case IrOp.ZeroExtend32:
                return Unsigned(a.Zero, full);
            case IrOp.Truncate:
                return Make(Math.Min(32, (int)a.Zero), Math.Min(32, (int)a.Sign), full);
            case IrOp.Eq or IrOp.Ne or IrOp.LtS or IrOp.LtU or IrOp.GeS or IrOp.GeU or IrOp.FEq or IrOp.FLt or IrOp.FLe
                or IrOp.StoreConditional:
                return Unsigned(1, full);
            case IrOp.CountLeadingZeros or IrOp.CountTrailingZeros or IrOp.PopCount:
                return Unsigned(7, full);
            case IrOp.FClass:
                return Unsigned(10, full);
            case IrOp.ReadFlags:
                return Unsigned(5, full);
            case IrOp.ReadRounding:
                return Unsigned(3, full);
            case IrOp.FToInteger when i.Format is IntegerFormat.W or IntegerFormat.WU:
                return Signed(32, full);
            case IrOp.And:
                return Make(Math.Min(a.Zero, b.Zero), Math.Max(a.Sign, b.Sign), full);
            case IrOp.Or or IrOp.Xor:
                return Make(Math.Max(a.Zero, b.Zero), Math.Max(a.Sign, b.Sign), full);
            case IrOp.Select:
                var c = _widths[i.C!.Id];
                return Make(Math.Max(b.Zero, c.Zero), Math.Max(b.Sign, c.Sign), full);
            case IrOp.Add:
                return Make(Math.Max(a.Zero, b.Zero) + 1, Math.Max(a.Sign, b.Sign) + 1, full);
            case IrOp.Sub:
                return Signed(Math.Max(a.Sign, b.Sign) + 1, full);
            case IrOp.Mul:
                return Make(a.Zero + b.Zero, a.Sign + b.Sign, full);
            case IrOp.ShiftLeft when i.B!.Op == IrOp.Const:
                var left = Amount(i, full);
                return Make(a.Zero + left, a.Sign + left, full);
            case IrOp.ShiftRightU when i.B!.Op == IrOp.Const:
                return Unsigned(Math.Max(0, a.Zero - Amount(i, full)), full);
            case IrOp.ShiftRightS when i.B!.Op == IrOp.Const:
                return a.Zero < full
                    ? Unsigned(Math.Max(0, a.Zero - Amount(i, full)), full)
                    : Signed(Math.Max(1, a.Sign - Amount(i, full)), full);
            default:
                return Signed(full, full);
        }
    }

    private static int Amount(IrInstruction shift, int full) => (int)shift.B!.Immediate & (full - 1);

    private static Width Signed(int bits, int full) => Make(full, bits, full);

    private static Width Unsigned(int bits, int full) => Make(bits, full, full);

    private static Width Make(int zero, int sign, int full)
    {
        zero = Math.Min(zero, full);
        // A zero-extended value is also the sign extension of one bit more.
        sign = Math.Min(Math.Min(sign, full), zero + 1);
        return new Width((byte)zero, (byte)Math.Max(1, sign));
    }
}
