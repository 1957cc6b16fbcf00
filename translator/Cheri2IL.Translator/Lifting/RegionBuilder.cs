using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;
using Cheri2IL.Translator.Lifting.RiscV;

namespace Cheri2IL.Translator.Lifting;

/// <summary>
/// Recovers the control flow of one function (or of a region from any guest pc on) by recursive descent, and lifts it.
/// </summary>
/// <remarks>One instance builds one region. Not thread-safe; instances are independent.</remarks>
public sealed class RegionBuilder : IControlFlow
{
    /// <summary>Most instructions of one region: guards against runaway descent through data.</summary>
    public const int MaxInstructions = 60_000;

    private const int MaxTableAddresses = 256;

    /// <summary>Instructions and addresses looked at in search of tables: guards against functions made of jumps that have none.</summary>
    private long _tableSearch = 100_000_000;

    private readonly ICodeSource _code;
    private readonly long _start;
    private readonly long _end;
    private readonly SortedDictionary<long, List<RiscVInstruction>> _blocks = [];
    private readonly Dictionary<long, (long Block, int Index)> _instructions = [];
    private readonly Dictionary<long, long> _predecessor = [];
    private readonly Dictionary<long, JumpTable> _tables = [];
    private Dictionary<long, JumpTable> _tablesOfWhole = [];
    private readonly Dictionary<long, long> _tableLoads = [];
    private readonly Dictionary<long, IrBlock> _irBlocks = [];
    private readonly HashSet<long> _loopHeaders = [];
    private readonly HashSet<long> _polls = [];
    private readonly IrBuilder _builder = new();
    private IrFunction _function;
    private bool _isLifted;
    private long?[] _constants = new long?[32];
    private IrInstruction? _tableAddress;
    private JumpTable? _pendingTable;
    private bool _ended;

    private RegionBuilder(ICodeSource code, long entry, long start, long end, string? name)
    {
        _code = code;
        _start = start;
        _end = end;
        (EntryPc, Name) = (entry, name);
        _function = NewFunction();
    }

    /// <summary>Guest pcs that direct calls reach.</summary>
    public HashSet<long> CallTargets { get; } = [];

    /// <summary>Guest pcs outside the range that direct jumps reach.</summary>
    public HashSet<long> TailTargets { get; } = [];

    /// <summary>Guest addresses that <c>auipc; addi</c> or <c>lui; addi</c> computes: pointers to data, and to functions that are called through them.</summary>
    public HashSet<long> Addresses { get; } = [];

    /// <summary>Guest pcs of indirect jumps whose targets were not recovered.</summary>
    public List<long> UnrecoveredJumps { get; } = [];

    /// <summary>Whether the stack pointer is stored elsewhere than on the stack, as setjmp does.</summary>
    public bool SavesStackPointer { get; private set; }

    /// <summary>Whether it comes to an instruction of CHERI where none is decoded.</summary>
    public bool HasCapabilityInstructions { get; private set; }

    /// <summary>Number of jump tables recovered.</summary>
    public int RecoveredTables => _tables.Count;

    /// <summary>Guest instructions in the region.</summary>
    public int InstructionCount => _instructions.Count;

    /// <summary>Guest pc of the entry.</summary>
    public long EntryPc { get; }

    /// <summary>Symbol, if known.</summary>
    public string? Name { get; }

    /// <summary>The result, which is lifted when it is first asked for. Not thread-safe.</summary>
    public IrFunction Function
    {
        get
        {
            if (!_isLifted)
                Lift();
            return _function;
        }
    }

    /// <summary>Builds the region that starts at <paramref name="entry"/> and stays inside [start, end).</summary>
    /// <remarks>
    /// Where that is the middle of a function, the function is explored from its start first: what a jump table is known by may
    /// stand before the entry.
    /// </remarks>
    public static RegionBuilder Build(ICodeSource code, long entry, long start, long end, string? name = null)
    {
        var region = new RegionBuilder(code, entry, start, end, name);
        if (entry != start)
        {
            var whole = new RegionBuilder(code, start, start, end, name);
            whole.Explore();
            region._tablesOfWhole = whole._tables;
        }

        region.Explore();
        return region;
    }

    /// <summary>Forgets the result, and what it was made from. What the builder knows of the code stays.</summary>
    /// <remarks>All of a program's functions at once would be most of what a translation has in memory, and take the garbage collector's time.</remarks>
    public void Release()
    {
        _isLifted = true;
        _function = NewFunction();
        _irBlocks.Clear();
        _blocks.Clear();
        _builder.SetBlock(new IrBlock(0));
        _tableAddress = null;
    }

