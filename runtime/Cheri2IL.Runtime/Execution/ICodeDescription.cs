namespace Cheri2IL.Runtime.Execution;

/// <summary>Names and text of guest code, for reports to people. Nothing depends on it.</summary>
public interface ICodeDescription
{
    /// <summary>
    /// The function that contains <paramref name="pc"/>, the offset in it and, if known, the source line: "main+0x14",
    /// "main+0x14 at main.c:7"; "f_10001234+0x8" where only the function's start is known; null outside every function.
    /// </summary>
    string? Locate(long pc);

    /// <summary>
    /// The call that a frame stands at: the first one at or behind <paramref name="pc"/>, which may be that of an instruction shortly
    /// before it; <paramref name="pc"/> itself if a jump comes first.
    /// </summary>
    long FindCall(long pc);

    /// <summary>The instruction at <paramref name="pc"/> in assembly syntax.</summary>
    /// <param name="code">Its bytes; may be more, and fewer than it has if it is cut off.</param>
    /// <param name="pc">Guest address.</param>
    string Disassemble(ReadOnlySpan<byte> code, long pc);
}
