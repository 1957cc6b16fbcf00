using System.Reflection.Metadata;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Emit;

/// <content>
/// Tagged memory: what <see cref="CapabilityMemory"/> does, in line while the guest has one thread. Tags are looked at behind the bytes, when
/// the hardware has let those pass; the table has a margin besides.
/// </content>
public sealed partial class MethodEmitter
{
    private const int GranuleShift = 4;

    private int _tags = -1;

    /// <summary>A capability that is stored by call, because the guest has more threads.</summary>
    private int _shared = -1;

    private void LoadTagTable()
    {
        LoadCapabilityState(Capabilities.MemoryTags);
        _il.StoreLocal(Shared(ref _tags, LocalType.Native));
    }

    /// <summary>Goes to <paramref name="shared"/> if the guest has other threads.</summary>
    private void UnlessAlone(ILLabel shared)
    {
        LoadCapabilityState(Capabilities.IsAlone);
        _il.Branch(ILOpCode.Brfalse, shared);
    }

    /// <summary>Pushes the host address of the tag of the granule at a guest address.</summary>
    private void TagAddress(Action loadAddress)
    {
        // The code that loads it may come later in the method than the code that needs it.
        _il.LoadLocal(Shared(ref _tags, LocalType.Native));
        loadAddress();
        _il.LoadConstant(GranuleShift);
        _il.Emit(ILOpCode.Shr);
        _il.Emit(ILOpCode.Conv_i);
        _il.Emit(ILOpCode.Add);
    }

    /// <summary>Loads a capability into a local of its own.</summary>
    private void EmitCapabilityLoad(IrInstruction i)
    {
        Pin(i.A!);
        var result = Temporary(LocalType.Capability);
        var authority = IsInPlace(i.B!) ? -1 : LocalOf(i.B!);
        var shared = _il.DefineLabel();
        var join = _il.DefineLabel();
        var loadAddress = Later(i.A!, i.Immediate);
        UnlessAlone(shared);
        _il.LoadLocalAddress(result);
        LoadWord(sizeof(ulong));
        LoadWord(0);
        LoadTagOfMemory();
        _il.Emit(ILOpCode.Call, Capabilities.Make, 4, 0);
        _il.MarkLabel(join);
        _temporaries.Add(i, result);
        AddCold(() =>
        {
            _il.MarkLabel(shared);
            _il.LoadArgument(StateArgument);
            loadAddress();
            KeepsTag();
            _il.Emit(ILOpCode.Call, Capabilities.Load, 3, 1);
            _il.StoreLocal(result);
            _il.Branch(ILOpCode.Br, join);
        });

        void LoadTagOfMemory()
        {
            if (Omits(CapabilityCost.Tag))
            {
                _il.LoadConstant(1);
                return;
            }

            TagAddress(loadAddress);
            _il.Emit(ILOpCode.Ldind_u1);
            if (Omits(CapabilityCost.Permission))
                return;
            KeepsTag();
            _il.Emit(ILOpCode.And);
        }

        void LoadWord(int offset)
        {
            HostAddress(i.A!, i.Immediate + offset);
            _il.Emit(ILOpCode.Volatile);
            _il.Emit(ILOpCode.Ldind_i8);
        }

        void KeepsTag()
        {
            if (authority < 0)
                LoadMetadata(i.B!);
            else
                LoadPart(authority, IrOp.CapHigh);
            _il.LoadConstant(Capability.LoadCapabilityBit);
            _il.Emit(ILOpCode.Shr_un);
            _il.Emit(ILOpCode.Conv_i4);
            _il.LoadConstant(1);
            _il.Emit(ILOpCode.And);
        }
    }

