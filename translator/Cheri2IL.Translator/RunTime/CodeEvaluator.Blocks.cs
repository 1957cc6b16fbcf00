using System.Runtime.CompilerServices;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Translator.RunTime;

/// <content>Plain code, block by block.</content>
public sealed unsafe partial class CodeEvaluator
{
    /// <summary>Evaluates blocks until control leaves; the state block is exact at every fault and exit.</summary>
    private void Run(GuestState* state, ITranslatedEntries code, long returnPc, long returnSp, EvaluatedCalls calls)
    {
        var words = (long*)state;
        var memory = state->MemoryBase;
        var limit = state->Limit;
        var cache = Blocks();
        EvaluatedOp* op;
        EvaluatedOp* block = null;
        long target = state->Pc;
        goto Look;

    Enter:
        // By a pc that is known only now, as behind a return.
        if (target == returnPc && state->X2 == returnSp)
            goto Leave;

    Look:
        op = cache.Recent(target);
        if (op == null)
            op = Find(ref cache, state, code, target, from: null, counter: null);

    Start:
        block = op;
        if (op == null)
            return;
        if (op->Code == EvaluatedCode.Translated || state->Interrupt != 0)
        {
            target = op->Pc;
            goto Leave;
        }

        if ((*(long*)op->Next -= op->Immediate) < 0 && IsTranslated(cache, state, code, op))
        {
            target = op->Pc;
            goto Leave;
        }

        state->Counts.Evaluated += op->Immediate;
        op++;
        while (true)
        {
            switch (op->Code)
            {
                case EvaluatedCode.Set:
                    words[op->Result] = op->Immediate;
                    break;
                case EvaluatedCode.Copy:
                    words[op->Result] = words[op->A];
                    break;
                case EvaluatedCode.Add:
                    words[op->Result] = words[op->A] + words[op->B];
                    break;
                case EvaluatedCode.Sub:
                    words[op->Result] = words[op->A] - words[op->B];
                    break;
                case EvaluatedCode.And:
                    words[op->Result] = words[op->A] & words[op->B];
                    break;
                case EvaluatedCode.Or:
                    words[op->Result] = words[op->A] | words[op->B];
                    break;
                case EvaluatedCode.Xor:
                    words[op->Result] = words[op->A] ^ words[op->B];
                    break;
                case EvaluatedCode.ShiftLeft:
                    words[op->Result] = words[op->A] << (int)words[op->B];
                    break;
                case EvaluatedCode.ShiftRightU:
                    words[op->Result] = words[op->A] >>> (int)words[op->B];
                    break;
                case EvaluatedCode.ShiftRightS:
                    words[op->Result] = words[op->A] >> (int)words[op->B];
                    break;
                case EvaluatedCode.Mul:
                    words[op->Result] = words[op->A] * words[op->B];
                    break;
                case EvaluatedCode.LtS:
                    words[op->Result] = words[op->A] < words[op->B] ? 1 : 0;
                    break;
                case EvaluatedCode.LtU:
                    words[op->Result] = (ulong)words[op->A] < (ulong)words[op->B] ? 1 : 0;
                    break;
                case EvaluatedCode.Eq:
                    words[op->Result] = words[op->A] == words[op->B] ? 1 : 0;
                    break;
                case EvaluatedCode.Ne:
                    words[op->Result] = words[op->A] != words[op->B] ? 1 : 0;
                    break;
                case EvaluatedCode.AddImmediate:
                    words[op->Result] = words[op->A] + op->Immediate;
                    break;
                case EvaluatedCode.AndImmediate:
                    words[op->Result] = words[op->A] & op->Immediate;
                    break;
                case EvaluatedCode.OrImmediate:
                    words[op->Result] = words[op->A] | op->Immediate;
                    break;
                case EvaluatedCode.XorImmediate:
                    words[op->Result] = words[op->A] ^ op->Immediate;
                    break;
                case EvaluatedCode.ShiftLeftImmediate:
                    words[op->Result] = words[op->A] << (int)op->Immediate;
                    break;
                case EvaluatedCode.ShiftRightUImmediate:
                    words[op->Result] = words[op->A] >>> (int)op->Immediate;
                    break;
                case EvaluatedCode.ShiftRightSImmediate:
                    words[op->Result] = words[op->A] >> (int)op->Immediate;
                    break;
                case EvaluatedCode.LtSImmediate:
                    words[op->Result] = words[op->A] < op->Immediate ? 1 : 0;
                    break;
                case EvaluatedCode.LtUImmediate:
                    words[op->Result] = (ulong)words[op->A] < (ulong)op->Immediate ? 1 : 0;
                    break;
                case EvaluatedCode.EqImmediate:
                    words[op->Result] = words[op->A] == op->Immediate ? 1 : 0;
                    break;
                case EvaluatedCode.NeImmediate:
                    words[op->Result] = words[op->A] != op->Immediate ? 1 : 0;
                    break;
                case EvaluatedCode.AddWord:
                    words[op->Result] = (int)words[op->A] + (int)words[op->B];
                    break;
                case EvaluatedCode.SubWord:
                    words[op->Result] = (int)words[op->A] - (int)words[op->B];
                    break;
                case EvaluatedCode.MulWord:
                    words[op->Result] = (int)words[op->A] * (int)words[op->B];
                    break;
                case EvaluatedCode.ShiftLeftWord:
                    words[op->Result] = (int)words[op->A] << (int)words[op->B];
                    break;
                case EvaluatedCode.ShiftRightUWord:
                    words[op->Result] = (int)words[op->A] >>> (int)words[op->B];
                    break;
                case EvaluatedCode.ShiftRightSWord:
                    words[op->Result] = (int)words[op->A] >> (int)words[op->B];
                    break;
                case EvaluatedCode.AddWordImmediate:
                    words[op->Result] = (int)words[op->A] + (int)op->Immediate;
                    break;
                case EvaluatedCode.ShiftLeftWordImmediate:
                    words[op->Result] = (int)words[op->A] << (int)op->Immediate;
                    break;
                case EvaluatedCode.ShiftRightUWordImmediate:
                    words[op->Result] = (int)words[op->A] >>> (int)op->Immediate;
                    break;
                case EvaluatedCode.ShiftRightSWordImmediate:
                    words[op->Result] = (int)words[op->A] >> (int)op->Immediate;
                    break;
                case EvaluatedCode.SignExtendWord:
                    words[op->Result] = (int)words[op->A];
                    break;
                case EvaluatedCode.ZeroExtendWord:
                    words[op->Result] = (uint)words[op->A];
                    break;

                // A hardware trap inside the slot surfaces as NullReferenceException: Pc is how its guest pc is known.
                case EvaluatedCode.LoadI8:
                    words[op->Result] = *(sbyte*)Loaded(state, memory, limit, words[op->A] + op->Immediate, 1, op);
                    break;
                case EvaluatedCode.LoadU8:
                    words[op->Result] = *Loaded(state, memory, limit, words[op->A] + op->Immediate, 1, op);
                    break;
                case EvaluatedCode.LoadI16:
                    words[op->Result] = Unsafe.ReadUnaligned<short>(Loaded(state, memory, limit, words[op->A] + op->Immediate, 2, op));
                    break;
                case EvaluatedCode.LoadU16:
                    words[op->Result] = Unsafe.ReadUnaligned<ushort>(Loaded(state, memory, limit, words[op->A] + op->Immediate, 2, op));
                    break;
                case EvaluatedCode.LoadI32:
                    words[op->Result] = Unsafe.ReadUnaligned<int>(Loaded(state, memory, limit, words[op->A] + op->Immediate, 4, op));
                    break;
                case EvaluatedCode.LoadU32:
                    words[op->Result] = Unsafe.ReadUnaligned<uint>(Loaded(state, memory, limit, words[op->A] + op->Immediate, 4, op));
                    break;
                case EvaluatedCode.Load64:
                    words[op->Result] = Unsafe.ReadUnaligned<long>(Loaded(state, memory, limit, words[op->A] + op->Immediate, 8, op));
                    break;
                case EvaluatedCode.Store8:
                    *Stored(state, memory, limit, words[op->A] + op->Immediate, 1, op) = (byte)words[op->B];
                    break;
                case EvaluatedCode.Store16:
                    Unsafe.WriteUnaligned(Stored(state, memory, limit, words[op->A] + op->Immediate, 2, op), (short)words[op->B]);
                    break;
                case EvaluatedCode.Store32:
                    Unsafe.WriteUnaligned(Stored(state, memory, limit, words[op->A] + op->Immediate, 4, op), (int)words[op->B]);
                    break;
                case EvaluatedCode.Store64:
                    Unsafe.WriteUnaligned(Stored(state, memory, limit, words[op->A] + op->Immediate, 8, op), words[op->B]);
                    break;

                case EvaluatedCode.Integer:
                    Integer(cache, words, op);
                    break;
                case EvaluatedCode.Access:
                    words[op->Result] = IrEvaluator.Access(cache.Instructions[op->Immediate], words[op->A], words[op->B], state);
                    break;
                case EvaluatedCode.Float:
                    words[op->Result] = IrEvaluator.Float(cache.Instructions[op->Immediate], words[op->A], words[op->B], words[op->Pc], state);
                    break;

                case EvaluatedCode.BranchEq:
                    if (words[op->A] == words[op->B])
                        goto Taken;
                    break;
                case EvaluatedCode.BranchNe:
                    if (words[op->A] != words[op->B])
                        goto Taken;
                    break;
                case EvaluatedCode.BranchLtS:
                    if (words[op->A] < words[op->B])
                        goto Taken;
                    break;
                case EvaluatedCode.BranchLtU:
                    if ((ulong)words[op->A] < (ulong)words[op->B])
                        goto Taken;
                    break;
                case EvaluatedCode.BranchGeS:
                    if (words[op->A] >= words[op->B])
                        goto Taken;
                    break;
                case EvaluatedCode.BranchGeU:
                    if ((ulong)words[op->A] >= (ulong)words[op->B])
                        goto Taken;
                    break;
                case EvaluatedCode.Goto:
                    goto Taken;
                case EvaluatedCode.GotoRounding:
                    if (state->RoundingMode <= FloatStatus.LastHostMode)
                        goto Taken;
                    target = op->Immediate;
                    goto Leave;
                case EvaluatedCode.Call:
                    calls.Call(op->Pc, state->X1, state->X2);
                    op = op->Next != null ? op->Next : Find(ref cache, state, code, op->Immediate, op, counter: null);
                    goto Start;
                case EvaluatedCode.CallIndirect:
                    calls.Call(op->Pc, state->X1, state->X2);
                    target = words[op->A] & ~1L;
                    goto Enter;
                case EvaluatedCode.GotoIndirect:
                    target = words[op->A] & ~1L;
                    goto Enter;
                case EvaluatedCode.Return:
                    target = words[op->A] & ~1L;
                    calls.Return(target);
                    goto Enter;
                case EvaluatedCode.SystemCall:
                    state->Pc = op->Pc;
                    target = op->Immediate;
                    if (!GuestThread.Of(state).Host.SystemCall(state))
                        return;
                    cache = Blocks();
                    goto Enter;
                case EvaluatedCode.FenceI:
                    target = state->Pc = op->Immediate;
                    GuestThread.Of(state).Code.Invalidate(0, (long)limit + 1);
                    cache = Blocks();
                    goto Enter;
                case EvaluatedCode.Trap:
                    var trap = cache.Instructions[op->Immediate];
                    throw new GuestFault(trap.Fault, trap.Pc, trap.Immediate);
                default:
                    throw new InvalidOperationException($"operation {op->Code} is not executable");
            }

            op++;
        }

    Taken:
        op = op->Next != null ? op->Next : Find(ref cache, state, code, op->Immediate, op, (long*)block->Next);
        goto Start;

    Leave:
        state->Pc = target;
        GC.KeepAlive(cache);
    }

