using System.Buffers.Binary;
using System.Numerics;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Emit;

/// <summary>
/// Metadata tokens of everything outside itself that a translated assembly may name: fields of the state block, entry
/// points of the runtime and a few intrinsics of the base library. This list is the allow-list of a translated assembly.
/// </summary>
public sealed unsafe class RuntimeMembers
{
    /// <summary>Classes all of whose public static methods translated code may call.</summary>
    private static readonly Type[] RuntimeClasses = [typeof(FloatOps), typeof(IntegerOps), typeof(VectorOps), typeof(Atomics)];

    private readonly MetadataBuilder _metadata;
    private readonly Dictionary<Assembly, EntityHandle> _assemblies = [];
    private readonly Dictionary<Type, EntityHandle> _types = [];
    private readonly Dictionary<MethodBase, int> _methods = [];
    private readonly Dictionary<string, int> _counters = [];
    private readonly int[] _registers = new int[GuestRegister.Count];

    /// <summary>Adds the references to <paramref name="metadata"/>, always in the same order.</summary>
    /// <param name="metadata">The assembly's metadata.</param>
    /// <param name="hasCapabilities">Whether its code has capabilities.</param>
    public RuntimeMembers(MetadataBuilder metadata, bool hasCapabilities)
    {
        _metadata = metadata;
        for (var r = 0; r < GuestRegister.Count; r++)
            _registers[r] = Field(typeof(GuestState), r < GuestRegister.F0 ? $"X{r}" : $"F{r - GuestRegister.F0}");
        StatePc = Field(typeof(GuestState), nameof(GuestState.Pc));
        MemoryBase = Field(typeof(GuestState), nameof(GuestState.MemoryBase));
        Limit = Field(typeof(GuestState), nameof(GuestState.Limit));
        PollLimit = Field(typeof(GuestState), nameof(GuestState.PollLimit));
        Dispatch = Field(typeof(GuestState), nameof(GuestState.Dispatch));
        HostStackLimit = Field(typeof(GuestState), nameof(GuestState.HostStackLimit));
        Interrupt = Field(typeof(GuestState), nameof(GuestState.Interrupt));
        RoundingMode = Field(typeof(GuestState), nameof(GuestState.RoundingMode));
        PartEntry = Field(typeof(GuestState), nameof(GuestState.PartEntry));
        PartSp = Field(typeof(GuestState), nameof(GuestState.PartSp));
        Counts = Field(typeof(GuestState), nameof(GuestState.Counts));
        foreach (var kind in typeof(CheckCounts).GetFields())
            _counters.Add(kind.Name, Field(typeof(CheckCounts), kind.Name));
        Return = Add(typeof(GuestReturn), nameof(GuestReturn.To));
        ResultPc = Field(typeof(GuestReturn), nameof(GuestReturn.Pc));
        ResultA0 = Field(typeof(GuestReturn), nameof(GuestReturn.A0));

        Resolve = Add(typeof(GuestRuntime), nameof(GuestRuntime.Resolve));
        SystemCall = Add(typeof(GuestRuntime), nameof(GuestRuntime.SystemCall));
        Leave = Add(typeof(GuestRuntime), nameof(GuestRuntime.Leave));
        LeaveLoop = Add(typeof(GuestRuntime), nameof(GuestRuntime.LeaveLoop));
        LeaveOrFault = Add(typeof(GuestRuntime), nameof(GuestRuntime.LeaveOrFault));
        Scratch = Field(typeof(GuestState), nameof(GuestState.Scratch));
        LeaveAfterSystemCall = Add(typeof(GuestRuntime), nameof(GuestRuntime.LeaveAfterSystemCall));
        Unwind = Add(typeof(GuestRuntime), nameof(GuestRuntime.Unwind));
        Reenter = Add(typeof(GuestRuntime), nameof(GuestRuntime.Reenter));
        HasReturned = Add(typeof(GuestRuntime), nameof(GuestRuntime.HasReturned));
        Fault = Add(typeof(GuestRuntime), nameof(GuestRuntime.Fault));
        FaultBehind = Add(typeof(GuestRuntime), nameof(GuestRuntime.FaultBehind));
        FenceI = Add(typeof(GuestRuntime), nameof(GuestRuntime.FenceI));
        ReadCounter = Add(typeof(GuestRuntime), nameof(GuestRuntime.ReadCounter));
        ReadFlags = Add(typeof(FloatStatus), nameof(FloatStatus.ReadFlags));
        WriteFlags = Add(typeof(FloatStatus), nameof(FloatStatus.WriteFlags));
        WriteRounding = Add(typeof(FloatStatus), nameof(FloatStatus.WriteRounding));
        TryCopy = Add(typeof(BlockOps), nameof(BlockOps.TryCopy));
        TryMove = Add(typeof(BlockOps), nameof(BlockOps.TryMove));
        TryFill = Add(typeof(BlockOps), nameof(BlockOps.TryFill));
        MemoryBarrier = Add(typeof(Interlocked), nameof(Interlocked.MemoryBarrier));
        foreach (var type in RuntimeClasses)
        {
            foreach (var method in type.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly).OrderBy(m => m.MetadataToken))
                AddMethod(method);
        }

