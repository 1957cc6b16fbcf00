namespace Cheri2IL.Translator.Ir;

/// <summary>The text form of a function is malformed. <see cref="Exception.Message"/> is <c>line:column: what is wrong</c>.</summary>
public sealed class IrParseException : FormatException
{
    /// <summary>Makes an error at a place, both numbers from 1.</summary>
    public IrParseException(int line, int column, string message)
        : base($"{line}:{column}: {message}")
    {
        Line = line;
        Column = column;
    }

    /// <summary>Line, from 1.</summary>
    public int Line { get; }

    /// <summary>Column in characters, from 1.</summary>
    public int Column { get; }
}
