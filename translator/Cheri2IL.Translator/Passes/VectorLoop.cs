using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// A loop whose turns can be made several at a time: one block that loads elements through pointers, computes on them lane by
/// lane, stores elements, and advances the pointers by one element, until a counter reaches an end.
/// </summary>
/// <remarks>
/// The IR keeps its scalar form, and so does the emitted code for the last turn and for whatever a vector cannot do exactly
/// (overlapping pointers, NaNs): this only says what the vector form is made of. All loads stand before all stores, so nothing
/// is lost when the vector form gives up before it stores. A hardware fault inside reports the first access of the same
/// instruction.
/// </remarks>
public sealed class VectorLoop
{
    /// <summary>Bytes that a vector holds.</summary>
    public const int Bytes = 32;

    /// <summary>Vectors that one turn of the vector form makes, all loads before all stores, while there is work for that many.</summary>
    public const int VectorsPerTurn = 2;

    /// <summary>Bytes that pointers move in vector form before the scalar form, which polls and checks, makes a turn.</summary>
    public const int MaxSpan = 16 * 1024;

    /// <summary>Accesses are this near their pointer, so that with MaxSpan the window of one check covers them.</summary>
    private const long MaxOffset = 16 * 1024;

    private const int DynamicRounding = 7;
    private const int MaxPointers = 4;
    private const int MaxOverlaps = 6;
    private const int MaxInstructions = 80;

    private readonly IrBlock _block;
    private readonly Dictionary<IrInstruction, IrInstruction> _roots = [];
    private readonly Dictionary<IrInstruction, (int Register, long Offset)> _affine = [];
    private readonly Dictionary<int, long> _steps = [];
    private readonly List<IrInstruction> _body = [];
    private readonly HashSet<IrInstruction> _inBody = [];
    private readonly List<IrInstruction> _stores = [];
    private ulong _written;

    private VectorLoop(IrBlock block) => _block = block;

    /// <summary>Bytes of an element.</summary>
    public int ElementBytes { get; private set; }

    /// <summary>Register that is compared with <see cref="End"/>.</summary>
    public int Counter { get; private set; }

    /// <summary>What the counter adds each turn: plus or minus a power of two.</summary>
    public long CounterStep => _steps[Counter];

    /// <summary>Where the counter stops: a constant, or a read of a register that the loop does not write.</summary>
    public IrInstruction End { get; private set; } = null!;

    /// <summary>Registers that add a constant each turn, and the constant.</summary>
    public IReadOnlyDictionary<int, long> Steps => _steps;

    /// <summary>Loads, computations and stores in order, of which each stands for a vector's worth.</summary>
    public IReadOnlyList<IrInstruction> Body => _body;

    /// <summary>Results in <see cref="Body"/> that must have no NaN.</summary>
    public IReadOnlyList<IrInstruction> Tested { get; private set; } = [];

    /// <summary>Registers through which memory is accessed.</summary>
    public IReadOnlyList<int> Pointers { get; private set; } = [];

    /// <summary>Pairs of different pointers whose accesses must not overlap, unless they are the same: the second is at this distance from the first where their registers are equal.</summary>
    public IReadOnlyList<(int A, int B, long Distance)> Overlaps { get; private set; } = [];

    /// <summary>Marks the blocks of <paramref name="function"/> that are such loops.</summary>
    public static void Mark(IrFunction function)
    {
        foreach (var block in function.Blocks)
            block.IsVector = Recognise(block) is not null;
    }

    /// <summary>What <paramref name="block"/> is as a vector loop; null if it is none.</summary>
    public static VectorLoop? Recognise(IrBlock block)
    {
        if (!block.Successors.Contains(block) || block.Terminator.Op != IrOp.Branch || block.Instructions.Count > MaxInstructions
            || !block.Instructions.Exists(i => i.Op == IrOp.Store))
            return null;
        var loop = new VectorLoop(block);
        return loop.Read() ? loop : null;
    }

    /// <summary>The element that a store writes.</summary>
    public IrInstruction Stored(IrInstruction store) => Element(store.B!);

    /// <summary>The instruction that computes a value, behind reads of registers.</summary>
    private IrInstruction Root(IrInstruction value) => _roots.GetValueOrDefault(value, value);

    /// <summary>The instruction that computes an element's bits, behind boxes and changes of width as well.</summary>
    private IrInstruction Element(IrInstruction value)
    {
        while (true)
        {
            value = Root(value);
            if (value.Op is IrOp.SignExtend32 or IrOp.ZeroExtend32 or IrOp.Truncate && ElementBytes <= 4)
                value = value.A!;
            else if (value.Op == IrOp.Unbox && Root(value.A!) is { Op: IrOp.Box } box)
                value = box.A!;
            else
                return value;
        }
    }

    /// <summary>Register and constant that make the address of an access, its offset included.</summary>
    public (int Register, long Offset) Address(IrInstruction access)
    {
        var (register, offset) = _affine[Root(access.A!)];
        return (register, offset + access.Immediate);
    }

