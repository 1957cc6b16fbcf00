using Cheri2IL.Runtime.Execution;
using Xunit;

namespace Cheri2IL.Runtime.Tests.Execution;

/// <summary>The primitives run between any two guest instructions, so none may allocate, in any rounding mode.</summary>
public sealed class FloatAllocationTests
{
    private static readonly string[] Rounded =
    [
        "fadd.d", "fsub.d", "fmul.d", "fdiv.d", "fsqrt.d", "fmadd.d", "fadd.s", "fsub.s", "fmul.s", "fdiv.s", "fsqrt.s",
        "fmadd.s", "fcvt.s.d", "fcvt.w.d", "fcvt.wu.d", "fcvt.l.d", "fcvt.lu.d", "fcvt.w.s", "fcvt.wu.s", "fcvt.l.s",
        "fcvt.lu.s", "fcvt.d.l", "fcvt.d.lu", "fcvt.s.w", "fcvt.s.wu", "fcvt.s.l", "fcvt.s.lu",
    ];

    [Fact]
    public unsafe void Primitives_EveryInstructionAndMode_AllocateNothing()
    {
        using var status = new FloatStatusScope();
        var state = status.State;
        Assert.Equal(0, Allocations.Of(1, _ => RunAll(state)));
    }

    private static unsafe void RunAll(GuestState* state)
    {
        ReadOnlySpan<ulong> operands =
            [0, 1, 0x3f80_0001, 0x3ff0_0000_0000_0001, 0xbff8_0000_0000_0000, 0x7ff0_0000_0000_0001, 0x7fef_ffff_ffff_ffff];
        FloatStatus.Enter(state);
        foreach (var mnemonic in Rounded)
        {
            foreach (var a in operands)
            {
                foreach (var b in operands)
                {
                    for (var mode = 0; mode <= FloatOps.NearestAway; mode++)
                        FloatInstruction.Static(mnemonic, mode, a, b, a);
                    FloatInstruction.Dynamic(mnemonic, a, b, a);
                }
            }
        }

        FloatStatus.ReadFlags(state);
        FloatStatus.Leave(state);
    }
}
