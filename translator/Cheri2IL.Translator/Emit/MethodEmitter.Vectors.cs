using System.Reflection.Metadata;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Passes;

namespace Cheri2IL.Translator.Emit;

/// <summary>
/// Loops in vector form, in front of their scalar form: while there is more than a vector's worth of turns left, a guard looks
/// whether the next ones can be made exactly, and the vector loop makes them. The last turn is always scalar, so that registers
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

        _il.MarkLabel(again);
        EmitVectorBody(loop, giveUp);
        LoadRegister(loop.Counter);
        _il.LoadLocal(end);
        _il.Branch(ILOpCode.Bne_un, again);
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

    /// <summary>Gives up when b + distance - a is not 0 and nearer than a vector: turns of one vector would see each other's stores.</summary>
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
        _il.LoadConstant((long)VectorLoop.Bytes - 1);
        _il.Emit(ILOpCode.Add);
        _il.LoadConstant((2L * VectorLoop.Bytes) - 2);
        _il.Branch(ILOpCode.Ble_un, giveUp);
        _il.MarkLabel(same);
    }

    private void EmitVectorBody(VectorLoop loop, ILLabel giveUp)
    {
        var vectors = new Dictionary<IrInstruction, int>();
        foreach (var i in loop.Body)
        {
            if (i.Op == IrOp.Store)
                continue;
            _map.Add((_il.Count, i.Pc));
            if (i.Op == IrOp.Load)
            {
                VectorAddress(loop, i);
                CallVector(nameof(VectorOps.Load), 1);
            }
            else
            {
                foreach (var operand in loop.Operands(i))
                    LoadVector(loop, operand, vectors);
                CallVector(VectorOperation(loop, i), i.C is not null ? 3 : i.B is not null ? 2 : 1);
            }

            var local = NewLocal(LocalType.Vector);
            _il.StoreLocal(local);
            vectors.Add(i, local);
        }

        foreach (var i in loop.Tested)
        {
            _il.LoadLocal(vectors[i]);
            CallVector(i.Type == IrType.F32 ? nameof(VectorOps.HasNaNF32) : nameof(VectorOps.HasNaNF64), 1);
            _il.Branch(ILOpCode.Brtrue, giveUp);
        }

        foreach (var i in loop.Body)
        {
            if (i.Op != IrOp.Store)
                continue;
            _map.Add((_il.Count, i.Pc));
            VectorAddress(loop, i);
            LoadVector(loop, loop.Stored(i), vectors);
            _il.Emit(ILOpCode.Call, _members.Static(typeof(VectorOps), nameof(VectorOps.Store)), 2, 0);
        }

        foreach (var (register, step) in loop.Steps)
        {
            LoadRegister(register);
            _il.LoadConstant(step * (VectorLoop.Bytes / loop.ElementBytes));
            _il.Emit(ILOpCode.Add);
            StoreRegister(register);
        }
    }

    private void VectorAddress(VectorLoop loop, IrInstruction access)
    {
        var (register, offset) = loop.Address(access);
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

    private void LoadVector(VectorLoop loop, IrInstruction value, Dictionary<IrInstruction, int> vectors)
    {
        if (vectors.TryGetValue(value, out var local))
        {
            _il.LoadLocal(local);
            return;
        }

        EmitInvariant(value);
        if (value.Type == IrType.I32)
            _il.Emit(ILOpCode.Conv_i8);
        CallVector(value.Type is IrType.F32 or IrType.F64 ? $"Broadcast{value.Type}" : $"BroadcastI{8 * loop.ElementBytes}", 1);
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
