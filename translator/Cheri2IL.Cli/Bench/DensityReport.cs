using Spectre.Console;

namespace Cheri2IL.Cli.Bench;

/// <summary>Prints a finished <see cref="DensityBenchmark"/>.</summary>
internal static class DensityReport
{
    /// <summary>Table on stdout.</summary>
    public static void WriteTable(DensityBenchmark benchmark)
    {
        var table = new Table().Border(TableBorder.Markdown);
        foreach (var heading in (string[])["idle cVMs", "RAM each, KiB", "of it .NET objects, KiB", "mappings each", "start one more, ms: median", "minimum"])
            table.AddColumn(new TableColumn(heading).RightAligned());
        foreach (var row in benchmark.Rows)
        {
            table.AddRow(
                $"{row.Cvms}",
                $"{row.ResidentBytes / 1024.0:F0}",
                $"{row.ManagedBytes / 1024.0:F0}",
                $"{row.Mappings:F1}",
                $"{1000 * row.StartOneMore.Median:F2}",
                $"{1000 * row.StartOneMore.Minimum:F2}");
        }

        ReportTable.Write(table);
        Console.WriteLine("RAM is growth of the process's resident set per cVM, its host thread included; starts are from creation to the first line of output.");
    }

    /// <summary>The same as one JSON object on stdout.</summary>
    public static void WriteJson(DensityBenchmark benchmark)
    {
        using var output = new JsonOutput();
        var json = output.Writer;
        json.WriteStartObject();
        json.WriteNumber("processors", Environment.ProcessorCount);
        json.WriteStartArray("density");
        foreach (var row in benchmark.Rows)
        {
            json.WriteStartObject();
            json.WriteNumber("cvms", row.Cvms);
            json.WriteNumber("residentBytesPerCvm", row.ResidentBytes);
            json.WriteNumber("managedBytesPerCvm", row.ManagedBytes);
            output.WriteNumber("mappingsPerCvm", row.Mappings);
            output.WriteNumber("startOneMoreMedianSeconds", row.StartOneMore.Median);
            output.WriteNumber("startOneMoreMinimumSeconds", row.StartOneMore.Minimum);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