    private IrFunction NewFunction() => new(EntryPc, Name)
    {
        HasCapabilities = _code.Isa != RiscVIsa.Rv64,
        IsCapabilityMode = _code.Isa == RiscVIsa.CheriV9Capability,
    };

    private bool Inside(long pc) => pc >= _start && pc < _end;

    // ---- recursive descent
    private void Explore()
    {
        var work = new Stack<long>();
        work.Push(EntryPc);
        do
        {
            while (work.TryPop(out var pc))
            {
                if (_blocks.ContainsKey(pc))
                    continue;
                if (_instructions.TryGetValue(pc, out var inside))
                    Split(inside.Block, pc);
                else
                    ExploreBlock(pc, work);
            }

            RetryTables(work);
        }
        while (work.Count > 0);
    }

    /// <summary>Jumps that were come to before what their tables are known by.</summary>
    private void RetryTables(Stack<long> work)
    {
        foreach (var jump in UnrecoveredJumps.ToArray())
        {
            var block = _instructions[jump].Block;
            if (TryFollowTable(block, _blocks[block], work))
                UnrecoveredJumps.Remove(jump);
        }
    }

    private void ExploreBlock(long start, Stack<long> work)
    {
        var list = new List<RiscVInstruction>();
        _blocks.Add(start, list);
        var pc = start;
        while (true)
        {
            if (pc != start && _blocks.ContainsKey(pc))
            {
                AddEdge(start, pc);
                return;
            }

            if (!Inside(pc))
            {
                // What describes functions may end one where control goes on: padding between it and a function that it falls into.
                TailTargets.Add(pc);
                return;
            }

            if (_instructions.Count >= MaxInstructions)
                return;
            if (!_code.TryDecode(pc, out var instruction, out _))
            {
                HasCapabilityInstructions |= _code.Isa == RiscVIsa.Rv64 && RiscVDecoder.IsCapabilityInstruction(instruction);
                return;
            }

            list.Add(instruction);
            _instructions[pc] = (start, list.Count - 1);
            var next = pc + instruction.Length;
            switch (instruction.Opcode)
            {
                case RiscVOpcode.Beq or RiscVOpcode.Bne or RiscVOpcode.Blt or RiscVOpcode.Bge or RiscVOpcode.Bltu or RiscVOpcode.Bgeu:
                    Visit(start, next, work);
                    Visit(start, pc + instruction.Immediate, work);
                    return;
                case RiscVOpcode.Jal or RiscVOpcode.Cjal:
                    if (instruction.Rd == GuestRegister.Ra)
                    {
                        CallTargets.Add(pc + instruction.Immediate);
                        Visit(start, next, work);
                    }
                    else
                    {
                        Visit(start, pc + instruction.Immediate, work);
                    }

                    return;
                case RiscVOpcode.Jalr:
                    ExploreJalr(start, list, work);
                    return;
                case RiscVOpcode.Addi when UpperHalf(list) is { } upper:
                    Addresses.Add(upper + instruction.Immediate);
                    break;
                case RiscVOpcode.Sd:
                    SavesStackPointer |= instruction.Rs2 == GuestRegister.Sp && instruction.Rs1 != GuestRegister.Sp;
                    break;
                case RiscVOpcode.Ecall:
                    Visit(start, next, work);
                    return;
                case RiscVOpcode.Cjalr:
                    // PCC changes, and perhaps the mode: only what a call returns to belongs to this function.
                    if (instruction.Rd == GuestRegister.Ra)
                        Visit(start, next, work);
                    return;
                case RiscVOpcode.Ebreak or RiscVOpcode.FenceI or RiscVOpcode.Cinvoke:
                    return;
                case RiscVOpcode.Csrrw or RiscVOpcode.Csrrs or RiscVOpcode.Csrrc or RiscVOpcode.Csrrwi or RiscVOpcode.Csrrsi or RiscVOpcode.Csrrci:
                    // A write of frm ends its block (a poll follows); treating every CSR access so costs nothing.
                    Visit(start, next, work);
                    return;
            }

            pc = next;
        }
    }

    private void ExploreJalr(long start, List<RiscVInstruction> list, Stack<long> work)
    {
        var jump = list[^1];
        var next = jump.Address + jump.Length;
        var constant = ConstantBefore(list, list.Count - 1, jump.Rs1);
        var known = constant is { } value ? (value + jump.Immediate) & ~1L : (long?)null;
        if (jump.Rd == GuestRegister.Ra)
        {
            if (known is { } callee)
                CallTargets.Add(callee);
            Visit(start, next, work);
        }
        else if (known is { } target)
        {
            Visit(start, target, work);
        }
        else if (RiscVLifter.IsJumpTo(jump, GuestRegister.Ra) || RiscVLifter.IsJumpTo(jump, GuestRegister.T0))
        {
            return;
        }
        else if (!TryFollowTable(start, list, work))
        {
            UnrecoveredJumps.Add(jump.Address);
        }
    }

