using System.IO.Compression;
using System.Text.Json;

namespace Cheri2IL.Conformance;

/// <summary>A file of execution traces: one JSON object a line, each a start state, a short program in memory, and its outcome.</summary>
public static class TraceFile
{
    /// <summary>The files of traces in a directory, by name: *.jsonl and *.jsonl.gz.</summary>
    public static IReadOnlyList<string> Find(string directory) =>
    [
        .. Directory.EnumerateFiles(directory)
            .Where(path => path.EndsWith(".jsonl", StringComparison.Ordinal) || path.EndsWith(".jsonl.gz", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Runs every trace. One that cannot be read is a failure.</summary>
    public static VectorResult Run(string path, TraceEngine engine)
    {
        using var stream = File.OpenRead(path);
        using var reader = new StreamReader(
            path.EndsWith(".gz", StringComparison.Ordinal) ? new GZipStream(stream, CompressionMode.Decompress) : stream);
        using var machine = new TraceMachine(engine);
        var (line, passed) = (0, 0);
        var failures = new List<string>();
        while (reader.ReadLine() is { } text)
        {
            line++;
            if (text.Length == 0)
                continue;
            try
            {
                using var document = JsonDocument.Parse(text);
                var trace = new Trace(document.RootElement);
                if (trace.Run(machine) is { } difference)
                    failures.Add($"{Path.GetFileName(path)}({line}): {trace.Name}: {difference}");
                else
                    passed++;
            }
            catch (Exception exception) when (exception is JsonException or FormatException or KeyNotFoundException or InvalidOperationException)
            {
                failures.Add($"{Path.GetFileName(path)}({line}): {exception.Message}");
            }
        }

        return new VectorResult(passed, failures) { Evaluations = machine.Evaluations };
    }
}
