using System.Runtime.CompilerServices;
using Cheri2IL.Runtime.Execution;
using Xunit;

namespace Cheri2IL.Runtime.Tests.Execution;

/// <summary>fcsr on the host's status register: what the guest sees, what the host keeps, and what the JIT must not do.</summary>
public sealed unsafe class FloatStatusTests
{
    [Fact]
    public void Leave_AfterInexact_BanksTheFlag()
    {
        using var status = new FloatStatusScope();
        Divide(1, 3);
        FloatStatus.WriteFlags(status.State, 0);
        Divide(1, 3);
        Assert.Equal(0, status.State->FloatFlags);
        FloatStatus.Leave(status.State);
        Assert.Equal(ExactFloat.NX, status.State->FloatFlags);
        FloatStatus.Enter(status.State);
        Assert.Equal(ExactFloat.NX, FloatStatus.ReadFlags(status.State));
    }

    [Fact]
    public void Leave_AfterAnyOperations_BanksTheFlagsOfAll()
    {
        (double A, double B, int Flags)[] operations =
        [
            (1, 3, ExactFloat.NX),
            (double.Epsilon, 3, ExactFloat.UF | ExactFloat.NX),
            (double.MaxValue, 0.1, ExactFloat.OF | ExactFloat.NX),
            (1, 0, ExactFloat.DZ),
            (0, 0, ExactFloat.NV),
        ];
        using var status = new FloatStatusScope();
        for (var chosen = 0; chosen < 1 << operations.Length; chosen++)
        {
            var expected = 0;
            FloatStatus.WriteFlags(status.State, 0);
            for (var k = 0; k < operations.Length; k++)
            {
                if ((chosen >> k & 1) == 0)
                    continue;
                Divide(operations[k].A, operations[k].B);
                expected |= operations[k].Flags;
            }

            FloatStatus.Leave(status.State);
            Assert.Equal(expected, status.State->FloatFlags);
            FloatStatus.Enter(status.State);
        }
    }

    [Fact]
    public void Enter_HostRaisedFlags_GuestDoesNotSeeThem()
    {
        using var status = new FloatStatusScope();
        FloatStatus.WriteFlags(status.State, ExactFloat.NX);
        FloatStatus.Leave(status.State);
        Divide(0, 0);
        Divide(1, 0);
        FloatStatus.Enter(status.State);
        Assert.Equal(ExactFloat.NX, FloatStatus.ReadFlags(status.State));
    }

    [Fact]
    public void Enter_AnotherGuestRaisedFlags_GuestDoesNotSeeThem()
    {
        using var other = new FloatStatusScope();
        Divide(1, 0);
        FloatStatus.Leave(other.State);
        using (var status = new FloatStatusScope())
        {
            Assert.Equal(0, FloatStatus.ReadFlags(status.State));
            Divide(1, 3);
            FloatStatus.WriteFlags(status.State, 0);
        }

        FloatStatus.Enter(other.State);
        Assert.Equal(ExactFloat.DZ, FloatStatus.ReadFlags(other.State) & ExactFloat.DZ);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(31, 31)]
    [InlineData(0x1e5, 5)]
    public void WriteFlags_AnyValue_ReadsBackFiveBits(long written, long expected)
    {
        using var status = new FloatStatusScope();
        Divide(0, 0);
        FloatStatus.WriteFlags(status.State, written);
        Assert.Equal(expected, FloatStatus.ReadFlags(status.State));
    }

    [Fact]
    public void WriteFlags_ClearedWhileBankedAndRaised_StayClear()
    {
        using var status = new FloatStatusScope();
        Divide(1, 3);
        FloatStatus.Leave(status.State);
        FloatStatus.Enter(status.State);
        FloatStatus.WriteFlags(status.State, 0);
        Assert.Equal(0, FloatStatus.ReadFlags(status.State));
        FloatStatus.Leave(status.State);
        FloatStatus.Enter(status.State);
        Assert.Equal(0, FloatStatus.ReadFlags(status.State));
    }

    [Fact]
    public void Rounding_AcrossLeaveAndEnter_IsTheGuestsInsideOnly()
    {
        using var status = new FloatStatusScope();
        FloatStatus.WriteRounding(status.State, FloatOps.Up);
        Assert.Equal(FloatOps.Up, FloatStatus.ReadRounding(status.State));
        var up = Divide(1, 3);
        FloatStatus.Leave(status.State);
        var nearest = Divide(1, 3);
        FloatStatus.Enter(status.State);
        var upAgain = Divide(1, 3);
        FloatStatus.WriteRounding(status.State, 0);
        Assert.Equal(BitConverter.DoubleToInt64Bits(nearest) + 1, BitConverter.DoubleToInt64Bits(up));
        Assert.Equal(up, upAgain);
    }

    [Fact]
    public void StatusOfTranslatedCode_GarbageCollectionInBetween_Survives()
    {
        using var status = new FloatStatusScope();
        FloatStatus.WriteRounding(status.State, FloatOps.Up);
        Divide(1, 0);
        GC.Collect();
        var up = Divide(1, 3);
        var flags = FloatStatus.ReadFlags(status.State);
        FloatStatus.WriteRounding(status.State, 0);
        Assert.Equal(ExactFloat.DZ, flags & ExactFloat.DZ);
        Assert.Equal(BitConverter.DoubleToInt64Bits(Divide(1, 3)) + 1, BitConverter.DoubleToInt64Bits(up));
    }

    [Theory]
    [InlineData(4, 4)]
    [InlineData(5, 5)]
    [InlineData(7, 7)]
    [InlineData(0xfc, 4)]
    public void WriteRounding_ModeTheHostLacks_RequestsExitAndRoundsToNearest(long written, int mode)
    {
        using var status = new FloatStatusScope();
        FloatStatus.WriteRounding(status.State, FloatOps.Down);
        Assert.Equal(0, status.State->Interrupt);
        FloatStatus.WriteRounding(status.State, written);
        Assert.Equal(mode, FloatStatus.ReadRounding(status.State));
        Assert.Equal(1, status.State->Interrupt);
        Assert.Equal(ulong.MaxValue, status.State->HostStackLimit);
        Assert.Equal(0x3fd5_5555_5555_5555, BitConverter.DoubleToInt64Bits(Divide(1, 3)));
    }

    [Fact]
    public void Opaque_ConstantOperands_OperationRaisesItsFlags()
    {
        using var status = new FloatStatusScope();
        var (result, flags) = status.Run(0, () => BitConverter.DoubleToUInt64Bits(DivideConstants()));
        Assert.Equal(0x3fd5_5555_5555_5555UL, result);
        Assert.Equal(ExactFloat.NX, flags);
        (_, flags) = status.Run(0, () => BitConverter.SingleToUInt32Bits(FloatOps.Opaque(1f) / FloatOps.Opaque(0f)));
        Assert.Equal(ExactFloat.DZ, flags);
    }

    [Fact]
    public void Keep_ResultThatNobodyReads_OperationRaisesItsFlags()
    {
        using var status = new FloatStatusScope();
        var (_, flags) = status.Run(0, () =>
        {
            DropQuotient(1, 0);
            return 0;
        });
        Assert.Equal(ExactFloat.DZ, flags);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static double Divide(double a, double b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static double DivideConstants() => FloatOps.Opaque(1.0) / FloatOps.Opaque(3.0);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void DropQuotient(double a, double b) => FloatOps.Keep(a / b);
}
