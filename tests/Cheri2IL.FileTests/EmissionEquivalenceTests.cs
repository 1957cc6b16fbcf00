using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Cheri2IL.Translator.Emit;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Passes;
using Xunit;

namespace Cheri2IL.FileTests;

/// <summary>
/// Random functions behave the same evaluated and as emitted IL: registers, memory, faults and their place.
/// <c>CHERI2IL_RANDOM</c> sets the number of functions, <c>CHERI2IL_SEED</c> the first seed.
/// </summary>
[Collection(EvalMachine.TestCollection)]
public sealed partial class EmissionEquivalenceTests
{
    private const int InputsPerFunction = 4;
    private const int FunctionsPerAssembly = 50;

    [Theory]
    [InlineData(CheckMode.All)]
    [InlineData(CheckMode.Optimized)]
    [InlineData(CheckMode.Optimized, true)]
    public void Emitter_RandomFunction_BehavesAsEvaluated(CheckMode checks, bool isPrecise = false)
    {
        var behind = 0;
        var first = RandomFunction.FirstSeed;
        for (var seed = first; seed < first + RandomFunction.Functions; seed += FunctionsPerAssembly)
        {
            var seeds = Enumerable.Range(seed, Math.Min(FunctionsPerAssembly, first + RandomFunction.Functions - seed)).ToArray();
            var sources = seeds.Select((s, k) => RandomFunction.Make(new Random(s), EntryPc(k), readsFlags: false)).ToArray();
            var texts = sources.Select(IrPrinter.Print).ToArray();
            foreach (var source in sources)
                PassPipeline.Run(source, new PassOptions { Checks = checks, GuaranteedSlotBytes = EvalMachine.SlotSize, PreciseFaults = isPrecise, Verify = true });
            var module = TranslatedFunctions.Load(sources, new EmitOptions { IsPrecise = isPrecise });
            for (var k = 0; k < seeds.Length; k++)
            {
                var random = new Random(seeds[k]);
                for (var n = 0; n < InputsPerFunction; n++)
                {
                    var input = InvalidMode().Replace(RandomFunction.Input(random), "frm=3");
                    var actual = Dispatch(module, EntryPc(k), input);
                    var isBehind = actual.Contains(EvalMachine.FaultBehind, StringComparison.Ordinal);
                    behind += isBehind ? 1 : 0;
                    var seen = ulong.MaxValue;
                    var expected = isBehind ? EvaluateToCommit(sources[k], input, out seen) : Evaluate(sources[k], input);
                    // Compiling a helper of the runtime at its first call may raise flags; the second run is clean of that.
                    if (!AreSame(expected, actual))
                        actual = Dispatch(module, EntryPc(k), input, seen);
                    if (!AreSame(expected, actual))
                        Assert.Fail($"seed {seeds[k]}: {input}\nexpected {expected}\nactual   {actual}\n{texts[k]}\n{IrPrinter.Print(sources[k])}");
                }
            }
        }

        Assert.Equal(isPrecise, behind > RandomFunction.Functions / 4);
    }

    /// <summary>It may begin at the header of a loop, whose poll it has served.</summary>
    [Fact]
    public void Evaluator_ToLeaveAtPolls_DoesSo()
    {
        const string Loop = """
            function 0x11000 {
            b0 @0x11000:
              poll
              %1 = get x5
              %2 = const.i64 1
              %3 = add.i64 %1, %2
              set x5, %3
              jump b0
            }
            """;
        using var machine = new EvalMachine();
        machine.Apply("x5=7");
        Assert.Equal("x5=9 next=0x11000", machine.RunToPoll(IrParser.ParseFunction(Loop)));
    }

