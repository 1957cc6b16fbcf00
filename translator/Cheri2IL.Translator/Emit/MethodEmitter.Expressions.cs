using System.Buffers.Binary;
using System.Numerics;
using System.Reflection.Metadata;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Emit;

/// <summary>Values: one case per IR operation that yields one.</summary>
public sealed partial class MethodEmitter
{
    private const int DynamicRounding = 7;

    private void EmitExpression(IrInstruction i)
    {
        switch (i.Op)
        {
            case IrOp.Const:
                if (i.Type == IrType.I32)
                    _il.LoadConstant((int)i.Immediate);
                else
                    _il.LoadConstant(i.Immediate);
                break;
            case IrOp.Get:
                LoadRegister(i.Register);
                break;
            case IrOp.Add when IsCount(i.B!):
                EmitCount(i.A!, i.B!);
                break;
            case IrOp.Add when i.B!.Op == IrOp.Get && IsCount(i.A!): // No load changes places with another.
                EmitCount(i.B!, i.A!);
                break;
            case IrOp.Add:
                Binary(ILOpCode.Add, i);
                break;
            case IrOp.Sub:
                Binary(ILOpCode.Sub, i);
                break;
            case IrOp.Mul:
                Binary(ILOpCode.Mul, i);
                break;
            case IrOp.And:
                Binary(ILOpCode.And, i);
                break;
            case IrOp.Or:
                Binary(ILOpCode.Or, i);
                break;
            case IrOp.Xor:
                Binary(ILOpCode.Xor, i);
                break;
            case IrOp.ShiftLeft:
                Shift(ILOpCode.Shl, i);
                break;
            case IrOp.ShiftRightU:
                Shift(ILOpCode.Shr_un, i);
                break;
            case IrOp.ShiftRightS:
                Shift(ILOpCode.Shr, i);
                break;
            case IrOp.RotateLeft or IrOp.RotateRight:
                Call(typeof(BitOperations), i.Op.ToString(), Unsigned(i.Type), typeof(int), i);
                break;
            case IrOp.MulHighS or IrOp.MulHighU or IrOp.MulHighSU or IrOp.OrCombine:
                CallInteger(i, typeof(long));
                break;
            case IrOp.DivS or IrOp.DivU or IrOp.RemS or IrOp.RemU:
                CallInteger(i, i.Type == IrType.I32 ? typeof(int) : typeof(long));
                break;
            case IrOp.MinS or IrOp.MaxS or IrOp.MinU or IrOp.MaxU:
                Arguments(i);
                var operand = i.Op is IrOp.MinS or IrOp.MaxS ? typeof(long) : typeof(ulong);
                _il.Emit(ILOpCode.Call, _members.Static(typeof(Math), i.Op is IrOp.MinS or IrOp.MinU ? "Min" : "Max", operand, operand), 2, 1);
                break;
            case IrOp.CountLeadingZeros:
                Count(nameof(BitOperations.LeadingZeroCount), i);
                break;
            case IrOp.CountTrailingZeros:
                Count(nameof(BitOperations.TrailingZeroCount), i);
                break;
            case IrOp.PopCount:
                Count(nameof(BitOperations.PopCount), i);
                break;
            case IrOp.ByteSwap:
                Value(i.A!);
                var swapped = i.Type == IrType.I32 ? typeof(uint) : typeof(ulong);
                _il.Emit(ILOpCode.Call, _members.Static(typeof(BinaryPrimitives), nameof(BinaryPrimitives.ReverseEndianness), swapped), 1, 1);
                break;
            case IrOp.SignExtend8:
                Convert(i, ILOpCode.Conv_i1, ILOpCode.Conv_i8);
                break;
            case IrOp.SignExtend16:
                Convert(i, ILOpCode.Conv_i2, ILOpCode.Conv_i8);
                break;
            case IrOp.SignExtend32:
                Convert(i, ILOpCode.Conv_i8);
                break;
            case IrOp.ZeroExtend32:
                Convert(i, ILOpCode.Conv_u8);
                break;
            case IrOp.Truncate:
                Truncated(i.A!);
                break;
            case IrOp.Eq or IrOp.Ne when IsTestOfSmall(i):
                EmitSign(i);
                _il.Emit(ILOpCode.Shr_un);
                _il.Emit(ILOpCode.Conv_i4);
                break;
            case IrOp.Eq:
                Binary(ILOpCode.Ceq, i);
                break;
            case IrOp.LtS:
                Binary(ILOpCode.Clt, i);
                break;
            case IrOp.LtU:
                Binary(ILOpCode.Clt_un, i);
                break;
            case IrOp.Ne:
                Inverted(ILOpCode.Ceq, i);
                break;
            case IrOp.GeS:
                Inverted(ILOpCode.Clt, i);
                break;
            case IrOp.GeU:
                Inverted(ILOpCode.Clt_un, i);
                break;
            case IrOp.Select:
                EmitSelect(i);
                break;
            case IrOp.Load:
                EmitLoad(i, widen: true);
                break;
            case IrOp.LoadReserved or IrOp.StoreConditional or IrOp.Amo:
                EmitAtomic(i);
                break;
            case >= IrOp.GetC and <= IrOp.ClearTags:
                EmitCapabilityValue(i);
                break;
            default:
                EmitFloat(i);
                break;
        }
    }

