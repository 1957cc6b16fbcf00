using System.Runtime.InteropServices;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Translator.RunTime;

/// <summary>
/// Makes operations of a block's IR that are quickly executed: values are words of the state block, those of registers or of
/// <see cref="GuestState.Temporaries"/>. What is rare stays an IR instruction that the reference evaluator executes.
/// </summary>
/// <remarks>
/// The lifter's values are local to their guest instruction. A register is read where its value is used, and written by the operation that computes it, if nothing
/// in between sees the difference. Not thread-safe.
/// </remarks>
/// <param name="code">Guest code.</param>
internal sealed unsafe class BlockCompiler(GuestMemorySource code)
{
    private static readonly ushort FirstTemporary = (ushort)(TemporariesOffset() / sizeof(long));

    private readonly BlockLifter _lifter = new();
    private readonly List<EvaluatedOp> _ops = [];
    private Operand[] _values = [];
    private int[] _uses = [];
    private int[] _lastUses = [];
    private BlockCache _cache = null!;
    private List<IrInstruction> _instructions = [];
    private int _temporaries;

    /// <summary>Whether operations of this block refer to instructions.</summary>
    private bool _keeps;
    private long _pc;

    private enum OperandKind : byte
    {
        /// <summary>All of a word.</summary>
        Word,

        /// <summary>The low 32 bits of a word, whatever the others are.</summary>
        LowHalf,

        /// <summary>A constant.</summary>
        Constant,
    }

    /// <summary>Compiles the block at a pc into a cache.</summary>
    /// <param name="cache">Where to.</param>
    /// <param name="pc">Guest address.</param>
    /// <param name="counter">What its instructions count down in.</param>
    public EvaluatedOp* Compile(BlockCache cache, long pc, long* counter)
    {
        var block = _lifter.Lift(code, pc);
        (_cache, _instructions) = (cache, block.Instructions);
        _keeps = false;
        _ops.Clear();
        _ops.Add(new EvaluatedOp { Code = EvaluatedCode.Block, Immediate = _lifter.InstructionCount, Pc = pc, Next = (EvaluatedOp*)counter });
        CountUses();
        _pc = pc;
        for (var k = 0; k < _instructions.Count; k++)
        {
            if (_instructions[k].Pc != _pc)
                (_pc, _temporaries) = (_instructions[k].Pc, 0);
            Compile(k);
        }

        _temporaries = 0;
        if (_lifter.Continuation is { } continuation)
            cache.AddContinuation(continuation, counter);
        // It may be dropped before the next block is compiled, and then nothing keeps it.
        _cache = null!;
        return cache.Add(pc, CollectionsMarshal.AsSpan(_ops), _keeps ? _instructions.Count : 0);
    }

    /// <summary>Keeps an instruction, and with it those that it refers to.</summary>
    private int Keep(IrInstruction i)
    {
        _keeps = true;
        return _cache.Add(i);
    }

    private static long TemporariesOffset()
    {
        GuestState state = default;
        return (byte*)state.Temporaries - (byte*)&state;
    }

    private void CountUses()
    {
        var count = _instructions.Count;
        if (_values.Length < count)
            (_values, _uses, _lastUses) = (new Operand[count * 2], new int[count * 2], new int[count * 2]);
        Array.Clear(_uses, 0, count);
        for (var k = 0; k < count; k++)
        {
            var i = _instructions[k];
            i.Id = k;
            Use(i.A, k);
            Use(i.B, k);
            Use(i.C, k);
        }

        for (var k = count - 1; k >= 0; k--)
        {
            // What only names the value of another keeps that in use.
            if (_instructions[k] is { Op: IrOp.SignExtend32 or IrOp.ZeroExtend32 or IrOp.Truncate or IrOp.Bits or IrOp.FromBits } i && _uses[k] > 0)
                _lastUses[i.A!.Id] = Math.Max(_lastUses[i.A.Id], _lastUses[k]);
        }

        void Use(IrInstruction? operand, int at)
        {
            if (operand is null)
                return;
            _uses[operand.Id]++;
            _lastUses[operand.Id] = at;
        }
    }

