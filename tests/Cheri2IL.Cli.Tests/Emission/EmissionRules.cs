using System.Buffers.Binary;
using System.Numerics;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace Cheri2IL.Cli.Tests.Emission;

/// <summary>What a translated method may consist of, read from the finished assembly without the translator's help.</summary>
internal static class EmissionRules
{
    /// <summary>Every instruction, by its name without the forms that differ in the operand's size.</summary>
    private static readonly HashSet<string> Instructions =
    [
        "nop", "ldarg", "starg", "ldloc", "stloc", "ldloca", "ldc.i4", "ldc.i8", "ldc.r4", "ldc.r8", "dup", "pop",
        "add", "sub", "mul", "div", "div.un", "rem", "rem.un", "and", "or", "xor", "not", "neg", "shl", "shr", "shr.un",
        "ceq", "cgt", "cgt.un", "clt", "clt.un",
        "conv.i", "conv.i1", "conv.i2", "conv.i4", "conv.i8", "conv.u", "conv.u1", "conv.u2", "conv.u4", "conv.u8", "conv.r4", "conv.r8",
        "br", "brtrue", "brfalse", "beq", "bne.un", "blt", "blt.un", "ble", "ble.un", "bgt", "bgt.un", "bge", "bge.un", "switch",
        "volatile.", "ldind.i", "ldind.i1", "ldind.u1", "ldind.i2", "ldind.u2", "ldind.i4", "ldind.u4", "ldind.i8", "ldind.r4", "ldind.r8",
        "stind.i1", "stind.i2", "stind.i4", "stind.i8", "stind.r4", "stind.r8",
        "ldfld", "stfld", "call", "calli", "tail.", "ret", "throw",
    ];

    /// <summary>Classes of the runtime whose public static methods may be called: besides those named, the ones that are called operations.</summary>
    private static readonly Type[] RuntimeClasses =
    [
        typeof(GuestRuntime), typeof(GuestReturn), typeof(FloatStatus), typeof(Atomics),
        .. typeof(GuestRuntime).Assembly.GetExportedTypes().Where(t => t is { IsAbstract: true, IsSealed: true } && t.Name.EndsWith("Ops", StringComparison.Ordinal)),
    ];

    /// <summary>Methods of the base library.</summary>
    private static readonly HashSet<string> LibraryMethods =
    [
        .. Named(typeof(Math), nameof(Math.FusedMultiplyAdd), nameof(Math.Sqrt), nameof(Math.Abs), nameof(Math.Min), nameof(Math.Max)),
        .. Named(typeof(MathF), nameof(MathF.FusedMultiplyAdd), nameof(MathF.Sqrt), nameof(MathF.Abs)),
        .. Named(typeof(BitConverter), nameof(BitConverter.DoubleToInt64Bits), nameof(BitConverter.Int64BitsToDouble)),
        .. Named(
            typeof(BitOperations),
            nameof(BitOperations.LeadingZeroCount), nameof(BitOperations.TrailingZeroCount), nameof(BitOperations.PopCount), nameof(BitOperations.RotateLeft), nameof(BitOperations.RotateRight)),
        .. Named(typeof(BinaryPrimitives), nameof(BinaryPrimitives.ReverseEndianness)),
        .. Named(typeof(Interlocked), nameof(Interlocked.MemoryBarrier)),
    ];

    /// <summary>Fields of the state block that are written besides the registers.</summary>
    private static readonly HashSet<string> WrittenFields = [nameof(GuestState.Pc), nameof(GuestState.PartEntry), nameof(GuestState.PartSp), nameof(GuestState.Scratch)];

    /// <summary>Types of the runtime that only code with capabilities may name, all of their public members but those that are written.</summary>
    private static readonly HashSet<string> CapabilityTypes =
        [.. ((Type[])[typeof(Capability), typeof(AccessWindow), typeof(CapabilityState), typeof(CapabilityMemory), typeof(CapabilityChecks), typeof(CodeWindow)]).Select(t => t.FullName!)];

    /// <summary>What is wrong with a method of a program without capabilities; empty if nothing is.</summary>
    public static IEnumerable<string> Violations(MethodDefinition method) => Violations(method, Violation);

    /// <summary>What is wrong with a method of a program with capabilities.</summary>
    public static IEnumerable<string> ViolationsWithCapabilities(MethodDefinition method) => Violations(method, ViolationWithCapabilities);

    private static IEnumerable<string> Violations(MethodDefinition method, Func<MethodDefinition, Instruction, string?> find)
    {
        if (method.Body.HasExceptionHandlers)
            yield return $"{method.Name} has exception handlers";
        foreach (var i in method.Body.Instructions)
        {
            if (find(method, i) is { } violation)
                yield return $"{method.Name}: {i}: {violation}";
        }
    }

    private static string? Violation(MethodDefinition method, Instruction i)
    {
        if (!Instructions.Contains(Name(i.OpCode)))
            return "is not on the list of instructions";
        return i.OpCode.Code switch
        {
            Code.Ldfld => IsStateOrResult((FieldReference)i.Operand) ? null : "reads a field that is neither the state block's nor a result's",
            Code.Stfld => IsWritten((FieldReference)i.Operand) ? null : "writes a field that translated code has no business with",
            Code.Call => i.Operand is MethodDefinition || IsRuntimeMember((MethodReference)i.Operand) ? null : "calls a method that is not on the list",
            Code.Calli => IsDispatch(method, i) ? null : "is not a call of what the dispatch table, Resolve or Reenter gave",
            Code.Tail => IsTailCall(method, i) ? null : "is not followed by a call of the method's own signature and ret",
            >= Code.Ldind_I1 and <= Code.Ldind_R8 when i.OpCode.Code != Code.Ldind_I => i.Previous?.OpCode.Code == Code.Volatile ? null : "reads guest memory without volatile.",
            >= Code.Stind_Ref and <= Code.Stind_R8 => i.Previous?.OpCode.Code == Code.Volatile ? null : "writes guest memory without volatile.",
            Code.Ldloca or Code.Ldloca_S => i.Next?.OpCode.Code == Code.Conv_U8 ? null : "takes an address for something else than the check of the host's stack",
            _ => null,
        };
    }