    private static Type Unsigned(IrType type) => type == IrType.I32 ? typeof(uint) : typeof(ulong);

    private void Arguments(IrInstruction i)
    {
        Value(i.A!);
        if (i.B is not null)
            Value(i.B);
        if (i.C is not null)
            Value(i.C);
    }

    private void Binary(ILOpCode opcode, IrInstruction i)
    {
        Arguments(i);
        _il.Emit(opcode);
    }

    private void Inverted(ILOpCode opcode, IrInstruction i)
    {
        Binary(opcode, i);
        _il.LoadConstant(0);
        _il.Emit(ILOpCode.Ceq);
    }

    private void Convert(IrInstruction i, params ReadOnlySpan<ILOpCode> opcodes)
    {
        Value(i.A!);
        foreach (var opcode in opcodes)
            _il.Emit(opcode);
    }

    /// <summary>IL leaves oversized shifts undefined; the JIT drops the mask where the hardware applies it.</summary>
    private void Shift(ILOpCode opcode, IrInstruction i)
    {
        var mask = i.Type == IrType.I32 ? 31 : 63;
        Value(i.A!);
        if (i.B!.Op == IrOp.Const)
        {
            _il.LoadConstant((int)i.B.Immediate & mask);
        }
        else
        {
            Value(i.B);
            _il.LoadConstant(mask);
            _il.Emit(ILOpCode.And);
        }

        _il.Emit(opcode);
    }

    private void Call(Type type, string name, Type first, Type second, IrInstruction i)
    {
        Arguments(i);
        _il.Emit(ILOpCode.Call, _members.Static(type, name, first, second), 2, 1);
    }

    private void CallInteger(IrInstruction i, Type type)
    {
        Arguments(i);
        var token = i.B is null
            ? _members.Static(typeof(IntegerOps), i.Op.ToString(), type)
            : _members.Static(typeof(IntegerOps), i.Op.ToString(), type, type);
        _il.Emit(ILOpCode.Call, token, i.B is null ? 1 : 2, 1);
    }

    private void Count(string name, IrInstruction i)
    {
        Value(i.A!);
        _il.Emit(ILOpCode.Call, _members.Static(typeof(BitOperations), name, Unsigned(i.Type)), 1, 1);
        if (i.Type == IrType.I64)
            _il.Emit(ILOpCode.Conv_i8);
    }

