namespace Cheri2IL.CaseGen;

/// <summary>Operand values at which implementations go wrong.</summary>
internal static class OperandValues
{
    /// <summary>Single-precision canonical NaN-boxed image.</summary>
    public const ulong Box = 0xFFFFFFFF_00000000;

    /// <summary>Integers: around zero and the ends of the 32- and 64-bit ranges.</summary>
    public static readonly ulong[] Integers =
    [
        0, 1, ulong.MaxValue, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF_80000000, 0x7FFFFFFF_FFFFFFFF, 0x80000000_00000000,
    ];

    /// <summary>More integers: patterns for shifts and bit manipulation.</summary>
    public static readonly ulong[] Patterns =
    [
        0xFFFFFFFF, 0x01234567_89ABCDEF, 0xFEDCBA98_76543210, 0x00FF0001_00800000, 0x80808080_7F7F7F7F, 0x00000001_00000000,
        0x8000, 0x7FFF, 0x80, 0x10000, 0x00000000_00000100, 0xFFFFFFFF_FFFFFF80,
    ];

    /// <summary>Amounts for shifts by register: only the low 5 or 6 bits count.</summary>
    public static readonly ulong[] ShiftAmounts = [1, 5, 31, 32, 33, 63, 64, 0xFFFFFFFF_FFFFFFE1];

    /// <summary>Singles: zeros, ones, infinities, quiet and signalling NaNs, ends of the subnormal and normal ranges.</summary>
    public static readonly uint[] Singles =
    [
        0x00000000, 0x80000000, 0x3F800000, 0xBFC00000, 0x7F800000, 0xFF800000, 0x7FC00000, 0xFFC12345, 0x7F800001, 0xFFA00000,
        0x00000001, 0x807FFFFF, 0x00800000, 0x7F7FFFFF, 0xFF7FFFFF,
    ];

    /// <summary>Singles whose sums, products, quotients and roots are inexact, overflow or underflow.</summary>
    public static readonly uint[] InexactSingles = [0x3EAAAAAB, 0x3F800001, 0x7F7FFFFE, 0x00800001, 0xC0490FDB, 0x33000000, 0x5F000000];

    /// <summary>Doubles: as <see cref="Singles"/>.</summary>
    public static readonly ulong[] Doubles =
    [
        0x00000000_00000000, 0x80000000_00000000, 0x3FF00000_00000000, 0xBFF80000_00000000, 0x7FF00000_00000000, 0xFFF00000_00000000,
        0x7FF80000_00000000, 0xFFF80000_12345678, 0x7FF00000_00000001, 0xFFF40000_00000000, 0x00000000_00000001, 0x800FFFFF_FFFFFFFF,
        0x00100000_00000000, 0x7FEFFFFF_FFFFFFFF, 0xFFEFFFFF_FFFFFFFF,
    ];

    /// <summary>Doubles: as <see cref="InexactSingles"/>; also too precise, too large or too small for a single.</summary>
    public static readonly ulong[] InexactDoubles =
    [
        0x3FD55555_55555555, 0x3FF00000_00000001, 0x7FEFFFFF_FFFFFFFE, 0x00100000_00000001, 0xC00921FB_54442D18, 0x3C900000_00000000,
        0x43E00000_00000000, 0x3FF00000_10000000, 0x47EFFFFF_F0000000, 0x36A00000_00000000, 0x380FFFFF_FFFFFFFF, 0x3E7FFFFF_FFFFFFFF,
    ];

    /// <summary>Numbers around the ends of the integer formats and around halves, for conversions to integers.</summary>
    public static readonly double[] AroundIntegers =
    [
        0.25, -0.25, 0.5, -0.5, 0.75, -0.75, 1.5, 2.5, -1.5, -2.5, 2147483646.5, 2147483647.5, 2147483648, -2147483648.5, -2147483649,
        4294967295, 4294967295.5, 4294967296, 9223372036854774784, 9223372036854775808.0, -9223372036854775808.0, -9223372036854777856.0,
        18446744073709549568.0, 18446744073709551616.0, 1e300, -1e300,
    ];

    /// <summary>Integers that singles or doubles cannot hold exactly, for conversions from integers.</summary>
    public static readonly ulong[] InexactIntegers =
    [
        0x01000001, 0x01000003, 0x00200000_00000001, 0x00200000_00000003, 0xFFFFFFFF_FEFFFFFF, 0x7FFFFFFF_FFFFFDFF, 0x80000000_00000401,
    ];
}
