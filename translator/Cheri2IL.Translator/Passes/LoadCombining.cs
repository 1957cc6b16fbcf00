using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Inside each block: makes one load of several whose bytes are put together to one word, in either byte order. Compilers for RV64GC
/// read a word that need not be aligned byte by byte, because hardware may be slow at anything else.
/// </summary>
/// <remarks>
/// The word is loaded where its lowest byte was. No store, fence or poll is between the first byte and where the last one is put to the
/// others, so other threads may see no difference: the memory model orders loads of different bytes by fences alone. If several accesses
/// there would fault, another of them may be the one reported, unless faults are precise. Parts of the word that went through registers, which calls may still see,
/// are cut out of the word.
/// </remarks>
public sealed class LoadCombining
{
    private readonly IrEffects _barrier;

    private readonly ByteLanes _lanes = new();

    /// <summary>By a load: the widest word that has its bytes.</summary>
    private readonly Dictionary<IrInstruction, Word> _words = [];

    /// <summary>By what they stand before: instructions that load words, in their order.</summary>
    private readonly Dictionary<IrInstruction, List<IrInstruction>> _before = [];

    /// <summary>Values that others stand for.</summary>
    private readonly Dictionary<IrInstruction, IrInstruction> _replaced = [];
    private readonly HashSet<IrInstruction> _dead = [];
    private readonly Stack<IrInstruction> _forgotten = [];

    /// <summary>By number: how many operands an instruction is.</summary>
    private int[] _uses = [];

    /// <summary>By number: how many instructions up to this one keep loads from moving.</summary>
    private int[] _barriers = [];

    private LoadCombining(bool preciseFaults)
    {
        _barrier = IrEffects.WritesMemory | IrEffects.Ordered;
        // The flags at a fault are those of the instructions before.
        if (preciseFaults)
            _barrier |= IrEffects.FloatStatus;
    }

    /// <summary>Rewrites every block of <paramref name="function"/>.</summary>
    /// <param name="function">Function.</param>
    /// <param name="preciseFaults">Whether the fault is found that came first: by the evaluator, from the last commit on.</param>
    public static void Run(IrFunction function, bool preciseFaults)
    {
        function.Number();
        var pass = new LoadCombining(preciseFaults);
        foreach (var block in function.Blocks)
        {
            // The vector form is made of the loads as they are.
            if (!block.IsVector && block.Instructions.Count(IsPart) > 1)
                pass.Rewrite(block.Instructions);
        }

        function.Number();
    }

    private static bool IsPart(IrInstruction i) => i.Op == IrOp.Load && i.Access <= MemoryAccess.U32;

    private void Rewrite(List<IrInstruction> instructions)
    {
        Learn(instructions);
        _words.Clear();
        _before.Clear();
        _replaced.Clear();
        _dead.Clear();

        // From the end, so that the widest word comes before its parts, which then mostly have no use left.
        for (var k = instructions.Count - 1; k >= 0; k--)
        {
            var i = instructions[k];
            if (i.Op == IrOp.Load || !_lanes.Knows(i) || _uses[k] == 0)
                continue;
            if (Find(i) is { } word)
                Load(word);
            else if (i.Op is IrOp.Or or IrOp.Xor or IrOp.Add)
                Cut(i);
        }

        if (_words.Count > 0)
            Write(instructions);
    }

    private void Write(List<IrInstruction> instructions)
    {
        var input = instructions.ToArray();
        instructions.Clear();
        foreach (var i in input)
        {
            foreach (var made in _before.GetValueOrDefault(i, []))
                Append(made);
            if (!_dead.Contains(i))
                Append(i);
        }

        void Append(IrInstruction i)
        {
            i.A = Resolve(i.A);
            i.B = Resolve(i.B);
            i.C = Resolve(i.C);
            instructions.Add(i);
        }

        IrInstruction? Resolve(IrInstruction? operand) => operand is null ? null : _replaced.GetValueOrDefault(operand, operand);
    }