    /// <summary>x86-64's rotations leave the zero flag alone, which RyuJIT does not know.</summary>
    [Theory]
    [InlineData("rotateleft.i64 %0, %1", "ne.i64 %2, %3")]
    [InlineData("rotateright.i64 %0, %1", "eq.i64 %2, %3")]
    [InlineData("rotateright.i64 %0, %1", "ltu.i64 %3, %2")]
    public void Rotation_ComparedWithZero_IsThatOfTheValue(string rotation, string comparison)
    {
        var source = $$"""
            function 0x11000 {
            b0 @0x11000:
              %0 = get x5
              %1 = const.i32 8
              %2 = {{rotation}}
              %3 = const.i64 0
              %4 = {{comparison}}
              branch %4, b1, b2
            b1 @0x11004:
              %0 = const.i64 1
              set x6, %0
              tailcall 0x8000
            b2 @0x11008:
              %0 = const.i64 2
              set x6, %0
              tailcall 0x8000
            }
            """;
        var function = IrParser.ParseFunction(source);
        var asWritten = IrParser.ParseFunction(source);
        PassPipeline.Run(function, new PassOptions { Verify = true });
        var module = TranslatedFunctions.Load([function]);
        foreach (var input in (string[])["x5=0xf0000", "x5=0"])
            Assert.Equal(Evaluate(asWritten, input), Dispatch(module, function.EntryPc, input));
    }

    /// <summary>f3 is the host's NaN at first; what is seen of it, and of changes of its sign, is RISC-V's.</summary>
    [Theory]
    [InlineData("%3 = get f3 ; set f3, %0 ; set f4, %3")]
    [InlineData("%3 = get f3 ; set f3, %0 ; store.f64 %9, 0, %3")]
    [InlineData("%3 = get f3 ; %4 = fneg.f64 %3 ; set f4, %4")]
    [InlineData("%3 = get f3 ; %4 = fabs.f64 %3 ; set f4, %4")]
    [InlineData("%3 = get f3 ; %4 = fneg.f64 %3 ; set f4, %4 ; set f3, %0")]
    [InlineData("%3 = get f3 ; %4 = fneg.f64 %3 ; set f4, %4 ; %5 = get f4 ; set f4, %0 ; set f6, %5")]
    [InlineData("%3 = get f3 ; %4 = fneg.f64 %3 ; set f4, %4 ; %5 = get f4 ; set f4, %0 ; store.f64 %9, 0, %5")]
    [InlineData("%3 = get f3 ; %4 = fneg.f64 %3 ; set f4, %4 ; %5 = get f4 ; %6 = fneg.f64 %5 ; set f5, %6")]
    [InlineData("%3 = get f3 ; %4 = fneg.f64 %3 ; %5 = fneg.f64 %4 ; set f5, %5")]
    [InlineData("%3 = get f3 ; %4 = fneg.f64 %3 ; set f4, %4 ; %5 = get f4 ; %6 = fabs.f64 %5 ; set f5, %6")]
    [InlineData("%3 = get f3 ; %4 = fneg.f64 %3 ; set f4, %4 ; %5 = get f4 ; %6 = fmul.f64 %5, %1, dyn ; set f5, %6")]
    [InlineData("%3 = get f3 ; %4 = fneg.f64 %3 ; set f4, %4 ; %5 = get f4 ; %6 = fmuladd.f64 %5, %1, %0, dyn ; set f4, %6")]
    [InlineData("%3 = get f3 ; %4 = fneg.f64 %3 ; set f4, %4 ; %5 = get f4 ; %6 = fmin.f64 %5, %1 ; set f5, %6")]
    [InlineData("%3 = get f3 ; %4 = fneg.f64 %3 ; set f4, %4 ; %5 = get f4 ; store.f64 %9, 0, %5 ; set f3, %0")]
    [InlineData("%3 = get f3 ; %4 = fneg.f64 %3 ; set f4, %4 ; store.f64 %9, 0, %4")]
    public void Sign_OfANaN_IsThatOfTheCanonicalOne(string code)
    {
        foreach (var product in (string[])["fmul.f64 %0, %1, dyn", "fmuladd.f64 %0, %1, %8, dyn"])
        {
            var lines = string.Join("\n  ", code.Split(" ; "));
            var source = $$"""
                function 0x11000 {
                b0 @0x11000:
                  %0 = get f1
                  %1 = get f2
                  %9 = get x5
                  %8 = get f8
                  %2 = {{product}}
                  set f3, %2
                  {{lines}}
                  tailcall 0x8000
                }
                """;
            var function = IrParser.ParseFunction(source);
            var module = TranslatedFunctions.Load([function]);
            foreach (var input in (string[])["f2=0x7ff0000000000000 f8=0x7ff8000000000001", "f1=0xfff8000000000005 f2=0x3ff0000000000000", "f1=0x3ff0000000000000 f2=0x4000000000000000"])
            {
                // The first run may compile a helper of the runtime, which may raise flags.
                var whole = "x5=0x20000 " + input;
                _ = Dispatch(module, function.EntryPc, whole);
                Assert.Equal(Evaluate(function, whole), Dispatch(module, function.EntryPc, whole));
            }
        }
    }

