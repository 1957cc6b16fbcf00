using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Emit;

/// <summary>Tokens of what only code with capabilities may name besides <see cref="RuntimeMembers"/>; part of its allow-list.</summary>
public sealed unsafe class CapabilityMembers
{
    /// <summary>The member of <see cref="Capability"/> that an operation is.</summary>
    private static readonly Dictionary<IrOp, string> Members = new()
    {
        [IrOp.CapAddress] = Getter(nameof(Capability.Address)),
        [IrOp.CapPermissions] = Getter(nameof(Capability.Permissions)),
        [IrOp.CapType] = Getter(nameof(Capability.TypeValue)),
        [IrOp.CapBase] = Getter(nameof(Capability.Base)),
        [IrOp.CapLength] = Getter(nameof(Capability.Length)),
        [IrOp.CapTop] = Getter(nameof(Capability.Top)),
        [IrOp.CapTag] = Getter(nameof(Capability.IsTagged)),
        [IrOp.CapSealed] = Getter(nameof(Capability.IsSealed)),
        [IrOp.CapOffset] = Getter(nameof(Capability.Offset)),
        [IrOp.CapFlags] = Getter(nameof(Capability.IsCapabilityMode)),
        [IrOp.CapHigh] = Getter(nameof(Capability.Metadata)),
        [IrOp.CapClearTag] = nameof(Capability.ClearTag),
        [IrOp.CapSealEntry] = nameof(Capability.SealEntry),
        [IrOp.CapUnsealed] = nameof(Capability.WithoutSeal),
        [IrOp.CapSetAddress] = nameof(Capability.SetAddress),
        [IrOp.CapIncrement] = nameof(Capability.IncrementOffset),
        [IrOp.CapSetOffset] = nameof(Capability.SetOffset),
        [IrOp.CapSetBounds] = nameof(Capability.SetBounds),
        [IrOp.CapSetBoundsExact] = nameof(Capability.SetBoundsExact),
        [IrOp.CapAndPermissions] = nameof(Capability.AndPermissions),
        [IrOp.CapSetFlags] = nameof(Capability.SetFlags),
        [IrOp.CapSetHigh] = nameof(Capability.SetHigh),
        [IrOp.CapFromPointer] = nameof(Capability.FromPointer),
        [IrOp.CapSeal] = nameof(Capability.Seal),
        [IrOp.CapUnseal] = nameof(Capability.Unseal),
        [IrOp.CapConditionalSeal] = nameof(Capability.ConditionalSeal),
        [IrOp.CapCopyType] = nameof(Capability.CopyType),
        [IrOp.CapBuild] = nameof(Capability.Build),
        [IrOp.CapSubset] = nameof(Capability.IsSubsetOf),
        [IrOp.CapEqual] = nameof(Capability.IsIdenticalTo),
        [IrOp.CapToPointer] = nameof(Capability.ToPointer),
        [IrOp.CapRoundLength] = nameof(Capability.RepresentableLength),
        [IrOp.CapAlignmentMask] = nameof(Capability.RepresentableAlignmentMask),
    };

    private readonly Dictionary<IrOp, int> _operations = [];

