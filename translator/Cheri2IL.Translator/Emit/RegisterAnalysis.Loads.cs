using Cheri2IL.Translator.Ir;
using RegisterSet = System.UInt128;

namespace Cheri2IL.Translator.Emit;

/// <content>Where registers are loaded from the state block.</content>
/// <remarks>
/// Behind a call, those are loaded that are used on every way onward, and others where they are used: of what is live behind the calls of a large
/// function, most ways use a third before the next call, and RyuJIT has to put everything else aside. Loaded early all the same is
/// what a block needs to have in locals: what may be newer there on another way, so that the state block does not have it, and what a small loop
/// without calls uses. With capabilities, windows depend on registers, and all that is live is loaded.
/// </remarks>
public sealed partial class RegisterAnalysis
{
    /// <summary>Most blocks of a loop in front of which all is loaded that it uses: no more is likely to stay in the host's registers.</summary>
    private const int LargestLoop = 64;

    private readonly RegisterSet[] _required;
    private readonly RegisterSet[] _anticipated;
    private readonly RegisterSet[] _validIn;
    private readonly Dictionary<IrInstruction, RegisterSet> _loadedBefore = [];

    /// <summary>Registers to load before an instruction that uses them; before a terminator, those besides that its successors have to find in locals.</summary>
    public RegisterSet LoadedBefore(IrInstruction i) => _loadedBefore.GetValueOrDefault(i);

    /// <summary>Registers to load where the function is entered at a block, or goes on there behind a call or system call.</summary>
    public RegisterSet LoadedAt(IrBlock block) => LoadedAt(block.Id);

    private RegisterSet LoadedAt(int b) => (_required[b] | _anticipated[b]) & _liveIn[b];

    private void PlaceLoads(IrFunction function)
    {
        SolveAnticipated(function);
        for (var b = 0; b < function.Blocks.Count; b++)
            _required[b] = _hasCapabilities ? _liveIn[b] : _liveIn[b] & _dirtyIn[b];
        if (!_hasCapabilities)
            RequireInLoops(function);
        SolveValid(function);
        foreach (var block in function.Blocks)
            Follow(block, _loadedBefore);
    }

    /// <summary>By block: registers that every way onward uses before anything else is put into them, or a call is made.</summary>
    private void SolveAnticipated(IrFunction function)
    {
        Array.Fill(_anticipated, RegisterSet.MaxValue);
        bool changed;
        do
        {
            changed = false;
            for (var b = function.Blocks.Count - 1; b >= 0; b--)
            {
                var block = function.Blocks[b];
                var used = block.Successors.Count == 0 ? 0 : RegisterSet.MaxValue;
                foreach (var successor in block.Successors)
                    used &= _anticipated[successor.Id];
                used = BeforeInstructions(block, used);
                changed |= used != _anticipated[b];
                _anticipated[b] = used;
            }
        }
        while (changed);
    }

    /// <summary>What a small loop without calls uses is in locals where it is entered.</summary>
    private void RequireInLoops(IrFunction function)
    {
        foreach (var loop in CallFreeLoops.Of(function))
        {
            if (loop.Count > LargestLoop)
                continue;
            RegisterSet used = 0;
            foreach (var block in loop)
            {
                var dirty = DirtyIn(block);
                foreach (var i in block.Instructions)
                {
                    used |= LiveBefore(i, 0, dirty);
                    dirty = DirtyAfter(i, dirty);
                }
            }

            foreach (var block in loop)
                _required[block.Id] |= _liveIn[block.Id] & used;
        }
    }

    /// <summary>By block: registers that are valid in locals at its start, whichever way led there.</summary>
    private void SolveValid(IrFunction function)
    {
        Array.Fill(_validIn, RegisterSet.MaxValue);
        _validIn[0] = Arguments | LoadedAt(0);
        foreach (var entry in function.ExtraEntries)
            _validIn[entry.Id] = Arguments | LoadedAt(entry);
        var work = new Queue<IrBlock>(function.Blocks);
        while (work.TryDequeue(out var block))
        {
            var valid = Follow(block, placed: null);
            foreach (var successor in block.Successors)
            {
                ref var into = ref _validIn[successor.Id];
                if ((into & ~valid) == 0)
                    continue;
                into &= valid;
                work.Enqueue(successor);
            }
        }
    }

    /// <summary>What is valid behind a block, with what is loaded in it, which is entered into <paramref name="placed"/>.</summary>
    private RegisterSet Follow(IrBlock block, Dictionary<IrInstruction, RegisterSet>? placed)
    {
        var valid = _validIn[block.Id];
        var dirty = DirtyIn(block);
        foreach (var i in block.Instructions)
        {
            var needed = LiveBefore(i, 0, i.Op == IrOp.Switch ? dirty | DirtyAtSwitch(block) : dirty);
            if (IrOpInfo.IsTerminator(i.Op) && i.Op is not (IrOp.Call or IrOp.Ecall))
            {
                needed |= dirty & StoredAtEnd(block);
                foreach (var successor in block.Successors)
                    needed |= _required[successor.Id];
            }

            var missing = needed & ~valid;
            if (missing != 0 && placed is not null)
            {
                // A local that is newer than the state block is valid.
                if ((missing & dirty) != 0)
                    throw new InvalidOperationException($"0x{i.Pc:x}: registers {missing & dirty:x} would be loaded although they may be newer");
                placed.Add(i, missing);
            }

            valid = i.Op switch
            {
                IrOp.Call => ValidAfterCall | LoadedAt(block.Successors[0]),
                IrOp.Ecall => LoadedAt(block.Successors[0]),
                IrOp.Set or IrOp.SetC => valid | needed | Written(i),
                _ => valid | needed,
            };
            dirty = DirtyAfter(i, dirty);
        }

        return valid;
    }
}
