using System.Reflection.Metadata;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Passes;

namespace Cheri2IL.Translator.Emit;

/// <summary>
/// Loops in vector form, in front of their scalar form: while there is more than a vector's worth of turns left, a guard looks
/// whether the next ones can be made exactly, and the vector loop makes them, two vectors at a time and then one. The last turn is always scalar, so that registers
/// hold what that turn leaves; and one turn is scalar every <see cref="VectorLoop.MaxSpan"/> bytes, which polls.
/// </summary>
public sealed partial class MethodEmitter
{
    /// <summary>Scalar turns after a guard failed, before it is asked again.</summary>
    private const int TurnsUntilRetry = 64;

    private VectorLoop? _vector;
    private ILLabel _turn;

    /// <summary>Where a branch from <paramref name="from"/> to <paramref name="target"/> goes: another turn of a loop with a vector form skips the guard.</summary>
    private ILLabel LabelOf(IrBlock target, IrBlock from) => _vector is not null && target == from ? _turn : _labels[target];

    private void EmitVectorForm(IrBlock block, VectorLoop loop)
    {
        var scalar = _il.DefineLabel();
        var giveUp = _il.DefineLabel();
        var again = _il.DefineLabel();
        var retry = NewLocal(LocalType.Int64);
        var turns = NewLocal(LocalType.Int64);
        var end = NewLocal(LocalType.Int64);
        var endOfPairs = NewLocal(LocalType.Int64);
        var done = _il.DefineLabel();
        var pairs = _il.DefineLabel();
        _turn = _il.DefineLabel();
        _map.Add((_il.Count, block.Pc));
        _il.Emit(ILOpCode.Call, _members.Static(typeof(VectorOps), "get_" + nameof(VectorOps.IsFast)), 0, 1);
        _il.Branch(ILOpCode.Brfalse, giveUp);
        EmitTurns(loop, turns, giveUp);
        foreach (var pointer in loop.Pointers)
        {
            LoadRegister(pointer);
            LoadState(_members.Limit);
            _il.Branch(ILOpCode.Bgt_un, giveUp);
        }

        foreach (var (a, b, distance) in loop.Overlaps)
            EmitOverlapTest(a, b, distance, giveUp);
        LoadCounterAfter(loop, () => _il.LoadLocal(turns));
        _il.StoreLocal(end);
        LoadCounterAfter(loop, () =>
        {
            _il.LoadLocal(turns);
            _il.LoadConstant((long)-(VectorLoop.VectorsPerTurn * VectorLoop.Bytes / loop.ElementBytes));
            _il.Emit(ILOpCode.And);
        });
        _il.StoreLocal(endOfPairs);
        var invariants = EmitInvariants(loop);
        _il.Branch(ILOpCode.Br, pairs);

        _il.MarkLabel(again);
        EmitVectorBody(loop, invariants, VectorLoop.VectorsPerTurn, giveUp);
        _il.MarkLabel(pairs);
        LoadRegister(loop.Counter);
        _il.LoadLocal(endOfPairs);
        _il.Branch(ILOpCode.Bne_un, again);
        LoadRegister(loop.Counter);
        _il.LoadLocal(end);
        _il.Branch(ILOpCode.Beq, done);
        EmitVectorBody(loop, invariants, 1, giveUp);
        _il.MarkLabel(done);
        LoadCounterAfter(loop, () => _il.LoadConstant(1L));
        _il.StoreLocal(retry);
        _il.Branch(ILOpCode.Br, scalar);

        _il.MarkLabel(giveUp);
        LoadCounterAfter(loop, () => _il.LoadConstant((long)TurnsUntilRetry));
        _il.StoreLocal(retry);
        _il.Branch(ILOpCode.Br, scalar);

        _il.MarkLabel(_turn);
        LoadRegister(loop.Counter);
        _il.LoadLocal(retry);
        _il.Branch(ILOpCode.Beq, _labels[block]);
        _il.MarkLabel(scalar);
    }