    /// <summary>Adds the references behind those of <paramref name="members"/>.</summary>
    public CapabilityMembers(RuntimeMembers members)
    {
        foreach (var (op, name) in Members.OrderBy(m => m.Key))
            _operations.Add(op, members.Add(typeof(Capability), name));
        Make = members.Constructor(typeof(Capability), typeof(ulong), typeof(ulong), typeof(bool));
        JumpTarget = members.Add(typeof(Capability), nameof(Capability.JumpTarget));
        Permits = members.Add(typeof(Capability), nameof(Capability.Permits));
        WindowOfAddresses = members.Add(typeof(AccessWindow), nameof(AccessWindow.OfAddresses), typeof(ulong), typeof(ulong), typeof(bool));
        DecodeWindow = members.Add(typeof(AccessWindow), nameof(AccessWindow.Decode));
        NarrowWindow = members.Add(typeof(AccessWindow), nameof(AccessWindow.Narrow));
        CountOfDerivation = members.Add(typeof(AccessWindow), nameof(AccessWindow.CountOfDerivation));
        WindowBase = members.Add(typeof(AccessWindow), Getter(nameof(AccessWindow.Base)));
        WindowCount = members.Add(typeof(AccessWindow), Getter(nameof(AccessWindow.Count)));
        State = members.Field(typeof(GuestState), nameof(GuestState.Capabilities));
        Metadata = members.Field(typeof(CapabilityState), nameof(CapabilityState.Metadata));
        Tags = members.Field(typeof(CapabilityState), nameof(CapabilityState.Tags));
        DdcAddress = members.Field(typeof(CapabilityState), nameof(CapabilityState.DdcAddress));
        MemoryTags = members.Field(typeof(CapabilityState), nameof(CapabilityState.MemoryTags));
        IsAlone = members.Field(typeof(CapabilityState), nameof(CapabilityState.IsAlone));
        IntegerCode = members.Field(typeof(CapabilityState), nameof(CapabilityState.IntegerCode));
        CapabilityCode = members.Field(typeof(CapabilityState), nameof(CapabilityState.CapabilityCode));
        CodeBase = members.Field(typeof(CodeWindow), nameof(CodeWindow.Base));
        CodeLength = members.Field(typeof(CodeWindow), nameof(CodeWindow.Length));
        Write = members.Add(typeof(CapabilityState), nameof(CapabilityState.Write));
        AllowsFetch = members.Add(typeof(CapabilityState), nameof(CapabilityState.AllowsFetch));
        Load = members.Add(typeof(CapabilityMemory), nameof(CapabilityMemory.Load), typeof(GuestState*), typeof(long), typeof(bool));
        Store = members.Add(typeof(CapabilityMemory), nameof(CapabilityMemory.Store), typeof(GuestState*), typeof(long), typeof(Capability).MakeByRefType());
        LoadReserved = members.Add(typeof(CapabilityMemory), nameof(CapabilityMemory.LoadReserved));
        StoreConditional = members.Add(typeof(CapabilityMemory), nameof(CapabilityMemory.StoreConditional));
        Swap = members.Add(typeof(CapabilityMemory), nameof(CapabilityMemory.Swap));
        LoadTags = members.Add(typeof(CapabilityMemory), nameof(CapabilityMemory.LoadTags));
        CheckAccess = members.Add(typeof(CapabilityChecks), nameof(CapabilityChecks.Access));
        CheckStore = members.Add(typeof(CapabilityChecks), nameof(CapabilityChecks.Store));
        CheckTarget = members.Add(typeof(CapabilityChecks), nameof(CapabilityChecks.Target));
        CheckJump = members.Add(typeof(CapabilityChecks), nameof(CapabilityChecks.Jump));
        CheckInvoke = members.Add(typeof(CapabilityChecks), nameof(CapabilityChecks.Invoke));
        CheckSystemRegisters = members.Add(typeof(CapabilityChecks), nameof(CapabilityChecks.SystemRegisters));
        Fault = members.Add(typeof(GuestRuntime), nameof(GuestRuntime.CapabilityFault));
        AccessFault = members.Add(typeof(GuestRuntime), nameof(GuestRuntime.AccessFault));
        LeaveToEvaluator = members.Add(typeof(GuestRuntime), nameof(GuestRuntime.LeaveToEvaluator));
    }

    /// <summary>Constructor of <see cref="Capability"/>.</summary>
    public int Make { get; }

    /// <summary>Method token of <see cref="Capability.JumpTarget"/>.</summary>
    public int JumpTarget { get; }

    /// <summary>Method token of <see cref="Capability.Permits"/>.</summary>
    public int Permits { get; }

    /// <summary>Method token of <see cref="AccessWindow.OfAddresses(ulong, ulong, bool)"/>.</summary>
    public int WindowOfAddresses { get; }

    /// <summary>Method token of <see cref="AccessWindow.Decode"/>.</summary>
    public int DecodeWindow { get; }

    /// <summary>Method token of <see cref="AccessWindow.Narrow"/>.</summary>
    public int NarrowWindow { get; }

