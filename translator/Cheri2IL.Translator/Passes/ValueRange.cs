using System.Numerics;
using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>A set of 64-bit values as a strided interval: Low, Low + Stride, ... High, signed, all from a base.</summary>
/// <param name="Low">Least value.</param>
/// <param name="High">Greatest value; a whole number of strides from <paramref name="Low"/>.</param>
/// <param name="Stride">Distance of neighbours; 0 for a single value.</param>
/// <param name="Base">
/// 0, or the number of an unknown value that these are distances from, modulo 2^64 (<see cref="RangeAnalysis"/>). Such values can be
/// told apart, but not ordered: the sum may wrap round.
/// </param>
internal readonly record struct ValueRange(long Low, long High, long Stride, int Base = 0)
{
    /// <summary>Every value.</summary>
    public static readonly ValueRange Full = new(long.MinValue, long.MaxValue, 1);

    /// <summary>Every value of a signed 32-bit integer.</summary>
    public static readonly ValueRange Int32 = new(int.MinValue, int.MaxValue, 1);

    private static readonly ValueRange _uint32 = new(0, uint.MaxValue, 1);

    /// <inheritdoc/>
    /// <remarks>The analysis compares more than it computes, and what the compiler makes of a record asks a comparer for each member.</remarks>
    public bool Equals(ValueRange other) => Low == other.Low && High == other.High && Stride == other.Stride && Base == other.Base;

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Low, High, Stride, Base);

    /// <summary>Whether it is a single value, if the base is known.</summary>
    public bool IsConstant => Low == High;

    /// <summary>Whether nothing is known.</summary>
    public bool IsFull => this == Full;

    /// <summary>The same where distances from an unknown value say nothing.</summary>
    public ValueRange WithoutBase() => Base == 0 ? this : Full;

    /// <summary>A single value.</summary>
    public static ValueRange Constant(long value) => new(value, value, 0);

    /// <summary>The unknown value number <paramref name="number"/> itself.</summary>
    /// <param name="number">Greater than 0.</param>
    public static ValueRange Unknown(int number) => new(0, 0, 0, number);

    /// <summary>All values from <paramref name="low"/> to <paramref name="high"/>.</summary>
    public static ValueRange Between(long low, long high) => new(low, high, low == high ? 0 : 1);

    /// <summary>Whether all values are in [<paramref name="low"/>, <paramref name="high"/>].</summary>
    public bool IsWithin(long low, long high) => Base == 0 && Low >= low && High <= high;

    /// <summary>Whether every value of it is one of <paramref name="other"/>'s interval.</summary>
    public bool IsWithin(ValueRange other) => other.IsFull || (Base == other.Base && Low >= other.Low && High <= other.High);

    /// <summary>The least range that holds both.</summary>
    public ValueRange Join(ValueRange other)
    {
        if (Base != other.Base)
            return Full;
        var (low, high) = (Math.Min(Low, other.Low), Math.Max(High, other.High));
        return Strided(low, high, Gcd(Gcd(Stride, other.Stride), (Int128)Low - other.Low), Base);
    }

    /// <summary>The same without values above <paramref name="bound"/>; null when none is left.</summary>
    public ValueRange? AtMost(long bound)
        => bound >= High ? this : bound < Low ? null : Strided(Low, Low + (((Int128)bound - Low) / Math.Max(1, Stride) * Stride), Stride, Base);

    /// <summary>The same without values below <paramref name="bound"/>; null when none is left.</summary>
    public ValueRange? AtLeast(long bound)
        => bound <= Low ? this : bound > High ? null : Strided(High - (((Int128)High - bound) / Math.Max(1, Stride) * Stride), High, Stride, Base);

    /// <summary>The same without <paramref name="value"/> where that is an end; null when none is left.</summary>
    public ValueRange? Without(long value)
        => IsConstant && Low == value ? null
            : value == High ? Strided(Low, (Int128)High - Stride, Stride, Base)
            : value == Low ? Strided((Int128)Low + Stride, High, Stride, Base)
            : this;

    /// <summary>This and what up to <paramref name="times"/> additions of <paramref name="step"/> make of it.</summary>
    public ValueRange Stepped(long step, long times)
    {
        var way = (Int128)step * times;
        return Checked(Low + Int128.Min(way, 0), High + Int128.Max(way, 0), Gcd(Stride, step), Full, Base);
    }

    /// <summary>What an instruction yields, given what its operands are.</summary>
    public static ValueRange Of(IrInstruction i, ValueRange a, ValueRange b, ValueRange c)
    {
        if ((a.Base | b.Base | c.Base) != 0)
            return FromBase(i, a, b, c);
        var full = i.Type == IrType.I32 ? Int32 : Full;
        switch (i.Op)
        {
            case IrOp.Const:
                return Constant(i.Type == IrType.I32 ? (int)i.Immediate : i.Immediate);
            case IrOp.Load or IrOp.LoadReserved or IrOp.Amo:
                return Loaded(i.Access);
            case IrOp.Add:
                return Checked((Int128)a.Low + b.Low, (Int128)a.High + b.High, Gcd(a.Stride, b.Stride), full);
            case IrOp.Sub:
                return Checked((Int128)a.Low - b.High, (Int128)a.High - b.Low, Gcd(a.Stride, b.Stride), full);
            case IrOp.Mul when b.IsConstant:
                return Scaled(a, b.Low, full);
            case IrOp.Mul when a.IsConstant:
                return Scaled(b, a.Low, full);
            case IrOp.ShiftLeft when b.IsConstant:
                return Scaled(a, 1L << Amount(b, i.Type), full);
            case IrOp.ShiftRightU when b.IsConstant:
                return ShiftedRight(a, Amount(b, i.Type), i.Type);
            case IrOp.ShiftRightS when b.IsConstant:
                return Between(a.Low >> Amount(b, i.Type), a.High >> Amount(b, i.Type));
            case IrOp.And when b.Low >= 0 || a.Low >= 0:
                return Between(0, Math.Min(a.Low >= 0 ? a.High : long.MaxValue, b.Low >= 0 ? b.High : long.MaxValue));
            case IrOp.Or or IrOp.Xor when a.Low >= 0 && b.Low >= 0:
                return Between(0, AllOnes(a.High | b.High));
            case IrOp.RemU when b.IsConstant && b.Low > 0:
                return Between(0, b.Low - 1);
            case IrOp.RemS when b.IsConstant && b.Low > 0:
                return Between(a.Low >= 0 ? 0 : 1 - b.Low, b.Low - 1);
            case IrOp.DivU when a.Low >= 0 && b.IsConstant && b.Low > 0:
                return Between(a.Low / b.Low, a.High / b.Low);
            case IrOp.MulHighU when b.IsConstant && b.Low > 0:
                return Between(0, b.Low - 1);
            case IrOp.MinS:
                return Between(Math.Min(a.Low, b.Low), Math.Min(a.High, b.High));
            case IrOp.MaxS:
                return Between(Math.Max(a.Low, b.Low), Math.Max(a.High, b.High));
            case IrOp.SignExtend8:
                return Narrowed(a, new ValueRange(sbyte.MinValue, sbyte.MaxValue, 1));
            case IrOp.SignExtend16:
                return Narrowed(a, new ValueRange(short.MinValue, short.MaxValue, 1));
            case IrOp.SignExtend32 or IrOp.Truncate:
                return Narrowed(a, Int32);
            case IrOp.ZeroExtend32:
                return a.Low >= 0 ? Narrowed(a, _uint32) : _uint32;
            case IrOp.Eq or IrOp.Ne or IrOp.LtS or IrOp.LtU or IrOp.GeS or IrOp.GeU or IrOp.FEq or IrOp.FLt or IrOp.FLe
                or IrOp.StoreConditional:
                return Between(0, 1);
            case IrOp.CountLeadingZeros or IrOp.CountTrailingZeros or IrOp.PopCount:
                return Between(0, 64);
            case IrOp.Select:
                return b.Join(c);
            default:
                return full;
        }
    }

    /// <summary>The same where some operand has a base.</summary>
    private static ValueRange FromBase(IrInstruction i, ValueRange a, ValueRange b, ValueRange c) => i.Op switch
    {
        IrOp.Add when a.Base == 0 || b.Base == 0
            => Checked((Int128)a.Low + b.Low, (Int128)a.High + b.High, Gcd(a.Stride, b.Stride), Full, a.Base | b.Base),
        IrOp.Sub when b.Base == 0 || a.Base == b.Base
            => Checked((Int128)a.Low - b.High, (Int128)a.High - b.Low, Gcd(a.Stride, b.Stride), Full, a.Base ^ b.Base),
        IrOp.Select => b.Join(c),
        _ => Of(i, a.WithoutBase(), b.WithoutBase(), c.WithoutBase()),
    };

    private static ValueRange Loaded(MemoryAccess access) => access switch
    {
        MemoryAccess.I8 => new ValueRange(sbyte.MinValue, sbyte.MaxValue, 1),
        MemoryAccess.U8 => new ValueRange(0, byte.MaxValue, 1),
        MemoryAccess.I16 => new ValueRange(short.MinValue, short.MaxValue, 1),
        MemoryAccess.U16 => new ValueRange(0, ushort.MaxValue, 1),
        MemoryAccess.I32 => Int32,
        MemoryAccess.U32 => _uint32,
        _ => Full,
    };

    /// <summary>Values of a narrower type: unchanged if they all fit.</summary>
    private static ValueRange Narrowed(ValueRange value, ValueRange type) => value.IsWithin(type.Low, type.High) ? value : type;

    private static ValueRange Scaled(ValueRange value, long factor, ValueRange full)
    {
        if (factor < 0)
            return full;
        var stride = (Int128)value.Stride * factor;
        return stride > long.MaxValue ? full : Checked((Int128)value.Low * factor, (Int128)value.High * factor, (long)stride, full);
    }

    private static ValueRange ShiftedRight(ValueRange value, int amount, IrType type)
    {
        if (value.Low >= 0)
        {
            // A multiple of what is divided by keeps its steps.
            var isExact = ((value.Low | value.Stride) & ((1L << amount) - 1)) == 0;
            return isExact ? new ValueRange(value.Low >> amount, value.High >> amount, value.Stride >> amount) : Between(value.Low >> amount, value.High >> amount);
        }

        return amount == 0 ? value : Between(0, (long)(ulong.MaxValue >> (64 - Width(type)) >> amount));
    }

    private static int Width(IrType type) => type == IrType.I32 ? 32 : 64;

    private static int Amount(ValueRange shift, IrType type) => (int)shift.Low & (Width(type) - 1);

    private static long AllOnes(long value) => value == 0 ? 0 : (long)(ulong.MaxValue >> BitOperations.LeadingZeroCount((ulong)value));

    /// <summary>The range, or <paramref name="full"/> when an operation may have wrapped round.</summary>
    private static ValueRange Checked(Int128 low, Int128 high, long stride, ValueRange full, int valueBase = 0)
        => low < full.Low || high > full.High ? full : Strided(low, high, stride, valueBase);

    private static ValueRange Strided(Int128 low, Int128 high, long stride, int valueBase)
        => new((long)low, (long)high, low == high ? 0 : stride, valueBase);

    /// <summary>Greatest common divisor; 0 is every number's multiple. 1 when it does not fit.</summary>
    private static long Gcd(Int128 a, Int128 b)
    {
        (a, b) = (Int128.Abs(a), Int128.Abs(b));
        while (b != 0)
            (a, b) = (b, a % b);
        return a > long.MaxValue ? 1 : (long)a;
    }
}
