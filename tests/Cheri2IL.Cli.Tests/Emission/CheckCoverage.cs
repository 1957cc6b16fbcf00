using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Mono.Cecil;
using Mono.Cecil.Cil;
using Xunit;

namespace Cheri2IL.Cli.Tests.Emission;

/// <summary>
/// Follows values through the IL of a method and finds accesses to guest memory that no canonical check (value, limit, bgt.un)
/// of their own address precedes on every path. For code translated with all checks.
/// </summary>
/// <remarks>
/// <para>A forward data flow that knows nothing of the translator but the shape of an address: slot base + value + displacement.
/// Values are named after where they are made, and after the join where different ones meet; a name's fact holds where it holds
/// on all paths, and no path reaches a name's origin for the first time with a fact about it, so names need not be renewed in loops.</para>
/// <para>In code with capabilities every access also needs the check of its authority, and every data store has to look at the tags of what it
/// wrote (CheckCoverage.Capabilities.cs).</para>
/// <para>An access of a whole vector may also use a pointer that walked from a checked one by constant steps. That such a walk
/// ends inside the window is for the tests of vector loops.</para>
/// </remarks>
internal sealed partial class CheckCoverage
{
    /// <summary>What is known to be unmapped on both sides of a checked value.</summary>
    private const long Window = (long)GuestLayout.Guard;

    private readonly MethodDefinition _method;
    private readonly Dictionary<Instruction, State> _entering = [];

    /// <summary>By offset: what comes first is run first, so that what is behind it mostly runs once for all that leads there.</summary>
    private readonly SortedDictionary<int, Instruction> _pending = [];
    private readonly List<string> _uncovered = [];
    private readonly HashSet<Instruction> _accesses = [];

    private readonly HashSet<Instruction> _labels;
    private readonly bool _hasCapabilities;

    private CheckCoverage(MethodDefinition method, bool hasCapabilities)
    {
        _method = method;
        _hasCapabilities = hasCapabilities;
        _labels = [.. method.Body.Instructions.SelectMany(Targets)];
    }

    private enum Kind
    {
        /// <summary>Any number.</summary>
        Number,

        /// <summary>Host address of the slot.</summary>
        SlotBase,

        /// <summary>Largest address of the slot, or 0 while somebody wants the thread out.</summary>
        Limit,

        /// <summary>Address in the slot: base + value + displacement.</summary>
        Host,

        /// <summary>The dispatch table, or something in it.</summary>
        Table,

        /// <summary>Address of a field of the state block.</summary>
        State,

        /// <summary>Address of a local, whose number is in Offset.</summary>
        Local,

        /// <summary>Base of a window of the metadata that Name stands for.</summary>
        WindowBase,

        /// <summary>Number of addresses in that window at which accesses of Size bytes with the permissions Needed are allowed.</summary>
        WindowCount,

        /// <summary>Distance of an address from the base of the window of Name.</summary>
        Distance,

        /// <summary>What a method of <see cref="CapabilityChecks"/> found: 0 allows the access of Size bytes with Needed.</summary>
        Violation,

        /// <summary>The table of memory's tags.</summary>
        Tags,

        /// <summary>A granule's number in it.</summary>
        Granule,

        /// <summary>Host address of a granule's tag.</summary>
        Tag,
    }

    /// <summary>Accesses found, and those not covered.</summary>
    public static (int Accesses, IReadOnlyList<string> Uncovered) Run(MethodDefinition method, bool hasCapabilities = false)
    {
        var coverage = new CheckCoverage(method, hasCapabilities);
        coverage.Solve();
        return (coverage._accesses.Count, coverage._uncovered);
    }

    private void Solve()
    {
        var first = _method.Body.Instructions[0];
        Enter(first, new State(new Dictionary<int, Value>(), [], [], []));
        while (_pending.Count > 0)
        {
            var (offset, block) = _pending.First();
            _pending.Remove(offset);
            Run(block, report: false);
        }

        // Only the fixed point holds on every path.
        foreach (var block in _entering.Keys.OrderBy(i => i.Offset).ToArray())
            Run(block, report: true);
    }