    /// <summary>The low 32 bits of a value, without widening it first where it is narrow by nature.</summary>
    private void Truncated(IrInstruction value)
    {
        if (!_temporaries.ContainsKey(value))
        {
            switch (value.Op)
            {
                case IrOp.Const:
                    _il.LoadConstant((int)value.Immediate);
                    return;
                case IrOp.SignExtend32 or IrOp.ZeroExtend32:
                    Value(value.A!);
                    return;
                case IrOp.Load when value.Access != MemoryAccess.I64:
                    EmitLoad(value, widen: false);
                    return;
            }
        }

        Value(value);
        _il.Emit(ILOpCode.Conv_i4);
    }

    /// <summary>
    /// Masks instead of a branch, for both values are in registers anyway: (B &amp; m) | (C &amp; ~m) with m = -(A != 0), which RyuJIT
    /// computes with andn. Shorter chains than C ^ ((B ^ C) &amp; m), which matters where a loop carries C.
    /// </summary>
    private void EmitSelect(IrInstruction i)
    {
        if (i.Type is IrType.F32 or IrType.F64)
            throw new InvalidOperationException("select is for integers");
        var hasB = !IsZero(i.B!);
        var hasC = !IsZero(i.C!);
        EmitMask(i.A!, i.Type);
        var mask = Temporary(LocalTypeOf(i.Type));
        _il.StoreLocal(mask);
        if (hasB || !hasC)
        {
            Value(i.B!);
            _il.LoadLocal(mask);
            _il.Emit(ILOpCode.And);
        }

        if (!hasC)
            return;
        Value(i.C!);
        _il.LoadLocal(mask);
        _il.Emit(ILOpCode.Not);
        _il.Emit(ILOpCode.And);
        if (hasB)
            _il.Emit(ILOpCode.Or);

        static bool IsZero(IrInstruction value) => value is { Op: IrOp.Const, Immediate: 0 };
    }

    /// <summary>All ones of a type where a condition is not 0, else zeros.</summary>
    private void EmitMask(IrInstruction condition, IrType type)
    {
        if (!_temporaries.ContainsKey(condition) && IsTestOfSmall(condition))
        {
            EmitSign(condition);
            _il.Emit(ILOpCode.Shr);
            if (type == IrType.I32)
                _il.Emit(ILOpCode.Conv_i4);
            return;
        }

        Value(condition);
        _il.LoadConstant(0);
        _il.Emit(ILOpCode.Cgt_un);
        if (type == IrType.I64)
            _il.Emit(ILOpCode.Conv_u8);
        _il.Emit(ILOpCode.Neg);
    }

    /// <summary>Whether a comparison is one with 0, of a word that is not negative if it is taken as signed: a difference then has the result as its sign.</summary>
    private static bool IsTestOfSmall(IrInstruction condition)
        => condition is { Op: IrOp.Eq or IrOp.Ne, B: { Op: IrOp.Const, Type: IrType.I64, Immediate: 0 } }
            && condition.A is { Op: IrOp.Load, Access: MemoryAccess.U8 or MemoryAccess.U16 or MemoryAccess.U32 } or { Op: IrOp.ZeroExtend32 } or { Op: IrOp.And, B: { Op: IrOp.Const, Immediate: >= 0 } };

    /// <summary>Whether a value is the result of such a comparison as a number, computed where it is used.</summary>
    private bool IsCount(IrInstruction value)
        => value is { Op: IrOp.ZeroExtend32, A: { } condition } && IsTestOfSmall(condition) && !_temporaries.ContainsKey(value) && !_temporaries.ContainsKey(condition);

    /// <summary>Adds such a result: subtracts the mask, which is an instruction less, and may be there for a select.</summary>
    private void EmitCount(IrInstruction value, IrInstruction count)
    {
        Value(value);
        EmitMask(count.A!, IrType.I64);
        _il.Emit(ILOpCode.Sub);
    }

