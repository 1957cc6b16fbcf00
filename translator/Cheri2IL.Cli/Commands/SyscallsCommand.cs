using System.CommandLine;
using System.Text;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Spectre.Console;

namespace Cheri2IL.Cli.Commands;

/// <summary><c>syscalls</c>: what the library OS implements.</summary>
internal static class SyscallsCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var json = CommonOptions.Json();
        var all = new Option<bool>("--all") { Description = "Also those that return ENOSYS." };
        var command = new ToolCommand(
            "syscalls",
            "Shows which Linux system calls the library OS implements, and how far.",
            "cheri2il syscalls",
            "cheri2il syscalls --all --json") { all, json };
        command.SetAction(parsed =>
        {
            var rows = SyscallTable.Rows.Where(r => parsed.GetValue(all) || r.Support != SyscallSupport.Unsupported).ToArray();
            if (parsed.GetValue(json))
                WriteJson(rows);
            else
                WriteTable(rows);
            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>The table as a document (docs/syscalls.md).</summary>
    internal static string ToMarkdown()
    {
        var text = new StringBuilder();
        var supported = SyscallTable.Rows.Count(r => r.Support == SyscallSupport.Supported);
        var partial = SyscallTable.Rows.Count(r => r.Support == SyscallSupport.Partial);
        text.Append("# System calls\n\nGenerated from `SyscallTable` by `tools/dev gen`. ");
        text.Append($"Of {SyscallTable.Rows.Count} calls of riscv64 Linux, {supported} are supported and {partial} partially;\n");
        text.Append("the others return ENOSYS, and are reported once under `run --trace`.\n\n| number | name | support | note |\n|---|---|---|---|\n");
        foreach (var row in SyscallTable.Rows.Where(r => r.Support != SyscallSupport.Unsupported))
            text.Append($"| {row.Number} | {row.Name} | {Name(row.Support)} | {row.Note} |\n");
        text.Append("\n## Not supported\n\n");
        text.AppendJoin(", ", SyscallTable.Rows.Where(r => r.Support == SyscallSupport.Unsupported).Select(r => r.Name)).Append('\n');
        return text.ToString();
    }

    private static string Name(SyscallSupport support) => support switch
    {
        SyscallSupport.Supported => "yes",
        SyscallSupport.Partial => "partial",
        _ => "no",
    };

    private static void WriteTable(SyscallRow[] rows)
    {
        var table = new Table().Border(TableBorder.None).AddColumns("number", "name", "support", "note");
        foreach (var row in rows)
            table.AddRow(new Text(row.Number.ToString()), new Text(row.Name), new Text(Name(row.Support)), new Text(row.Note));
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) });
        if (Console.IsOutputRedirected)
            console.Profile.Width = 200;
        console.Write(table);
    }

    private static void WriteJson(SyscallRow[] rows)
    {
        using var output = new JsonOutput();
        var json = output.Writer;
        json.WriteStartArray();
        foreach (var row in rows)
        {
            json.WriteStartObject();
            json.WriteNumber("number", row.Number);
            json.WriteString("name", row.Name);
            json.WriteString("support", Name(row.Support));
            json.WriteString("note", row.Note);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
