using System.Runtime.CompilerServices;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Emit;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Passes;
using Mono.Cecil;
using Mono.Cecil.Cil;
using Xunit;

namespace Cheri2IL.Cli.Tests.Emission;

/// <summary>The IL of every committed guest against rules that know nothing of how it was made.</summary>
public sealed class EmissionTests
{
    private const string WholeSuffix = ".whole";

    /// <summary>Committed guests.</summary>
    public static TheoryData<string> Files => CorpusFiles.Plain();

    /// <summary>Committed guests with capabilities.</summary>
    public static TheoryData<string> FilesWithCapabilities => CorpusFiles.WithCapabilities();

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
        var methods = module.Types.SelectMany(t => t.Methods).ToArray();
        Assert.Equal(statistics.Checks - statistics.ElidedChecks, methods.Where(m => !IsWhole(m)).Sum(Checks));
        VerifyRegions(file, methods);
    }

    [Theory]
    [MemberData(nameof(FilesWithCapabilities))]
    public void CodeWithCapabilities_InEveryMode_KeepsTheRules(string file)
    {
        foreach (var checks in Enum.GetValues<CheckMode>())
        {
            foreach (var precise in (bool[])[false, true])
            {
                using var module = Translate(file, checks, out _, precise);
                Assert.Empty(module.Types.SelectMany(t => t.Methods).SelectMany(EmissionRules.ViolationsWithCapabilities));
            }
        }
    }

    [Theory]
    [MemberData(nameof(FilesWithCapabilities))]
    public void AccessesUnderCapabilities_WithAllChecks_AreAuthorised(string file)
    {
        foreach (var precise in (bool[])[false, true])
        {
            using var module = Translate(file, CheckMode.All, out _, precise);
            var (accesses, uncovered) = Coverage(module);
            Assert.Empty(uncovered);
            Assert.True(accesses > 0);
        }
    }

    /// <summary>As above: the verifier says that what has no check has the record of one, and each check that is not elided has its IL.</summary>
    [Theory]
    [MemberData(nameof(FilesWithCapabilities))]
    public void AccessesUnderCapabilities_WithOptimizedChecks_HaveACheckOrTheRecordOfOne(string file)
    {
        using var module = Translate(file, CheckMode.Optimized, out var statistics);
        var methods = module.Types.SelectMany(t => t.Methods).ToArray();
        Assert.Equal(statistics.Checks - statistics.ElidedChecks, methods.Where(m => !IsWhole(m)).Sum(Checks));
        Assert.Equal(statistics.CapabilityChecks - statistics.ElidedCapabilityChecks, methods.Where(m => !IsWhole(m)).Sum(CapabilityChecks));

        // The fetch is checked where a function is entered, which is not in its parts.
        Assert.All(methods, m => Assert.Equal(m.Name.Contains(NativeForm.PartMark, StringComparison.Ordinal) ? 0 : 1, Calls(m, nameof(CapabilityState.AllowsFetch))));
        VerifyRegions(file, methods);
    }

    /// <summary>The test above would be worth nothing if it did not find what is missing.</summary>
    [Theory]
    [InlineData(CapabilityCost.Bounds, "is not authorised")]
    [InlineData(CapabilityCost.Decode, "is not authorised")]
    [InlineData(CapabilityCost.Permission, "is not authorised")]
    [InlineData(CapabilityCost.Tag, "has not looked at the tags")]
    public void CoverageOfCapabilities_SomeChecksLeftOut_FindsEach(CapabilityCost omitted, string expected)
    {
        using var module = Translate("corpus/cheri/kernels/bin/list.elf", CheckMode.All, out _, precise: false, omitted);
        Assert.Contains(Coverage(module).Uncovered, u => u.Contains(expected, StringComparison.Ordinal));
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

    /// <summary>Verifies the IR that the methods were made of; those of functions that are there whole have its checks.</summary>
    private static void VerifyRegions(string file, MethodDefinition[] methods)
    {
        var whole = methods.Where(IsWhole).ToDictionary(m => m.Name);
        var translator = ModuleTranslator.Discover(GuestProgram.Load(Path.Combine(Repository.Root(), file)).Image, new TranslationOptions());
        var row = 0;
        foreach (var region in translator.Regions)
        {
            translator.Optimize(region);
            IrVerifier.ThrowIfInvalid(region.Function, "all passes");
            if (!whole.Remove(methods[row++].Name + WholeSuffix, out var method))
                continue;
            var expected = EmitStatistics.Count([region.Function]);
            Assert.Equal(expected.Checks - expected.ElidedChecks, Checks(method));
            Assert.Equal(expected.CapabilityChecks - expected.ElidedCapabilityChecks, CapabilityChecks(method));
        }

        Assert.Empty(whole);
    }

    private static bool IsWhole(MethodDefinition method) => method.Name.EndsWith(WholeSuffix, StringComparison.Ordinal);

    private static (int Accesses, List<string> Uncovered) Coverage(ModuleDefinition module)
    {
        var (accesses, uncovered) = (0, new List<string>());
        foreach (var method in module.Types.SelectMany(t => t.Methods))
        {
            var (found, missing) = CheckCoverage.Run(method, hasCapabilities: true);
            accesses += found;
            uncovered.AddRange(missing);
        }

        return (accesses, uncovered);
    }

    /// <summary>Checks under capabilities: each has one place that finds the cause.</summary>
    private static int CapabilityChecks(MethodDefinition method)
        => Calls(method, nameof(GuestRuntime.AccessFault)) + Calls(method, nameof(Runtime.Capabilities.CapabilityChecks.Access)) + Calls(method, nameof(Runtime.Capabilities.CapabilityChecks.Store), nameof(Runtime.Capabilities.CapabilityChecks));

    private static int Calls(MethodDefinition method, string name, string? type = null)
        => method.Body.Instructions.Count(i => i.Operand is MethodReference callee && callee.Name == name && (type ?? callee.DeclaringType.Name) == callee.DeclaringType.Name);

    /// <summary>Canonical checks of a method: a comparison with the limit or the poll limit, whose failure throws.</summary>
    private static int Checks(MethodDefinition method) => method.Body.Instructions.Count(i =>
        i.OpCode.Code is Code.Bgt_Un or Code.Bgt_Un_S && Throws((Instruction)i.Operand));

    private static bool Throws(Instruction cold)
    {
        while (cold.OpCode.FlowControl is FlowControl.Next or FlowControl.Meta or FlowControl.Call)
            cold = cold.Next;
        return cold.OpCode.Code == Code.Throw;
    }

    private static ModuleDefinition Translate(string file, CheckMode checks, out TranslationStatistics statistics, bool precise = false, CapabilityCost omitted = 0)
    {
        var translation = omitted == 0
            ? CorpusTranslations.Of(file, checks, precise)
            : CorpusTranslations.Make(file, new TranslationOptions { Checks = checks, PreciseFaults = precise, Omitted = omitted });
        statistics = translation.Statistics;
        return ModuleDefinition.ReadModule(new MemoryStream(translation.Assembly));
    }
}
