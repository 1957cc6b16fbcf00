using System.CommandLine;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Cli.Commands;

/// <summary><c>info</c>: what is known about a program before it runs.</summary>
internal static class InfoCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var program = CommonOptions.Program();
        var json = CommonOptions.Json();
        var jumps = new Option<bool>("--jumps") { Description = "List the indirect jumps that were not resolved." };
        var command = new ToolCommand(
            "info",
            "Shows segments, instruction-set attributes, functions, jump tables and unresolved indirect jumps.",
            "cheri2il info corpus/hello/bin/hello.elf",
            "cheri2il info --json busybox") { program, json, jumps };
        command.SetAction(parsed =>
        {
            var report = new ProgramReport(GuestProgram.Load(parsed.GetRequiredValue(program)));
            if (parsed.GetValue(json))
                report.WriteJson();
            else
                report.WriteText(parsed.GetValue(jumps));
            return ExitCode.Success;
        });
        return command;
    }

    /// <summary>Numbers of a program.</summary>
    private sealed class ProgramReport
    {
        private readonly GuestProgram _program;
        private readonly int _functions;
        private readonly int _named;
        private readonly long _instructions;
        private readonly int _jumpTables;
        private readonly long[] _unrecovered;
        private readonly bool _isHybrid;

        public ProgramReport(GuestProgram program)
        {
            _program = program;
            var progress = new TranslationProgress(Path.GetFileName(program.Path));
            var translator = ModuleTranslator.Discover(program.Image, new TranslationOptions { Progress = progress.Report });
            var regions = translator.Regions;
            _isHybrid = translator.Image.Isa == RiscVIsa.CheriV9Integer;
            _functions = regions.Count;
            _named = regions.Count(r => r.Function.Name is not null);
            _instructions = regions.Sum(r => (long)r.InstructionCount);
            _jumpTables = regions.Sum(r => r.RecoveredTables);
            _unrecovered = [.. regions.SelectMany(r => r.UnrecoveredJumps).Distinct().Order()];
        }

        private ElfExecutable Elf => _program.Elf.Executable;

        private string Kind => (Elf.IsPositionIndependent, Elf.Interpreter, Elf.Entry) switch
        {
            (true, null, 0) => "shared object",
            (true, null, _) => "static, position independent",
            (true, _, _) => "dynamic, position independent",
            (false, null, _) => "static, fixed address",
            _ => "dynamic, fixed address",
        };

        private string? Capabilities => Elf.Capabilities == CapabilityAbi.Pure ? "pure" : _isHybrid ? "hybrid" : null;

        private long CodeBytes => Elf.Segments.ToArray().Where(s => s.IsExecutable).Sum(s => s.FileSize);

        public void WriteText(bool listJumps)
        {
            Console.WriteLine($"file                {_program.Path}, {_program.Elf.Data.Length} bytes{(_program.Assembly is null ? "" : " (in the assembly)")}");
            Console.WriteLine($"kind                {Kind}");
            Console.WriteLine($"architecture        {_program.Elf.Architecture ?? "(no attributes)"}");
            if (Capabilities is { } abi)
                Console.WriteLine($"capabilities        CHERI-RISC-V ISAv9, {abi}; {_program.Elf.LoadRelocations.Count(r => r.Kind >= LoadRelocationKind.Null)} to relocate");
            if (_program.Elf.BuildId is { } id)
                Console.WriteLine($"build id            {id}");
            if (Elf.Interpreter is { } interpreter)
                Console.WriteLine($"interpreter         {interpreter}");
            foreach (var name in _program.Elf.Needed)
                Console.WriteLine($"needs               {name}");
            Console.WriteLine($"entry               0x{Elf.Entry + _program.Image.LoadBias:x} (load bias 0x{_program.Image.LoadBias:x})");
            foreach (var segment in Elf.Segments)
                Console.WriteLine($"segment             0x{segment.VirtualAddress + _program.Image.LoadBias:x}..0x{segment.End + _program.Image.LoadBias:x} {Access(segment.Flags)} {segment.FileSize} bytes in the file");
            Console.WriteLine($"executable bytes    {CodeBytes}");
            Console.WriteLine($"functions           {_functions} ({_named} named)");
            Console.WriteLine($"guest instructions  {_instructions}");
            Console.WriteLine($"jump tables         {_jumpTables} recovered");
            Console.WriteLine($"unresolved jumps    {_unrecovered.Length} (indirect, neither returns nor recovered tables; served by the dispatch table)");
            foreach (var warning in _program.Elf.Warnings)
                Console.WriteLine($"warning             {warning}");
            if (listJumps)
            {
                foreach (var pc in _unrecovered)
                    Console.WriteLine($"  0x{pc:x} {_program.Image.NameOf(pc)}");
            }
        }

        public void WriteJson()
        {
            using var output = new JsonOutput();
            var json = output.Writer;
            json.WriteStartObject();
            json.WriteString("file", _program.Path);
            json.WriteString("kind", Kind);
            json.WriteString("architecture", _program.Elf.Architecture);
            json.WriteString("capabilities", Capabilities);
            json.WriteString("buildId", _program.Elf.BuildId);
            json.WriteString("interpreter", Elf.Interpreter);
            json.WriteStartArray("needed");
            foreach (var name in _program.Elf.Needed)
                json.WriteStringValue(name);
            json.WriteEndArray();
            json.WriteNumber("loadBias", _program.Image.LoadBias);
            json.WriteNumber("entry", Elf.Entry + _program.Image.LoadBias);
            json.WriteStartArray("segments");
            foreach (var segment in Elf.Segments)
            {
                json.WriteStartObject();
                json.WriteNumber("start", segment.VirtualAddress + _program.Image.LoadBias);
                json.WriteNumber("end", segment.End + _program.Image.LoadBias);
                json.WriteString("access", Access(segment.Flags));
                json.WriteNumber("fileBytes", segment.FileSize);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteNumber("executableBytes", CodeBytes);
            json.WriteNumber("functions", _functions);
            json.WriteNumber("namedFunctions", _named);
            json.WriteNumber("instructions", _instructions);
            json.WriteNumber("jumpTables", _jumpTables);
            json.WriteStartArray("unrecoveredJumps");
            foreach (var pc in _unrecovered)
                json.WriteNumberValue(pc);
            json.WriteEndArray();
            json.WriteStartArray("warnings");
            foreach (var warning in _program.Elf.Warnings)
                json.WriteStringValue(warning);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        private static string Access(SegmentFlags flags)
            => $"{(flags.HasFlag(SegmentFlags.Read) ? 'r' : '-')}{(flags.HasFlag(SegmentFlags.Write) ? 'w' : '-')}{(flags.HasFlag(SegmentFlags.Execute) ? 'x' : '-')}";
    }
}