    /// <summary>Method token of <see cref="AccessWindow.CountOfDerivation"/>.</summary>
    public int CountOfDerivation { get; }

    /// <summary>Method token of <see cref="AccessWindow.Base"/>.</summary>
    public int WindowBase { get; }

    /// <summary>Method token of <see cref="AccessWindow.Count"/>.</summary>
    public int WindowCount { get; }

    /// <summary>Field token of <see cref="GuestState.Capabilities"/>.</summary>
    public int State { get; }

    /// <summary>Field token of <see cref="CapabilityState.Metadata"/>.</summary>
    public int Metadata { get; }

    /// <summary>Field token of <see cref="CapabilityState.Tags"/>.</summary>
    public int Tags { get; }

    /// <summary>Field token of <see cref="CapabilityState.DdcAddress"/>.</summary>
    public int DdcAddress { get; }

    /// <summary>Field token of <see cref="CapabilityState.MemoryTags"/>.</summary>
    public int MemoryTags { get; }

    /// <summary>Field token of <see cref="CapabilityState.IsAlone"/>.</summary>
    public int IsAlone { get; }

    /// <summary>Field token of <see cref="CapabilityState.IntegerCode"/>.</summary>
    public int IntegerCode { get; }

    /// <summary>Field token of <see cref="CapabilityState.CapabilityCode"/>.</summary>
    public int CapabilityCode { get; }

    /// <summary>Field token of <see cref="CodeWindow.Base"/>.</summary>
    public int CodeBase { get; }

    /// <summary>Field token of <see cref="CodeWindow.Length"/>.</summary>
    public int CodeLength { get; }

    /// <summary>Method token of <see cref="CapabilityState.Write"/>.</summary>
    public int Write { get; }

    /// <summary>Method token of <see cref="CapabilityState.AllowsFetch"/>.</summary>
    public int AllowsFetch { get; }

    /// <summary>Method token of <see cref="CapabilityMemory.Load"/>.</summary>
    public int Load { get; }

    /// <summary>Method token of <see cref="CapabilityMemory.Store"/>.</summary>
    public int Store { get; }

    /// <summary>Method token of <see cref="CapabilityMemory.LoadReserved"/>.</summary>
    public int LoadReserved { get; }

    /// <summary>Method token of <see cref="CapabilityMemory.StoreConditional"/>.</summary>
    public int StoreConditional { get; }

    /// <summary>Method token of <see cref="CapabilityMemory.Swap"/>.</summary>
    public int Swap { get; }

    /// <summary>Method token of <see cref="CapabilityMemory.LoadTags"/>.</summary>
    public int LoadTags { get; }

    /// <summary>Method token of <see cref="CapabilityChecks.Access"/>.</summary>
    public int CheckAccess { get; }

    /// <summary>Method token of <see cref="CapabilityChecks.Store"/>.</summary>
    public int CheckStore { get; }

    /// <summary>Method token of <see cref="CapabilityChecks.Target"/>.</summary>
    public int CheckTarget { get; }

    /// <summary>Method token of <see cref="CapabilityChecks.Jump"/>.</summary>
    public int CheckJump { get; }

    /// <summary>Method token of <see cref="CapabilityChecks.Invoke"/>.</summary>
    public int CheckInvoke { get; }

    /// <summary>Method token of <see cref="CapabilityChecks.SystemRegisters"/>.</summary>
    public int CheckSystemRegisters { get; }

    /// <summary>Method token of <see cref="GuestRuntime.CapabilityFault"/>.</summary>
    public int Fault { get; }

    /// <summary>Method token of <see cref="GuestRuntime.AccessFault"/>.</summary>
    public int AccessFault { get; }

    /// <summary>Method token of <see cref="GuestRuntime.LeaveToEvaluator"/>.</summary>
    public int LeaveToEvaluator { get; }

    /// <summary>Method token of the member of <see cref="Capability"/> that an operation is.</summary>
    public int Operation(IrOp op) => _operations[op];

    private static string Getter(string property) => "get_" + property;
}