    /// <summary>The blocks of now.</summary>
    private BlockCache Blocks()
    {
        if (Volatile.Read(ref _blocks) is { } blocks)
            return blocks;
        var made = new BlockCache();
        return Interlocked.CompareExchange(ref _blocks, made, null) ?? made;
    }

    /// <summary>Under the lock: charges the guest for what its blocks have grown by, but for what every guest has for nothing; false: it has as much as it may.</summary>
    private bool TryCharge(BlockCache blocks)
    {
        const long Free = 1 << 20;
        const long Step = 1 << 20;
        var owed = blocks.Bytes - Free - _charged;
        if (blocks.Bytes >= BlockCache.MostBytes || (owed > 0 && !memory.TryCharge((ulong)(owed + Step))))
            return false;
        _charged += owed > 0 ? owed + Step : 0;
        return true;
    }

    /// <summary>Under the lock: begins anew. Who is in a block leaves behind it: as long as somebody stays in one, all of them are kept, charged to nobody.</summary>
    private void DropBlocks()
    {
        _blocks?.Retire();
        Volatile.Write(ref _blocks, null);
        if (_charged > 0)
            memory.Discharge((ulong)_charged);
        _charged = 0;
    }

    /// <summary>The block at a pc, made if there is none; null: where <see cref="GuestThread.Invoke"/> is left.</summary>
    /// <param name="cache">The blocks in use; those of now afterwards.</param>
    /// <param name="state">State block.</param>
    /// <param name="code">Says which code is translated.</param>
    /// <param name="pc">Guest address.</param>
    /// <param name="from">What always goes there, to be linked; null: nothing.</param>
    /// <param name="counter">Counter of the function that it belongs to as well; null: it may be another function, or translated.</param>
    /// <exception cref="GuestFault">Nothing is executable there.</exception>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private EvaluatedOp* Find(ref BlockCache cache, GuestState* state, ITranslatedEntries code, long pc, EvaluatedOp* from, long* counter)
    {
        // For who handles the fault, if it is one.
        state->Pc = pc;
        var isTranslated = counter == null && cache.Find(pc, _gate) == null && code.Has(state, pc);
        lock (_gate)
        {
            if (_blocks is { } blocks && !TryCharge(blocks))
                DropBlocks();
            if (cache != _blocks)
            {
                cache = Blocks();
                from = null;
                counter = null;
            }

            var block = cache.Find(pc);
            if (block == null)
            {
                if (state->Thread != 0 && pc == GuestThread.Of(state).ReturnPc)
                    return null;
                CheckExecutable(state, pc);
                block = isTranslated
                    ? cache.Add(pc, [new EvaluatedOp { Code = EvaluatedCode.Translated, Pc = pc }], instructions: 0)
                    : (_compiler ??= new BlockCompiler(new GuestMemorySource(memory.Base, memory.IsExecutable, RiscVIsa.Rv64))).Compile(cache, pc, counter != null ? counter : cache.CounterOf(pc, hotInstructions));
            }

            if (from != null)
                Volatile.Write(ref *(nint*)&from->Next, (nint)block);
            return block;
        }
    }