    /// <summary>What has the result of such a comparison as its sign, x - 1 or 0 - x, and how far to shift that: two instructions, where a flag takes three to become a number.</summary>
    private void EmitSign(IrInstruction condition)
    {
        if (condition.Op == IrOp.Ne)
            _il.LoadConstant(0L);
        Value(condition.A!);
        if (condition.Op == IrOp.Eq)
            _il.LoadConstant(1L);
        _il.Emit(ILOpCode.Sub);
        _il.LoadConstant(63);
    }

    // ---- memory
    /// <summary>Pushes the host address; base + index + displacement, as x86-64 can fold it.</summary>
    private void HostAddress(IrInstruction address, long offset)
    {
        _il.LoadLocal(_memoryBase);
        Value(address);
        _il.Emit(ILOpCode.Conv_i);
        _il.Emit(ILOpCode.Add);
        if (offset != 0)
        {
            _il.LoadConstant((int)offset);
            _il.Emit(ILOpCode.Conv_i);
            _il.Emit(ILOpCode.Add);
        }
    }

    private void EmitLoad(IrInstruction i, bool widen)
    {
        HostAddress(i.A!, i.Immediate);
        _il.Emit(ILOpCode.Volatile);
        _il.Emit(i.Access switch
        {
            MemoryAccess.I8 => ILOpCode.Ldind_i1,
            MemoryAccess.U8 => ILOpCode.Ldind_u1,
            MemoryAccess.I16 => ILOpCode.Ldind_i2,
            MemoryAccess.U16 => ILOpCode.Ldind_u2,
            MemoryAccess.I32 => ILOpCode.Ldind_i4,
            MemoryAccess.U32 => ILOpCode.Ldind_u4,
            MemoryAccess.F32 => ILOpCode.Ldind_r4,
            MemoryAccess.F64 => ILOpCode.Ldind_r8,
            _ => ILOpCode.Ldind_i8,
        });
        if (!widen)
            return;
        if (i.Access is MemoryAccess.I8 or MemoryAccess.I16 or MemoryAccess.I32)
            _il.Emit(ILOpCode.Conv_i8);
        else if (i.Access is MemoryAccess.U8 or MemoryAccess.U16 or MemoryAccess.U32)
            _il.Emit(ILOpCode.Conv_u8);
    }

    private void EmitStore(IrInstruction i)
    {
        HostAddress(i.A!, i.Immediate);
        if (i.Access is MemoryAccess.I64 or MemoryAccess.F32 or MemoryAccess.F64)
            Value(i.B!);
        else
            Truncated(i.B!);
        _il.Emit(ILOpCode.Volatile);
        _il.Emit(i.Access switch
        {
            MemoryAccess.I8 or MemoryAccess.U8 => ILOpCode.Stind_i1,
            MemoryAccess.I16 or MemoryAccess.U16 => ILOpCode.Stind_i2,
            MemoryAccess.I32 or MemoryAccess.U32 => ILOpCode.Stind_i4,
            MemoryAccess.F32 => ILOpCode.Stind_r4,
            MemoryAccess.F64 => ILOpCode.Stind_r8,
            _ => ILOpCode.Stind_i8,
        });
    }

    private void EmitAtomic(IrInstruction i)
    {
        if (i.Access is MemoryAccess.I8 or MemoryAccess.I16)
        {
            EmitNarrowReservation(i);
            return;
        }

        var is32 = i.Access == MemoryAccess.I32;
        var width = is32 ? "32" : "64";
        if (i.Op != IrOp.Amo)
            _il.LoadArgument(StateArgument);
        HostAddress(i.A!, 0);
        if (i.Op == IrOp.LoadReserved)
        {
            _il.Emit(ILOpCode.Call, _members.Static(typeof(Atomics), "LoadReserved" + width), 2, 1);
            return;
        }

        if (i.Op == IrOp.StoreConditional)
        {
            Value(i.B!);
            _il.Emit(ILOpCode.Call, _members.Static(typeof(Atomics), "StoreConditional" + width), 3, 1);
            return;
        }

        Value(i.B!);
        _il.Emit(ILOpCode.Call, _members.Static(typeof(Atomics), i.Amo + width), 2, 1);
    }

