using System.Globalization;
using System.Text;
using System.Text.Json;
using Cheri2IL.Cli.Objdump;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Emit;

namespace Cheri2IL.Cli.Commands;

/// <summary>What <c>run --stats</c> counts, from before the guest's code is loaded to its end.</summary>
internal sealed class RunStatistics : IDisposable
{
    private readonly JitObserver _jit = new(sizesOnly: true);

    /// <summary>Counts the guest's system calls.</summary>
    public SyscallCounts SystemCalls { get; } = new();

    /// <summary>Reports on stderr: stdout is the guest's.</summary>
    /// <param name="checks">What the guest's threads executed; null if their code was not translated to count.</param>
    /// <param name="files">What was translated.</param>
    /// <param name="hasCapabilities">Whether the program has capabilities.</param>
    /// <param name="json">As one line of JSON, else as text.</param>
    public void Write(CheckCounts? checks, TranslatedFiles files, bool hasCapabilities, bool json)
    {
        var methods = _jit.Complete().Values;
        (string, object?)[] report =
        [
            ("jit", ((string, object?)[])
            [
                ("guest", Totals(methods.Where(IsGuest))),
                ("tool", Totals(methods.Where(m => !IsGuest(m)))),
            ]),
            ("modules", (long)files.ModulesLoaded),
            ("regionsTranslatedAtRunTime", (long)files.RegionsTranslated),
            ("evaluations", files.Evaluations),
            ("checks", checks is { } counts ? Checks(counts, hasCapabilities) : null),
            ("systemCalls", SystemCalls.NonZero().Select(c => (c.Name, (object?)c.Count)).ToArray()),
        ];
        Console.Error.WriteLine(json ? Json(report) : Text(report));
    }

    /// <inheritdoc/>
    public void Dispose() => _jit.Dispose();

    private static bool IsGuest(JittedMethod method)
        => method.Type.StartsWith(AssemblyWriter.TypePrefix, StringComparison.Ordinal) && int.TryParse(method.Type.AsSpan(AssemblyWriter.TypePrefix.Length), out _);

    private static (string, object?)[] Totals(IEnumerable<JittedMethod> methods)
        =>
        [
            ("methods", (long)methods.Count()),
            ("ilBytes", methods.Sum(m => (long)m.ILSize)),
            ("codeBytes", methods.Sum(m => (long)m.Size)),
            ("milliseconds", Math.Round(methods.Sum(m => m.Milliseconds), 1)),
        ];

    private static (string, object?)[] Checks(CheckCounts counts, bool hasCapabilities) =>
    [
        ("load", counts.Load),
        ("store", counts.Store),
        ("elidedLoad", counts.ElidedLoad),
        ("elidedStore", counts.ElidedStore),
        ("alignment", counts.Alignment),
        ("stack", counts.Stack),
        ("poll", counts.Poll),
        ("lookup", counts.Lookup),
        ("evaluatedInstructions", counts.Evaluated),
        .. hasCapabilities ? [("capabilities", Capabilities(counts))] : ((string, object?)[])[],
    ];

    private static (string, object?)[] Capabilities(CheckCounts counts) =>
    [
        ("load", counts.CapabilityLoad),
        ("store", counts.CapabilityStore),
        ("elidedLoad", counts.ElidedCapabilityLoad),
        ("elidedStore", counts.ElidedCapabilityStore),
        ("guard", counts.Guard),
        ("derivation", counts.Derivation),
        ("elidedDerivation", counts.ElidedDerivation),
        ("decode", counts.Decode),
        ("tag", counts.Tag),
        ("permission", counts.Permission),
        ("jump", counts.Jump),
        ("fetch", counts.Fetch),
        ("tagClear", counts.TagClear),
        ("elidedTagClear", counts.ElidedTagClear),
    ];

    private static string Json((string Name, object? Value)[] report)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer))
            Write(writer, report);
        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private static void Write(Utf8JsonWriter writer, (string Name, object? Value)[] properties)
    {
        writer.WriteStartObject();
        foreach (var (name, value) in properties)
        {
            writer.WritePropertyName(name);
            switch (value)
            {
                case (string, object?)[] inner:
                    Write(writer, inner);
                    break;
                case long number:
                    writer.WriteNumberValue(number);
                    break;
                case double number:
                    writer.WriteNumberValue(number);
                    break;
                default:
                    writer.WriteNullValue();
                    break;
            }
        }

        writer.WriteEndObject();
    }

    private static string Text((string Name, object? Value)[] report)
    {
        var text = new StringBuilder("cheri2il: statistics");
        Append(text, report, "  ");
        return text.ToString();
    }

    private static void Append(StringBuilder text, (string Name, object? Value)[] properties, string indentation)
    {
        foreach (var (name, value) in properties)
        {
            text.Append('\n').Append(indentation).Append(name);
            if (value is (string, object?)[] inner)
                Append(text, inner, indentation + "  ");
            else
                text.Append(CultureInfo.InvariantCulture, $" {value ?? "not counted: this assembly was translated without counters; run its ELF file"}");
        }
    }
}
