using System.Reflection;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace Cheri2IL.Cli.Tests.Emission;

/// <content>
/// Capabilities. An access is authorised where its very address was compared with a window that was decoded for accesses as long as this one, with
/// the permissions that it needs (address - base, count, bge.un, both of windows of the same metadata), or where a method of
/// <see cref="CapabilityChecks"/> found nothing wrong with it. A data store has to look at the tag of the granule behind it. All of that is read
/// from the IL; nothing says which register the guest meant, nor that an address kept its bounds, which are for the execution traces.
/// </content>
internal sealed partial class CheckCoverage
{
    private const int GranuleShift = 4;

    /// <summary>Data stores since the last label that have not looked at the tags of what they wrote.</summary>
    private readonly HashSet<Place> _unswept = [];

    /// <summary>Bytes from the place that is Offset behind what Root names.</summary>
    private readonly record struct Place(string Root, long Offset, int Size)
    {
        public bool Contains(Place other) => Root == other.Root && Offset <= other.Offset && other.Offset + other.Size <= Offset + Size;

        /// <summary>The same distance from another value.</summary>
        public Place Moved(Value from, Value to) => new(to.Root, Offset - from.Offset + to.Offset, Size);
    }

    /// <summary>What only code with capabilities has. Null: it is not that.</summary>
    private bool? StepCapability(Instruction i, State state, Stack<Value> stack, bool report)
    {
        switch (i.OpCode.Code)
        {
            case Code.Ldflda:
                stack.Pop();
                stack.Push(new Value(Kind.State, "", 0, null, "", 0));
                return true;
            case Code.Ldfld when ((FieldReference)i.Operand).Name == nameof(CapabilityState.MemoryTags):
                stack.Pop();
                stack.Push(new Value(Kind.Tags, "", 0, null, "", 0));
                return true;
            case Code.Ldloca or Code.Ldloca_S:
                stack.Push(new Value(Kind.Local, "", 0, null, "", ((VariableDefinition)i.Operand).Index));
                return true;
            case Code.Shr when stack.Peek().Constant == GranuleShift:
                stack.Pop();
                stack.Push(stack.Pop() with { Kind = Kind.Granule, Constant = null });
                return true;
            case Code.Sub when stack.Peek().Kind == Kind.WindowBase:
                var window = stack.Pop();
                stack.Push(stack.Pop() with { Kind = Kind.Distance, Name = window.Name, Constant = null });
                return true;
            case Code.Bge_Un or Code.Bge_Un_S when stack.Peek() is { Kind: Kind.WindowCount } or { Constant: 0 }:
                var (count, distance) = (stack.Pop(), stack.Pop());
                Enter((Instruction)i.Operand, state);
                if (count.Constant == 0)
                    return false;
                if (distance.Kind == Kind.Distance && distance.Name == count.Name)
                    state.Authorised[new Place(distance.Root, distance.Offset, count.Size)] = count.Needed;
                return true;
            case Code.Brtrue or Code.Brtrue_S or Code.Brfalse or Code.Brfalse_S when stack.Peek().Kind == Kind.Violation:
                StepViolation(i, state, stack.Pop());
                return true;
            case Code.Call when i.Operand is MethodReference method:
                return StepCall(i, method, state, stack, report);
            default:
                return null;
        }
    }

    private void StepViolation(Instruction i, State state, Value found)
    {
        var allowed = state.Copy();
        allowed.Authorised[new Place(found.Root, found.Offset, found.Size)] = found.Needed;
        var isWhereAllowed = i.OpCode.Code is Code.Brfalse or Code.Brfalse_S;
        Enter((Instruction)i.Operand, isWhereAllowed ? allowed : state);
        if (!isWhereAllowed)
            state.Authorised[new Place(found.Root, found.Offset, found.Size)] = found.Needed;
    }

    private bool? StepCall(Instruction i, MethodReference method, State state, Stack<Value> stack, bool report)
    {
        var arguments = stack.Take(method.Parameters.Count + (method.HasThis ? 1 : 0)).Reverse().ToArray();
        Value result;
        switch (method.DeclaringType.Name, method.Name)
        {
            case (nameof(AccessWindow), nameof(AccessWindow.OfAddresses) or nameof(AccessWindow.Decode)):
                result = Value.Number(arguments[0].Name);
                break;
            case (nameof(AccessWindow), "get_Base"):
                result = new Value(Kind.WindowBase, state.Get((int)arguments[0].Offset).Name, 0, null, "", 0);
                break;
            case (nameof(AccessWindow), "get_Count" or nameof(AccessWindow.CountOfDerivation)):
                result = new Value(Kind.WindowCount, state.Get((int)arguments[0].Offset).Name, 0, null, "", 0);
                break;
            case (nameof(AccessWindow), nameof(AccessWindow.Narrow)) when arguments is [{ Kind: Kind.WindowCount } count, _, { Constant: { } needed }, { Constant: { } size }]:
                result = count with { Needed = (CapabilityPermissions)needed, Size = (int)size };
                break;
            case (nameof(CapabilityChecks), nameof(CapabilityChecks.Access)):
                result = Violation(arguments[1], arguments[2], arguments[3]);
                break;
            case (nameof(CapabilityChecks), nameof(CapabilityChecks.Store)):
                result = Violation(arguments[1], arguments[2], arguments[3]);
                break;
            case (nameof(Capability), ".ctor"):
                state.Locals[(int)arguments[0].Offset] = Value.Number($"{i.Offset:x}");
                return null;
            case (nameof(CapabilityMemory), _):
                AccessByCall(i, method.Name, arguments[1], state, report);
                return null;
            default:
                return null;
        }

        for (var k = 0; k < arguments.Length; k++)
            stack.Pop();
        stack.Push(result);
        return true;
    }