    /// <summary>The read of a register that an invariant Unbox takes.</summary>
    public IrInstruction Register(IrInstruction unbox) => Root(unbox.A!);

    /// <summary>Whether a value is the same in every turn.</summary>
    private bool IsInvariant(IrInstruction value)
        => value.Op == IrOp.Const || (value.Op == IrOp.Get && !IsWritten(value.Register)) || (value.Op == IrOp.Unbox && IsInvariant(Root(value.A!)));

    private bool IsWritten(int register) => (_written >> register & 1) != 0;

    private bool Read()
    {
        ElementBytes = BytesOf(_block.Instructions.Find(i => i.Op == IrOp.Store)!.Access);
        foreach (var i in _block.Instructions)
        {
            if (i.Op == IrOp.Set)
                _written |= 1UL << i.Register;
        }

        return ReadInstructions() && ReadSteps() && ReadEnd() && CollectBody() && ReadPointers();
    }

    /// <summary>Follows values through registers, and finds what adds constants to registers' first values.</summary>
    private bool ReadInstructions()
    {
        var held = new IrInstruction?[GuestRegister.Count];
        foreach (var i in _block.Instructions)
        {
            switch (i.Op)
            {
                case IrOp.Poll or IrOp.Const or IrOp.Branch:
                    break;
                case IrOp.Check:
                    if (!_affine.ContainsKey(Root(i.A!)))
                        return false;
                    break;
                case IrOp.Get:
                    if (held[i.Register] is { } value)
                        _roots[i] = value;
                    else if (i.Register < GuestRegister.F0)
                        _affine[i] = (i.Register, 0);
                    break;
                case IrOp.Set:
                    held[i.Register] = Root(i.A!);
                    break;
                case IrOp.Add when i.Type == IrType.I64 && _affine.TryGetValue(Root(i.A!), out var sum) && Root(i.B!).Op == IrOp.Const:
                    _affine[i] = (sum.Register, sum.Offset + Root(i.B!).Immediate);
                    break;
                case IrOp.Load:
                    if (_stores.Count > 0)
                        return false;
                    break;
                case IrOp.Store:
                    _stores.Add(i);
                    break;
                case IrOp.Add or IrOp.Sub or IrOp.And or IrOp.Or or IrOp.Xor or IrOp.SignExtend32 or IrOp.ZeroExtend32 or IrOp.Truncate
                    or IrOp.Eq or IrOp.Ne or IrOp.FNeg or IrOp.Box or IrOp.Unbox:
                    break;
                case IrOp.FAdd or IrOp.FSub or IrOp.FMul or IrOp.FDiv or IrOp.FSqrt or IrOp.FMulAdd:
                    if (i.Immediate != DynamicRounding)
                        return false;
                    break;
                default:
                    return false;
            }
        }

        return true;
    }

    /// <summary>Every register that is written is a counter, or is written before it is read.</summary>
    private bool ReadSteps()
    {
        var read = 0UL;
        var written = 0UL;
        var last = new IrInstruction?[GuestRegister.Count];
        foreach (var i in _block.Instructions)
        {
            if (i.Op == IrOp.Get && (written >> i.Register & 1) == 0)
                read |= 1UL << i.Register;
            if (i.Op != IrOp.Set)
                continue;
            written |= 1UL << i.Register;
            last[i.Register] = Root(i.A!);
        }

        for (var r = 0; r < GuestRegister.Count; r++)
        {
            if (last[r] is not { } value || (read >> r & 1) == 0)
                continue;
            if (!_affine.TryGetValue(value, out var sum) || sum.Register != r || sum.Offset == 0)
                return false;
            _steps[r] = sum.Offset;
        }

        return true;
    }

    private bool ReadEnd()
    {
        var condition = _block.Terminator.A!;
        var goesOn = _block.Successors[0] == _block ? IrOp.Ne : IrOp.Eq;
        if (condition.Op != goesOn || condition.A!.Type != IrType.I64)
            return false;
        var (a, b) = (Root(condition.A), Root(condition.B!));
        if (!IsNext(a))
            (a, b) = (b, a);
        if (!IsNext(a) || !IsInvariant(b))
            return false;
        Counter = _affine[a].Register;
        End = b;
        return CounterStep is >= -64 and <= 64 && long.IsPow2(Math.Abs(CounterStep));

        // What a stepping register is after this turn.
        bool IsNext(IrInstruction value)
            => _affine.TryGetValue(value, out var sum) && _steps.TryGetValue(sum.Register, out var step) && sum.Offset == step;
    }