    private bool TryFollowTable(long start, List<RiscVInstruction> block, Stack<long> work)
    {
        if (RecoverTable(start, block) is not { } table)
            return false;
        _tables[block[^1].Address] = table;
        _tableLoads[table.LoadPc] = block[^1].Address;
        foreach (var entry in table.Targets)
            Visit(start, entry, work);
        return true;
    }

    private JumpTable? RecoverTable(long start, List<RiscVInstruction> block)
    {
        // The bound check and the table's address usually stand in the blocks that fall into this one.
        var chain = new List<long> { start };
        while (chain.Count < 6 && _predecessor.TryGetValue(chain[^1], out var from) && !chain.Contains(from))
            chain.Add(from);
        var trace = new List<RiscVInstruction>();
        for (var i = chain.Count - 1; i > 0; i--)
            trace.AddRange(_blocks[chain[i]]);
        var blockStart = trace.Count;
        trace.AddRange(block);
        if (_tablesOfWhole.TryGetValue(block[^1].Address, out var known) && block.Exists(i => i.Address == known.LoadPc))
            return known;
        // One pass over the function for each register, however many addresses are tried.
        var constants = new Dictionary<int, long[]>();
        var candidates = new HashSet<long>();
        var isAddressOpen = false;
        long? ConstantOf(int register, long? otherwise)
        {
            if (!constants.TryGetValue(register, out var values))
                constants.Add(register, values = ConstantsInFunction(register));
            if (values.Length == 1)
                return values[0];
            isAddressOpen = true;
            candidates.UnionWith(values);
            return otherwise;
        }

        if (JumpTable.Recover(trace, blockStart, register => ConstantOf(register, null), _code, Inside, Addresses) is { } table)
            return table;
        if (!isAddressOpen)
            return null;

        // An interpreter's main loop keeps the table's address in a register that it also spills, so that the register is
        // not constant. Any address that the function computes may be it; data that is no table hardly leads into the function.
        candidates.UnionWith(Addresses.Take(MaxTableAddresses));
        return candidates.ToArray()
            .TakeWhile(_ => (_tableSearch -= trace.Count + Addresses.Count) > 0)
            .Select(address => JumpTable.Recover(trace, blockStart, register => ConstantOf(register, address), _code, Inside, Addresses))
            .MaxBy(t => t?.Targets.Length ?? 0);
    }

    /// <summary>
    /// The constants that auipc/lui (+ addi) sequences put in a register anywhere in the function: whole addresses, and upper halves that stay in
    /// the register, for the lower half of several tables is added elsewhere. Of some number of them the first.
    /// </summary>
    private long[] ConstantsInFunction(int register)
    {
        var found = new HashSet<long>();
        foreach (var list in _blocks.Values)
        {
            for (var i = 0; i < list.Count && found.Count < MaxTableAddresses; i++)
            {
                if (list[i].DestinationX() != register || list[i].Opcode is not (RiscVOpcode.Auipc or RiscVOpcode.Lui or RiscVOpcode.Addi))
                    continue;
                var next = list.FindIndex(i + 1, o => o.DestinationX() == register);
                var isCompleted = next >= 0 && list[next].Opcode == RiscVOpcode.Addi && list[next].Rs1 == register;
                if (!isCompleted && ConstantBefore(list, i + 1, register) is { } value)
                    found.Add(value);
            }
        }

        return [.. found];
    }

    /// <summary>What an auipc, or in programs for fixed addresses a lui, put in the source register of the last instruction of <paramref name="list"/>.</summary>
    private static long? UpperHalf(List<RiscVInstruction> list)
    {
        var register = list[^1].Rs1;
        for (var i = list.Count - 2; i >= 0; i--)
        {
            if (list[i].DestinationX() == register)
                return list[i].Opcode switch
                {
                    RiscVOpcode.Auipc => list[i].Address + list[i].Immediate,
                    RiscVOpcode.Lui => list[i].Immediate,
                    _ => null,
                };
        }

        return null;
    }