    private static Value Violation(Value address, Value needed, Value size)
        => new(Kind.Violation, "", 0, null, address.Root, address.Offset) { Needed = (CapabilityPermissions)needed.Constant!.Value, Size = (int)size.Constant!.Value };

    /// <summary>Memory of the state block, or tags. False: it is the guest's.</summary>
    private bool AccessOutside(Instruction i, Value address, State state, bool report)
    {
        if (address.Kind == Kind.State)
            return true;
        if (address.Kind != Kind.Tag)
            return false;
        if (report && !state.Authorised.Keys.Any(a => a.Contains(new Place(address.Root, address.Offset, 1))))
            _uncovered.Add($"{_method.Name}: {i}: the tag of {address.Root} + {address.Offset} is none of an access that was authorised");

        // What was stored lies in this granule and the one behind it.
        _unswept.RemoveWhere(store => store.Root == address.Root && store.Offset >= address.Offset && store.Offset < address.Offset + CapabilityState.Granule);
        return true;
    }

    private void AccessUnderCapability(Instruction i, Value address, State state, bool report)
    {
        var name = (i.Operand as MethodReference)?.Name;
        var isLoad = name is null ? i.OpCode.Code is >= Code.Ldind_I1 and <= Code.Ldind_R8 : name.StartsWith("LoadReserved", StringComparison.Ordinal);
        var isConditional = name is not null && name.StartsWith("StoreConditional", StringComparison.Ordinal);
        var needed = isLoad ? CapabilityPermissions.Load : CapabilityPermissions.Store;
        if (name is not null && !isLoad && !isConditional)
            needed |= CapabilityPermissions.Load;
        var place = new Place(address.Root, address.Offset + address.Displacement, SizeOf(i, name));
        Demand(i, place, needed, state, report);
        if (name is null && i.Previous?.OpCode.Code != Code.Volatile && report)
            _uncovered.Add($"{_method.Name}: {i}: accesses guest memory without volatile.");

        // A store-conditional looks at no tags where it did not store.
        if (!isLoad && !isConditional)
            _unswept.Add(place);
    }

    private void AccessByCall(Instruction i, string name, Value address, State state, bool report)
    {
        _accesses.Add(i);
        var needed = name switch
        {
            nameof(CapabilityMemory.Load) or nameof(CapabilityMemory.LoadReserved) => CapabilityPermissions.Load,
            nameof(CapabilityMemory.LoadTags) => CapabilityPermissions.Load | CapabilityPermissions.LoadCapability,
            nameof(CapabilityMemory.Swap) => CapabilityPermissions.Load | CapabilityPermissions.Store,
            _ => CapabilityPermissions.Store,
        };
        Demand(i, new Place(address.Root, address.Offset, name == nameof(CapabilityMemory.LoadTags) ? 4 * CapabilityState.Granule : CapabilityState.Granule), needed, state, report);
    }

    private void Demand(Instruction i, Place place, CapabilityPermissions needed, State state, bool report)
    {
        if (report && !state.Authorised.Any(a => a.Key.Contains(place) && (needed & ~a.Value) == 0))
            _uncovered.Add($"{_method.Name}: {i}: {needed} of {place.Size} bytes at {place.Root} + {place.Offset} is not authorised");
    }

    private static int SizeOf(Instruction i, string? atomic) => i.OpCode.Code switch
    {
        Code.Ldind_I1 or Code.Ldind_U1 or Code.Stind_I1 => sizeof(byte),
        Code.Ldind_I2 or Code.Ldind_U2 or Code.Stind_I2 => sizeof(short),
        Code.Ldind_I4 or Code.Ldind_U4 or Code.Ldind_R4 or Code.Stind_I4 or Code.Stind_R4 => sizeof(int),
        Code.Call when atomic!.EndsWith("32", StringComparison.Ordinal) => sizeof(int),
        Code.Call when atomic!.EndsWith("Narrow", StringComparison.Ordinal) => sizeof(byte),
        _ => sizeof(long),
    };

    /// <summary>Before control goes elsewhere, a store has looked at its tags: then no path passes that by.</summary>
    private void ReportUnswept(Instruction i, bool report)
    {
        if (report)
            _uncovered.AddRange(_unswept.Select(s => $"{_method.Name}: {i}: the store at {s.Root} + {s.Offset} has not looked at the tags of what it wrote"));
        _unswept.Clear();
    }
}