        foreach (var method in Intrinsics)
            AddMethod(method);
        MethodSignature = MetadataTokens.GetToken(_metadata.AddStandaloneSignature(_metadata.GetOrAddBlob(GuestMethodSignature())));
        if (hasCapabilities)
            Capabilities = new CapabilityMembers(this);
    }

    /// <summary>Base-library methods that RyuJIT expands in line.</summary>
    private static readonly MethodInfo[] Intrinsics =
    [
        Method(typeof(Math), nameof(Math.FusedMultiplyAdd), typeof(double), typeof(double), typeof(double)),
        Method(typeof(MathF), nameof(MathF.FusedMultiplyAdd), typeof(float), typeof(float), typeof(float)),
        Method(typeof(Math), nameof(Math.Abs), typeof(double)),
        Method(typeof(MathF), nameof(MathF.Abs), typeof(float)),
        Method(typeof(BitConverter), nameof(BitConverter.DoubleToInt64Bits), typeof(double)),
        Method(typeof(BitConverter), nameof(BitConverter.Int64BitsToDouble), typeof(long)),
        Method(typeof(BitOperations), nameof(BitOperations.LeadingZeroCount), typeof(ulong)),
        Method(typeof(BitOperations), nameof(BitOperations.LeadingZeroCount), typeof(uint)),
        Method(typeof(BitOperations), nameof(BitOperations.TrailingZeroCount), typeof(ulong)),
        Method(typeof(BitOperations), nameof(BitOperations.TrailingZeroCount), typeof(uint)),
        Method(typeof(BitOperations), nameof(BitOperations.PopCount), typeof(ulong)),
        Method(typeof(BitOperations), nameof(BitOperations.PopCount), typeof(uint)),
        Method(typeof(BitOperations), nameof(BitOperations.RotateLeft), typeof(ulong), typeof(int)),
        Method(typeof(BitOperations), nameof(BitOperations.RotateLeft), typeof(uint), typeof(int)),
        Method(typeof(BitOperations), nameof(BitOperations.RotateRight), typeof(ulong), typeof(int)),
        Method(typeof(BitOperations), nameof(BitOperations.RotateRight), typeof(uint), typeof(int)),
        Method(typeof(BinaryPrimitives), nameof(BinaryPrimitives.ReverseEndianness), typeof(ulong)),
        Method(typeof(BinaryPrimitives), nameof(BinaryPrimitives.ReverseEndianness), typeof(uint)),
        Method(typeof(Math), nameof(Math.Min), typeof(long), typeof(long)),
        Method(typeof(Math), nameof(Math.Max), typeof(long), typeof(long)),
        Method(typeof(Math), nameof(Math.Min), typeof(ulong), typeof(ulong)),
        Method(typeof(Math), nameof(Math.Max), typeof(ulong), typeof(ulong)),
    ];

    /// <summary>Method token: memcpy of the guest.</summary>
    public int TryCopy { get; }

    /// <summary>Method token: memmove of the guest.</summary>
    public int TryMove { get; }

    /// <summary>Method token: memset of the guest.</summary>
    public int TryFill { get; }

    /// <summary>What code with capabilities may name besides; null in an assembly without.</summary>
    public CapabilityMembers? Capabilities { get; }

    /// <summary>Field token: guest pc.</summary>
    public int StatePc { get; }

    /// <summary>Field token: host address of the slot.</summary>
    public int MemoryBase { get; }

    /// <summary>Field token: largest guest address.</summary>
    public int Limit { get; }

    /// <summary>Field token: limit of checks that poll.</summary>
    public int PollLimit { get; }

    /// <summary>Field token: first level of the dispatch table.</summary>
    public int Dispatch { get; }

    /// <summary>Field token: lowest host stack address.</summary>
    public int HostStackLimit { get; }

    /// <summary>Field token: exit request.</summary>
    public int Interrupt { get; }

    /// <summary>Field token: frm.</summary>
    public int RoundingMode { get; }

    /// <summary>Field token: entry of a multi-entry part.</summary>
    public int PartEntry { get; }

    /// <summary>Field token: sp at the entry of a split function.</summary>
    public int PartSp { get; }

    /// <summary>Field token: <see cref="GuestState.Counts"/>.</summary>
    public int Counts { get; }

    /// <summary>Method token of <see cref="GuestReturn.To"/>.</summary>
    public int Return { get; }

    /// <summary>Field token: pc of a result.</summary>
    public int ResultPc { get; }

    /// <summary>Field token: a0 of a result.</summary>
    public int ResultA0 { get; }

    /// <summary>Method token of <see cref="GuestRuntime.Resolve"/>.</summary>
    public int Resolve { get; }

    /// <summary>Method token of <see cref="GuestRuntime.SystemCall"/>.</summary>
    public int SystemCall { get; }

    /// <summary>Method token of <see cref="GuestRuntime.Leave"/>.</summary>
    public int Leave { get; }

    /// <summary>Method token of <see cref="GuestRuntime.LeaveLoop"/>.</summary>
    public int LeaveLoop { get; }

    /// <summary>Method token of <see cref="GuestRuntime.LeaveOrFault"/>.</summary>
    public int LeaveOrFault { get; }

    /// <summary>Field token: receiver of a product computed for its flags.</summary>
    public int Scratch { get; }

    /// <summary>Method token of <see cref="GuestRuntime.LeaveAfterSystemCall"/>.</summary>
    public int LeaveAfterSystemCall { get; }

    /// <summary>Method token of <see cref="GuestRuntime.Reenter"/>.</summary>
    public int Reenter { get; }

    /// <summary>Method token of <see cref="GuestRuntime.HasReturned"/>.</summary>
    public int HasReturned { get; }

    /// <summary>Method token of <see cref="GuestRuntime.Unwind"/>.</summary>
    public int Unwind { get; }

    /// <summary>Method token of <see cref="GuestRuntime.Fault"/>.</summary>
    public int Fault { get; }

    /// <summary>Method token of <see cref="GuestRuntime.FaultBehind"/>.</summary>
    public int FaultBehind { get; }

    /// <summary>Method token of <see cref="GuestRuntime.FenceI"/>.</summary>
    public int FenceI { get; }

    /// <summary>Method token of <see cref="GuestRuntime.ReadCounter"/>.</summary>
    public int ReadCounter { get; }

    /// <summary>Method token of <see cref="FloatStatus.ReadFlags"/>.</summary>
    public int ReadFlags { get; }

    /// <summary>Method token of <see cref="FloatStatus.WriteFlags"/>.</summary>
    public int WriteFlags { get; }

    /// <summary>Method token of <see cref="FloatStatus.WriteRounding"/>.</summary>
    public int WriteRounding { get; }

    /// <summary>Method token of <see cref="Interlocked.MemoryBarrier"/>.</summary>
    public int MemoryBarrier { get; }

    /// <summary>Stand-alone signature of a translated method, for calli.</summary>
    public int MethodSignature { get; }

    /// <summary>Field token of a guest register in the state block.</summary>
    public int StateRegister(int register) => _registers[register];

    /// <summary>Field token of a counter in <see cref="CheckCounts"/>.</summary>
    public int Counter(string kind) => _counters[kind];

    /// <summary>Method token of an allow-listed static method. Nothing is added here: methods are emitted by several threads, in any order.</summary>
    /// <exception cref="InvalidOperationException">There is no such method, or it is not on the list.</exception>
    public int Static(Type type, string name, params Type[] parameters)
    {
        var method = parameters.Length == 0
            ? type.GetMethod(name, BindingFlags.Public | BindingFlags.Static) ?? throw new InvalidOperationException($"{type.Name}.{name} does not exist")
            : Method(type, name, parameters);
        return _methods.TryGetValue(method, out var token) ? token : throw new InvalidOperationException($"translated code may not call {type.Name}: {method}");
    }

    /// <summary>Signature blob of every translated method: (GuestState*, int64 x 5) to GuestReturn.</summary>
    public BlobBuilder GuestMethodSignature()
    {
        var blob = new BlobBuilder();
        new BlobEncoder(blob).MethodSignature().Parameters(
            6,
            r => r.Type().Type(Type(typeof(GuestReturn)), isValueType: true),
            p =>
            {
                p.AddParameter().Type().Pointer().Type(Type(typeof(GuestState)), isValueType: true);
                for (var k = 0; k < 5; k++)
                    p.AddParameter().Type().Int64();
            });
        return blob;
    }

    /// <summary>Reference to a type of the runtime or the base library.</summary>
    public EntityHandle Type(Type type)
    {
        if (_types.TryGetValue(type, out var handle))
            return handle;
        handle = _metadata.AddTypeReference(AssemblyOf(type), _metadata.GetOrAddString(type.Namespace!), _metadata.GetOrAddString(type.Name));
        _types.Add(type, handle);
        return handle;
    }

    private static MethodInfo Method(Type type, string name, params Type[] parameters)
        => type.GetMethod(name, BindingFlags.Public | BindingFlags.Static, parameters)
            ?? throw new InvalidOperationException($"{type.Name}.{name}({string.Join(", ", parameters.Select(p => p.Name))}) does not exist");

    private EntityHandle AssemblyOf(Type type)
    {
        // The implementation assembly: facades would each need to be named for their part of it.
        if (_assemblies.TryGetValue(type.Assembly, out var handle))
            return handle;
        var name = type.Assembly.GetName();
        var token = name.GetPublicKeyToken() is { Length: > 0 } key ? _metadata.GetOrAddBlob(key) : default;
        handle = _metadata.AddAssemblyReference(_metadata.GetOrAddString(name.Name!), name.Version!, default, token, default, default);
        _assemblies.Add(type.Assembly, handle);
        return handle;
    }

    /// <summary>Adds a method, static or of a value's address; its parameters matter where it has overloads.</summary>
    internal int Add(Type type, string name, params Type[] parameters)
        => AddMethod((parameters.Length == 0 ? type.GetMethod(name) : type.GetMethod(name, parameters)) ?? throw new InvalidOperationException($"{type.Name}.{name} does not exist"));

    /// <summary>Adds a constructor.</summary>
    internal int Constructor(Type type, params Type[] parameters)
        => AddMethod(type.GetConstructor(parameters) ?? throw new InvalidOperationException($"{type.Name} has no such constructor"));

    /// <summary>Adds a field.</summary>
    internal int Field(Type type, string name)
    {
        var field = type.GetField(name) ?? throw new InvalidOperationException($"{type.Name}.{name} does not exist");
        var blob = new BlobBuilder();
        Encode(new BlobEncoder(blob).Field().Type(), field.FieldType);
        return MetadataTokens.GetToken(_metadata.AddMemberReference(Type(type), _metadata.GetOrAddString(name), _metadata.GetOrAddBlob(blob)));
    }

    private int AddMethod(MethodBase method)
    {
        var blob = new BlobBuilder();
        var parameters = method.GetParameters();
        var result = method is MethodInfo function ? function.ReturnType : typeof(void);
        new BlobEncoder(blob).MethodSignature(isInstanceMethod: !method.IsStatic).Parameters(
            parameters.Length,
            r =>
            {
                if (result == typeof(void))
                    r.Void();
                else
                    Encode(r.Type(), result);
            },
            p =>
            {
                foreach (var parameter in parameters)
                {
                    var type = parameter.ParameterType;
                    Encode(p.AddParameter().Type(type.IsByRef), type.IsByRef ? type.GetElementType()! : type);
                }
            });
        var token = MetadataTokens.GetToken(
            _metadata.AddMemberReference(Type(method.DeclaringType!), _metadata.GetOrAddString(method.Name), _metadata.GetOrAddBlob(blob)));
        _methods.Add(method, token);
        return token;
    }

    /// <summary>Writes a type that the members or locals of translated code can have.</summary>
    public void Encode(SignatureTypeEncoder encoder, Type type)
    {
        if (type.IsPointer)
        {
            if (type == typeof(void*))
                encoder.VoidPointer();
            else
                Encode(encoder.Pointer(), type.GetElementType()!);
        }
        else if (type == typeof(bool))
        {
            encoder.Boolean();
        }
        else if (type == typeof(byte))
        {
            encoder.Byte();
        }
        else if (type == typeof(int))
        {
            encoder.Int32();
        }
        else if (type == typeof(uint))
        {
            encoder.UInt32();
        }
        else if (type == typeof(long))
        {
            encoder.Int64();
        }
        else if (type == typeof(ulong))
        {
            encoder.UInt64();
        }
        else if (type == typeof(float))
        {
            encoder.Single();
        }
        else if (type == typeof(double))
        {
            encoder.Double();
        }
        else if (type == typeof(nint))
        {
            encoder.IntPtr();
        }
        else if (type.IsGenericType)
        {
            var arguments = type.GetGenericArguments();
            var instance = encoder.GenericInstantiation(Type(type.GetGenericTypeDefinition()), arguments.Length, type.IsValueType);
            foreach (var argument in arguments)
                Encode(instance.AddArgument(), argument);
        }
        else
        {
            encoder.Type(Type(type), type.IsValueType);
        }
    }
}