    private static long? ConstantBefore(List<RiscVInstruction> list, int index, int register)
    {
        if (register == 0)
            return 0;
        long offset = 0;
        for (var i = index - 1; i >= 0; i--)
        {
            var instruction = list[i];
            if (instruction.Opcode == RiscVOpcode.Cclear)
                return null;
            if (instruction.DestinationX() != register)
                continue;
            switch (instruction.Opcode)
            {
                case RiscVOpcode.Auipc:
                    return instruction.Address + instruction.Immediate + offset;
                case RiscVOpcode.Lui:
                    return instruction.Immediate + offset;
                case RiscVOpcode.Addi:
                    offset += instruction.Immediate;
                    register = instruction.Rs1;
                    if (register == 0)
                        return offset;
                    continue;
                default:
                    return null;
            }
        }

        return null;
    }

    private void Visit(long from, long to, Stack<long> work)
    {
        if (!Inside(to))
        {
            TailTargets.Add(to);
            return;
        }

        AddEdge(from, to);
        work.Push(to);
    }

    private void AddEdge(long from, long to)
    {
        _predecessor.TryAdd(to, from);
        var last = _blocks[from];
        if (last.Count > 0 && to <= last[^1].Address)
            _loopHeaders.Add(to);
    }

    private void Split(long block, long pc)
    {
        var list = _blocks[block];
        var index = _instructions[pc].Index;
        var tail = list.GetRange(index, list.Count - index);
        list.RemoveRange(index, list.Count - index);
        _blocks.Add(pc, tail);
        for (var i = 0; i < tail.Count; i++)
            _instructions[tail[i].Address] = (pc, i);
    }

    // ---- lifting
    private void Lift()
    {
        _isLifted = true;
        foreach (var pc in _blocks.Keys)
            _irBlocks.Add(pc, new IrBlock(pc));
        _function.Blocks.Add(_irBlocks[EntryPc]);
        foreach (var (pc, block) in _irBlocks.OrderBy(b => b.Key))
        {
            if (pc != EntryPc)
                _function.Blocks.Add(block);
        }

        var lifter = new RiscVLifter(_builder, this);
        foreach (var (pc, list) in _blocks)
        {
            _builder.SetBlock(_irBlocks[pc]);
            _builder.Pc = pc;
            LiftBlock(pc, list, lifter);
        }

        // A poll that was found necessary after its block had been lifted goes to the front.
        foreach (var (pc, block) in _irBlocks)
        {
            if (_loopHeaders.Contains(pc) || _polls.Contains(pc))
                block.Instructions.Insert(0, new IrInstruction(IrOp.Poll, IrType.Void) { Pc = pc });
        }
    }

    private void LiftBlock(long start, List<RiscVInstruction> list, RiscVLifter lifter)
    {
        _constants = new long?[32];
        _tableAddress = null;
        _pendingTable = null;
        _ended = false;
        foreach (var instruction in list)
        {
            _builder.Pc = instruction.Address;
            var before = _builder.Block.Instructions.Count;
            CheckFetch(instruction.Length);
            lifter.Visit(instruction);
            if (_tableLoads.TryGetValue(instruction.Address, out var jump))
                RememberTable(before, _tables[jump]);
            TrackConstant(instruction);
            if (_ended || (_builder.Block.Instructions.Count > 0 && IrOpInfo.IsTerminator(_builder.Block.Terminator.Op)))
                return;
        }

        var next = list.Count > 0 ? list[^1].Address + list[^1].Length : start;
        _builder.Pc = next;
        if (_irBlocks.TryGetValue(next, out var following) && list.Count > 0)
            _builder.Jump(following);
        else if (Inside(next) && _instructions.Count < MaxInstructions)
            TrapUndecodable(next);
        else
            Jump(next);
    }

    private void TrapUndecodable(long pc)
    {
        _code.TryDecode(pc, out var undecodable, out var absent);
        CheckFetch(undecodable.Length);
        if (absent == pc)
            _builder.TailCall(pc);
        else if (absent is { } half)
            _builder.Trap(GuestFaultKind.InstructionAccess, half);
        else
            _builder.Trap(GuestFaultKind.IllegalInstruction, pc);
    }

    /// <summary>PCC has to allow every instruction, also one that is not there. Its first two bytes come first where nothing is known.</summary>
    private void CheckFetch(int length)
    {
        if (_function.HasCapabilities)
            _builder.Append(new IrInstruction(IrOp.CapCheckFetch, IrType.Void) { Immediate = Math.Max(length, 2) });
    }

    private void RememberTable(int firstInstruction, JumpTable table)
    {
        var load = _builder.Block.Instructions.FindIndex(firstInstruction, i => i.Op == IrOp.Load);
        if (load < 0)
            return;
        _pendingTable = table;
        _tableAddress = _builder.Block.Instructions[load];
        _tableAddress.IsConstant = _code.IsConstant(table.Base, (long)table.Targets.Length * table.EntrySize);
    }

