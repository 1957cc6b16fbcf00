using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// What can be asked of the capabilities that a loop steps through memory with, once for several turns: whether everything that those turns
/// access, and every address that they step to, is within bounds and permitted (<see cref="IrOp.CapAllows"/>), and whether there are no tags where
/// they store data (<see cref="IrOp.Untagged"/>).
/// </summary>
/// <remarks>
/// Which checks a guard makes redundant is not decided here but by <see cref="CapabilityCheckElimination"/>, from the guard alone: a guard that
/// asks for too little or too much costs speed.
/// </remarks>
public static class LoopGuards
{
    /// <summary>Guards of one loop: each costs a compare a turn.</summary>
    private const int MostGuards = 4;

    /// <summary>Bytes of one guard (<see cref="IrVerifier"/>): near the end of what a loop walks, guards that ask for many fail for many turns.</summary>
    private const long MostBytes = IrVerifier.MostAllowed;

    /// <summary>The blocks that ask; empty if there is nothing to ask, or more than <see cref="MostGuards"/> questions.</summary>
    /// <param name="body">The loop, header first, in the function's order.</param>
    /// <param name="turns">How many turns the guards are for.</param>
    /// <param name="guarded">Where control goes if all is allowed.</param>
    /// <param name="unguarded">Where it goes otherwise.</param>
    public static List<IrBlock> Make(List<IrBlock> body, int turns, IrBlock guarded, IrBlock unguarded)
    {
        var pointers = Pointers(body).Where(p => p.IsGuardable(turns)).ToArray();
        if (pointers.Length > MostGuards)
            return [];
        var result = pointers.Select(p => Bounds(p, turns, body[0].Pc)).ToList();
        if (!body.Exists(b => b.Instructions.Exists(i => i.Op is IrOp.CapStore or IrOp.CapSwap or IrOp.CapStoreConditional)))
            result.AddRange(pointers.Where(p => p.Stored(turns) is var (low, high) && high - low is > 0 and <= IrVerifier.MostUntagged).Select(p => Tags(p, turns, body[0].Pc)));
        for (var k = 0; k < result.Count; k++)
            result[k].Successors.AddRange([k + 1 < result.Count ? result[k + 1] : guarded, unguarded]);
        return result;
    }

    private static IrBlock Bounds(Pointer pointer, int turns, long pc)
    {
        var (low, high) = pointer.Reach(turns);
        return Block(pc, pointer, high - low, (address, bytes, block) =>
        {
            var capability = Append(block, new IrInstruction(IrOp.GetC, IrType.Cap) { Register = pointer.Register });
            return new IrInstruction(IrOp.CapAllows, IrType.I32, capability, address, bytes)
            {
                Register = pointer.Register,
                Immediate = low,
                Capability = pointer.Access,
            };
        });
    }

    private static IrBlock Tags(Pointer pointer, int turns, long pc)
    {
        var (low, high) = pointer.Stored(turns);
        return Block(pc, pointer, high - low, (address, bytes, _) => new IrInstruction(IrOp.Untagged, IrType.I32, address, bytes) { Immediate = low });
    }

    private static IrBlock Block(long pc, Pointer pointer, long size, Func<IrInstruction, IrInstruction, IrBlock, IrInstruction> ask)
    {
        var block = new IrBlock(pc);
        var address = Append(block, new IrInstruction(IrOp.Get, IrType.I64) { Register = pointer.Register });
        var bytes = Append(block, new IrInstruction(IrOp.Const, IrType.I64) { Immediate = size });
        var answer = Append(block, ask(address, bytes, block));
        Append(block, new IrInstruction(IrOp.Branch, IrType.Void, answer));
        return block;
    }

    private static IrInstruction Append(IrBlock block, IrInstruction i)
    {
        i.Pc = block.Pc;
        block.Instructions.Add(i);
        return i;
    }

