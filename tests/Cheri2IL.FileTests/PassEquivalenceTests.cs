using System.Text.RegularExpressions;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Passes;
using Xunit;

namespace Cheri2IL.FileTests;

/// <summary>
/// Random functions behave the same before and after the passes: registers, memory, flags, faults and their place.
/// <c>CHERI2IL_RANDOM</c> sets the number of functions, <c>CHERI2IL_SEED</c> the first seed.
/// </summary>
[Collection(EvalMachine.TestCollection)]
public sealed partial class PassEquivalenceTests
{
    private const int InputsPerFunction = 4;

    [Theory]
    [InlineData(CheckMode.All, true)]
    [InlineData(CheckMode.Optimized, true)]
    [InlineData(CheckMode.All, false)]
    [InlineData(CheckMode.Optimized, false)]
    public void Pipeline_RandomFunction_KeepsBehaviour(CheckMode checks, bool preciseFaults)
    {
        var (elided, combined) = (0, 0);
        var first = RandomFunction.FirstSeed;
        for (var seed = first; seed < first + RandomFunction.Functions; seed++)
        {
            var text = IrPrinter.Print(RandomFunction.Make(new Random(seed)));
            var before = IrParser.ParseFunction(text);
            Assert.Equal(text, IrPrinter.Print(before));
            var after = IrParser.ParseFunction(text);
            PassPipeline.Run(after, new PassOptions { Checks = checks, GuaranteedSlotBytes = EvalMachine.SlotSize, PreciseFaults = preciseFaults, Verify = true });
            combined += Loads(before) - Loads(after);
            elided += after.Blocks.Sum(block => block.Instructions.Count(i => i.Elided is not null));
            var random = new Random(seed);
            for (var k = 0; k < InputsPerFunction; k++)
            {
                var input = RandomFunction.Input(random);
                var expected = Run(before, input, preciseFaults);
                var actual = Run(after, input, preciseFaults);
                if (expected != actual)
                    Assert.Fail($"seed {seed}: {input}\nexpected {expected}\nactual   {actual}\n{text}\n{IrPrinter.Print(after)}");
            }
        }

        // A run in which nothing was at stake would prove nothing.
        Assert.Equal(checks == CheckMode.Optimized, elided > RandomFunction.Functions / 4);
        Assert.Equal(!preciseFaults, combined > RandomFunction.Functions / 4);
    }

    private static int Loads(IrFunction function) => function.Blocks.Sum(block => block.Instructions.Count(i => i.Op == IrOp.Load));

    private static string Run(IrFunction function, string input, bool preciseFaults)
    {
        using var machine = new EvalMachine();
        machine.Apply(input);
        // Where a check was elided the hardware finds what the check would have found, at the same instruction and address.
        var outcome = Trap().Replace(machine.Run(function), "no access");
        // Ordinary code keeps no registers for a memory fault, and of several it may report any.
        return preciseFaults || !outcome.Contains("no access", StringComparison.Ordinal) ? outcome : Place().Replace(outcome, "");
    }

    [GeneratedRegex("[xf][0-9]+=[^ ]+ | pc=[^ ]+| address=[^ ]+")]
    private static partial Regex Place();

    [GeneratedRegex("trap (read|write)|fault (load|store)access")]
    private static partial Regex Trap();
}