    /// <summary>Turns to make in vector form: a multiple of the lanes, less than are left, and not too many at once.</summary>
    private void EmitTurns(VectorLoop loop, int turns, ILLabel giveUp)
    {
        var step = Math.Abs(loop.CounterStep);
        var lanes = VectorLoop.Bytes / loop.ElementBytes;
        if (loop.CounterStep > 0)
        {
            EmitInvariant(loop.End);
            LoadRegister(loop.Counter);
        }
        else
        {
            LoadRegister(loop.Counter);
            EmitInvariant(loop.End);
        }

        _il.Emit(ILOpCode.Sub);
        _il.StoreLocal(turns);
        if (step > 1)
        {
            // The counter must meet its end.
            _il.LoadLocal(turns);
            _il.LoadConstant(step - 1);
            _il.Emit(ILOpCode.And);
            _il.LoadConstant(0L);
            _il.Branch(ILOpCode.Bne_un, giveUp);
            _il.LoadLocal(turns);
            _il.LoadConstant(long.Log2(step));
            _il.Emit(ILOpCode.Conv_i4);
            _il.Emit(ILOpCode.Shr_un);
            _il.StoreLocal(turns);
        }

        _il.LoadLocal(turns);
        _il.LoadConstant((long)lanes);
        _il.Branch(ILOpCode.Ble_un, giveUp);
        _il.LoadLocal(turns);
        _il.LoadConstant(1L);
        _il.Emit(ILOpCode.Sub);
        _il.LoadConstant((long)(VectorLoop.MaxSpan / loop.ElementBytes));
        _il.Emit(ILOpCode.Call, _members.Static(typeof(Math), nameof(Math.Min), typeof(ulong), typeof(ulong)), 2, 1);
        _il.LoadConstant((long)-lanes);
        _il.Emit(ILOpCode.And);
        _il.StoreLocal(turns);
    }

    private void LoadCounterAfter(VectorLoop loop, Action loadTurns)
    {
        LoadRegister(loop.Counter);
        loadTurns();
        _il.LoadConstant(loop.CounterStep);
        _il.Emit(ILOpCode.Mul);
        _il.Emit(ILOpCode.Add);
    }

    /// <summary>Gives up when b + distance - a is not 0 and nearer than the vectors of a turn: they would have to see each other's stores.</summary>
    private void EmitOverlapTest(int a, int b, long distance, ILLabel giveUp)
    {
        var apart = Temporary(LocalType.Int64);
        var same = _il.DefineLabel();
        LoadRegister(b);
        LoadRegister(a);
        _il.Emit(ILOpCode.Sub);
        _il.LoadConstant(distance);
        _il.Emit(ILOpCode.Add);
        _il.StoreLocal(apart);
        _il.LoadLocal(apart);
        _il.LoadConstant(0L);
        _il.Branch(ILOpCode.Beq, same);
        _il.LoadLocal(apart);
        const long Near = (VectorLoop.VectorsPerTurn * VectorLoop.Bytes) - 1;
        _il.LoadConstant(Near);
        _il.Emit(ILOpCode.Add);
        _il.LoadConstant(2 * Near);
        _il.Branch(ILOpCode.Ble_un, giveUp);
        _il.MarkLabel(same);
    }

    /// <summary>Puts what is the same in every turn into a vector of its own each, before the loop.</summary>
    private Dictionary<IrInstruction, int> EmitInvariants(VectorLoop loop)
    {
        var invariants = new Dictionary<IrInstruction, int>();
        foreach (var value in loop.Body.SelectMany(i => i.Op == IrOp.Store ? [loop.Stored(i)] : loop.Operands(i)))
        {
            if (loop.Body.Contains(value) || invariants.ContainsKey(value))
                continue;
            EmitInvariant(value);
            if (value.Type == IrType.I32)
                _il.Emit(ILOpCode.Conv_i8);
            CallVector(value.Type is IrType.F32 or IrType.F64 ? $"Broadcast{value.Type}" : $"BroadcastI{8 * loop.ElementBytes}", 1);
            invariants.Add(value, NewVector());
        }

        return invariants;
    }

    /// <summary>Stores the vector on the stack in a new local.</summary>
    private int NewVector()
    {
        var local = NewLocal(LocalType.Vector);
        _il.StoreLocal(local);
        return local;
    }

