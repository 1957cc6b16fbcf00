using Cheri2IL.Cli.Cache;

namespace Cheri2IL.Cli.Bench;

/// <summary>Finds the programs whose start <c>bench start</c> compares, and makes the cache warm for them.</summary>
internal static class StartPrograms
{
    /// <summary>The row that ratios refer to.</summary>
    public const string Reference = "empty";

    private const string Greeting = "Hello from a RISC-V guest\n";

    /// <summary>The programs, the reference first.</summary>
    /// <param name="repository">The repository's folder.</param>
    /// <param name="directory">A folder for what is built.</param>
    /// <param name="progress">Receives a line for each step.</param>
    public static IReadOnlyList<StartProgram> Find(string repository, string directory, Action<string> progress)
    {
        progress("building the console programs to compare with");
        var projects = new ConsoleProject(directory);
        var programs = new List<StartProgram>
        {
            new(Reference, ".NET console program with an empty Main: its own executable, Release build", [projects.Build("empty", "return;\n")], ""),
            new("console", "the same with the template's one line, which prints Hello, World!", [projects.Build("console", "Console.WriteLine(\"Hello, World!\");\n")], "Hello, World!\n"),
        };
        var launcher = Launcher(repository);
        string[] direct = HostProgram.Self();
        var guest = Path.Combine(repository, "corpus", "hello", "bin", "hello.elf");
        Add(programs, "hello", $"the committed guest {Path.GetRelativePath(repository, guest)}", launcher ?? direct, [guest], Greeting, progress);
        var store = Path.GetDirectoryName(TranslationCache.OfUser.Directory)!;
        var busybox = Path.Combine(store, "debian-riscv64", "usr", "bin", "busybox");
        if (!File.Exists(busybox))
        {
            progress("no busybox (run corpus/debian/fetch.sh): its rows are left out");
            return programs;
        }

        Add(programs, "busybox", "Debian's busybox-static for riscv64, applet true", launcher ?? direct, [busybox, "true"], "", progress);
        if (launcher is not null)
            programs.Add(new StartProgram("busybox-direct", "the same without the launcher script", [.. direct, "run", busybox, "true"], ""));
        return programs;
    }

    /// <summary>A guest translated, with machine code from the cache and without, and under qemu: each only where its tool is there.</summary>
    private static void Add(List<StartProgram> programs, string name, string description, string[] tool, string[] command, string output, Action<string> progress)
    {
        string[] run = [.. tool, "run", .. command];
        if (MachineCode.IsPossible)
        {
            progress($"warming the cache: machine code of {name}");
            ProcessRun.Execute(MachineCode.Preparation(tool, command[0]));
            programs.Add(new StartProgram(name, $"{description}; {MachineCode.Source}", run, output));
        }

        programs.Add(new StartProgram(name + "-jit", $"{description}; {MachineCode.CompiledInTheRun}", run, output, CompilesAtRun: true));
        if (HostProgram.OnPath("qemu-riscv64") is { } qemu)
            programs.Add(new StartProgram(name + "-qemu", description + "; under qemu-riscv64 (user mode)", [qemu, .. command], output));
    }

    /// <summary>The launcher script if it would start this very build, else null.</summary>
    private static string[]? Launcher(string repository)
    {
        var script = Path.Combine(repository, "tools", "cheri2il");
        var build = Path.Combine(repository, "artifacts", "cheri2il") + "/";
        return File.Exists(script) && AppContext.BaseDirectory == build ? [script] : null;
    }
}