    /// <summary>Joins a state into the one at a label.</summary>
    private void Enter(Instruction label, State state)
    {
        if (!_entering.TryGetValue(label, out var current))
        {
            _entering.Add(label, state.Copy());
            _pending[label.Offset] = label;
            return;
        }

        // Locals that hold the same on both sides hold the same behind them: the parts of a window stay together.
        var names = new Dictionary<(string, string), string>();
        var renamed = new List<(Value Here, Value There, Value Joined)>();
        var changed = false;
        foreach (var slot in current.Locals.Keys.Union(state.Locals.Keys).Order().ToArray())
        {
            var (a, b) = (current.Get(slot), state.Get(slot));
            if (a == b && !IsOf(label, a.Name))
                continue;
            if (!names.TryGetValue((a.Name, b.Name), out var name))
                names.Add((a.Name, b.Name), name = $"join {label.Offset:x} {slot}");
            var joined = Value.Join(a, b, name);
            renamed.Add((a, b, joined));
            changed |= a != joined;
            current.Locals[slot] = joined;
        }

        // What was known of a name of this label is known of its new value only if that was found out on the way here.
        bool IsNew(string name) => IsOf(label, name);
        changed |= JoinNames(current.Checked, state.Checked) | JoinNames(current.Walked, state.Walked);
        changed |= current.JoinAuthority(state, renamed, IsNew);
        if (changed)
            _pending[label.Offset] = label;

        bool JoinNames(HashSet<string> here, HashSet<string> there)
        {
            string[] kept =
            [
                .. here.Where(n => there.Contains(n) && !IsNew(n)),
                .. renamed.Where(r => here.Contains(r.Here.Name) && there.Contains(r.There.Name)).Select(r => r.Joined.Name),
            ];
            if (here.SetEquals(kept))
                return false;
            here.Clear();
            here.UnionWith(kept);
            return true;
        }
    }

    private static bool IsOf(Instruction label, string name) => name.StartsWith($"join {label.Offset:x} ", StringComparison.Ordinal);

    private static Instruction[] Targets(Instruction i) => i.Operand switch
    {
        Instruction target => [target],
        Instruction[] targets => targets,
        _ => [],
    };

    /// <summary>Runs from a label to the next one or to the end of control.</summary>
    private void Run(Instruction label, bool report)
    {
        var state = _entering[label].Copy();
        var stack = new Stack<Value>();
        _unswept.Clear();
        for (var i = label; i is not null; i = i.Next)
        {
            if (_labels.Contains(i) || i.OpCode.FlowControl is not (FlowControl.Next or FlowControl.Meta or FlowControl.Call) || i.OpCode.Code == Code.Calli || i.Operand is MethodDefinition)
                ReportUnswept(i, report);
            if (i != label && _labels.Contains(i))
            {
                Assert.Empty(stack);
                Enter(i, state);
                return;
            }

            if (!Step(i, state, stack, report))
                return;
        }
    }

