using System.Globalization;
using Cheri2IL.Translator.Ir;

namespace Cheri2IL.FileTests;

/// <summary>Makes valid functions of every operation, with loops that end, and register values that are worth trying.</summary>
internal sealed class RandomFunction
{
    private const int Registers = 8;
    private const byte LoopCounter = 31;

    private static readonly long[] Interesting =
    [
        0, 1, 2, -1, 7, 8, 31, 32, 63, 64, 0x7f, 0x80, 0xff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, int.MinValue, long.MinValue, long.MaxValue,
        0x10000, 0x10008, 0x1fff8, 0x20000, 0x20001, 0x20004, 0x28000, 0xefff8, 0xf0000, 0xffff8, 0x100000, 0x10f000,
        0x3f800000, 0x3ff0000000000000, unchecked((long)0xffffffff3fc00000), 0x7ff0000000000001, unchecked((long)0xffffffff7f800001),
    ];

    private static readonly IrOp[] Binary64 =
    [
        IrOp.Add, IrOp.Add, IrOp.Add, IrOp.Sub, IrOp.Mul, IrOp.MulHighS, IrOp.MulHighU, IrOp.MulHighSU, IrOp.DivS, IrOp.DivU, IrOp.RemS, IrOp.RemU,
        IrOp.And, IrOp.Or, IrOp.Xor, IrOp.MinS, IrOp.MaxS, IrOp.MinU, IrOp.MaxU,
    ];

    private static readonly IrOp[] Shifts = [IrOp.ShiftLeft, IrOp.ShiftRightU, IrOp.ShiftRightS, IrOp.RotateLeft, IrOp.RotateRight];
    private static readonly IrOp[] Unary = [IrOp.CountLeadingZeros, IrOp.CountTrailingZeros, IrOp.PopCount, IrOp.ByteSwap];
    private static readonly IrOp[] Unary64 = [IrOp.OrCombine, IrOp.SignExtend8, IrOp.SignExtend16];
    private static readonly IrOp[] Comparisons = [IrOp.Eq, IrOp.Ne, IrOp.LtS, IrOp.LtU, IrOp.GeS, IrOp.GeU];
    private static readonly IrOp[] FloatBinary = [IrOp.FAdd, IrOp.FSub, IrOp.FMul, IrOp.FDiv, IrOp.FMin, IrOp.FMax, IrOp.FCopySign];
    private static readonly IrOp[] FloatComparisons = [IrOp.FEq, IrOp.FLt, IrOp.FLe];

    private readonly Random _random;
    private readonly IrFunction _function;
    private readonly bool _readsFlags;
    private readonly List<IrInstruction> _values = [];
    private IrBlock _block = new(0);
    private long _pc;

    private RandomFunction(Random random, long entryPc, bool readsFlags)
    {
        _readsFlags = readsFlags;
        _random = random;
        _function = new IrFunction(entryPc, "random");
    }

    /// <summary>How many functions random tests make: <c>CHERI2IL_RANDOM</c>.</summary>
    public static int Functions => Setting("CHERI2IL_RANDOM", 400);

    /// <summary>Seed of the first: <c>CHERI2IL_SEED</c>.</summary>
    public static int FirstSeed => Setting("CHERI2IL_SEED", 1);

    /// <summary>A function of one to six blocks, which leaves for pc 0x8000.</summary>
    public static IrFunction Make(Random random, long entryPc = 0x1000, bool readsFlags = true)
    {
        var maker = new RandomFunction(random, entryPc, readsFlags);
        maker.Build();
        maker._function.Number();
        return maker._function;
    }

    /// <summary>A register setting, as a case of stage eval writes it.</summary>
    public static string Input(Random random)
    {
        var items = new List<string> { $"x{LoopCounter}={random.Next(1, 4)}", $"frm={random.Next(0, 6)}", $"fflags={random.Next(0, 2) * 4}" };
        for (var r = 1; r <= Registers; r++)
        {
            items.Add($"x{r}=0x{Interesting[random.Next(Interesting.Length)]:x}");
            items.Add($"f{r}=0x{Interesting[random.Next(Interesting.Length)]:x}");
        }

        items.Add($"[0x20000]={Convert.ToHexStringLower(Bytes(random))}");
        return string.Join(' ', items);
    }