    /// <summary>Everything that stores depend on, in order, and all arithmetic that can raise flags.</summary>
    private bool CollectBody()
    {
        foreach (var store in _stores)
        {
            if (BytesOf(store.Access) != ElementBytes || !Collect(Stored(store), IsFloat(store.Access) ? TypeOf(store.Access) : IrType.I64))
                return false;
        }

        foreach (var i in _block.Instructions)
        {
            if (IsArithmetic(i.Op) && !Collect(i, i.Type))
                return false;
            if (i.Op == IrOp.Load && !_inBody.Contains(i))
                return false;
        }

        foreach (var i in _block.Instructions)
        {
            if (_inBody.Contains(i))
                _body.Add(i);
        }

        var inherited = new HashSet<IrInstruction>();
        foreach (var i in _body)
        {
            if (IsArithmetic(i.Op))
                inherited.UnionWith(Operands(i).Select(BehindSigns));
        }

        Tested = _body.FindAll(i => IsArithmetic(i.Op) && !inherited.Contains(i));
        _body.AddRange(_stores);
        return true;

        IrInstruction BehindSigns(IrInstruction value)
        {
            while (value.Op == IrOp.FNeg)
                value = Element(value.A!);
            return value;
        }
    }

    /// <summary>The elements that a computation takes; none for a load.</summary>
    public IEnumerable<IrInstruction> Operands(IrInstruction i)
    {
        if (i.Op == IrOp.Load)
            yield break;
        if (i.A is not null)
            yield return Element(i.A);
        if (i.B is not null)
            yield return Element(i.B);
        if (i.C is not null)
            yield return Element(i.C);
    }

    /// <summary>Adds a value of the given type, integers of any width being I64, and what it is computed from.</summary>
    private bool Collect(IrInstruction value, IrType type)
    {
        if (_inBody.Contains(value))
            return true;
        if (IsInvariant(value))
            return type == IrType.I64 ? value.Type is IrType.I64 or IrType.I32 : value.Type == type;
        switch (value.Op)
        {
            case IrOp.Load:
                if (BytesOf(value.Access) != ElementBytes || (type == IrType.I64 ? IsFloat(value.Access) : TypeOf(value.Access) != type))
                    return false;
                break;
            case IrOp.Add or IrOp.Sub or IrOp.And or IrOp.Or or IrOp.Xor:
                // Lanes keep the low bits, and these operations carry nothing down.
                if (type != IrType.I64 || (value.Type == IrType.I32 && ElementBytes > 4))
                    return false;
                break;
            case IrOp.FNeg or IrOp.FAdd or IrOp.FSub or IrOp.FMul or IrOp.FDiv or IrOp.FSqrt or IrOp.FMulAdd:
                if (value.Type != type || ElementBytes != (type == IrType.F32 ? 4 : 8))
                    return false;
                break;
            default:
                return false;
        }

        foreach (var operand in Operands(value))
        {
            if (!Collect(operand, type))
                return false;
        }

        _inBody.Add(value);
        return true;
    }

    private bool ReadPointers()
    {
        var accesses = _body.FindAll(i => i.Op is IrOp.Load or IrOp.Store);
        foreach (var access in accesses)
        {
            if (!_affine.TryGetValue(Root(access.A!), out var address) || Math.Abs(address.Offset) > MaxOffset || Math.Abs(access.Immediate) > MaxOffset
                || !_steps.TryGetValue(address.Register, out var step) || step != ElementBytes)
                return false;
        }

        Pointers = [.. accesses.Select(a => Address(a).Register).Distinct()];
        var overlaps = new List<(int, int, long)>();
        for (var k = 0; k < _stores.Count; k++)
        {
            var store = _stores[k];
            foreach (var other in accesses.Where(i => i.Op == IrOp.Load).Concat(_stores.Skip(k + 1)))
            {
                var (a, b) = (Address(store), Address(other));
                var distance = b.Offset - a.Offset;
                if (a.Register != b.Register)
                    overlaps.Add((a.Register, b.Register, distance));
                else if (distance != 0 && Math.Abs(distance) < VectorsPerTurn * Bytes)
                    return false;
            }
        }

        Overlaps = [.. overlaps.Distinct()];
        return Pointers.Count <= MaxPointers && Overlaps.Count <= MaxOverlaps;
    }

    /// <summary>Whether a NaN operand makes a NaN.</summary>
    private static bool IsArithmetic(IrOp op) => op is IrOp.FAdd or IrOp.FSub or IrOp.FMul or IrOp.FDiv or IrOp.FSqrt or IrOp.FMulAdd;

    private static bool IsFloat(MemoryAccess access) => access is MemoryAccess.F32 or MemoryAccess.F64;

    private static IrType TypeOf(MemoryAccess access)
        => access switch { MemoryAccess.F32 => IrType.F32, MemoryAccess.F64 => IrType.F64, _ => IrType.I64 };

    private static int BytesOf(MemoryAccess access) => access switch
    {
        MemoryAccess.I8 or MemoryAccess.U8 => 1,
        MemoryAccess.I16 or MemoryAccess.U16 => 2,
        MemoryAccess.I32 or MemoryAccess.U32 or MemoryAccess.F32 => 4,
        _ => 8,
    };
}