    /// <summary>
    /// What code with capabilities has besides. Which of its accesses are guest memory's, and volatile therefore, is for
    /// <see cref="CheckCoverage"/>, which knows addresses apart.
    /// </summary>
    private static string? ViolationWithCapabilities(MethodDefinition method, Instruction i) => i.OpCode.Code switch
    {
        Code.Ldflda when i.Operand is FieldReference { Name: nameof(GuestState.Capabilities) } or FieldReference { Name: nameof(CapabilityState.Metadata) or nameof(CapabilityState.Tags) or nameof(CapabilityState.IntegerCode) or nameof(CapabilityState.CapabilityCode) } => null,
        Code.Ldfld when CapabilityTypes.Contains(((FieldReference)i.Operand).DeclaringType.FullName) => null,
        Code.Stfld when i.Operand is FieldReference { Name: nameof(CapabilityState.DdcAddress) } => null,
        Code.Call when i.Operand is MethodReference member && CapabilityTypes.Contains(member.DeclaringType.FullName) => null,
        Code.Ldloca or Code.Ldloca_S when CapabilityTypes.Contains(((VariableDefinition)i.Operand).VariableType.FullName) => null,
        >= Code.Ldind_I1 and <= Code.Ldind_R8 or >= Code.Stind_Ref and <= Code.Stind_R8 => Instructions.Contains(Name(i.OpCode)) ? null : "is not on the list of instructions",
        _ => Violation(method, i),
    };

    /// <summary>The name without ".s" and without the number of ldarg.0, ldc.i4.m1 and so on.</summary>
    private static string Name(OpCode code)
    {
        var name = code.Name;
        if (name.EndsWith(".s", StringComparison.Ordinal))
            name = name[..^2];
        foreach (var family in (ReadOnlySpan<string>)["ldarg", "ldloc", "stloc", "ldc.i4"])
        {
            if (name.StartsWith(family + ".", StringComparison.Ordinal))
                return family;
        }

        return name;
    }

    private static bool IsStateOrResult(FieldReference field) => field.DeclaringType.FullName == typeof(GuestState).FullName || field.DeclaringType.FullName == typeof(GuestReturn).FullName;

    private static bool IsWritten(FieldReference field)
        => field.DeclaringType.FullName == typeof(GuestState).FullName
            && (WrittenFields.Contains(field.Name) || (field.Name != "X0" && field.Name[0] is 'X' or 'F' && int.TryParse(field.Name.AsSpan(1), out _)));

    private static bool IsRuntimeMember(MethodReference method)
        => LibraryMethods.Contains($"{method.DeclaringType.FullName}.{method.Name}")
            || RuntimeClasses.Any(t => t.FullName == method.DeclaringType.FullName && t.GetMethods().Any(m => m.IsStatic && m.Name == method.Name));

    /// <summary>The last operand is a local that only holds what ldind.i read from the dispatch table, or Resolve or Reenter returned.</summary>
    private static bool IsDispatch(MethodDefinition method, Instruction call)
    {
        var load = call.Previous?.OpCode.Code == Code.Tail ? call.Previous.Previous : call.Previous;
        if (!HasSignatureOf(method, (IMethodSignature)call.Operand) || load is null || Local(load, isStore: false, method) is not { } entry)
            return false;
        return method.Body.Instructions.Where(i => Local(i, isStore: true, method) == entry).All(
            i => i.Previous is { OpCode.Code: Code.Ldind_I } or { Operand: MethodReference { Name: nameof(GuestRuntime.Resolve) or nameof(GuestRuntime.Reenter) } });
    }

    private static bool IsTailCall(MethodDefinition method, Instruction tail)
        => tail.Next is { OpCode.Code: Code.Call or Code.Calli, Operand: IMethodSignature callee } && HasSignatureOf(method, callee) && tail.Next.Next?.OpCode.Code == Code.Ret;

    private static bool HasSignatureOf(MethodDefinition method, IMethodSignature other)
        => other.ReturnType.FullName == method.ReturnType.FullName
            && other.Parameters.Select(p => p.ParameterType.FullName).SequenceEqual(method.Parameters.Select(p => p.ParameterType.FullName));

    private static VariableDefinition? Local(Instruction i, bool isStore, MethodDefinition method) => (Name(i.OpCode) == (isStore ? "stloc" : "ldloc"), i.OpCode.Code) switch
    {
        (false, _) => null,
        (_, >= Code.Ldloc_0 and <= Code.Ldloc_3) => method.Body.Variables[i.OpCode.Code - Code.Ldloc_0],
        (_, >= Code.Stloc_0 and <= Code.Stloc_3) => method.Body.Variables[i.OpCode.Code - Code.Stloc_0],
        _ => (VariableDefinition)i.Operand,
    };

    private static IEnumerable<string> Named(Type type, params string[] names) => names.Select(n => $"{type.FullName}.{n}");
}