    private void Compile(int k)
    {
        var i = _instructions[k];
        switch (i.Op)
        {
            case IrOp.Const:
                _values[k] = Operand.Of(i.Immediate);
                break;
            case IrOp.Get:
                _values[k] = Operand.Of(i.Register);
                if (IsOverwritten(k, i.Register))
                    _values[k] = Emit(EvaluatedCode.Copy, i.Register);
                break;
            case IrOp.Set:
                Set(i);
                break;
            case IrOp.SignExtend32:
                _values[k] = Narrowed(i.A!, value => (int)value, EvaluatedCode.SignExtendWord);
                break;
            case IrOp.ZeroExtend32:
                // Comparisons yield 0 or 1.
                _values[k] = i.A!.Op is >= IrOp.Eq and <= IrOp.GeU ? Passed(i.A) : Narrowed(i.A, value => (uint)value, EvaluatedCode.ZeroExtendWord);
                break;
            case IrOp.Truncate when _values[i.A!.Id] is { Kind: OperandKind.Constant } constant:
                _values[k] = Operand.Of((int)constant.Value);
                break;
            case IrOp.Truncate:
                _values[k] = _values[i.A!.Id] with { Kind = OperandKind.LowHalf, Producer = -1 };
                break;
            case IrOp.Bits or IrOp.FromBits:
                _values[k] = Passed(i.A!);
                break;
            case >= IrOp.Eq and <= IrOp.GeU when _uses[k] == 1 && _instructions[k + 1] is { Op: IrOp.Branch } && i.A!.Type == IrType.I64:
                break;
            case <= IrOp.Select:
                _values[k] = Integer(i);
                break;
            case IrOp.Check when IsCheckOf(i, _instructions[k + 1]):
                break;
            case IrOp.Load:
                _values[k] = Emit(LoadOf(i.Access), Word(i.A!), immediate: i.Immediate);
                break;
            case IrOp.Store:
                _ops.Add(new EvaluatedOp { Code = StoreOf(i.Access), A = Word(i.A!), B = Word(i.B!), Immediate = i.Immediate, Pc = _pc });
                break;
            case <= IrOp.Fence:
                _values[k] = Other(EvaluatedCode.Access, i);
                break;
            case < IrOp.GetC:
                _values[k] = Other(EvaluatedCode.Float, i);
                break;
            case IrOp.Branch:
                Branch(i);
                break;
            default:
                End(i);
                break;
        }
    }

    /// <summary>Whether a register that was read is written before its value is used for the last time.</summary>
    private bool IsOverwritten(int get, int register)
    {
        for (var k = get + 1; _uses[get] > 0 && k < _lastUses[get]; k++)
        {
            if (_instructions[k].Op == IrOp.Set && _instructions[k].Register == register)
                return true;
        }

        return false;
    }

    private void Set(IrInstruction i)
    {
        var value = _values[i.A!.Id];
        if (value.Kind == OperandKind.Constant)
        {
            _ops.Add(new EvaluatedOp { Code = EvaluatedCode.Set, Result = i.Register, Immediate = value.Value, Pc = _pc });
        }
        else if (_uses[i.A.Id] == 1 && value.Producer == _ops.Count - 1 && value.Kind == OperandKind.Word)
        {
            CollectionsMarshal.AsSpan(_ops)[^1].Result = i.Register;
        }
        else
        {
            _ops.Add(new EvaluatedOp { Code = EvaluatedCode.Copy, Result = i.Register, A = Word(i.A), Pc = _pc });
        }
    }

    /// <summary>The value of an operand itself.</summary>
    private Operand Passed(IrInstruction operand)
        => _values[operand.Id] is var value && _uses[operand.Id] == 1 ? value : value with { Producer = -1 };

    private Operand Narrowed(IrInstruction operand, Func<long, long> extend, EvaluatedCode code)
    {
        var value = _values[operand.Id];
        // 32-bit values are kept sign-extended.
        return value.Kind == OperandKind.Constant ? Operand.Of(extend(value.Value))
            : value.Kind == OperandKind.Word && code == EvaluatedCode.SignExtendWord ? Passed(operand)
            : Emit(code, value.Slot);
    }

    private Operand Integer(IrInstruction i)
    {
        var variable = IrSignature.Of(i.Op).VariableOf(i);
        var isWord = variable == IrType.I32;
        if (i.B is not null && i.C is null && _values[i.B.Id] is { Kind: OperandKind.Constant } constant
            && ImmediateForm(i.Op, isWord) is var immediate and not EvaluatedCode.Block)
        {
            return Emit(immediate, Low(i.A!), immediate: i.Op == IrOp.Sub ? -constant.Value : constant.Value);
        }

        return i.B is not null && i.C is null && RegisterForm(i.Op, isWord) is var code and not EvaluatedCode.Block
            ? Emit(code, Low(i.A!), Low(i.B))
            : Other(EvaluatedCode.Integer, i);
    }