    private void Learn(List<IrInstruction> instructions)
    {
        if (_uses.Length < instructions.Count)
        {
            _uses = new int[instructions.Count * 2];
            _barriers = new int[instructions.Count * 2];
        }

        Array.Clear(_uses, 0, instructions.Count);
        _lanes.Clear();
        var barriers = 0;
        foreach (var i in instructions)
        {
            _lanes.Learn(i);
            foreach (var operand in Operands(i))
                _uses[operand.Id]++;
            if ((IrOpInfo.Effects(i.Op) & _barrier) != 0)
                barriers++;
            _barriers[i.Id] = barriers;
        }
    }

    private static IEnumerable<IrInstruction> Operands(IrInstruction i)
    {
        if (i.A is not null)
            yield return i.A;
        if (i.B is not null)
            yield return i.B;
        if (i.C is not null)
            yield return i.C;
    }

    /// <summary>The word in memory that <paramref name="root"/> is, if its bytes come from more than one load.</summary>
    private Word? Find(IrInstruction root)
    {
        var lanes = _lanes[root][..(root.Type == IrType.I32 ? 4 : 8)];
        var size = lanes.Length;
        while (size > 1 && (lanes[size - 1].Load == 0 || lanes[size - 1].IsSign))
            size--;
        if (size is not (2 or 4 or 8) || lanes[0].Load == 0 || lanes[0].Load == lanes[size - 1].Load)
            return null;
        var sign = lanes[size - 1] with { IsSign = true };
        var isSigned = size < lanes.Length && lanes[size] == sign;
        foreach (var above in lanes[size..])
        {
            if (above != (isSigned ? sign : default))
                return null;
        }

        var isReversed = Address(lanes[1]) < Address(lanes[0]);
        var pointer = _lanes.LoadOf(lanes[0]).A;
        for (var k = 0; k < size; k++)
        {
            if (lanes[k].Load == 0 || lanes[k].IsSign || Address(lanes[k]) != Address(lanes[0]) + (isReversed ? -k : k))
                return null;
            var load = _lanes.LoadOf(lanes[k]);
            if (load.A != pointer || _barriers[load.Id] != _barriers[root.Id])
                return null;
        }

        // Its check is the one that stands before the load of its lowest byte.
        var lowest = isReversed ? lanes[size - 1] : lanes[0];
        return lowest.Byte == 0 ? new Word(root, _lanes.LoadOf(lowest), size, isSigned, isReversed) : null;
    }

    private long Address(ByteLanes.Lane lane) => lane.Load == 0 ? long.MinValue : _lanes.LoadOf(lane).Immediate + lane.Byte;

    /// <summary>Loads a word in the place of its lowest byte, changes its byte order and width, and lets that stand for its root.</summary>
    private void Load(Word word)
    {
        if (!_before.TryGetValue(word.Lowest, out var before))
            _before.Add(word.Lowest, before = []);
        if (_words.TryGetValue(word.Lowest, out var same) && word.IsLowHalfOf(same))
        {
            Stand(Make(IrOp.Truncate, IrType.I32, _replaced[same.Root]));
            return;
        }

        var isSigned = word.IsSigned && !word.IsReversed;
        var value = Make(IrOp.Load, IrType.I64, word.Lowest.A!);
        value.Immediate = word.Lowest.Immediate;
        value.Access = word.Size switch
        {
            2 => isSigned ? MemoryAccess.I16 : MemoryAccess.U16,
            4 => isSigned ? MemoryAccess.I32 : MemoryAccess.U32,
            _ => MemoryAccess.I64,
        };
        var type = word.Root.Type;
        if (word.IsReversed && word.Size == 8)
            value = Make(IrOp.ByteSwap, IrType.I64, value);
        else if (word.IsReversed || type == IrType.I32)
            value = Make(IrOp.Truncate, IrType.I32, value);
        if (word.IsReversed && word.Size < 8)
        {
            value = Make(IrOp.ByteSwap, IrType.I32, value);
            if (word.Size == 2)
            {
                var distance = Make(IrOp.Const, IrType.I32, null);
                distance.Immediate = 16;
                value = Make(word.IsSigned ? IrOp.ShiftRightS : IrOp.ShiftRightU, IrType.I32, value, distance);
            }

            if (type == IrType.I64)
                value = Make(word.IsSigned ? IrOp.SignExtend32 : IrOp.ZeroExtend32, IrType.I64, value);
        }

        foreach (var lane in _lanes[word.Root][..word.Size])
            _words.TryAdd(_lanes.LoadOf(lane), word);
        Stand(value);

        void Stand(IrInstruction value)
        {
            _replaced.Add(word.Root, value);
            _dead.Add(word.Root);
            Forget(word.Root, word);
        }

        IrInstruction Make(IrOp op, IrType made, IrInstruction? a, IrInstruction? b = null)
        {
            var result = new IrInstruction(op, made, a, b) { Pc = word.Lowest.Pc };
            before.Add(result);
            return result;
        }
    }

