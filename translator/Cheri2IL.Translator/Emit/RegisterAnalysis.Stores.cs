using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Passes;
using RegisterSet = System.UInt128;

namespace Cheri2IL.Translator.Emit;

/// <content>Where dirty registers are stored although nothing there needs them stored.</content>
public sealed partial class RegisterAnalysis
{
    /// <summary>Times that stores are placed and dirty registers found anew: each may take stores out of one more loop.</summary>
    private const int MaxRounds = 4;

    private void PlaceStores(IrFunction function)
    {
        var predecessors = function.Predecessors();
        var stored = SolveStored(function);
        for (var round = 0; round < MaxRounds; round++)
        {
            var changed = false;
            for (var b = 0; b < function.Blocks.Count; b++)
            {
                if (predecessors[b].Count > 1 && function.Blocks[b] != function.Blocks[0] && !function.ExtraEntries.Contains(function.Blocks[b]))
                    changed |= PlaceStoresBefore(b, predecessors[b], stored);
            }

            if (!changed)
                break;
            SolveDirty(function);
        }
    }

    /// <summary>Stores before block number <paramref name="b"/> what is dirty on some ways to it alone and will be stored. False: nothing.</summary>
    private bool PlaceStoresBefore(int b, List<IrBlock> predecessors, RegisterSet[] stored)
    {
        var every = RegisterSet.MaxValue;
        RegisterSet some = 0;
        RegisterSet unavoidable = 0;
        foreach (var predecessor in predecessors)
        {
            var dirty = _dirtyOut[predecessor.Id];
            every &= dirty;
            some |= dirty;
            unavoidable |= dirty & ~StorableAtEnd(predecessor, b, stored);
        }

        var partial = some & ~every & ~unavoidable & stored[b];
        foreach (var predecessor in predecessors)
        {
            var p = predecessor.Id;
            _storedAtEnd[p] |= partial & _dirtyOut[p];
            _dirtyOut[p] &= ~partial;
        }

        return partial != 0;
    }

    /// <summary>What may be stored where <paramref name="block"/> ends, on the way to block number <paramref name="b"/>, for it will be stored in any case.</summary>
    private static RegisterSet StorableAtEnd(IrBlock block, int b, RegisterSet[] stored)
    {
        // In a loop's last block a store would be as often as behind it.
        if (block.Terminator.Op is not (IrOp.Jump or IrOp.Branch) || block.Id >= b || block.Successors.Exists(PreciseFaults.GoesOn))
            return 0;
        var storable = RegisterSet.MaxValue;
        foreach (var successor in block.Successors)
            storable &= stored[successor.Id];
        return storable;
    }

    /// <summary>By block: registers that are stored on every way onward, if they are dirty, before anything else is put into them.</summary>
    private RegisterSet[] SolveStored(IrFunction function)
    {
        var stored = new RegisterSet[function.Blocks.Count];
        Array.Fill(stored, RegisterSet.MaxValue);
        bool changed;
        do
        {
            changed = false;
            for (var b = function.Blocks.Count - 1; b >= 0; b--)
            {
                var block = function.Blocks[b];
                var before = RegisterSet.MaxValue;
                foreach (var successor in block.Successors)
                    before &= stored[successor.Id];
                for (var k = block.Instructions.Count - 1; k >= 0; k--)
                    before = StoredBefore(block.Instructions[k], before);
                changed |= before != stored[b];
                stored[b] = before;
            }
        }
        while (changed);
        return stored;
    }

    private RegisterSet StoredBefore(IrInstruction i, RegisterSet stored) => i.Op switch
    {
        IrOp.Set or IrOp.SetC => stored & ~Written(i),
        // Arguments travel in the host's registers.
        IrOp.Call or IrOp.TailCall => ~Arguments,
        IrOp.Return => ~(Ra | Sp | A0),
        IrOp.Ecall or IrOp.FenceI or IrOp.Trap => RegisterSet.MaxValue,
        IrOp.Commit when i.Elided is null => stored | SeenAt(i),
        _ => stored,
    };
}
