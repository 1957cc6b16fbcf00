using Cheri2IL.Conformance;

// usage: Cheri2IL.Conformance vectors|traces DIRECTORY
// Ends with the line "N passed, N failed"; exit status 0 only if there were cases and none failed.
if (args is not ["vectors" or "traces", var directory])
{
    Console.Error.WriteLine("usage: Cheri2IL.Conformance vectors|traces DIRECTORY");
    return 64;
}

if (!Directory.Exists(directory))
{
    Console.Error.WriteLine($"Cheri2IL.Conformance: no directory '{directory}'");
    return 66;
}

var isTraces = args[0] == "traces";
var files = isTraces ? TraceFile.Find(directory) : VectorFile.Find(directory);
if (files.Count == 0)
{
    Console.Error.WriteLine($"Cheri2IL.Conformance: no {(isTraces ? "*.jsonl or *.jsonl.gz" : "*.csv or *.csv.gz")} in '{directory}'");
    return 66;
}

const int ShownFailures = 10;
var (passed, failed) = (0, 0);
foreach (var path in files)
{
    if (isTraces)
    {
        foreach (var engine in Enum.GetValues<TraceEngine>())
            Report($"{Path.GetFileName(path)}, {engine.ToString().ToLowerInvariant()}", TraceFile.Run(path, engine));
    }
    else
    {
        Report(Path.GetFileName(path), VectorFile.Run(path));
    }
}

Console.WriteLine($"{passed} passed, {failed} failed");
return failed == 0 && passed > 0 ? 0 : 1;

void Report(string name, VectorResult result)
{
    foreach (var failure in result.Failures.Take(ShownFailures))
        Console.WriteLine(failure);
    if (result.Failures.Count > ShownFailures)
        Console.WriteLine($"... and {result.Failures.Count - ShownFailures} more");
    Console.WriteLine($"{name}: {result.Passed} passed, {result.Failures.Count} failed{(result.Evaluations > 0 ? $" ({result.Evaluations} regions evaluated)" : "")}");
    passed += result.Passed;
    failed += result.Failures.Count;
}