    // ---- floating point
    private void EmitFloat(IrInstruction i)
    {
        switch (i.Op)
        {
            case IrOp.FAdd or IrOp.FSub or IrOp.FMul or IrOp.FDiv or IrOp.FSqrt or IrOp.FMulAdd:
                StaticRounding(i);
                break;
            case IrOp.FNeg:
                Value(i.A!);
                _il.Emit(ILOpCode.Neg);
                break;
            case IrOp.FAbs:
                Value(i.A!);
                _il.Emit(ILOpCode.Call, _members.Static(i.Type == IrType.F32 ? typeof(MathF) : typeof(Math), "Abs", HostType(i.Type)), 1, 1);
                break;
            case IrOp.FCopySign:
                CallFloat("CopySign", i, i.Type, 2);
                break;
            case IrOp.FMin:
                CallFloat("Min", i, i.Type, 2);
                break;
            case IrOp.FMax:
                CallFloat("Max", i, i.Type, 2);
                break;
            case IrOp.FEq:
                CallFloat("Eq", i, i.A!.Type, 2);
                break;
            case IrOp.FLt:
                CallFloat("Lt", i, i.A!.Type, 2);
                break;
            case IrOp.FLe:
                CallFloat("Le", i, i.A!.Type, 2);
                break;
            case IrOp.FClass:
                CallFloat("Classify", i, i.A!.Type, 1);
                break;
            case IrOp.FConvert:
                EmitFloatConvert(i);
                break;
            case IrOp.FToInteger:
                Value(i.A!);
                LoadRounding(i);
                _il.Emit(ILOpCode.Call, _members.Static(typeof(FloatOps), $"To{i.Format}", HostType(i.A!.Type), typeof(int)), 2, 1);
                break;
            case IrOp.IntegerToF:
                EmitIntegerToFloat(i);
                break;
            case IrOp.Box:
                CallFloat("Box", i, IrType.F32, 1);
                break;
            case IrOp.Unbox:
                if (i.A!.Op == IrOp.Box && !_temporaries.ContainsKey(i.A))
                    Value(i.A.A!);
                else
                    CallFloat("Unbox", i, IrType.F64, 1);
                break;
            case IrOp.Bits:
                Value(i.A!);
                _il.Emit(ILOpCode.Call, _members.Static(typeof(BitConverter), nameof(BitConverter.DoubleToInt64Bits), typeof(double)), 1, 1);
                break;
            case IrOp.FromBits:
                Value(i.A!);
                _il.Emit(ILOpCode.Call, _members.Static(typeof(BitConverter), nameof(BitConverter.Int64BitsToDouble), typeof(long)), 1, 1);
                break;
            case IrOp.ReadFlags:
                _il.LoadArgument(StateArgument);
                _il.Emit(ILOpCode.Call, _members.ReadFlags, 1, 1);
                break;
            case IrOp.ReadRounding:
                LoadState(_members.RoundingMode);
                _il.Emit(ILOpCode.Conv_i8);
                break;
            case IrOp.ReadCounter:
                _il.LoadArgument(StateArgument);
                _il.LoadConstant((int)i.Immediate);
                _il.Emit(ILOpCode.Call, _members.ReadCounter, 2, 1);
                break;
            default:
                throw new InvalidOperationException($"{i.Op} yields no value");
        }
    }

    private static Type HostType(IrType type) => type == IrType.F32 ? typeof(float) : typeof(double);

    /// <summary>Whether the operation is the host's own, whose NaN results are not RISC-V's: arithmetic in the dynamic rounding mode.</summary>
    internal static bool ChecksNaN(IrInstruction i)
        => i.Immediate == DynamicRounding && i.Op is (IrOp.FAdd or IrOp.FSub or IrOp.FMul or IrOp.FDiv or IrOp.FSqrt or IrOp.FMulAdd);