    /// <summary>
    /// Whether a block whose function has been evaluated for long has a translation, which is asked for now: of all the function, or of what is from here on if
    /// control does not come to its start.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool IsTranslated(BlockCache cache, GuestState* state, ITranslatedEntries code, EvaluatedOp* block)
    {
        var counter = (long*)block->Next;
        EvaluatedFunction function;
        EvaluatedOp* start;
        lock (_gate)
        {
            *counter += hotInstructions;
            function = cache.FunctionOf(counter);
            function.Instructions += hotInstructions;
            start = cache.Find(function.Pc);
        }

        state->Pc = block->Pc;
        var entry = start == null || start->Code == EvaluatedCode.Translated ? block : start;
        if (!code.Has(state, entry->Pc, function.Instructions))
            return false;
        function.Instructions = 0;
        entry->Code = EvaluatedCode.Translated;
        return entry == block;
    }

    private static void Integer(BlockCache cache, long* words, EvaluatedOp* op)
    {
        var i = cache.Instructions[op->Immediate];
        words[op->Result] = IrArithmetic.Evaluate(i.Op, IrSignature.Of(i.Op).VariableOf(i), words[op->A], words[op->B], words[op->Pc]);
    }

    /// <summary>Host address of a load of so many bytes that lies wholly inside the slot; faults otherwise, as the never-mapped pages around it do.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* Loaded(GuestState* state, byte* memory, ulong limit, long address, int size, EvaluatedOp* op)
    {
        state->Counts.Load++;
        state->Pc = op->Pc;
        if ((ulong)address > limit - (ulong)(size - 1))
            ThrowFault(GuestFaultKind.LoadAccess, op->Pc, address);
        return memory + address;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static byte* Stored(GuestState* state, byte* memory, ulong limit, long address, int size, EvaluatedOp* op)
    {
        state->Counts.Store++;
        state->Pc = op->Pc;
        if ((ulong)address > limit - (ulong)(size - 1))
            ThrowFault(GuestFaultKind.StoreAccess, op->Pc, address);
        return memory + address;
    }

    private static void ThrowFault(GuestFaultKind kind, long pc, long address) => throw new GuestFault(kind, pc, address);
}