    private static int Setting(string name, int fallback)
        => int.TryParse(Environment.GetEnvironmentVariable(name), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : fallback;

    private static byte[] Bytes(Random random)
    {
        var bytes = new byte[64];
        random.NextBytes(bytes);
        return bytes;
    }

    private void Build()
    {
        var count = _random.Next(1, 7);
        for (var b = 0; b < count; b++)
            _function.Blocks.Add(new IrBlock(_function.EntryPc + (b * 0x100)));
        for (var b = 0; b < count; b++)
        {
            _block = _function.Blocks[b];
            _pc = _block.Pc;
            _values.Clear();
            var instructions = _random.Next(2, 14);
            for (var k = 0; k < instructions; k++)
            {
                GuestInstruction();
                _pc += 4;
            }

            End(b, count);
        }
    }

    private void End(int index, int count)
    {
        if (index == count - 1)
        {
            Emit(new IrInstruction(IrOp.TailCall, IrType.Void) { Immediate = 0x8000 });
            return;
        }

        var forward = _function.Blocks[_random.Next(index + 1, count)];
        switch (_random.Next(5))
        {
            case 0:
                Emit(new IrInstruction(IrOp.Jump, IrType.Void));
                _block.Successors.Add(forward);
                break;
            case 1:
                // Back, as often as the loop counter says.
                var counter = Emit(new IrInstruction(IrOp.Add, IrType.I64, Get(LoopCounter), Const(-1)));
                Set(LoopCounter, counter);
                Emit(new IrInstruction(IrOp.Branch, IrType.Void, Emit(new IrInstruction(IrOp.LtS, IrType.I32, Const(0), counter))));
                _block.Successors.Add(_function.Blocks[_random.Next(0, index + 1)]);
                _block.Successors.Add(forward);
                break;
            case 2:
                Emit(new IrInstruction(IrOp.Ecall, IrType.Void));
                _block.Successors.Add(forward);
                break;
            case 3:
                // Indices in the table and beyond it.
                Emit(new IrInstruction(IrOp.BranchTable, IrType.Void, _random.Next(2) == 0 ? Pick(IrType.I32) : Emit(new IrInstruction(IrOp.And, IrType.I32, Pick(IrType.I32), Const32(3)))));
                _block.Successors.Add(forward);
                for (var k = _random.Next(5); k > 0; k--)
                    _block.Successors.Add(_function.Blocks[_random.Next(index + 1, count)]);
                break;
            default:
                Emit(new IrInstruction(IrOp.Branch, IrType.Void, Pick(IrType.I32)));
                _block.Successors.Add(forward);
                _block.Successors.Add(_function.Blocks[_random.Next(index + 1, count)]);
                break;
        }
    }

    /// <summary>What a lifter makes of one instruction: some computation, and its result in a register.</summary>
    private void GuestInstruction()
    {
        switch (_random.Next(13))
        {
            case 0 or 1:
                SetAny(Emit(new IrInstruction(Choose(Binary64), IrType.I64, Pick(IrType.I64), Pick(IrType.I64))));
                break;
            case 2:
                var word = Emit(new IrInstruction(Choose([IrOp.Add, IrOp.Sub, IrOp.Mul, IrOp.DivS, IrOp.RemU, IrOp.And, IrOp.Xor]), IrType.I32, Pick(IrType.I32), Pick(IrType.I32)));
                SetAny(Emit(new IrInstruction(IrOp.SignExtend32, IrType.I64, word)));
                break;
            case 3:
                var type = Choose([IrType.I32, IrType.I64]);
                Emit(new IrInstruction(Choose(Shifts), type, Pick(type), Pick(IrType.I32)));
                Emit(new IrInstruction(Choose(Unary), type, Pick(type)));
                SetAny(Emit(new IrInstruction(Choose(Unary64), IrType.I64, Pick(IrType.I64))));
                break;
            case 4:
                var compared = Choose([IrType.I32, IrType.I64]);
                var condition = Emit(new IrInstruction(Choose(Comparisons), IrType.I32, Pick(compared), Pick(compared)));
                SetAny(Emit(new IrInstruction(IrOp.ZeroExtend32, IrType.I64, condition)));
                SetAny(Emit(new IrInstruction(IrOp.Select, IrType.I64, Pick(IrType.I32), Pick(IrType.I64), Pick(IrType.I64))));
                break;
            case 5 or 6 or 7:
                Access();
                break;
            case 8:
                var left = Emit(new IrInstruction(IrOp.ShiftLeft, IrType.I64, Pick(IrType.I64), Const32(Choose([32, 48, 56]))));
                SetAny(Emit(new IrInstruction(Choose([IrOp.ShiftRightU, IrOp.ShiftRightS]), IrType.I64, left, Const32(Choose([29, 32, 48, 56])))));
                break;
            case 9 or 10:
                Float();
                break;
            case 11:
                WordOfBytes();
                break;
            default:
                // Pointer arithmetic and moves, on which check elimination lives.
                SetAny(_random.Next(2) == 0
                    ? Get((byte)_random.Next(1, Registers + 1))
                    : Emit(new IrInstruction(IrOp.Add, IrType.I64, Get((byte)_random.Next(1, Registers + 1)), Const(Choose([8, -8, 16, 4096, 60000, -60000])))));
                break;
        }
    }

    /// <summary>A base and an index, which may be shifted, of few registers, so that the same sums are made again.</summary>
    private IrInstruction Indexed()
    {
        var index = Get((byte)_random.Next(1, 4));
        if (_random.Next(2) == 0)
            index = Emit(new IrInstruction(IrOp.Add, IrType.I64, index, Const(Choose([1, -1, 8, 60000]))));
        if (_random.Next(2) == 0)
            index = Emit(new IrInstruction(IrOp.ShiftLeft, IrType.I64, index, Const32(Choose([1, 3, 63]))));
        return Emit(new IrInstruction(IrOp.Add, IrType.I64, index, Get((byte)_random.Next(1, 4))));
    }

    private void Access()
    {
        var address = _random.Next(4) switch
        {
            0 => Pick(IrType.I64),
            1 => Indexed(),
            _ => Get((byte)_random.Next(1, Registers + 1)),
        };
        var isStore = _random.Next(2) == 0;
        if (_random.Next(4) == 0)
        {
            var access = Choose([MemoryAccess.I32, MemoryAccess.I64]);
            Emit(new IrInstruction(IrOp.CheckAlignment, IrType.Void, address) { Immediate = IrSignature.SizeOf(access) });
            Check(address, 0, isStore: true);
            SetAny(_random.Next(3) switch
            {
                0 => Emit(new IrInstruction(IrOp.LoadReserved, IrType.I64, address) { Access = access }),
                1 => Emit(new IrInstruction(IrOp.StoreConditional, IrType.I64, address, Pick(IrType.I64)) { Access = access }),
                _ => Emit(new IrInstruction(IrOp.Amo, IrType.I64, address, Pick(IrType.I64)) { Access = access, Amo = (AmoKind)_random.Next(9) }),
            });
            return;
        }

        var offset = Choose([0L, 0, 8, 16, -8, 2047, -2048, 60000]);
        var width = (MemoryAccess)_random.Next(9);
        var moved = IrSignature.TypeOf(width);
        Check(address, offset, isStore);
        if (isStore)
            Emit(new IrInstruction(IrOp.Store, IrType.Void, address, Pick(moved)) { Access = width, Immediate = offset });
        else
            SetAny(Emit(new IrInstruction(IrOp.Load, moved, address) { Access = width, Immediate = offset }));
    }

    /// <summary>A word that is loaded by pieces, in any order, and put together, mostly in one of the two byte orders.</summary>
    private void WordOfBytes()
    {
        var pieces = _random.Next(2, 9);
        var pieceBytes = _random.Next(4) == 0 ? 2 : 1;
        var isReversed = _random.Next(2) == 0;
        var address = Get((byte)_random.Next(1, Registers + 1));
        var offset = Choose([0L, 3, 8, -5]);
        IrInstruction? word = null;
        foreach (var k in Enumerable.Range(0, pieces).OrderBy(_ => _random.Next(3)))
        {
            _pc += 4;
            Check(address, offset + (k * pieceBytes), isStore: false);
            var access = pieceBytes == 2 ? MemoryAccess.U16 : _random.Next(20) == 0 ? MemoryAccess.I8 : MemoryAccess.U8;
            var piece = Emit(new IrInstruction(IrOp.Load, IrType.I64, address) { Access = access, Immediate = offset + (k * pieceBytes) });
            var place = _random.Next(20) == 0 ? k + 1 : isReversed ? pieces - 1 - k : k;
            if (place > 0)
                piece = Emit(new IrInstruction(IrOp.ShiftLeft, IrType.I64, piece, Const32(place * pieceBytes * 8)));
            word = word is null ? piece : Emit(new IrInstruction(Choose([IrOp.Or, IrOp.Or, IrOp.Xor, IrOp.Add]), IrType.I64, piece, word));
            if (_random.Next(3) > 0)
                Set((byte)_random.Next(1, Registers + 1), word);
            if (_random.Next(12) > 0)
                continue;
            _pc += 4;
            if (_random.Next(2) == 0)
                Float();
            else
                Access();
        }

        if (_random.Next(2) == 0)
            word = Emit(new IrInstruction(Choose([IrOp.SignExtend32, IrOp.ZeroExtend32]), IrType.I64, Emit(new IrInstruction(IrOp.Truncate, IrType.I32, word!))));
        SetAny(word!);
    }

    private void Check(IrInstruction address, long offset, bool isStore)
        => Emit(new IrInstruction(IrOp.Check, IrType.Void, address) { Immediate = offset, IsStore = isStore });

    private void Float()
    {
        var type = Choose([IrType.F32, IrType.F64]);
        switch (_random.Next(6))
        {
            case 0:
                var mode = Rounding();
                SetAny(Emit(new IrInstruction(IrOp.FMulAdd, type, Pick(type), Pick(type), Pick(type)) { Immediate = mode }));
                break;
            case 1:
                var condition = Emit(new IrInstruction(Choose(FloatComparisons), IrType.I32, Pick(type), Pick(type)));
                SetAny(Emit(new IrInstruction(IrOp.ZeroExtend32, IrType.I64, condition)));
                break;
            case 2:
                SetAny(Emit(new IrInstruction(IrOp.FToInteger, IrType.I64, Pick(type)) { Format = (IntegerFormat)_random.Next(4), Immediate = Rounding() }));
                SetAny(Emit(new IrInstruction(IrOp.IntegerToF, type, Pick(IrType.I64)) { Format = (IntegerFormat)_random.Next(4), Immediate = Rounding() }));
                break;
            case 3:
                SetAny(Emit(new IrInstruction(IrOp.FConvert, type, Pick(type == IrType.F32 ? IrType.F64 : IrType.F32)) { Immediate = Rounding() }));
                SetAny(Emit(new IrInstruction(IrOp.FClass, IrType.I64, Pick(type))));
                break;
            case 4:
                SetAny(Emit(new IrInstruction(_random.Next(2) == 0 && _readsFlags ? IrOp.ReadFlags : IrOp.ReadRounding, IrType.I64)));
                Emit(new IrInstruction(IrOp.WriteFlags, IrType.Void, Pick(IrType.I64)));
                break;
            default:
                var op = Choose(FloatBinary);
                var rounds = IrSignature.Of(op).Immediate == ImmediateRule.Rounding;
                SetAny(Emit(new IrInstruction(op, type, Pick(type), Pick(type)) { Immediate = rounds ? Rounding() : 0 }));
                break;
        }
    }

    private long Rounding() => Choose([0L, 1, 2, 3, 4, 7, 7, 7]);

    private void SetAny(IrInstruction value)
    {
        if (value.Type == IrType.F32)
            value = Emit(new IrInstruction(IrOp.Box, IrType.F64, value));
        var register = _random.Next(1, Registers + 1);
        Set((byte)(value.Type == IrType.F64 ? GuestRegister.F0 + register : register), value);
    }

    private void Set(byte register, IrInstruction value) => Emit(new IrInstruction(IrOp.Set, IrType.Void, value) { Register = register });

    private IrInstruction Get(byte register) => Emit(new IrInstruction(IrOp.Get, IrSignature.TypeOfRegister(register)) { Register = register });

    private IrInstruction Const(long value) => Emit(new IrInstruction(IrOp.Const, IrType.I64) { Immediate = value });

    private IrInstruction Const32(int value) => Emit(new IrInstruction(IrOp.Const, IrType.I32) { Immediate = value });

    /// <summary>A value of a type: an earlier one of the block, a register or a constant.</summary>
    private IrInstruction Pick(IrType type)
    {
        var candidates = _values.Where(v => v.Type == type).ToArray();
        if (candidates.Length > 0 && _random.Next(3) == 0)
            return candidates[_random.Next(candidates.Length)];
        var register = _random.Next(1, Registers + 1);
        return type switch
        {
            IrType.I64 => _random.Next(3) == 0 ? Const(Choose(Interesting)) : Get((byte)register),
            IrType.I32 => _random.Next(4) == 0 ? Const32((int)Choose(Interesting)) : Emit(new IrInstruction(IrOp.Truncate, IrType.I32, Get((byte)register))),
            IrType.F32 => Emit(new IrInstruction(IrOp.Unbox, IrType.F32, Get((byte)(GuestRegister.F0 + register)))),
            _ => Get((byte)(GuestRegister.F0 + register)),
        };
    }

    private IrInstruction Emit(IrInstruction instruction)
    {
        instruction.Pc = _pc;
        _block.Instructions.Add(instruction);
        if (instruction.Type != IrType.Void)
            _values.Add(instruction);
        return instruction;
    }

    private T Choose<T>(T[] choices) => choices[_random.Next(choices.Length)];
}