    /// <summary>Arithmetic in the dynamic mode: the host's instruction. <see cref="NaNPlacement"/> says where its NaNs matter.</summary>
    private void EmitArithmetic(IrInstruction i)
    {
        var result = Temporary(LocalTypeOf(i.Type));
        if (i.Op == IrOp.FMulAdd)
        {
            // The factors are needed again: 0 * infinity + NaN is invalid on RISC-V, but not on x86 (20.6; Intel SDM, FMA).
            var (a, b) = (Operand(i.A!), Operand(i.B!));
            _factors.Add(i, (a, b));
            _il.LoadLocal(a);
            _il.LoadLocal(b);
            Value(i.C!);
        }
        else
        {
            Arguments(i);
        }

        var math = i.Type == IrType.F32 ? typeof(MathF) : typeof(Math);
        var host = HostType(i.Type);
        switch (i.Op)
        {
            case IrOp.FSqrt:
                _il.Emit(ILOpCode.Call, _members.Static(typeof(FloatOps), nameof(FloatOps.SquareRoot), host), 1, 1);
                break;
            case IrOp.FMulAdd:
                _il.Emit(ILOpCode.Call, _members.Static(math, "FusedMultiplyAdd", host, host, host), 3, 1);
                break;
            default:
                _il.Emit(i.Op switch
                {
                    IrOp.FAdd => ILOpCode.Add,
                    IrOp.FSub => ILOpCode.Sub,
                    IrOp.FMul => ILOpCode.Mul,
                    _ => ILOpCode.Div,
                });
                break;
        }

        if (i.Type == IrType.F32)
            _il.Emit(ILOpCode.Conv_r4);
        _il.StoreLocal(result);
        _temporaries.Add(i, result);
    }

    /// <summary>
    /// Puts the canonical NaN in place of any other. Without a branch, unless flags may be owed: then out of line and without a
    /// call, so that the registers of a loop stay where they are.
    /// </summary>
    private void EmitSettlement(NaNSettlement settlement)
    {
        var value = settlement.Value;
        var local = _temporaries.GetValueOrDefault(value, -1);
        var registers = RegisterAnalysis.Registers(settlement.Registers).ToArray();
        var isNegated = value.Op == IrOp.FNeg;
        if (settlement.Products.Count == 0)
        {
            LoadResult();
            if (isNegated)
                _il.Emit(ILOpCode.Neg);
            _il.Emit(ILOpCode.Call, _members.Static(typeof(FloatOps), nameof(FloatOps.CanonicalNaN), HostType(value.Type)), 1, 1);
            if (isNegated)
                _il.Emit(ILOpCode.Neg);
            KeepResult();
            return;
        }

        var factors = settlement.Products.Select(p => _factors[p]).ToArray();
        var nan = _il.DefineLabel();
        var join = _il.DefineLabel();
        LoadResult();
        LoadResult();
        _il.Branch(ILOpCode.Bne_un, nan);
        _il.MarkLabel(join);
        AddCold(() =>
        {
            _il.MarkLabel(nan);
            foreach (var (a, b) in factors)
                RaiseInvalidProduct(a, b);
            if (value.Type == IrType.F32)
                _il.LoadConstant(BitConverter.Int32BitsToSingle(0x7fc0_0000)); // float.NaN has its sign bit set
            else
                _il.LoadConstant(BitConverter.Int64BitsToDouble(0x7ff8_0000_0000_0000));
            if (isNegated)
                _il.Emit(ILOpCode.Neg);
            KeepResult();
            _il.Branch(ILOpCode.Br, join);
        });

        void LoadResult()
        {
            if (local >= 0)
                _il.LoadLocal(local);
            else
                LoadRegister(registers[0]);
        }

        void KeepResult()
        {
            if (local >= 0)
                _il.StoreLocal(local);
            else
                StoreRegister(registers[0]);
            foreach (var register in local >= 0 ? registers : registers.Skip(1))
            {
                LoadResult();
                StoreRegister(register);
            }
        }
    }

