using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.RunTime;

/// <summary>Evaluated blocks of one address space, until its code changes. What it has is never moved or freed while it is in use.</summary>
/// <remarks>Threads look blocks up without a lock; they are added under that of the <see cref="CodeEvaluator"/>.</remarks>
internal sealed unsafe class BlockCache
{
    /// <summary>Most bytes that are kept: a guest that runs code wherever it likes must not fill the host's memory. 64 MiB.</summary>
    public const long MostBytes = 64 << 20;

    private const int OpsPerChunk = 2048;

    /// <summary>Bytes of a block besides its operations: an entry of a dictionary.</summary>
    private const int BlockBytes = 40;

    /// <summary>Bytes of an instruction, and of the reference to it.</summary>
    private const int InstructionBytes = 152;

    /// <summary>Bytes of a function: its object, its counter, and entries of two dictionaries.</summary>
    private const int FunctionBytes = 136;

    private const int TableBits = 14;

    private readonly Dictionary<long, nint> _blocks = [];
    private readonly List<EvaluatedOp[]> _chunks = [];
    private readonly nint[] _table = GC.AllocateArray<nint>(1 << TableBits, pinned: true);
    private readonly List<long[]> _counters = [];
    private readonly Dictionary<nint, EvaluatedFunction> _functions = [];
    private readonly Dictionary<long, nint> _continuations = [];
    private int _used = OpsPerChunk;
    private IrInstruction[] _instructions = new IrInstruction[256];
    private int _instructionCount;
    private long _reachable;

    /// <summary>Instructions that operations refer to.</summary>
    public IrInstruction[] Instructions => Volatile.Read(ref _instructions);

    /// <summary>Bytes of the host's memory that it takes besides its fixed tables; estimated, not less than it is.</summary>
    public long Bytes
        => ((long)_chunks.Count * OpsPerChunk * sizeof(EvaluatedOp)) + ((long)_blocks.Count * BlockBytes) + (_reachable * InstructionBytes)
            + ((long)(_functions.Count + _continuations.Count) * FunctionBytes);

    /// <summary>Whether there is anything in it.</summary>
    public bool IsEmpty => _chunks.Count == 0;

    /// <summary>The block at a pc if it was used lately; null: <see cref="Find"/> may have it.</summary>
    public EvaluatedOp* Recent(long pc)
    {
        var block = (EvaluatedOp*)Volatile.Read(ref _table[Index(pc)]);
        return block != null && block->Pc == pc ? block : null;
    }

    /// <summary>The block at a pc; null: there is none.</summary>
    public EvaluatedOp* Find(long pc)
    {
        if (!_blocks.TryGetValue(pc, out var block))
            return null;
        Volatile.Write(ref _table[Index(pc)], block);
        return (EvaluatedOp*)block;
    }

    /// <summary>Adds a block.</summary>
    /// <param name="pc">Guest address.</param>
    /// <param name="ops">Its operations.</param>
    /// <param name="instructions">Instructions that are kept for them.</param>
    public EvaluatedOp* Add(long pc, ReadOnlySpan<EvaluatedOp> ops, int instructions)
    {
        _reachable += instructions;
        if (_used + ops.Length > OpsPerChunk)
        {
            _chunks.Add(GC.AllocateUninitializedArray<EvaluatedOp>(OpsPerChunk, pinned: true));
            _used = 0;
        }

        var place = _chunks[^1].AsSpan(_used, ops.Length);
        ops.CopyTo(place);
        _used += ops.Length;
        fixed (EvaluatedOp* block = place)
        {
            _blocks.Add(pc, (nint)block);
            Volatile.Write(ref _table[Index(pc)], (nint)block);
            return block;
        }
    }

    /// <summary>Keeps an instruction; its number.</summary>
    public int Add(IrInstruction instruction)
    {
        if (_instructionCount == _instructions.Length)
        {
            var grown = _instructions;
            Array.Resize(ref grown, _instructionCount * 2);
            Volatile.Write(ref _instructions, grown);
        }

        _instructions[_instructionCount] = instruction;
        return _instructionCount++;
    }

    /// <summary>The counter of the function that a pc which is called or returned to belongs to; as far as is known it starts there.</summary>
    public long* CounterOf(long pc, long value)
    {
        const int PerArray = 1024;
        if (_continuations.TryGetValue(pc, out var known))
            return (long*)known;
        if (_functions.Count % PerArray == 0)
            _counters.Add(GC.AllocateArray<long>(PerArray, pinned: true));
        fixed (long* counter = &_counters[^1][_functions.Count % PerArray])
        {
            *counter = value;
            _functions.Add((nint)counter, new EvaluatedFunction { Pc = pc });
            return counter;
        }
    }

    /// <summary>Control comes back to a pc from a call in a function: what is there belongs to it.</summary>
    public void AddContinuation(long pc, long* counter) => _continuations.TryAdd(pc, (nint)counter);

    /// <summary>The function that a counter is of.</summary>
    public EvaluatedFunction FunctionOf(long* counter) => _functions[(nint)counter];

    /// <summary><see cref="Find(long)"/> for who does not hold the lock.</summary>
    public EvaluatedOp* Find(long pc, Lock gate)
    {
        lock (gate)
            return Find(pc);
    }

    /// <summary>Nothing of it is to be entered again: whoever comes to a block leaves for the dispatcher.</summary>
    public void Retire()
    {
        foreach (var block in _blocks.Values)
            ((EvaluatedOp*)block)->Code = EvaluatedCode.Translated;
    }

    private static int Index(long pc) => (int)(pc >> 1) & ((1 << TableBits) - 1);
}

/// <summary>A function as the evaluator takes it: what is executed between a call and its return.</summary>
internal sealed class EvaluatedFunction
{
    /// <summary>Where it was called.</summary>
    public required long Pc { get; init; }

    /// <summary>Instructions of it that were evaluated since a translation of it was made.</summary>
    public long Instructions { get; set; }
}