    /// <summary>
    /// The registers that the loop accesses memory through. Blocks are taken as if all were executed one after the other: where that is not
    /// so, some checks stay.
    /// </summary>
    private static List<Pointer> Pointers(List<IrBlock> body)
    {
        var pointers = new Dictionary<byte, Pointer>();
        foreach (var block in body)
        {
            // Values that are what a register was at the start of the turn, plus a constant.
            var held = new Dictionary<IrInstruction, (Pointer Pointer, long Offset)>();
            foreach (var i in block.Instructions)
            {
                switch (i.Op)
                {
                    case IrOp.Get or IrOp.GetC when i.Register is > 0 and < GuestRegister.F0:
                        var read = Of(i.Register);
                        held[i] = (read, read.Step);
                        break;
                    case IrOp.Add or IrOp.CapIncrement when i.B is { Op: IrOp.Const } && held.TryGetValue(i.A!, out var from):
                        held[i] = (from.Pointer, from.Offset + i.B.Immediate);
                        break;
                    case IrOp.CapCheck when i.A!.Register is > 0 and < GuestRegister.F0 && held.TryGetValue(i.B!, out var at):
                        at.Pointer.Accesses(at.Offset + i.Immediate, i);
                        break;
                    case IrOp.ClearTags when held.TryGetValue(i.A!, out var stored):
                        stored.Pointer.Stores(stored.Offset + i.Immediate, IrSignature.SizeOf(i.Access));
                        break;
                    case IrOp.Set or IrOp.SetC when i.Register is > 0 and < GuestRegister.F0:
                        var written = Of(i.Register);
                        if (i.Op == IrOp.SetC && held.TryGetValue(i.A!, out var value) && value.Pointer == written)
                            written.StepTo(value.Offset);
                        else
                            written.IsLost = true;
                        break;
                }
            }
        }

        return [.. pointers.Values];

        Pointer Of(byte register)
        {
            if (!pointers.TryGetValue(register, out var pointer))
                pointers.Add(register, pointer = new Pointer(register));
            return pointer;
        }
    }

    /// <summary>A register that a loop may access memory through.</summary>
    private sealed class Pointer(byte register)
    {
        private long _low;
        private long _high;
        private long _storeLow = long.MaxValue;
        private long _storeHigh = long.MinValue;
        private bool _loads;
        private bool _stores;

        public byte Register { get; } = register;

        /// <summary>What has been added to it since the turn began.</summary>
        public long Step { get; private set; }

        /// <summary>Whether it is written with something else.</summary>
        public bool IsLost { get; set; }

        public CapabilityAccess Access => !_stores ? CapabilityAccess.Load : !_loads ? CapabilityAccess.Store : CapabilityAccess.Update;

        public bool IsGuardable(int turns) => !IsLost && (_loads || _stores) && Reach(turns) is var (low, high) && high - low <= MostBytes;

        public void Accesses(long offset, IrInstruction check)
        {
            Include(offset, offset + AccessNeeds.Size(check));
            _stores |= check.Capability is not (CapabilityAccess.Load or CapabilityAccess.LoadCapability or CapabilityAccess.LoadTags);
            _loads |= check.Capability is not CapabilityAccess.Store;
        }

        /// <summary>Data is stored there.</summary>
        public void Stores(long offset, int size)
        {
            if (IsLost)
                return;
            _storeLow = Math.Min(_storeLow, offset);
            _storeHigh = Math.Max(_storeHigh, offset + size);
        }

        public void StepTo(long offset)
        {
            Include(offset, offset);
            Step = IsLost ? 0 : offset;
        }

        /// <summary>The first byte, and the one behind the last, of so many turns, from where the register is before.</summary>
        public (long Low, long High) Reach(int turns)
        {
            var last = Step * (turns - 1);
            return (Math.Min(_low, _low + last), Math.Max(_high, _high + last));
        }

        /// <summary>The first byte and the one behind the last of what so many turns store data to; no bytes if nothing.</summary>
        public (long Low, long High) Stored(int turns)
        {
            var last = Step * (turns - 1);
            return _storeLow > _storeHigh ? (0, 0) : (Math.Min(_storeLow, _storeLow + last), Math.Max(_storeHigh, _storeHigh + last));
        }

        private void Include(long low, long high)
        {
            // Offsets are what the guest wants them to be: no sum of those that count overflows.
            IsLost |= low is < -MostBytes or > MostBytes || high is < -MostBytes or > MostBytes;
            _low = Math.Min(_low, low);
            _high = Math.Max(_high, high);
        }
    }
}
