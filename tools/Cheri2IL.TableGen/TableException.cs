namespace Cheri2IL.TableGen;

/// <summary>A decode table is wrong; the message names file, line and what is wrong.</summary>
public sealed class TableException : Exception
{
    /// <summary>Makes an exception whose message reads "file(line): error: message".</summary>
    public TableException(string file, int line, string message)
        : base($"{file}({line}): error: {message}")
    {
    }
}
