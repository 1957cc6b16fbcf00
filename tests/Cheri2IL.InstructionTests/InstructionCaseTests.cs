using System.Text;
using Cheri2IL.CaseGen;
using Cheri2IL.Translator.Isa.RiscV;
using Xunit;

namespace Cheri2IL.InstructionTests;

/// <summary>The cases in tests/cases, each through every engine.</summary>
[Collection(GuestSandbox.Collection)]
public sealed class InstructionCaseTests
{
    private const int ShownFailures = 5;

    private static readonly string CaseFolder = FindCases();

    /// <summary>Files, relative to the folder, crossed with engines.</summary>
    public static IEnumerable<TheoryDataRow<string, Engine>> FilesAndEngines() =>
        from file in Files()
        from engine in Enum.GetValues<Engine>()
        select new TheoryDataRow<string, Engine>(file, engine);

    [Theory]
    [MemberData(nameof(FilesAndEngines))]
    public void Cases_Executed_EndInTheListedState(string file, Engine engine)
    {
        var cases = Read(file);
        using var program = new TestProgram(Assemble(cases), cases.Select(c => (long)c.Address).Distinct(), engine);
        var failures = new List<string>();
        // What a first run binds (calls into precompiled code) may raise the host's inexact flag, which is no part of a case.
        foreach (var line in cases)
            _ = program.Run(line.Before);
        foreach (var line in cases)
        {
            var actual = program.Run(line.Before);
            var difference = new StringBuilder();
            InstructionCase.AppendChanges(difference, line.After, actual);
            var isRight = difference.ToString() == (line.After.Fault is null ? " -" : FaultText(line.After));
            if (!isRight)
                failures.Add($"{line}\n    actual, where different:{difference}");
        }

        Assert.True(failures.Count == 0, $"{failures.Count} of {cases.Count} cases\n{string.Join("\n", failures.Take(ShownFailures))}");
    }

    [Fact]
    public void Cases_Disassembled_ReadAsTheySay()
    {
        var count = 0;
        foreach (var line in Files().SelectMany(Read))
        {
            var code = new byte[64];
            CodeText.Write(code, line.Words);
            Assert.Equal(line.Assembly, CodeText.Disassemble(code, line.Address, line.Words.Count));
            count++;
        }

        Assert.InRange(count, 20_000, 100_000);
    }

    [Fact]
    public void CaseFiles_Together_CoverEveryInstruction()
    {
        var covered = Files().Select(Path.GetFileNameWithoutExtension).ToHashSet();
        foreach (var row in new CaseGen.Encoder().Rows)
            Assert.Contains(row.Mnemonic, covered);
        foreach (var opcode in Enum.GetValues<RiscVOpcode>().Skip(1).Where(opcode => RiscVDisassembler.Extension(opcode) != "Xcheri"))
            Assert.Contains(RiscVDisassembler.Mnemonic(opcode), covered);
    }

    private static IEnumerable<string> Files() =>
        Directory.EnumerateFiles(CaseFolder, "*.cases", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(CaseFolder, path)).Order(StringComparer.Ordinal);

    private static List<InstructionCase> Read(string file) =>
        [.. File.ReadLines(Path.Combine(CaseFolder, file)).Select(InstructionCase.Parse)];

    private static byte[] Assemble(List<InstructionCase> cases)
    {
        var code = new byte[MachineLayout.CodeBytes];
        for (var i = 0; i < code.Length; i += 2)
            BitConverter.TryWriteBytes(code.AsSpan(i), MachineLayout.Stop);
        foreach (var line in cases)
            CodeText.Write(code.AsSpan(line.Address - MachineLayout.Code), line.Words);
        return code;
    }

    /// <summary>A fault is always printed; this is what remains when it is the expected one.</summary>
    private static string FaultText(MachineState state)
    {
        var text = new StringBuilder();
        InstructionCase.AppendChanges(text, state, state);
        return text.ToString();
    }

    private static string FindCases()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Cheri2IL.sln")))
            folder = folder.Parent ?? throw new DirectoryNotFoundException("the tests run outside the repository");
        return Path.Combine(folder.FullName, "tests", "cases", "riscv");
    }
}