    /// <summary>
    /// Multiplies two locals for the invalid flag if one of them is zero: infinity times zero raises it, and any other product
    /// with zero raises nothing.
    /// </summary>
    private void RaiseInvalidProduct(int a, int b)
    {
        var multiply = _il.DefineLabel();
        var skip = _il.DefineLabel();
        EqualsZero(a);
        _il.Branch(ILOpCode.Beq, multiply);
        EqualsZero(b);
        _il.Branch(ILOpCode.Bne_un, skip);
        _il.MarkLabel(multiply);
        _il.LoadArgument(StateArgument);
        _il.LoadLocal(a);
        _il.LoadLocal(b);
        _il.Emit(ILOpCode.Mul);
        _il.Emit(ILOpCode.Conv_r8);
        _il.Emit(ILOpCode.Volatile);
        _il.Emit(ILOpCode.Stfld, _members.Scratch, 2, 0);
        _il.MarkLabel(skip);

        void EqualsZero(int local)
        {
            _il.LoadLocal(local);
            _il.Emit(ILOpCode.Conv_r8);
            _il.LoadConstant(0.0);
        }
    }

    /// <summary>The local that holds a value until the end of the block.</summary>
    private int Operand(IrInstruction value)
    {
        if (_temporaries.TryGetValue(value, out var local))
            return local;
        local = Temporary(LocalTypeOf(value.Type));
        Value(value);
        _il.StoreLocal(local);
        return local;
    }

    private void StaticRounding(IrInstruction i)
    {
        var count = i.C is not null ? 3 : i.B is not null ? 2 : 1;
        Arguments(i);
        _il.LoadConstant((int)i.Immediate);
        var name = i.Op.ToString()[1..];
        _il.Emit(ILOpCode.Call, _members.Static(typeof(FloatOps), name, [.. Enumerable.Repeat(HostType(i.Type), count), typeof(int)]), count + 1, 1);
    }

    private void CallFloat(string name, IrInstruction i, IrType operand, int count)
    {
        Arguments(i);
        _il.Emit(ILOpCode.Call, _members.Static(typeof(FloatOps), name, Enumerable.Repeat(HostType(operand), count).ToArray()), count, 1);
    }

    private void LoadRounding(IrInstruction i)
    {
        if (i.Immediate == DynamicRounding)
            LoadState(_members.RoundingMode);
        else
            _il.LoadConstant((int)i.Immediate);
    }

    private void EmitFloatConvert(IrInstruction i)
    {
        // Widening is exact, whatever the mode.
        var isStatic = i.Type == IrType.F32 && i.Immediate != DynamicRounding;
        Value(i.A!);
        if (isStatic)
            _il.LoadConstant((int)i.Immediate);
        Type[] parameters = isStatic ? [typeof(double), typeof(int)] : [HostType(i.A!.Type)];
        _il.Emit(ILOpCode.Call, _members.Static(typeof(FloatOps), "Convert", parameters), parameters.Length, 1);
    }

    private void EmitIntegerToFloat(IrInstruction i)
    {
        // A 32-bit integer is exact in binary64, whatever the mode.
        var isExact = i.Type == IrType.F64 && (i.Format is IntegerFormat.W or IntegerFormat.WU);
        var isStatic = !isExact && i.Immediate != DynamicRounding;
        Value(i.A!);
        if (isStatic)
            _il.LoadConstant((int)i.Immediate);
        Type[] parameters = isStatic ? [typeof(long), typeof(int)] : [typeof(long)];
        var name = $"{(i.Type == IrType.F32 ? "Single" : "Double")}From{i.Format}";
        _il.Emit(ILOpCode.Call, _members.Static(typeof(FloatOps), name, parameters), parameters.Length, 1);
    }
}
