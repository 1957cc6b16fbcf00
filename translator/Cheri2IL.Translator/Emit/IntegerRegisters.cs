using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Emit;

/// <summary>
/// In functions with capabilities, the registers that certainly hold integers: their metadata is that of NULL and they have no tag, which
/// need not be in locals. A forward data flow over x1..x31, as bit masks.
/// </summary>
public sealed class IntegerRegisters
{
    private readonly Dictionary<IrBlock, uint> _in = [];
    private readonly Dictionary<IrBlock, uint> _mixedBehind = [];

    /// <summary>Analyses <paramref name="function"/>.</summary>
    public IntegerRegisters(IrFunction function)
    {
        if (!function.HasCapabilities)
            return;
        SolveIntegers(function);
        SolveMixed(function);
    }

    /// <summary>Registers that hold integers where a block begins.</summary>
    public uint At(IrBlock block) => _in.GetValueOrDefault(block);

    /// <summary>
    /// Registers that code behind a block may ask for metadata and tag although this block leaves integers in them: on other paths to that code
    /// they may be capabilities.
    /// </summary>
    public uint MixedBehind(IrBlock block) => _mixedBehind.GetValueOrDefault(block);

    /// <summary>Registers that hold integers behind an instruction, from those before it.</summary>
    public static uint After(IrInstruction i, uint integers) => i.Op switch
    {
        IrOp.Set when i.Register < GuestRegister.F0 => integers | (1u << i.Register),
        IrOp.SetC when i.Register < GuestRegister.F0 => integers & ~(1u << i.Register),
        // Registers are loaded again, and may hold anything.
        IrOp.Call or IrOp.Ecall => 0,
        _ => integers,
    };

    private void SolveIntegers(IrFunction function)
    {
        foreach (var entry in function.ExtraEntries.Prepend(function.Blocks[0]))
            _in[entry] = 0;
        var work = new Queue<IrBlock>(_in.Keys);
        while (work.TryDequeue(out var block))
        {
            var integers = _in[block];
            foreach (var i in block.Instructions)
                integers = After(i, integers);
            foreach (var successor in block.Successors)
            {
                var known = _in.TryGetValue(successor, out var before);
                var joined = known ? before & integers : integers;
                if (known && joined == before)
                    continue;
                _in[successor] = joined;
                work.Enqueue(successor);
            }
        }
    }

    private void SolveMixed(IrFunction function)
    {
        var mixed = function.Blocks.ToDictionary(b => b, b => ~At(b));
        bool changed;
        do
        {
            changed = false;
            for (var b = function.Blocks.Count - 1; b >= 0; b--)
            {
                var block = function.Blocks[b];
                var behind = 0u;
                if (block.Terminator.Op is not (IrOp.Call or IrOp.Ecall))
                {
                    foreach (var successor in block.Successors)
                        behind |= mixed[successor];
                }

                _mixedBehind[block] = behind;
                foreach (var i in block.Instructions)
                {
                    if (i.Op is IrOp.Set or IrOp.SetC && i.Register < GuestRegister.F0)
                        behind &= ~(1u << i.Register);
                }

                changed |= (behind & ~mixed[block]) != 0;
                mixed[block] |= behind;
            }
        }
        while (changed);
    }
}
