using System.Globalization;
using System.Text.Json.Nodes;
using Cheri2IL.Deployment.Control;
using Cheri2IL.Deployment.Running;
using Spectre.Console;

namespace Cheri2IL.Cli.Deploy;

/// <summary>Tables of cVMs, as <c>ps</c> and the end of <c>up</c> show them.</summary>
internal static class Summary
{
    /// <summary>A table of reports of the control socket.</summary>
    public static void WriteTable(IEnumerable<JsonObject> reports, TextWriter output)
    {
        var table = new Table().Border(TableBorder.None);
        table.AddColumns("name", "state", "status");
        foreach (var heading in (string[])["restarts", "time, s", "CPU, s", "memory, MiB", "most, MiB", "threads", "files"])
            table.AddColumn(new TableColumn(heading).RightAligned());
        foreach (var report in reports)
        {
            table.AddRow(
                Text(report["name"]),
                Text(report["state"]),
                Text(report["failure"] ?? report["signal"] ?? report["status"]),
                Text(report["restarts"]),
                Number(report["seconds"], 1, "F2"),
                Number(report["cpuSeconds"], 1, "F2"),
                Number(report["residentBytes"], 1 << 20, "F1"),
                Number(report["mostMappedBytes"], 1 << 20, "F1"),
                Text(report["threads"]),
                Text(report["openFiles"]));
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(output), Ansi = AnsiSupport.No });
        console.Profile.Width = 200;
        console.Write(table);
    }

    /// <summary>The end of a deployment as one JSON object on stdout.</summary>
    public static void WriteJson(IReadOnlyList<CvmStatus> statuses, int exitStatus)
    {
        var summary = new JsonObject { ["status"] = exitStatus, ["cvms"] = new JsonArray([.. statuses.Select(s => (JsonNode)StatusReport.Of(s))]) };
        WriteJson(summary);
    }

    /// <summary>A JSON object on stdout.</summary>
    public static void WriteJson(JsonObject value)
    {
        using var output = new JsonOutput();
        value.WriteTo(output.Writer);
    }

    private static Markup Text(JsonNode? value) => new(Markup.Escape(value?.ToString() ?? "-"));

    private static Markup Number(JsonNode? value, double unit, string format)
        => new(value is null ? "-" : (double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture) / unit).ToString(format, CultureInfo.InvariantCulture));
}
