using System.ComponentModel;
using System.Diagnostics;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Elf;
using Cheri2IL.Translator.Ir;
using Xunit;

namespace Cheri2IL.Cli.Tests;

/// <summary>Jump tables as clang and gcc write them (guests/jump-tables.c): all are recovered, and every index goes where it should.</summary>
public sealed class JumpTableTests : IDisposable
{
    private const string Gcc = "riscv64-linux-gnu-gcc";
    private const string Clang = "clang-19";

    private readonly TemporaryDirectory _directory = new();

    /// <summary>Compilers and options.</summary>
    public static TheoryData<string, string> Builds()
    {
        var builds = new TheoryData<string, string>();
        foreach (var options in new[] { "-O1", "-O2", "-Os", "-O2 -fPIC", "-O2 -static-pie -fPIE", "-O2 -fno-pic -mcmodel=medlow" })
        {
            builds.Add(Gcc, options);
            builds.Add(Clang, options);
            // With sh2add the scaled index has another form.
            builds.Add(Clang, options + " -march=rv64gc_zba_zbb");
        }

        return builds;
    }

    [Theory]
    [MemberData(nameof(Builds))]
    public void JumpTables_EveryForm_AreRecoveredAndReachTheirTargets(string compiler, string options)
    {
        var program = Build("jump-tables", compiler, options);
        var translator = Discover(program);
        var functions = translator.Regions.Where(region => region.Function.Name?.Contains('+', StringComparison.Ordinal) == false).ToList();
        foreach (var name in new[] { "dense", "masked", "wide", "narrow", "holes", "interpret", "spilled" })
            Assert.Equal(1, functions.Single(region => region.Function.Name == name).RecoveredTables);
        foreach (var name in options.Contains("-fno-pic", StringComparison.Ordinal) ? (string[])["twice", "shared"] : ["twice"])
            Assert.Equal(2, functions.Single(region => region.Function.Name == name).RecoveredTables);
        Assert.Empty(functions.SelectMany(region => region.UnrecoveredJumps));

        // Where the index is certain to be in the table, the table is not looked at.
        string[] certain = ["dense", "masked", "wide", "narrow", "holes", "interpret", "twice"];
        foreach (var region in functions.Where(region => certain.Contains(region.Function.Name)))
            translator.Optimize(region);
        Assert.Empty(functions.Where(region => certain.Contains(region.Function.Name) && region.Function.Blocks.Exists(block => block.Terminator.Op == IrOp.Switch)).Select(region => region.Function.Name));

        var expected = Start("qemu-riscv64", ["-cpu", "rv64,zba=true,zbb=true", program], "qemu-riscv64: apt-get install qemu-user");
        var actual = ToolProcess.Run(_directory.Path, "run", "--no-cache", program);
        Assert.Equal((expected.ExitCode, ""), (actual.ExitCode, actual.Error));
        Assert.NotEqual(0, expected.ExitCode);
    }

    [Theory]
    [InlineData(Gcc, "-O2")]
    [InlineData(Clang, "-O2")]
    [InlineData(Clang, "-O2 -static-pie -fPIE")]
    public void JumpTable_ThatIsChanged_IsFollowed(string compiler, string options)
    {
        const int SegmentationFault = 128 + 11;
        var program = Build("changed-table", compiler, options);
        var translator = Discover(program);
        var region = translator.Regions.Single(region => region.Function.Name == "chosen");
        translator.Optimize(region);
        Assert.Contains(region.Function.Blocks, block => block.Terminator.Op == IrOp.BranchTable);
        Assert.Equal(SegmentationFault, Start("qemu-riscv64", [program], "qemu-riscv64: apt-get install qemu-user").ExitCode);
        Assert.Equal(SegmentationFault, ToolProcess.Run(_directory.Path, "run", "--no-cache", program).ExitCode);
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    private string Build(string name, string compiler, string options)
    {
        var program = Path.Combine(_directory.Path, name + ".elf");
        var source = Path.Combine(AppContext.BaseDirectory, "guests", name + ".c");
        List<string> arguments = [.. options.Split(' '), "-ffreestanding", "-nostdlib", "-static", "-o", program, source];
        if (compiler == Clang)
            arguments.InsertRange(0, ["--target=riscv64-linux-gnu", "-march=rv64gc", "-fuse-ld=lld"]);
        var build = Start(compiler, [.. arguments], "a riscv64 compiler: apt-get install gcc-riscv64-linux-gnu clang-19 lld-19");
        Assert.Equal((0, ""), (build.ExitCode, build.Error));
        return program;
    }

    private static ModuleTranslator Discover(string program)
    {
        var elf = ElfImage.Parse(File.ReadAllBytes(program), program);
        return ModuleTranslator.Discover(elf.ToGuestImage(GuestProgram.BiasOf(elf.Executable)), new TranslationOptions());
    }

    /// <summary>Runs a tool of the host, or skips the test when it is missing.</summary>
    private static (int ExitCode, string Error) Start(string tool, string[] arguments, string package)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(tool, arguments) { RedirectStandardError = true })!;
            var error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, error);
        }
        catch (Win32Exception)
        {
            Assert.Skip($"needs {package}");
            throw;
        }
    }
}
