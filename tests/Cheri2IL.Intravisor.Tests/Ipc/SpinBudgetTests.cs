using Cheri2IL.Intravisor.Ipc;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Ipc;

/// <summary>How long threads look before they sleep.</summary>
public sealed class SpinBudgetTests
{
    [Fact]
    public void Waits_ThatWereTooShort_AreTriedLonger_AndThenHardlyAtAll()
    {
        Assert.SkipWhen(Environment.ProcessorCount == 1, "nobody spins on one processor");
        var budget = default(SpinBudget);
        var turns = new List<int>();
        for (var k = 0; k < 65; k++)
        {
            turns.Add(budget.Turns);
            budget.Failed();
        }

        Assert.Equal([64, 256, 600, 600, 8, 8], turns[..6]);
        Assert.All(turns[4..64], t => Assert.Equal(8, t));
        Assert.Equal(600, turns[64]);
    }

    [Fact]
    public void Wait_ThatPaid_IsTheMeasureOfTheNext()
    {
        Assert.SkipWhen(Environment.ProcessorCount == 1, "nobody spins on one processor");
        var budget = default(SpinBudget);
        for (var k = 0; k < 10; k++)
            budget.Failed();
        var looks = 0;
        Assert.Equal(5, budget.Await(_ => ++looks == 6, 0));
        Assert.Equal(64, budget.Turns);
        budget.Paid(100);
        Assert.Equal(400, budget.Turns);
        budget.Paid(500);
        Assert.Equal(600, budget.Turns);
        Assert.Equal(0, budget.Await(_ => true, 0));
        Assert.Equal(-1, budget.Await(_ => false, 0));
    }
}
