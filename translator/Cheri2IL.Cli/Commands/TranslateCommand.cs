using System.CommandLine;
using System.Text.Json;
using Cheri2IL.Translator;

namespace Cheri2IL.Cli.Commands;

/// <summary><c>translate</c>: ELF file to assembly.</summary>
internal static class TranslateCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var program = new Argument<string?>("app.elf") { Description = "RV64 ELF program or shared object.", Arity = ArgumentArity.ZeroOrOne };
        var root = new Option<string>("--root") { Description = "With --all: the root (folder, archive or image, as of run) whose programs and libraries are translated into the cache that 'run' uses.", HelpName = "root" };
        var all = new Option<bool>("--all") { Description = "Translate every RV64 ELF file below --root, in parallel. What is wrong with one does not stop the others." };
        var output = new Option<string>("--output", "-o") { Description = "Assembly to write. Default: the program's name with .dll, in the working directory.", HelpName = "out.dll" };
        var checks = CommonOptions.Checks();
        var precise = CommonOptions.PreciseFaults();
        var stats = new Option<bool>("--stats") { Description = "Print counts." };
        var json = new Option<bool>("--json") { Description = "Print the counts as JSON." };
        var command = new ToolCommand(
            "translate",
            "Translates a program into one .NET assembly, and a portable PDB beside it. Equal input gives equal bytes.",
            "cheri2il translate corpus/hello/bin/hello.elf",
            "cheri2il translate -o build/busybox.dll --stats busybox",
            "cheri2il translate --root ./rootfs --all") { program, output, checks, precise, stats, json, root, all };
        command.SetAction(parsed => (parsed.GetValue(root), parsed.GetValue(all)) switch
        {
            ({ } tree, true) when parsed.GetValue(program) is null && parsed.GetValue(output) is null => TreeTranslation.Run(tree, parsed.GetRequiredValue(checks)),
            (null, false) when parsed.GetValue(program) is { } path => Run(
                path,
                parsed.GetValue(output),
                new TranslationOptions { Checks = CommonOptions.ParseChecks(parsed.GetRequiredValue(checks)), PreciseFaults = parsed.GetValue(precise), Symbols = true },
                parsed.GetValue(stats),
                parsed.GetValue(json)),
            _ => throw new ToolException(ExitCode.Usage, "wants either one program, app.elf, or --root and --all (see 'cheri2il translate --help')"),
        });
        return command;
    }

    private static int Run(string path, string? output, TranslationOptions options, bool stats, bool json)
    {
        var program = GuestProgram.Load(path);
        if (program.Assembly is not null)
            throw new ToolException(ExitCode.BadInput, $"{path}: is a translated assembly already");
        output ??= Path.GetFileNameWithoutExtension(path) + ".dll";
        if (Directory.Exists(output))
            throw new ToolException(ExitCode.CannotCreate, $"{output}: is a directory");
        if (SymbolsOf(output) == output)
            throw new ToolException(ExitCode.Usage, $"{output}: is where the symbols would go; choose another extension, such as .dll");
        foreach (var warning in program.Elf.Warnings)
            Console.Error.WriteLine($"cheri2il: warning: {path}: {warning}");
        var progress = new TranslationProgress(Path.GetFileName(path));
        var translation = ModuleTranslator.Translate(program.Image, options with { Progress = progress.Report }, Path.GetFileNameWithoutExtension(output));
        progress.Finish(translation.Statistics.Instructions, translation.Statistics.Elapsed);
        Write(output, translation);
        if (json)
            WriteJson(output, translation);
        else if (stats)
            WriteText(output, translation);
        return ExitCode.Success;
    }

    private static string SymbolsOf(string output) => Path.ChangeExtension(output, ".pdb");

    private static void Write(string output, Translation translation)
    {
        try
        {
            AtomicFile.Write([(SymbolsOf(output), translation.Symbols!), (output, translation.Assembly)]);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new ToolException(ExitCode.CannotCreate, $"{output}: {error.Message}");
        }
    }

    private static void WriteText(string output, Translation translation)
    {
        var s = translation.Statistics;
        Console.WriteLine($"""
            assembly            {output}, {translation.Assembly.Length} bytes
            symbols             {SymbolsOf(output)}, {translation.Symbols!.Length} bytes
            functions           {s.Functions}
            methods             {s.Methods}
            guest instructions  {s.Instructions}
            IL bytes            {s.CodeBytes}
            checks              {s.Checks - s.ElidedChecks} of {s.Checks} ({s.ElidedChecks} elided)
            capability checks   {s.CapabilityChecks - s.ElidedCapabilityChecks} of {s.CapabilityChecks} ({s.ElidedCapabilityChecks} elided)
            jump tables         {s.JumpTables}
            unresolved jumps    {s.UnrecoveredJumps.Count}
            left for run time   {s.LeftForRunTime}
            time                {s.Elapsed.TotalSeconds:F2} s, {s.Instructions / Math.Max(s.Elapsed.TotalSeconds, 1e-9):F0} instructions per second
            """);
    }

    private static void WriteJson(string output, Translation translation)
    {
        var s = translation.Statistics;
        using var json = new JsonOutput();
        var writer = json.Writer;
        writer.WriteStartObject();
        writer.WriteString("assembly", output);
        writer.WriteNumber("assemblyBytes", translation.Assembly.Length);
        writer.WriteString("symbols", SymbolsOf(output));
        writer.WriteNumber("symbolsBytes", translation.Symbols!.Length);
        writer.WriteNumber("functions", s.Functions);
        writer.WriteNumber("methods", s.Methods);
        writer.WriteNumber("instructions", s.Instructions);
        writer.WriteNumber("ilBytes", s.CodeBytes);
        writer.WriteNumber("checks", s.Checks);
        writer.WriteNumber("elidedChecks", s.ElidedChecks);
        writer.WriteNumber("capabilityChecks", s.CapabilityChecks);
        writer.WriteNumber("elidedCapabilityChecks", s.ElidedCapabilityChecks);
        writer.WriteNumber("jumpTables", s.JumpTables);
        writer.WriteNumber("leftForRunTime", s.LeftForRunTime);
        writer.WriteStartArray("unrecoveredJumps");
        foreach (var pc in s.UnrecoveredJumps)
            writer.WriteNumberValue(pc);
        writer.WriteEndArray();
        writer.WriteNumber("seconds", s.Elapsed.TotalSeconds);
        writer.WriteEndObject();
    }
}