    private void TrackConstant(in RiscVInstruction i)
    {
        if (i.Opcode == RiscVOpcode.Cclear)
            Array.Clear(_constants);
        var destination = i.DestinationX();
        if (destination <= 0)
            return;
        _constants[destination] = i.Opcode switch
        {
            RiscVOpcode.Lui => i.Immediate,
            RiscVOpcode.Auipc => i.Address + i.Immediate,
            RiscVOpcode.Addi => (i.Rs1 == 0 ? 0 : _constants[i.Rs1]) + i.Immediate,
            _ => null,
        };
    }

    // ---- IControlFlow
    /// <inheritdoc/>
    public long? KnownTarget(in RiscVInstruction jalr)
        => (jalr.Rs1 == 0 ? 0 : _constants[jalr.Rs1]) is { } value ? (value + jalr.Immediate) & ~1L : null;

    /// <inheritdoc/>
    public void Jump(long target)
    {
        if (_irBlocks.TryGetValue(target, out var block))
            _builder.Jump(block);
        else
            _builder.TailCall(target);
    }

    /// <inheritdoc/>
    public void Branch(IrInstruction condition, long taken, long next)
        => _builder.Branch(condition, BlockOrExit(taken), BlockOrExit(next));

    /// <inheritdoc/>
    public void Call(IrInstruction? target, long constant, long returnAddress)
    {
        _builder.Append(new IrInstruction(IrOp.Call, IrType.Void, target) { Immediate = constant, Register = GuestRegister.Ra });
        _builder.Block.Successors.Add(BlockOrExit(returnAddress));
    }

    /// <inheritdoc/>
    public void IndirectJump(in RiscVInstruction jalr, IrInstruction target)
    {
        if (RiscVLifter.IsJumpTo(jalr, GuestRegister.T0))
        {
            ReturnOrJump(jalr.Address, target);
            return;
        }

        if (_pendingTable is not { } table || _tableAddress is not { } load || !_tables.ContainsKey(jalr.Address))
        {
            _builder.Append(new IrInstruction(IrOp.TailCall, IrType.Void, target));
            return;
        }

        var offset = _builder.Binary(IrOp.Sub, load.A!, _builder.Const(table.Base - load.Immediate));
        var index = _builder.Binary(IrOp.ShiftRightU, offset, _builder.Const32(table.EntrySize == 8 ? 3 : 2));
        _builder.Append(new IrInstruction(IrOp.Switch, IrType.Void, index, target));
        foreach (var pc in table.Targets)
            _builder.Block.Successors.Add(_irBlocks[pc]);
    }

    /// <summary>
    /// jr t0: a return (2.5.1, table of return-address prediction hints) of assembly language without a stack frame, which keeps ra there, if ra
    /// still has the same address; the stack of the host then stays as it is.
    /// </summary>
    private void ReturnOrJump(long pc, IrInstruction target)
    {
        var (back, away) = (new IrBlock(pc), new IrBlock(pc));
        _builder.Branch(_builder.Compare(IrOp.Eq, target, _builder.GetX(GuestRegister.Ra)), back, away);
        _builder.SetBlock(back);
        _builder.Append(new IrInstruction(IrOp.Return, IrType.Void, _builder.GetX(GuestRegister.Ra)));
        _builder.SetBlock(away);
        var again = _builder.Binary(IrOp.And, _builder.GetX(GuestRegister.T0), _builder.Const(~1L));
        _builder.Append(new IrInstruction(IrOp.TailCall, IrType.Void, again));
        _function.Blocks.AddRange([back, away]);
    }

    /// <inheritdoc/>
    public void Ecall(long next)
    {
        _builder.Append(new IrInstruction(IrOp.Ecall, IrType.Void) { Immediate = next });
        _builder.Block.Successors.Add(BlockOrExit(next));
    }

    /// <inheritdoc/>
    public void PollAt(long next)
    {
        _polls.Add(next);
        _ended = true;
        Jump(next);
    }

    /// <summary>The block at <paramref name="pc"/>, or a new one that leaves the function for it.</summary>
    private IrBlock BlockOrExit(long pc)
    {
        if (_irBlocks.TryGetValue(pc, out var block))
            return block;
        block = new IrBlock(pc);
        block.Instructions.Add(new IrInstruction(IrOp.TailCall, IrType.Void) { Immediate = pc, Pc = pc });
        _function.Blocks.Add(block);
        return block;
    }
}
