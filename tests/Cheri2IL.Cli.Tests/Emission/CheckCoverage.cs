using Cheri2IL.Runtime;
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
/// <para>An access of a whole vector may also use a pointer that walked from a checked one by constant steps. That such a walk
/// ends inside the window is for the tests of vector loops.</para>
/// </remarks>
internal sealed class CheckCoverage
{
    /// <summary>What is known to be unmapped on both sides of a checked value.</summary>
    private const long Window = (long)GuestLayout.Guard;

    private readonly MethodDefinition _method;
    private readonly Dictionary<Instruction, State> _entering = [];
    private readonly Queue<Instruction> _pending = [];
    private readonly List<string> _uncovered = [];
    private readonly HashSet<Instruction> _accesses = [];

    private readonly HashSet<Instruction> _labels;

    private CheckCoverage(MethodDefinition method)
    {
        _method = method;
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
    }

    /// <summary>Accesses found, and those not covered.</summary>
    public static (int Accesses, IReadOnlyList<string> Uncovered) Run(MethodDefinition method)
    {
        var coverage = new CheckCoverage(method);
        coverage.Solve();
        return (coverage._accesses.Count, coverage._uncovered);
    }

    private void Solve()
    {
        var first = _method.Body.Instructions[0];
        Enter(first, new State(new Dictionary<int, Value>(), [], []));
        while (_pending.TryDequeue(out var block))
            Run(block, report: false);
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
            _pending.Enqueue(label);
            return;
        }

        var changed = false;
        var walking = new HashSet<string>();
        foreach (var slot in current.Locals.Keys.Union(state.Locals.Keys).ToArray())
        {
            var joined = Value.Number($"join {label.Offset:x} {slot}");
            var (a, b) = (current.Get(slot), state.Get(slot));
            if (a == b && a != joined)
                continue;
            if (current.Walked.Contains(a.Name) && state.Walked.Contains(b.Name))
                walking.Add(joined.Name);
            changed |= a != joined;
            current.Locals[slot] = joined;
        }

        walking.UnionWith(current.Walked.Intersect(state.Walked).Where(n => !n.StartsWith($"join {label.Offset:x} ", StringComparison.Ordinal)));
        var before = (current.Checked.Count, current.Walked.Count);
        current.Checked.IntersectWith(state.Checked);
        current.Walked.Clear();
        current.Walked.UnionWith(walking);
        if (changed || before != (current.Checked.Count, current.Walked.Count))
            _pending.Enqueue(label);
    }

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
        for (var i = label; i is not null; i = i.Next)
        {
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
                    nameof(GuestState.MemoryBase) => new Value(Kind.SlotBase, "", 0, null),
                    nameof(GuestState.Limit) or nameof(GuestState.PollLimit) => new Value(Kind.Limit, "", 0, null),
                    nameof(GuestState.Dispatch) => new Value(Kind.Table, "", 0, null),
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
        (Kind.SlotBase, Kind.Number) => new Value(Kind.Host, b.Name, 0, null),
        (Kind.Host, Kind.Number) when b.Constant is { } displacement => a with { Displacement = a.Displacement + displacement },
        (Kind.Table, Kind.Number) => a,
        (Kind.Number, Kind.Number) => Value.Number($"{i.Offset:x}"),
        _ => throw new InvalidOperationException($"{i}: {a.Kind} + {b.Kind}"),
    };

    private void Access(Instruction i, Value address, State state, bool report)
    {
        const int Widest = 32;
        if (address.Kind == Kind.Table && i.OpCode.Code == Code.Ldind_I)
            return;
        _accesses.Add(i);
        var isKnown = state.Checked.Contains(address.Name) || (IsVectorAccess(i) && state.Walked.Contains(address.Name));
        var isCovered = address.Kind == Kind.Host && isKnown && address.Displacement is >= -Window and <= Window - Widest;
        if (report && !isCovered)
            _uncovered.Add($"{_method.Name}: {i}: {address} was not checked");
    }

    private static bool IsVectorAccess(Instruction i)
        => i.Operand is MethodReference method && method.Parameters.Select(p => p.ParameterType).Append(method.ReturnType).Any(t => t.Name.StartsWith("Vector", StringComparison.Ordinal));

    /// <summary>An address of the host may only be accessed: it must not become a number that the guest can see, nor any other address.</summary>
    private void Escape(Instruction i, Value value, bool report)
    {
        if (report && (value.Kind is Kind.Host or Kind.SlotBase))
            _uncovered.Add($"{_method.Name}: {i}: {value} is used for something else than an access");
    }

    private sealed record State(Dictionary<int, Value> Locals, HashSet<string> Checked, HashSet<string> Walked)
    {
        public Value Get(int slot) => Locals.TryGetValue(slot, out var value) ? value : Value.Number($"initial {slot}");

        public State Copy() => new(new Dictionary<int, Value>(Locals), [.. Checked], [.. Walked]);
    }

    private readonly record struct Value(Kind Kind, string Name, long Displacement, long? Constant)
    {
        public static Value Number(string name) => new(Kind.Number, name, 0, null);

        public static Value Of(long constant) => new(Kind.Number, $"constant {constant}", 0, constant);
    }
}