    /// <summary>Makes a value that is some bytes of a word, and no word itself, a mask of the word if it is at hand.</summary>
    private void Cut(IrInstruction part)
    {
        var lanes = _lanes[part];
        var some = lanes[Math.Max(0, lanes.IndexOfAnyExcept(default(ByteLanes.Lane)))];
        if (some.Load == 0 || !_words.TryGetValue(_lanes.LoadOf(some), out var word))
            return;
        if (word.Root.Type != part.Type || word.Lowest.Id > part.Id || !IsPartOf(lanes, _lanes[word.Root]))
            return;
        Forget(part, word);
        var mask = new IrInstruction(IrOp.Const, part.Type) { Immediate = Mask(lanes, part.Type), Pc = part.Pc };
        _before.Add(part, [mask]);
        (part.Op, part.A, part.B) = (IrOp.And, _replaced[word.Root], mask);
    }

    private static bool IsPartOf(ReadOnlySpan<ByteLanes.Lane> part, ReadOnlySpan<ByteLanes.Lane> whole)
    {
        for (var k = 0; k < part.Length; k++)
        {
            if (part[k] != default && part[k] != whole[k])
                return false;
        }

        return true;
    }

    private static long Mask(ReadOnlySpan<ByteLanes.Lane> lanes, IrType type)
    {
        var mask = 0L;
        for (var k = 0; k < lanes.Length; k++)
        {
            if (lanes[k] != default)
                mask |= 0xffL << (8 * k);
        }

        return type == IrType.I32 ? (int)mask : mask;
    }

    /// <summary>Drops the operands of <paramref name="root"/> that have no other use, and theirs: loads if the word has all of their bytes.</summary>
    private void Forget(IrInstruction root, Word word)
    {
        // Not recursive: a guest may have a chain of any length.
        _forgotten.Push(root);
        while (_forgotten.TryPop(out var i))
        {
            foreach (var operand in Operands(i))
            {
                if (--_uses[operand.Id] > 0)
                    continue;
                if (IrOpInfo.Effects(operand.Op) == IrEffects.None || (operand.Op == IrOp.Load && word.Covers(operand)))
                {
                    _dead.Add(operand);
                    _forgotten.Push(operand);
                }
            }
        }
    }

    /// <summary>A word in memory that is put together from several loads.</summary>
    /// <param name="Root">The value that is the word.</param>
    /// <param name="Lowest">Load of the lowest byte.</param>
    /// <param name="Size">Bytes: 2, 4 or 8.</param>
    /// <param name="IsSigned">Whether the value is sign-extended, otherwise zero-extended.</param>
    /// <param name="IsReversed">Whether the lowest byte is the most significant one.</param>
    private readonly record struct Word(IrInstruction Root, IrInstruction Lowest, int Size, bool IsSigned, bool IsReversed)
    {
        /// <summary>Whether it is the same in memory as one of four bytes whose extension is a value already.</summary>
        public bool IsLowHalfOf(Word other)
            => Size == 4 && Root.Type == IrType.I32 && other.Root.Type == IrType.I64 && (other.Lowest, other.Size, other.IsReversed) == (Lowest, Size, IsReversed);

        public bool Covers(IrInstruction load)
            => load.A == Lowest.A && load.Immediate >= Lowest.Immediate
                && load.Immediate + IrSignature.SizeOf(load.Access) <= Lowest.Immediate + Size;
    }
}
