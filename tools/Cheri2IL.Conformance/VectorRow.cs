using System.Globalization;
using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Conformance;

/// <summary>One case: named fields, and the first way in which an implementation differs from them.</summary>
public sealed class VectorRow(IReadOnlyDictionary<string, int> index, string[] fields)
{
    /// <summary>What was wrong first; null if nothing.</summary>
    public string? Failure { get; private set; }

    /// <summary>A field as it is written.</summary>
    /// <exception cref="FormatException">The row is too short.</exception>
    public string Text(string column) =>
        index[column] < fields.Length ? fields[index[column]] : throw new FormatException($"no field '{column}'");

    /// <summary>A number of up to 128 bits: hexadecimal with 0x, else decimal.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public UInt128 Number(string column)
    {
        var text = Text(column);
        var isHex = text.StartsWith("0x", StringComparison.Ordinal);
        return UInt128.TryParse(
            isHex ? text.AsSpan(2) : text, isHex ? NumberStyles.HexNumber : NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw new FormatException($"{column} '{text}' is not a number");
    }

    /// <summary>A 64-bit word.</summary>
    /// <exception cref="FormatException">It is not a number, or larger.</exception>
    public ulong Word(string column)
    {
        var number = Number(column);
        return number <= ulong.MaxValue ? (ulong)number : throw new FormatException($"{column} has more than 64 bits");
    }

    /// <summary>The capability in the columns <paramref name="prefix"/>mem_hi, cursor and tag.</summary>
    /// <exception cref="FormatException">One of them is not a number.</exception>
    public Capability Capability(string prefix) =>
        new(Word(prefix + "mem_hi"), Word(prefix + "cursor"), Word(prefix + "tag") != 0);

    /// <summary>Compares what was computed with the number in a column.</summary>
    public void Expect(string column, UInt128 value)
    {
        if (value != Number(column))
            Fail($"{column} is 0x{value:x}");
    }

    /// <summary>Compares what was computed with the 0 or 1 in a column.</summary>
    public void Expect(string column, bool value) => Expect(column, value ? 1 : UInt128.Zero);

    /// <summary>Compares what was computed with the text in a column.</summary>
    public void Expect(string column, string value)
    {
        if (value != Text(column))
            Fail($"{column} is '{value}'");
    }

    /// <summary>Says what is wrong; the first one counts.</summary>
    public void Fail(string message) => Failure ??= message;
}
