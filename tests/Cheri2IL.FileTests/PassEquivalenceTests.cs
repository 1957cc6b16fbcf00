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
        var (elided, combined, found) = (0, 0, 0);
        var first = RandomFunction.FirstSeed;
        for (var seed = first; seed < first + RandomFunction.Functions; seed++)
        {
            var text = IrPrinter.Print(RandomFunction.Make(new Random(seed)));
            var before = IrParser.ParseFunction(text);
            Assert.Equal(text, IrPrinter.Print(before));
            if (preciseFaults)
                CommitEach(before);
            var after = IrParser.ParseFunction(text);
            PassPipeline.Run(after, new PassOptions { Checks = checks, GuaranteedSlotBytes = EvalMachine.SlotSize, PreciseFaults = preciseFaults, Verify = true });
            combined += Loads(before) - Loads(after);
            elided += after.Blocks.Sum(block => block.Instructions.Count(i => i is { Op: not IrOp.Commit, Elided: not null }));
            var random = new Random(seed);
            for (var k = 0; k < InputsPerFunction; k++)
            {
                var input = RandomFunction.Input(random);
                var expected = Run(before, input, preciseFaults);
                var actual = Run(after, input, preciseFaults);
                var isAlike = expected == actual;
                if (isAlike && preciseFaults && IsMemoryFault(actual))
                {
                    var (there, here) = (RunWithCommits(before, input), RunWithCommits(after, input));
                    isAlike = IsFoundFrom(input, there, here);
                    (expected, actual) = (Describe(input, there), Describe(input, here));
                    found++;
                }

                if (!isAlike)
                    Assert.Fail($"seed {seed}: {input}\nexpected {expected}\nactual   {actual}\n{text}\n{IrPrinter.Print(after)}");
            }
        }

        // A run in which nothing was at stake would prove nothing.
        Assert.Equal(checks == CheckMode.Optimized, elided > RandomFunction.Functions / 4);
        Assert.True(combined > RandomFunction.Functions / 4, $"{combined} loads are part of others");
        Assert.Equal(preciseFaults, found > RandomFunction.Functions / 4);
    }

    private static int Loads(IrFunction function) => function.Blocks.Sum(block => block.Instructions.Count(i => i.Op == IrOp.Load));

    private static string Run(IrFunction function, string input, bool preciseFaults)
    {
        using var machine = new EvalMachine();
        machine.Apply(input);
        // Where a check was elided the hardware finds what the check would have found, at the same instruction and address.
        var outcome = Trap().Replace(machine.Run(function), "no access");
        // Ordinary code keeps no registers for a memory fault, and of several it may report any. Where faults are precise the evaluator finds it.
        if (!IsMemoryFault(outcome))
            return outcome;
        outcome = Place().Replace(outcome, "");
        return preciseFaults ? EvalMachine.Flags().Replace(outcome, "") : outcome;
    }

    private static (int Flags, IReadOnlyList<CommittedState> Commits) RunWithCommits(IrFunction function, string input)
    {
        using var machine = new EvalMachine();
        machine.Apply(input);
        return machine.RunWithCommits(function);
    }

    private static string Describe(string input, (int Flags, IReadOnlyList<CommittedState> Commits) run)
        => $"flags {run.Flags}, behind {string.Join(" or ", run.Commits.Select(c => Describe(input, c, c.Registers)))}";

    private static string Describe(string input, CommittedState commit, ulong registers)
    {
        using var machine = new EvalMachine { Seen = registers };
        machine.Apply(input);
        return machine.Describe(commit);
    }

    private static bool IsMemoryFault(string outcome) => outcome.Contains("no access", StringComparison.Ordinal);

    /// <summary>
    /// Whether what goes on from the last commit comes to the same fault: it was there, with the registers that matter to it, this memory and no flags that
    /// come later.
    /// </summary>
    private static bool IsFoundFrom(string input, (int Flags, IReadOnlyList<CommittedState> Commits) expected, (int Flags, IReadOnlyList<CommittedState> Commits) actual)
    {
        if (actual.Commits is not [.., var last] || (actual.Flags & ~expected.Flags) != 0)
            return false;
        var described = Describe(input, last, last.Registers);
        return expected.Commits.Any(commit => Describe(input, commit, last.Registers) == described);
    }

    /// <summary>Puts a commit before each guest instruction.</summary>
    private static void CommitEach(IrFunction function)
    {
        foreach (var block in function.Blocks)
        {
            var starts = block.Instructions.Where((i, k) => i.Op != IrOp.Poll && (k == 0 || block.Instructions[k - 1].Pc != i.Pc || block.Instructions[k - 1].Op == IrOp.Poll)).ToArray();
            foreach (var start in starts)
                block.Instructions.Insert(block.Instructions.IndexOf(start), new IrInstruction(IrOp.Commit, IrType.Void) { Pc = start.Pc });
        }

        function.Number();
    }

    [GeneratedRegex("[xf][0-9]+=[^ ]+ | pc=[^ ]+| address=[^ ]+")]
    private static partial Regex Place();

    [GeneratedRegex("trap (read|write)|fault (load|store)access")]
    private static partial Regex Trap();
}
