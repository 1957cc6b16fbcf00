using Spectre.Console;


namespace Cheri2IL.Cli.Bench;

/// <summary>Prints a finished <see cref="StartBenchmark"/>.</summary>
internal static class StartReport
{
    private const string Clock = "wall clock of whole processes, from before the start until the end is known";

    /// <summary>Table of medians, minima and ratios on stdout.</summary>
    public static void WriteTable(StartBenchmark benchmark)
    {
        var table = ReportTable.New("program", "median, ms", "minimum, ms", "ratio of medians", "of minima");
        var reference = benchmark.Of(benchmark.Programs[0]);
        foreach (var program in benchmark.Programs)
        {
            var sample = benchmark.Of(program);
            table.AddRow(
                program.Name,
                Cell.Of(1000 * sample?.Median, "F1"),
                Cell.Of(1000 * sample?.Minimum, "F1"),
                Cell.Of(sample?.Median / reference?.Median, "F2"),
                Cell.Of(sample?.Minimum / reference?.Minimum, "F2"));
        }

        ReportTable.Write(table);
        foreach (var program in benchmark.Programs)
            Console.WriteLine($"{program.Name}: {program.Description}");
        Console.WriteLine($"{benchmark.Runs} interleaved runs; ratios to {benchmark.Programs[0].Name}; lower is better. Times are the {Clock}.");
        foreach (var problem in benchmark.Problems)
            Console.WriteLine("problem: " + problem);
    }

    /// <summary>The same as one JSON object on stdout.</summary>
    public static void WriteJson(StartBenchmark benchmark)
    {
        using var output = new JsonOutput();
        var json = output.Writer;
        var reference = benchmark.Of(benchmark.Programs[0]);
        json.WriteStartObject();
        json.WriteString("reference", benchmark.Programs[0].Name);
        json.WriteNumber("runs", benchmark.Runs);
        json.WriteNumber("processors", Environment.ProcessorCount);
        json.WriteString("clock", Clock);
        json.WriteStartObject("programs");
        foreach (var program in benchmark.Programs)
        {
            var sample = benchmark.Of(program);
            json.WriteStartObject(program.Name);
            json.WriteString("description", program.Description);
            output.WriteNumber("medianSeconds", sample?.Median);
            output.WriteNumber("minimumSeconds", sample?.Minimum);
            output.WriteNumber("ratio", sample?.Median / reference?.Median);
            output.WriteNumber("minimumRatio", sample?.Minimum / reference?.Minimum);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        output.WriteStrings("problems", benchmark.Problems);
        json.WriteEndObject();
    }
}