    /// <summary>One instruction. False where control does not go on behind it.</summary>
    private bool Step(Instruction i, State state, Stack<Value> stack, bool report)
    {
        if (_hasCapabilities && StepCapability(i, state, stack, report) is { } goesOn)
            return goesOn;
        switch (i.OpCode.Code)
        {
            case Code.Ldarg_0 or Code.Ldarg_1 or Code.Ldarg_2 or Code.Ldarg_3:
                stack.Push(state.Get(-1 - (i.OpCode.Code - Code.Ldarg_0)));
                return true;
            case Code.Ldarg_S or Code.Ldarg:
                stack.Push(state.Get(-1 - ((ParameterDefinition)i.Operand).Index));
                return true;
            case Code.Starg_S or Code.Starg:
                state.Locals[-1 - ((ParameterDefinition)i.Operand).Index] = stack.Pop();
                return true;
            case Code.Ldloc_0 or Code.Ldloc_1 or Code.Ldloc_2 or Code.Ldloc_3:
                stack.Push(state.Get(i.OpCode.Code - Code.Ldloc_0));
                return true;
            case Code.Ldloc_S or Code.Ldloc:
                stack.Push(state.Get(((VariableDefinition)i.Operand).Index));
                return true;
            case Code.Stloc_0 or Code.Stloc_1 or Code.Stloc_2 or Code.Stloc_3:
                state.Locals[i.OpCode.Code - Code.Stloc_0] = stack.Pop();
                return true;
            case Code.Stloc_S or Code.Stloc:
                state.Locals[((VariableDefinition)i.Operand).Index] = stack.Pop();
                return true;
            case >= Code.Ldc_I4_M1 and <= Code.Ldc_I4_8:
                stack.Push(Value.Of(i.OpCode.Code - Code.Ldc_I4_0));
                return true;
            case Code.Ldc_I4_S:
                stack.Push(Value.Of((sbyte)i.Operand));
                return true;
            case Code.Ldc_I4:
                stack.Push(Value.Of((int)i.Operand));
                return true;
            case Code.Ldc_I8:
                stack.Push(Value.Of((long)i.Operand));
                return true;
            case Code.Conv_I or Code.Conv_I8 when stack.Peek() is { Constant: not null } or { Kind: not Kind.Number }:
            case Code.Conv_I:
                return true;
            case Code.Dup:
                stack.Push(stack.Peek());
                return true;
            case Code.Volatile or Code.Tail or Code.Nop or Code.Unaligned:
                return true;
            case Code.Add:
                var (right, left) = (stack.Pop(), stack.Pop());
                stack.Push(Sum(i, left, right));
                if (right.Constant is not null && state.Walked.Contains(left.Name))
                    state.Walked.Add(stack.Peek().Name);
                return true;
            case Code.Bgt_Un or Code.Bgt_Un_S:
                var (limit, value) = (stack.Pop(), stack.Pop());
                Enter((Instruction)i.Operand, state);
                if (limit.Kind == Kind.Limit)
                {
                    state.Checked.Add(value.Name);
                    state.Walked.Add(value.Name);
                }

                return true;
            case Code.Ldfld:
                stack.Pop();
                stack.Push(((FieldReference)i.Operand).Name switch
                {
                    nameof(GuestState.MemoryBase) => new Value(Kind.SlotBase, "", 0, null, "", 0),
                    nameof(GuestState.Limit) or nameof(GuestState.PollLimit) => new Value(Kind.Limit, "", 0, null, "", 0),
                    nameof(GuestState.Dispatch) => new Value(Kind.Table, "", 0, null, "", 0),
                    _ => Value.Number($"{i.Offset:x}"),
                });
                return true;
            case >= Code.Ldind_I1 and <= Code.Ldind_R8:
                var from = stack.Pop();
                Access(i, from, state, report);
                stack.Push(from.Kind == Kind.Table ? from : Value.Number($"{i.Offset:x}"));
                return true;
            case >= Code.Stind_I1 and <= Code.Stind_R8:
                Escape(i, stack.Pop(), report);
                Access(i, stack.Pop(), state, report);
                return true;
            default:
                return Other(i, state, stack, report);
        }
    }

    /// <summary>Everything that makes a value of its own, or ends a run.</summary>
    private bool Other(Instruction i, State state, Stack<Value> stack, bool report)
    {
        var isAccess = i.Operand is MethodReference { DeclaringType.Name: nameof(Atomics) } || IsVectorAccess(i);
        var (pops, pushes) = StackEffect.Of(i, _method);
        for (var k = 0; k < pops; k++)
        {
            var operand = stack.Pop();
            if (isAccess && operand.Kind == Kind.Host)
                Access(i, operand, state, report);
            else
                Escape(i, operand, report);
        }

        for (var k = 0; k < pushes; k++)
            stack.Push(Value.Number($"{i.Offset:x}"));
        foreach (var target in Targets(i))
            Enter(target, state);
        return i.OpCode.FlowControl is not (FlowControl.Branch or FlowControl.Return or FlowControl.Throw);
    }

    private static Value Sum(Instruction i, Value a, Value b) => (a.Kind, b.Kind) switch
    {
        (Kind.SlotBase, Kind.Number) => b with { Kind = Kind.Host, Constant = null },
        (Kind.Host, Kind.Number) when b.Constant is { } displacement => a with { Displacement = a.Displacement + displacement },
        (Kind.Table or Kind.State, Kind.Number) => a,
        (Kind.Tags, Kind.Granule) => b with { Kind = Kind.Tag },
        (Kind.Number, Kind.Number) when b.Constant is { } distance => Value.Number($"{i.Offset:x}") with { Root = a.Root, Offset = a.Offset + distance },
        (Kind.Number, Kind.Number) => Value.Number($"{i.Offset:x}"),
        _ => throw new InvalidOperationException($"{i}: {a.Kind} + {b.Kind}"),
    };

