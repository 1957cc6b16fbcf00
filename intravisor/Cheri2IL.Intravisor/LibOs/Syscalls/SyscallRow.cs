namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>One row of <see cref="SyscallTable"/>.</summary>
/// <param name="Number">Number in a7.</param>
/// <param name="Name">Linux name.</param>
/// <param name="Arguments">
/// How a trace shows the arguments: a word for each, in order, of <see cref="Tracing.ArgumentFormats"/>. ">" behind a word says
/// that the call fills it, so that it is shown as it is afterwards; "= word" at the end is for the result, which is otherwise
/// decimal. Null when unsupported.
/// </param>
/// <param name="Support">Level of support.</param>
/// <param name="Note">What is partial about it, one sentence; or empty.</param>
/// <param name="Handler">The handler; null when unsupported.</param>
public sealed record SyscallRow(int Number, string Name, string? Arguments, SyscallSupport Support, string Note, SyscallHandler? Handler)
{
    private int _pointers = -1;

    /// <summary>Bit i: argument i is a pointer.</summary>
    public int PointerArguments
    {
        get
        {
            if (_pointers < 0)
                _pointers = FindPointers();
            return _pointers;
        }
    }

    private int FindPointers()
    {
        var pointers = 0;
        var words = (Arguments ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        for (var k = 0; k < words.Length && words[k] != "="; k++)
        {
            if (words[k].TrimEnd('>') is "address" or "path" or "data" or "vector" or "polls" or "time" or "stat" or "fdpair" or "signals" or "action" or "stack")
                pointers |= 1 << k;
        }

        return pointers;
    }
}