    private void EmitCapabilityStore(IrInstruction i)
    {
        Pin(i.A!);
        var value = i.B!;
        var stored = IsInPlace(value) ? -1 : LocalOf(value);
        var copy = Shared(ref _shared, LocalType.Capability);
        var shared = _il.DefineLabel();
        var join = _il.DefineLabel();
        var loadAddress = Later(i.A!, i.Immediate);
        UnlessAlone(shared);
        HostAddress(i.A!, i.Immediate);
        Part(IrOp.CapAddress, LoadCapabilityAddress);
        _il.Emit(ILOpCode.Volatile);
        _il.Emit(ILOpCode.Stind_i8);
        HostAddress(i.A!, i.Immediate + sizeof(ulong));
        Part(IrOp.CapHigh, LoadMetadata);
        _il.Emit(ILOpCode.Volatile);
        _il.Emit(ILOpCode.Stind_i8);

        if (!Omits(CapabilityCost.Tag))
        {
            // Writing what is there already would commit pages of the table that were never used.
            TagAddress(loadAddress);
            _il.Emit(ILOpCode.Ldind_u1);
            Part(IrOp.CapTag, LoadTag);
            _il.Branch(ILOpCode.Beq, join);
            TagAddress(loadAddress);
            Part(IrOp.CapTag, LoadTag);
            _il.Emit(ILOpCode.Stind_i1);
        }

        _il.MarkLabel(join);
        AddCold(() =>
        {
            _il.MarkLabel(shared);
            if (stored < 0)
                Make(value, copy);
            _il.LoadArgument(StateArgument);
            loadAddress();
            _il.LoadLocalAddress(stored < 0 ? copy : stored);
            _il.Emit(ILOpCode.Call, Capabilities.Store, 3, 0);
            _il.Branch(ILOpCode.Br, join);
        });

        void Part(IrOp getter, Action<IrInstruction> load)
        {
            if (stored < 0)
                load(value);
            else
                LoadPart(stored, getter);
        }
    }

    /// <summary>
    /// Pushes 1 if there is one thread and no tag. The tags are loaded at once, from the granule of the first byte on; those of granules that
    /// no byte can be in are shifted out. Addresses outside of the slot are asked about its end.
    /// </summary>
    private void EmitUntagged(IrInstruction i)
    {
        if (Omits(CapabilityCost.Tag))
        {
            _il.LoadConstant(1);
            return;
        }

        Count(nameof(CheckCounts.Guard));
        var granules = ((int)i.B!.Immediate + (2 * CapabilityState.Granule) - 2) >> GranuleShift;
        LoadCapabilityState(Capabilities.IsAlone);
        TagAddress(() =>
        {
            LoadSum(i.A!, i.Immediate);
            LoadState(_members.Limit);
            _il.Emit(ILOpCode.Call, _members.Static(typeof(Math), nameof(Math.Min), typeof(ulong), typeof(ulong)), 2, 1);
        });
        _il.Emit(ILOpCode.Ldind_i8);
        if (granules < sizeof(ulong))
        {
            _il.LoadConstant((sizeof(ulong) - granules) * 8);
            _il.Emit(ILOpCode.Shl);
        }

        _il.LoadConstant(0L);
        _il.Emit(ILOpCode.Ceq);
        _il.Emit(ILOpCode.And);
    }

    /// <summary>
    /// Behind a data store: clears the tags of what it touched, where any is set. One load looks at the granule and the one behind it,
    /// which only accesses across both write; the table goes on behind that of any store that passed, for slots end with pages that are never mapped.
    /// </summary>
    private void EmitClearTags(IrInstruction i)
    {
        if (Omits(CapabilityCost.Tag))
            return;
        if (i.Elided is not null)
        {
            Count(nameof(CheckCounts.ElidedTagClear));
            return;
        }

        Count(nameof(CheckCounts.TagClear));
        Pin(i.A!);
        var size = IrSignature.SizeOf(i.Access);
        var tagged = _il.DefineLabel();
        var join = _il.DefineLabel();
        var loadAddress = Later(i.A!, i.Immediate);
        var loadLast = Later(i.A!, i.Immediate + size - 1);
        if (i.B!.Op != IrOp.Const)
        {
            // A store that was not made.
            Value(i.B);
            _il.Branch(ILOpCode.Brtrue, join);
        }

        TagAddress(loadAddress);
        _il.Emit(size == 1 ? ILOpCode.Ldind_u1 : ILOpCode.Ldind_u2);
        _il.Branch(ILOpCode.Brtrue, tagged);
        _il.MarkLabel(join);
        AddCold(() =>
        {
            _il.MarkLabel(tagged);
            Clear(loadAddress);
            if (size > 1)
                Clear(loadLast);
            _il.Branch(ILOpCode.Br, join);
        });

        void Clear(Action address)
        {
            TagAddress(address);
            _il.LoadConstant(0);
            _il.Emit(ILOpCode.Stind_i1);
        }
    }
}