    private void Access(Instruction i, Value address, State state, bool report)
    {
        const int Widest = 32;
        if ((address.Kind == Kind.Table && i.OpCode.Code == Code.Ldind_I) || (_hasCapabilities && AccessOutside(i, address, state, report)))
            return;
        _accesses.Add(i);
        var isKnown = state.Checked.Contains(address.Name) || (IsVectorAccess(i) && state.Walked.Contains(address.Name));
        var isCovered = address.Kind == Kind.Host && isKnown && address.Displacement is >= -Window and <= Window - Widest;
        if (report && !isCovered)
            _uncovered.Add($"{_method.Name}: {i}: {address} was not checked");
        if (_hasCapabilities)
            AccessUnderCapability(i, address, state, report);
    }

    private static bool IsVectorAccess(Instruction i)
        => i.Operand is MethodReference method && method.Parameters.Select(p => p.ParameterType).Append(method.ReturnType).Any(t => t.Name.StartsWith("Vector", StringComparison.Ordinal));

    /// <summary>An address of the host may only be accessed: it must not become a number that the guest can see, nor any other address.</summary>
    private void Escape(Instruction i, Value value, bool report)
    {
        if (report && (value.Kind is Kind.Host or Kind.SlotBase))
            _uncovered.Add($"{_method.Name}: {i}: {value} is used for something else than an access");
    }

    /// <summary>What is known where control is.</summary>
    /// <param name="Locals">Values of locals, and of arguments at -1 - index.</param>
    /// <param name="Checked">Names of values that were compared with the slot's limit.</param>
    /// <param name="Walked">Names of values that walked from those.</param>
    /// <param name="Authorised">Accesses that a capability allows.</param>
    private sealed record State(Dictionary<int, Value> Locals, HashSet<string> Checked, HashSet<string> Walked, Dictionary<Place, CapabilityPermissions> Authorised)
    {
        public Value Get(int slot) => Locals.TryGetValue(slot, out var value) ? value : Value.Number($"initial {slot}");

        public State Copy() => new(new Dictionary<int, Value>(Locals), [.. Checked], [.. Walked], new(Authorised));

        /// <summary>Keeps what is allowed on both paths; whether that is less.</summary>
        /// <param name="other">The other path.</param>
        /// <param name="renamed">Values of this path and the other one, and what they are together.</param>
        /// <param name="isNew">Whether a name is one of those.</param>
        public bool JoinAuthority(State other, List<(Value Here, Value There, Value Joined)> renamed, Func<string, bool> isNew)
        {
            var kept = new Dictionary<Place, CapabilityPermissions>();
            foreach (var (place, needed) in Authorised)
            {
                if (!isNew(place.Root) && other.Authorised.TryGetValue(place, out var others))
                    kept[place] = needed & others;
                foreach (var (here, there, joined) in renamed.Where(r => r.Here.Root == place.Root))
                {
                    if (other.Authorised.TryGetValue(place.Moved(here, there), out others))
                        kept[place.Moved(here, joined)] = needed & others;
                }
            }

            var changed = kept.Count != Authorised.Count || kept.Any(k => !Authorised.TryGetValue(k.Key, out var needed) || needed != k.Value);
            Authorised.Clear();
            foreach (var (place, needed) in kept)
                Authorised.Add(place, needed);
            return changed;
        }
    }

    /// <summary>A value on the stack or in a local.</summary>
    /// <param name="Kind">What it is.</param>
    /// <param name="Name">Its name.</param>
    /// <param name="Displacement">Of an address in the slot: what was added to the value.</param>
    /// <param name="Constant">Its number, if that is known.</param>
    /// <param name="Root">Name of what it was computed from by adding <paramref name="Offset"/>.</param>
    /// <param name="Offset">Distance from that.</param>
    private readonly record struct Value(Kind Kind, string Name, long Displacement, long? Constant, string Root, long Offset)
    {
        public CapabilityPermissions Needed { get; init; }

        public int Size { get; init; }

        public static Value Number(string name) => new(Kind.Number, name, 0, null, name, 0);

        public static Value Of(long constant) => new(Kind.Number, $"constant {constant}", 0, constant, "constant", constant);

        public static Value Join(Value a, Value b, string name) => (a.Kind, b.Kind) switch
        {
            // A window that allows nothing goes with any base.
            (Kind.WindowCount, Kind.Number) when b.Constant == 0 => a,
            (Kind.Number, Kind.WindowCount) when a.Constant == 0 => b,
            (Kind.WindowBase, Kind.WindowBase) => a with { Name = name },
            (Kind.WindowCount, Kind.WindowCount) when a.Size == b.Size => a with { Name = name, Needed = a.Needed & b.Needed },
            _ => Number(name),
        };
    }
}
