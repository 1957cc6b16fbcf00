using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Inside each block: forwards register values to their readers, drops sets of what a register already holds, folds
/// constants, and drops extensions of values that are already extended.
/// </summary>
/// <remarks>
/// Forward, once over each block. Leaves dead values and sets to <see cref="DeadCodeElimination"/>. While a block is in
/// work its instructions keep their numbers, and instructions that the pass adds get numbers after those.
/// </remarks>
public sealed partial class LocalSimplification
{
    private readonly IrInstruction?[] _registers = new IrInstruction?[GuestRegister.Count];
    private readonly BitWidths _widths = new();
    private readonly List<IrInstruction> _output = [];
    private IrInstruction?[] _replacement = new IrInstruction?[256];
    private int _nextId;
    private long _pc;
    private bool _hasCapabilities;

    private LocalSimplification()
    {
    }

    /// <summary>Simplifies every block of <paramref name="function"/>.</summary>
    public static void Run(IrFunction function)
    {
        var pass = new LocalSimplification();
        function.Number();
        pass._hasCapabilities = function.HasCapabilities;
        foreach (var block in function.Blocks)
            pass.Simplify(block);
        function.Number();
    }

    private void Simplify(IrBlock block)
    {
        var input = block.Instructions;
        _nextId = input.Count;
        Array.Clear(_registers);
        if (_replacement.Length < input.Count)
            _replacement = new IrInstruction?[input.Count * 2];
        Array.Clear(_replacement, 0, input.Count);
        _output.Clear();
        foreach (var i in input)
        {
            _pc = i.Pc;
            i.A = Resolve(i.A);
            i.B = Resolve(i.B);
            i.C = Resolve(i.C);
            switch (i.Op)
            {
                case IrOp.Get when _registers[i.Register] is { } held:
                    _replacement[i.Id] = held;
                    break;
                case IrOp.Get:
                    _registers[i.Register] = i;
                    Append(i);
                    break;
                case IrOp.Set when ReferenceEquals(_registers[i.Register], i.A) && !_hasCapabilities:
                    break;
                case IrOp.Set:
                    _registers[i.Register] = i.A;
                    Append(i);
                    break;
                case IrOp.SetC when i.Register < GuestRegister.Count:
                    _registers[i.Register] = null;
                    Append(i);
                    break;
                default:
                    var value = Reduce(i);
                    if (ReferenceEquals(value, i))
                        Append(i);
                    else
                        _replacement[i.Id] = value;
                    break;
            }
        }

        input.Clear();
        input.AddRange(_output);
    }

    /// <summary>What stands for an operand of the input: replacements are final when made, so one step is enough.</summary>
    private IrInstruction? Resolve(IrInstruction? operand)
        => operand is null ? null : _replacement[operand.Id] ?? operand;

    private void Append(IrInstruction i)
    {
        _output.Add(i);
        _widths.Learn(i);
    }

    /// <summary>Appends an instruction that the pass makes, after reducing it in turn.</summary>
    private IrInstruction New(IrOp op, IrType type, IrInstruction? a = null, IrInstruction? b = null, long immediate = 0)
    {
        var made = new IrInstruction(op, type, a, b) { Immediate = immediate, Pc = _pc, Id = _nextId++ };
        var value = Reduce(made);
        if (ReferenceEquals(value, made))
            Append(made);
        return value;
    }

    private IrInstruction Constant(IrType type, long value) => New(IrOp.Const, type, immediate: value);

    /// <summary>Turns <paramref name="i"/> into another operation with the same result type.</summary>
    private IrInstruction Become(IrInstruction i, IrOp op, IrInstruction? a, IrInstruction? b = null)
    {
        i.Op = op;
        i.A = a;
        i.B = b;
        i.C = null;
        i.Immediate = 0;
        return Reduce(i);
    }
}