    /// <summary>The one path that would need the result of the sum is the one that RyuJIT, too, sees is never taken.</summary>
    [Theory]
    [InlineData("ltu.i64 %4, %5", "b2, b1")]
    [InlineData("geu.i64 %4, %5", "b1, b2")]
    [InlineData("ne.i64 %4, %4", "b2, b1")]
    [InlineData("eq.i64 %4, %4", "b1, b2")]
    public void FloatResult_OnlyBehindABranchThatIsNeverTaken_RaisesItsFlags(string condition, string blocks)
    {
        var source = $$"""
            function 0x11000 {
            b0 @0x11000:
              %0 = get f1
              %1 = get f2
              %2 = fadd.f64 %0, %1, dyn
              set f3, %2
              %4 = get x5
              %5 = const.i64 0
              %6 = {{condition}}
              branch %6, {{blocks}}
            b1 @0x11004:
              %0 = get f1
              set f3, %0
              tailcall 0x8000
            b2 @0x11008:
              tailcall 0x8000
            }
            """;
        var function = IrParser.ParseFunction(source);
        const string input = "x5=7 f1=0x7fefffffffffffff f2=0x7fefffffffffffff";
        Assert.Contains("fflags=5 ", Evaluate(function, input), StringComparison.Ordinal);
        Assert.Equal(Evaluate(function, input), Dispatch(TranslatedFunctions.Load([function]), function.EntryPc, input));
    }

    /// <summary>The beginning of a function: a sum that overflows, and a condition that depends on it, in %5.</summary>
    private const string Overflow = """
        function 0x11000 {
        b0 @0x11000:
          %0 = get f1
          %1 = get f2
          %2 = fadd.f64 %0, %1, dyn
          %3 = fle.f64 %2, %0
          %4 = const.i32 0
          %5 = ne.i32 %3, %4

        """;

    /// <summary>Both ways of a branch meet before either has done anything that shows: RyuJIT drops it, and the sum that it depends on.</summary>
    [Theory]
    [InlineData("b1, b2")]
    [InlineData("b2, b1")]
    [InlineData("b1, b1")]
    public void FloatResult_OnlyForABranchThatDecidesNothing_RaisesItsFlags(string blocks)
    {
        var source = Overflow + $$"""
              branch %5, {{blocks}}
            b1 @0x11004:
              %0 = const.i64 1
              set x5, %0
              jump b2
            b2 @0x11008:
              %0 = const.i64 2
              set x5, %0
              tailcall 0x8000
            }
            """;
        var function = IrParser.ParseFunction(source);
        const string input = "x5=7 f1=0x7fefffffffffffff f2=0x7fefffffffffffff";
        Assert.Contains("fflags=5 ", Evaluate(function, input), StringComparison.Ordinal);
        Assert.Equal(Evaluate(function, input), Dispatch(TranslatedFunctions.Load([function]), function.EntryPc, input));
    }

