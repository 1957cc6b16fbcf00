using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Syscalls;

namespace Cheri2IL.Intravisor.LibOs.Tracing;

/// <summary>A system call between its start and its end.</summary>
/// <remarks>What the call reads is shown as it is before the call, what it fills as it is afterwards.</remarks>
internal sealed class TracedCall
{
    private readonly string _name;
    private readonly SyscallArguments _arguments;
    private readonly Layout _layout;
    private readonly string?[] _shown;

    private readonly bool _isPure;

    /// <summary>Starts a call.</summary>
    public TracedCall(string name, in SyscallArguments arguments, Layout layout, GuestMemory memory, bool isPure)
    {
        _isPure = isPure;
        _name = name;
        _arguments = arguments;
        _layout = layout;
        _shown = new string?[layout.Arguments.Count];
        Show(new ShownCall(memory, arguments, Result: null, isPure), isOutput: false);
    }

    /// <summary>The line of the finished call.</summary>
    /// <param name="result">What it returned; null: nothing, ever.</param>
    /// <param name="memory">Memory of the guest.</param>
    public string Format(long? result, GuestMemory memory)
    {
        var call = new ShownCall(memory, _arguments, result, _isPure);
        Show(call, isOutput: true);
        var shown = result is not { } value ? "?" : ErrnoText.Format(value) ?? _layout.Result(call, value, 0);
        return $"{_name}({string.Join(", ", _shown.Where(s => s is not null))}) = {shown}";
    }

    private void Show(in ShownCall call, bool isOutput)
    {
        for (var k = 0; k < _shown.Length; k++)
        {
            var (format, fills) = _layout.Arguments[k];
            if (fills != isOutput)
                continue;
            // A call that failed has filled nothing.
            _shown[k] = fills && call.Result is null or < 0 ? ArgumentFormats.Address(_arguments[k]) : format(call, _arguments[k], k);
        }
    }
}

/// <summary>How a call's arguments and result are shown: parsed <see cref="SyscallRow.Arguments"/>.</summary>
/// <param name="Arguments">For each argument its format, and whether the call fills what it points to.</param>
/// <param name="Result">Format of a result that is no error.</param>
internal sealed record Layout(IReadOnlyList<(ArgumentFormat Format, bool IsOutput)> Arguments, ArgumentFormat Result)
{
    /// <summary>Of a call about which nothing is known.</summary>
    public static Layout Unknown { get; } = new([.. Enumerable.Repeat((ArgumentFormats.Find("hex"), false), 6)], ArgumentFormats.Find("long"));

    /// <summary>Parses the words of a row.</summary>
    public static Layout Parse(string words)
    {
        var result = "long";
        if (words.Split(" = ") is [var arguments, var last])
            (words, result) = (arguments, last);
        var formats = words.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(w => (ArgumentFormats.Find(w.TrimEnd('>')), w.EndsWith('>')));
        return new Layout([.. formats], ArgumentFormats.Find(result));
    }
}