    private static EvaluatedCode RegisterForm(IrOp op, bool isWord) => (op, isWord) switch
    {
        (IrOp.Add, false) => EvaluatedCode.Add,
        (IrOp.Sub, false) => EvaluatedCode.Sub,
        (IrOp.And, false) => EvaluatedCode.And,
        (IrOp.Or, false) => EvaluatedCode.Or,
        (IrOp.Xor, false) => EvaluatedCode.Xor,
        (IrOp.ShiftLeft, false) => EvaluatedCode.ShiftLeft,
        (IrOp.ShiftRightU, false) => EvaluatedCode.ShiftRightU,
        (IrOp.ShiftRightS, false) => EvaluatedCode.ShiftRightS,
        (IrOp.Mul, false) => EvaluatedCode.Mul,
        (IrOp.LtS, false) => EvaluatedCode.LtS,
        (IrOp.LtU, false) => EvaluatedCode.LtU,
        (IrOp.Eq, false) => EvaluatedCode.Eq,
        (IrOp.Ne, false) => EvaluatedCode.Ne,
        (IrOp.Add, true) => EvaluatedCode.AddWord,
        (IrOp.Sub, true) => EvaluatedCode.SubWord,
        (IrOp.Mul, true) => EvaluatedCode.MulWord,
        (IrOp.ShiftLeft, true) => EvaluatedCode.ShiftLeftWord,
        (IrOp.ShiftRightU, true) => EvaluatedCode.ShiftRightUWord,
        (IrOp.ShiftRightS, true) => EvaluatedCode.ShiftRightSWord,
        _ => EvaluatedCode.Block,
    };

    private static EvaluatedCode ImmediateForm(IrOp op, bool isWord) => (op, isWord) switch
    {
        (IrOp.Add or IrOp.Sub, false) => EvaluatedCode.AddImmediate,
        (IrOp.And, false) => EvaluatedCode.AndImmediate,
        (IrOp.Or, false) => EvaluatedCode.OrImmediate,
        (IrOp.Xor, false) => EvaluatedCode.XorImmediate,
        (IrOp.ShiftLeft, false) => EvaluatedCode.ShiftLeftImmediate,
        (IrOp.ShiftRightU, false) => EvaluatedCode.ShiftRightUImmediate,
        (IrOp.ShiftRightS, false) => EvaluatedCode.ShiftRightSImmediate,
        (IrOp.LtS, false) => EvaluatedCode.LtSImmediate,
        (IrOp.LtU, false) => EvaluatedCode.LtUImmediate,
        (IrOp.Eq, false) => EvaluatedCode.EqImmediate,
        (IrOp.Ne, false) => EvaluatedCode.NeImmediate,
        (IrOp.Add or IrOp.Sub, true) => EvaluatedCode.AddWordImmediate,
        (IrOp.ShiftLeft, true) => EvaluatedCode.ShiftLeftWordImmediate,
        (IrOp.ShiftRightU, true) => EvaluatedCode.ShiftRightUWordImmediate,
        (IrOp.ShiftRightS, true) => EvaluatedCode.ShiftRightSWordImmediate,
        _ => EvaluatedCode.Block,
    };

    private static bool IsCheckOf(IrInstruction check, IrInstruction access)
        => access.Op is IrOp.Load or IrOp.Store && access.A == check.A && access.Immediate == check.Immediate && check.IsStore == (access.Op == IrOp.Store);

    private static EvaluatedCode LoadOf(MemoryAccess access) => access switch
    {
        MemoryAccess.I8 => EvaluatedCode.LoadI8,
        MemoryAccess.U8 => EvaluatedCode.LoadU8,
        MemoryAccess.I16 => EvaluatedCode.LoadI16,
        MemoryAccess.U16 => EvaluatedCode.LoadU16,
        MemoryAccess.I32 or MemoryAccess.F32 => EvaluatedCode.LoadI32,
        MemoryAccess.U32 => EvaluatedCode.LoadU32,
        _ => EvaluatedCode.Load64,
    };

    private static EvaluatedCode StoreOf(MemoryAccess access) => IrSignature.SizeOf(access) switch
    {
        1 => EvaluatedCode.Store8,
        2 => EvaluatedCode.Store16,
        4 => EvaluatedCode.Store32,
        _ => EvaluatedCode.Store64,
    };