    /// <summary>Guests make such code as long as they like: what branches that decide nothing lead to is found in one go.</summary>
    [Fact]
    public void FloatResult_BeforeThousandsOfBranchesThatDecideNothing_RaisesItsFlags()
    {
        const int branches = 4000;
        var source = new StringBuilder(Overflow).Append("branch %5, b1, b2\n");
        for (var b = 1; b <= branches; b++)
            source.Append(CultureInfo.InvariantCulture, $"b{b} @0x{0x11000 + (4 * b):x}:\n  %0 = get x5\n  %1 = const.i64 {b}\n  %2 = ltu.i64 %0, %1\n  branch %2, b{b + 1}, b{Math.Min(b + 2, branches + 1)}\n");
        source.Append(CultureInfo.InvariantCulture, $"b{branches + 1} @0x20000:\n  tailcall 0x8000\n}}\n");
        var function = IrParser.ParseFunction(source.ToString());
        const string input = "x5=7 f1=0x7fefffffffffffff f2=0x7fefffffffffffff";
        Assert.Equal(Evaluate(function, input), Dispatch(TranslatedFunctions.Load([function]), function.EntryPc, input));
    }

    [Theory]
    [InlineData("x5=0x100 x8=0x20000", "pc=0x11008")]
    [InlineData("x5=0x20000 x8=0x100", "pc=0x11004")]
    public void HardwareTrap_AccessIsAllThatItsGuestInstructionDoes_NamesThatInstruction(string input, string expected)
    {
        const string Source = """
            function 0x11000 {
            b0 @0x11000:
              %0 = get x7
              %1 = get x5
              %2 = mul.i64 %0, %1
              set x6, %2
              @0x11004
              %4 = get x8
              check.load %4, 8 elided "by hand"
              %6 = load.i64 %4, 8
              set x9, %6
              @0x11008
              %8 = get x5
              check.load %8, 8 elided "by hand"
              %10 = load.i64 %8, 8
              set x9, %10
              tailcall 0x8000
            }
            """;
        var function = IrParser.ParseFunction(Source);
        Assert.Contains(expected, Dispatch(TranslatedFunctions.Load([function]), function.EntryPc, input), StringComparison.Ordinal);
    }

    private static long EntryPc(int index) => 0x11000 + (index * 0x1000L);

    private static string Evaluate(IrFunction function, string input)
    {
        using var machine = new EvalMachine();
        machine.Apply(input);
        return machine.Run(function);
    }

    private static string EvaluateToCommit(IrFunction function, string input, out ulong seen)
    {
        using var machine = new EvalMachine();
        machine.Apply(input);
        var outcome = machine.RunToCommit(function);
        seen = machine.Seen;
        return outcome;
    }

    private static string Dispatch(Runtime.Execution.TranslatedModule module, long pc, string input, ulong seen = ulong.MaxValue)
    {
        using var machine = new EvalMachine(module) { Seen = seen };
        machine.Apply(input);
        return machine.Dispatch(pc);
    }

    private static bool AreSame(string expected, string actual)
    {
        // Registers that live in IL locals are lost where the hardware traps, and RyuJIT's map from native code to IL is
        // approximate where it rearranges an inlined loop (amomin and the like): address and memory remain to compare.
        if (actual.Contains("trap ", StringComparison.Ordinal))
            (expected, actual) = (PerInstruction().Replace(expected, ""), PerInstruction().Replace(actual, ""));
        else if (actual.EndsWith(EvalMachine.RegistersLost, StringComparison.Ordinal))
            (expected, actual) = (Registers().Replace(expected, ""), Registers().Replace(actual[..^EvalMachine.RegistersLost.Length], ""));
        (expected, actual) = (NoAccess().Replace(expected, "no access"), NoAccess().Replace(actual, "no access"));
        // RyuJIT drops a comparison or conversion whose result dies in a register that is set again, and its flags with it.
        return expected == actual || Flags().Replace(expected, "") == Flags().Replace(actual, "");
    }

    [GeneratedRegex("fflags=[0-9]+ ")]
    private static partial Regex Flags();

    [GeneratedRegex("trap (read|write)|fault (load|store)access")]
    private static partial Regex NoAccess();

    [GeneratedRegex("[xf][0-9]+=[^ ]+ |fflags=[0-9]+ |reservation=[^ ]+ |pc=[^ ]+ ")]
    private static partial Regex PerInstruction();

    [GeneratedRegex("[xf][0-9]+=[^ ]+ |fflags=[0-9]+ ")]
    private static partial Regex Registers();

    [GeneratedRegex("frm=[45]")]
    private static partial Regex InvalidMode();
}
