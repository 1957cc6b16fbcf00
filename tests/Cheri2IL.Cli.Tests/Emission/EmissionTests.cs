using System.Runtime.CompilerServices;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Passes;
using Mono.Cecil;
using Mono.Cecil.Cil;
using Xunit;

namespace Cheri2IL.Cli.Tests.Emission;

/// <summary>The IL of every committed guest against rules that know nothing of how it was made.</summary>
public sealed class EmissionTests
{
    /// <summary>Committed guests.</summary>
    public static TheoryData<string> Files => CorpusFiles.Plain();

    [Theory]
    [MemberData(nameof(Files))]
    public void Code_InEveryMode_KeepsTheRules(string file)
    {
        foreach (var checks in Enum.GetValues<CheckMode>())
        {
            foreach (var precise in (bool[])[false, true])
            {
                using var module = Translate(file, checks, out _, precise);
                Assert.Empty(module.Types.SelectMany(t => t.Methods).SelectMany(EmissionRules.Violations));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Accesses_WithAllChecks_AreBehindTheirCheck(string file)
    {
        foreach (var precise in (bool[])[false, true])
        {
            using var module = Translate(file, CheckMode.All, out _, precise);
            var accesses = 0;
            foreach (var method in module.Types.SelectMany(t => t.Methods))
            {
                var (found, uncovered) = CheckCoverage.Run(method);
                Assert.Empty(uncovered);
                accesses += found;
            }

            Assert.True(accesses > 0);
        }
    }

    /// <summary>With <see cref="IrVerifier"/>: every access has a check or the record of one, and every check that is not elided has its IL.</summary>
    [Theory]
    [MemberData(nameof(Files))]
    public void Accesses_WithOptimizedChecks_HaveACheckOrTheRecordOfOne(string file)
    {
        using var module = Translate(file, CheckMode.Optimized, out var statistics);
        Assert.Equal(statistics.Checks - statistics.ElidedChecks, module.Types.SelectMany(t => t.Methods).Sum(Checks));
        var program = GuestProgram.Load(Path.Combine(Repository.Root(), file));
        var translator = ModuleTranslator.Discover(program.Image, new TranslationOptions());
        foreach (var region in translator.Regions)
        {
            translator.Optimize(region);
            IrVerifier.ThrowIfInvalid(region.Function, "all passes");
        }
    }

    [Fact]
    public void Coverage_AccessWithoutCheck_IsFound()
    {
        // As the test above would be worth nothing otherwise: unchecked code, judged as if it were checked.
        using var module = Translate("corpus/hello/bin/hello.elf", CheckMode.None, out _);
        var (accesses, uncovered) = CheckCoverage.Run(module.Types.SelectMany(t => t.Methods).Single(m => m.Name.StartsWith("main@", StringComparison.Ordinal)));
        Assert.True(accesses > 0);
        Assert.Equal(accesses, uncovered.Count);
    }

    /// <summary>Canonical checks of a method: a comparison with the limit or the poll limit, whose failure throws.</summary>
    private static int Checks(MethodDefinition method) => method.Body.Instructions.Count(i =>
        i.OpCode.Code is Code.Bgt_Un or Code.Bgt_Un_S && Throws((Instruction)i.Operand));

    private static bool Throws(Instruction cold)
    {
        while (cold.OpCode.FlowControl is FlowControl.Next or FlowControl.Meta or FlowControl.Call)
            cold = cold.Next;
        return cold.OpCode.Code == Code.Throw;
    }

    private static ModuleDefinition Translate(string file, CheckMode checks, out TranslationStatistics statistics, bool precise = false)
    {
        var program = GuestProgram.Load(Path.Combine(Repository.Root(), file));
        var translation = ModuleTranslator.Translate(program.Image, new TranslationOptions { Checks = checks, PreciseFaults = precise }, "guest");
        statistics = translation.Statistics;
        return ModuleDefinition.ReadModule(new MemoryStream(translation.Assembly));
    }
}
