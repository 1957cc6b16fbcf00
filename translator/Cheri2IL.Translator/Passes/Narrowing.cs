using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Inside each block: computes in 32 bits what only its low 32 bits are needed of. RV64 has 64-bit forms where a compiler needs no
/// others (and, or, xor, slli) and sign-extends the rest, which the host would do in the middle of every dependency chain.
/// </summary>
/// <remarks>
/// Backward to find the values of which nobody sees the upper half, forward to rewrite them. What is set to a register is seen
/// whole. Leaves values behind that nobody uses.
/// </remarks>
public sealed class Narrowing
{
    private readonly HashSet<IrInstruction> _seenWhole = [];
    private readonly Dictionary<IrInstruction, IrInstruction> _narrow = [];
    private readonly List<IrInstruction> _output = [];
    private long _pc;

    private Narrowing()
    {
    }

    /// <summary>Rewrites every block of <paramref name="function"/>.</summary>
    public static void Run(IrFunction function)
    {
        var pass = new Narrowing();
        foreach (var block in function.Blocks)
            pass.Rewrite(block.Instructions);
        function.Number();
    }

    /// <summary>Whether the low 32 bits of the result depend on the low 32 bits of the operands alone.</summary>
    private static bool KeepsLowBits(IrInstruction i) => i.Type == IrType.I64 && i.Op switch
    {
        IrOp.Add or IrOp.Sub or IrOp.Mul or IrOp.And or IrOp.Or or IrOp.Xor => true,
        IrOp.ShiftLeft => i.B is { Op: IrOp.Const, Immediate: >= 0 and < 32 },
        _ => false,
    };

    private static bool StoresLowBits(IrInstruction i)
        => i.Op == IrOp.Store && i.Access is not (MemoryAccess.I64 or MemoryAccess.F32 or MemoryAccess.F64);

    private void FindSeenWhole(List<IrInstruction> instructions)
    {
        _seenWhole.Clear();
        for (var k = instructions.Count - 1; k >= 0; k--)
        {
            var i = instructions[k];
            if (i.Op == IrOp.Truncate || (KeepsLowBits(i) && !_seenWhole.Contains(i)))
                continue;
            See(i.A);
            if (!StoresLowBits(i))
                See(i.B);
            See(i.C);
        }

        void See(IrInstruction? value)
        {
            if (value is not null)
                _seenWhole.Add(value);
        }
    }

    private void Rewrite(List<IrInstruction> instructions)
    {
        if (!instructions.Exists(i => i.Op == IrOp.Truncate || StoresLowBits(i)))
            return;
        FindSeenWhole(instructions);
        _narrow.Clear();
        _output.Clear();
        foreach (var i in instructions)
        {
            _pc = i.Pc;
            if (KeepsLowBits(i) && !_seenWhole.Contains(i))
            {
                var shift = i.Op == IrOp.ShiftLeft;
                _narrow[i] = Append(new IrInstruction(i.Op, IrType.I32, Narrow(i.A!), shift ? i.B : Narrow(i.B!)));
                continue;
            }

            if (i.Op == IrOp.Truncate && _narrow.TryGetValue(i.A!, out var narrow))
            {
                _narrow[i] = narrow;
                continue;
            }

            if (StoresLowBits(i) && _narrow.TryGetValue(i.B!, out narrow))
                i.B = Append(new IrInstruction(IrOp.ZeroExtend32, IrType.I64, narrow));
            i.A = Replaced(i.A);
            i.B = Replaced(i.B);
            i.C = Replaced(i.C);
            _output.Add(i);
        }

        instructions.Clear();
        instructions.AddRange(_output);

        // Truncations have the type of what stands for them.
        IrInstruction? Replaced(IrInstruction? operand)
            => operand is { Op: IrOp.Truncate } && _narrow.TryGetValue(operand, out var narrow) ? narrow : operand;
    }

    /// <summary>The low 32 bits of a value.</summary>
    private IrInstruction Narrow(IrInstruction value)
    {
        if (_narrow.TryGetValue(value, out var narrow))
            return narrow;
        return _narrow[value] = value.Op switch
        {
            IrOp.SignExtend32 or IrOp.ZeroExtend32 => _narrow.GetValueOrDefault(value.A!, value.A!),
            IrOp.Const => Append(new IrInstruction(IrOp.Const, IrType.I32) { Immediate = (int)value.Immediate }),
            _ => Append(new IrInstruction(IrOp.Truncate, IrType.I32, value)),
        };
    }

    private IrInstruction Append(IrInstruction i)
    {
        i.Pc = _pc;
        _output.Add(i);
        return i;
    }
}