    /// <summary>An operation that the reference evaluator executes.</summary>
    private Operand Other(EvaluatedCode code, IrInstruction i)
    {
        var (a, b, c) = (i.A is null ? (ushort)0 : Word(i.A), i.B is null ? (ushort)0 : Word(i.B), i.C is null ? (ushort)0 : Word(i.C));
        var value = Emit(code, a, b, Keep(i));
        CollectionsMarshal.AsSpan(_ops)[^1].Pc = c;
        return value;
    }

    private void Branch(IrInstruction i)
    {
        var condition = i.A!;
        var isCompare = condition.Op is >= IrOp.Eq and <= IrOp.GeU && condition.A!.Type == IrType.I64 && _uses[condition.Id] == 1;
        var code = !isCompare ? EvaluatedCode.BranchNe : condition.Op switch
        {
            IrOp.Eq => EvaluatedCode.BranchEq,
            IrOp.Ne => EvaluatedCode.BranchNe,
            IrOp.LtS => EvaluatedCode.BranchLtS,
            IrOp.LtU => EvaluatedCode.BranchLtU,
            IrOp.GeS => EvaluatedCode.BranchGeS,
            _ => EvaluatedCode.BranchGeU,
        };
        var (a, b) = isCompare ? (Word(condition.A!), Word(condition.B!)) : (Word(condition), (ushort)0);
        _ops.Add(new EvaluatedOp { Code = code, A = a, B = b, Immediate = _lifter.Targets.Taken, Pc = _pc });
        _ops.Add(new EvaluatedOp { Code = EvaluatedCode.Goto, Immediate = _lifter.Targets.Next, Pc = _pc });
    }

    private void End(IrInstruction i)
    {
        var code = i.Op switch
        {
            IrOp.Call => i.A is null ? EvaluatedCode.Call : EvaluatedCode.CallIndirect,
            IrOp.TailCall when i.A is not null => EvaluatedCode.GotoIndirect,
            IrOp.TailCall => _instructions.Exists(o => o.Op == IrOp.WriteRounding) ? EvaluatedCode.GotoRounding : EvaluatedCode.Goto,
            IrOp.Return => EvaluatedCode.Return,
            IrOp.Ecall => EvaluatedCode.SystemCall,
            IrOp.FenceI => EvaluatedCode.FenceI,
            IrOp.Trap => EvaluatedCode.Trap,
            _ => throw new InvalidOperationException($"operation {i.Op} does not end a block"),
        };
        var immediate = code == EvaluatedCode.Trap ? Keep(i) : i.Immediate;
        _ops.Add(new EvaluatedOp { Code = code, A = i.A is null ? (ushort)0 : Word(i.A), Immediate = immediate, Pc = _pc });
    }

    private Operand Emit(EvaluatedCode code, ushort a, ushort b = 0, long immediate = 0)
    {
        var result = Temporary();
        _ops.Add(new EvaluatedOp { Code = code, Result = result, A = a, B = b, Immediate = immediate, Pc = _pc });
        return new Operand(OperandKind.Word, result, 0, _ops.Count - 1);
    }

    private ushort Temporary()
        => _temporaries < GuestState.TemporaryCount
            ? (ushort)(FirstTemporary + _temporaries++)
            : throw new InvalidOperationException("an instruction has more values than there are temporaries");

    /// <summary>The word with a value of which only the low half matters if its type has 32 bits.</summary>
    private ushort Low(IrInstruction operand)
    {
        var value = _values[operand.Id];
        return value.Kind != OperandKind.Constant ? value.Slot
            : value.Value == 0 ? (ushort)0
            : Emit(EvaluatedCode.Set, 0, immediate: value.Value).Slot;
    }

    /// <summary>The word with a value, all of it.</summary>
    private ushort Word(IrInstruction operand)
        => _values[operand.Id] is { Kind: OperandKind.LowHalf } half ? Emit(EvaluatedCode.SignExtendWord, half.Slot).Slot : Low(operand);

    /// <summary>Where a value is.</summary>
    /// <param name="Kind">What of it.</param>
    /// <param name="Slot">Word of the state block.</param>
    /// <param name="Value">The constant.</param>
    /// <param name="Producer">Operation that computes it into a temporary, from where it may as well be moved; -1: none.</param>
    private readonly record struct Operand(OperandKind Kind, ushort Slot, long Value, int Producer)
    {
        public static Operand Of(long constant) => new(OperandKind.Constant, 0, constant, -1);

        public static Operand Of(byte register) => new(OperandKind.Word, register, 0, -1);
    }
}