    private void EmitVectorBody(VectorLoop loop, Dictionary<IrInstruction, int> invariants, int count, ILLabel giveUp)
    {
        var vectors = new Dictionary<IrInstruction, int>[count];
        for (var k = 0; k < count; k++)
            vectors[k] = EmitVectorValues(loop, invariants, k * VectorLoop.Bytes);
        foreach (var type in (ReadOnlySpan<IrType>)[IrType.F32, IrType.F64])
        {
            // One comparison finds NaNs in two vectors.
            var tested = loop.Tested.Where(i => i.Type == type).SelectMany(i => vectors.Select(v => v[i])).ToArray();
            for (var k = 0; k < tested.Length; k += 2)
            {
                _il.LoadLocal(tested[k]);
                _il.LoadLocal(tested[Math.Min(k + 1, tested.Length - 1)]);
                CallVector(type == IrType.F32 ? nameof(VectorOps.HasNaNF32) : nameof(VectorOps.HasNaNF64), 2);
                _il.Branch(ILOpCode.Brtrue, giveUp);
            }
        }

        for (var k = 0; k < count; k++)
            EmitVectorStores(loop, vectors[k], k * VectorLoop.Bytes);
        foreach (var (register, step) in loop.Steps)
        {
            LoadRegister(register);
            _il.LoadConstant(step * count * (VectorLoop.Bytes / loop.ElementBytes));
            _il.Emit(ILOpCode.Add);
            StoreRegister(register);
        }
    }

    /// <summary>Loads and computes the vectors of the elements that begin <paramref name="ahead"/> bytes behind those of the next turn.</summary>
    private Dictionary<IrInstruction, int> EmitVectorValues(VectorLoop loop, Dictionary<IrInstruction, int> invariants, int ahead)
    {
        var vectors = new Dictionary<IrInstruction, int>(invariants);
        foreach (var i in loop.Body)
        {
            if (i.Op == IrOp.Store)
                continue;
            _map.Add((_il.Count, i.Pc));
            if (i.Op == IrOp.Load)
            {
                VectorAddress(loop, i, ahead);
                CallVector(nameof(VectorOps.Load), 1);
            }
            else
            {
                foreach (var operand in loop.Operands(i))
                    _il.LoadLocal(vectors[operand]);
                CallVector(VectorOperation(loop, i), i.C is not null ? 3 : i.B is not null ? 2 : 1);
            }

            vectors.Add(i, NewVector());
        }

        return vectors;
    }

    private void EmitVectorStores(VectorLoop loop, Dictionary<IrInstruction, int> vectors, int ahead)
    {
        foreach (var i in loop.Body)
        {
            if (i.Op != IrOp.Store)
                continue;
            _map.Add((_il.Count, i.Pc));
            VectorAddress(loop, i, ahead);
            _il.LoadLocal(vectors[loop.Stored(i)]);
            _il.Emit(ILOpCode.Call, _members.Static(typeof(VectorOps), nameof(VectorOps.Store)), 2, 0);
        }
    }

    private void VectorAddress(VectorLoop loop, IrInstruction access, int ahead)
    {
        var (register, offset) = loop.Address(access);
        offset += ahead;
        _il.LoadLocal(_memoryBase);
        LoadRegister(register);
        _il.Emit(ILOpCode.Conv_i);
        _il.Emit(ILOpCode.Add);
        if (offset == 0)
            return;
        _il.LoadConstant((int)offset);
        _il.Emit(ILOpCode.Conv_i);
        _il.Emit(ILOpCode.Add);
    }

    /// <summary>Pushes a constant, or what a register holds throughout the loop.</summary>
    private void EmitInvariant(IrInstruction value)
    {
        if (value.Op != IrOp.Unbox)
        {
            EmitExpression(value);
            return;
        }

        EmitExpression(_vector!.Register(value));
        _il.Emit(ILOpCode.Call, _members.Static(typeof(FloatOps), "Unbox", typeof(double)), 1, 1);
    }

    private static string VectorOperation(VectorLoop loop, IrInstruction i)
    {
        var elements = i.Type is IrType.F32 or IrType.F64 ? i.Type.ToString() : $"I{8 * loop.ElementBytes}";
        return i.Op switch
        {
            IrOp.And or IrOp.Or or IrOp.Xor => i.Op.ToString(),
            IrOp.Add or IrOp.Sub => i.Op + elements,
            _ => i.Op.ToString()[1..] + elements,
        };
    }

    private void CallVector(string name, int arguments)
        => _il.Emit(ILOpCode.Call, _members.Static(typeof(VectorOps), name), arguments, 1);
}
