using Spectre.Console;

namespace Cheri2IL.Cli.Bench;

/// <summary>A benchmark's table on stdout, as Markdown: what a row is of on the left, numbers on the right.</summary>
internal static class ReportTable
{
    private const int Width = 200;

    /// <summary>An empty table.</summary>
    /// <param name="first">Heading of what rows are of.</param>
    /// <param name="headings">Those of the numbers.</param>
    public static Table New(string first, params IEnumerable<string> headings)
    {
        var table = new Table().Border(TableBorder.Markdown).AddColumn(first);
        foreach (var heading in headings)
            table.AddColumn(new TableColumn(heading).RightAligned());
        return table;
    }

    /// <summary>Prints it, whatever the terminal's width.</summary>
    public static void Write(Table table)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
        console.Profile.Width = Width;
        console.Write(table);
    }
}
