using System.Numerics;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using RegisterSet = System.UInt128;

namespace Cheri2IL.Translator.Emit;

/// <summary>What a window of decoded bounds is for (<see cref="AccessWindow"/>).</summary>
/// <param name="Needed">Every permission of the accesses.</param>
/// <param name="Size">Bytes of an access; 0: the window is for derivation (<see cref="AccessWindow.CountOfDerivation"/>).</param>
public readonly record struct WindowKind(CapabilityPermissions Needed, int Size);

/// <summary>
/// Which windows of decoded bounds code needs in locals: a backward data flow. A window is computed wherever metadata or tag of its register
/// change and a check that uses it may follow, so that it is true wherever it is needed, and a check that fails never comes back.
/// </summary>
/// <remarks>
/// A register that is written with the capability of another, at the same address or a new one, has that one's windows unless the tag is
/// lost: computing it is then no decoding but a copy, and a compare of the new address with the window for derivation. Registers are those
/// of <see cref="CapabilityState.Index"/>; sets of kinds are bit masks.
/// </remarks>
public sealed class WindowAnalysis
{
    private const int MostKinds = 32;

    /// <summary>By index: sp, gp, tp, s0..s11 and DDC, which callees preserve by the ABIs. Nothing depends on whether they do.</summary>
    private const ulong Preserved = 0b10_00001111_11111100_00000011_00011100;

    private readonly List<WindowKind> _kinds = [];
    private readonly Dictionary<IrInstruction, int> _kindOf = [];
    private readonly Dictionary<IrInstruction, int> _sources = [];
    private readonly Dictionary<IrInstruction, uint> _usedBefore = [];
    private readonly HashSet<IrInstruction> _recurrences = [];
    private readonly Dictionary<IrInstruction, uint> _liveAfter = [];
    private readonly Dictionary<IrBlock, uint[]> _liveIn = [];
    private readonly Dictionary<IrInstruction, RegisterSet> _keptAcross = [];

    /// <summary>Analyses <paramref name="function"/>.</summary>
    public WindowAnalysis(IrFunction function)
    {
        if (!function.HasCapabilities)
            return;
        DerivationKind = Kind(new WindowKind(CapabilityPermissions.None, 0));
        foreach (var block in function.Blocks)
        {
            FindSources(block);
            _liveIn.Add(block, new uint[CapabilityState.Registers]);
        }

        bool changed;
        do
        {
            changed = false;
            for (var b = function.Blocks.Count - 1; b >= 0; b--)
                changed |= Walk(function.Blocks[b]);
        }
        while (changed);
    }

    /// <summary>Registers, with their metadata, whose windows are to be kept across a call if the callee preserves them.</summary>
    public RegisterSet KeptAcross(IrInstruction call) => _keptAcross.GetValueOrDefault(call);

    /// <summary>A register at an index, with its metadata, as a set of <see cref="RegisterAnalysis"/>.</summary>
    public static RegisterSet RegistersOf(int index)
        => new RegisterSet(1UL << index, 0) | (index < GuestRegister.F0 ? RegisterAnalysis.Bit(index) : 0);

    private static RegisterSet Registers(uint[] live)
    {
        RegisterSet result = 0;
        for (var r = 0; r < live.Length; r++)
        {
            if (live[r] != 0)
                result |= RegistersOf(r);
        }

        return result;
    }

    /// <summary>Kinds, by their bit.</summary>
    public IReadOnlyList<WindowKind> Kinds => _kinds;

    /// <summary>Windows that are needed at the start of a block, by register.</summary>
    public ReadOnlySpan<uint> LiveIn(IrBlock block) => _liveIn.TryGetValue(block, out var live) ? live : default;

    /// <summary>Windows of the register that a Set or SetC writes that are needed behind it.</summary>
    public uint LiveAfter(IrInstruction write) => _liveAfter.GetValueOrDefault(write);

    /// <summary>The kind of window that a check uses; -1: it uses none.</summary>
    public int KindOf(IrInstruction check) => _kindOf.GetValueOrDefault(check, -1);

    /// <summary>The register whose windows a written register takes over, unless the tag is lost; -1: none.</summary>
    public int SourceOf(IrInstruction write) => _sources.GetValueOrDefault(write, -1);

    /// <summary>
    /// Whether a register is written with a derivation of one whose bounds are decoded for an access before it: then the window for derivation is
    /// at hand even if no other is needed behind it, as where a function gives back its stack.
    /// </summary>
    public bool IsByWindow(IrInstruction write) => IsDerivation(write.A!) && SourceOf(write) >= 0 && _usedBefore.ContainsKey(write);

    /// <summary>
    /// Whether a written register had all the windows that it needs behind the write before it, too: where the new capability has the metadata
    /// of the old one and an address between base and top, they are still true. Lists of nodes in one object are walked like that.
    /// </summary>
    public bool IsRecurrence(IrInstruction write) => _recurrences.Contains(write);

    /// <summary>The kind of the window for derivation.</summary>
    public int DerivationKind { get; private set; }

    /// <summary>Whether a value is what a register holds, perhaps at another address.</summary>
    public static bool IsDerivation(IrInstruction value) => value.Op is IrOp.CapIncrement or IrOp.CapSetAddress;

    private int Kind(WindowKind kind)
    {
        var known = _kinds.IndexOf(kind);
        if (known >= 0 || _kinds.Count == MostKinds)
            return known;
        _kinds.Add(kind);
        return _kinds.Count - 1;
    }

    /// <summary>Finds the checks and writes whose capability is the one that a register holds at that moment.</summary>
    private void FindSources(IrBlock block)
    {
        var holds = new HashSet<IrInstruction>();
        var used = new uint[CapabilityState.Registers];
        foreach (var i in block.Instructions)
        {
            switch (i.Op)
            {
                case IrOp.GetC when i.Register != GuestRegister.Pcc:
                    holds.Add(i);
                    break;
                case IrOp.CapCheck or IrOp.CapCheckValue or IrOp.CapAllows when i.Elided is null && holds.Contains(i.A!):
                    var needed = AccessNeeds.Permissions(i);
                    if (i.Op == IrOp.CapCheckValue)
                        needed |= CapabilityPermissions.StoreCapability | CapabilityPermissions.StoreLocalCapability;
                    if (Kind(new WindowKind(needed, AccessNeeds.Size(i))) is var kind and >= 0)
                    {
                        _kindOf.Add(i, kind);
                        used[CapabilityState.Index(i.A!.Register)] |= 1u << kind;
                    }

                    break;
                case IrOp.SetC:
                    var from = IsDerivation(i.A!) ? i.A!.A! : i.A!;
                    if (holds.Contains(from) && i.Register != GuestRegister.Ddc)
                    {
                        _sources.Add(i, CapabilityState.Index(from.Register));
                        if (used[CapabilityState.Index(from.Register)] != 0)
                            _usedBefore.Add(i, used[CapabilityState.Index(from.Register)]);
                    }
                    else if (i.Register < GuestRegister.F0 && used[i.Register] != 0)
                        _usedBefore.Add(i, used[i.Register]);
                    Forget(i.Register);
                    break;
                case IrOp.Set:
                    Forget(i.Register);
                    break;
            }
        }

        void Forget(byte register)
        {
            holds.RemoveWhere(getter => getter.Register == register);
            if (register < GuestRegister.F0)
                used[register] = 0;
        }
    }

    private bool Walk(IrBlock block)
    {
        var live = new uint[CapabilityState.Registers];

        // Behind calls and system calls registers are loaded, and their windows computed, again, unless the callee preserves them.
        if (block.Terminator.Op != IrOp.Ecall)
        {
            var isCall = block.Terminator.Op == IrOp.Call;
            foreach (var successor in block.Successors)
            {
                for (var r = 0; r < live.Length; r++)
                {
                    if (!isCall || (Preserved >> r & 1) != 0)
                        live[r] |= _liveIn[successor][r];
                }
            }

            if (isCall)
                _keptAcross[block.Terminator] = Registers(live);
        }

        for (var k = block.Instructions.Count - 1; k >= 0; k--)
            Before(block.Instructions[k], live);
        if (live.AsSpan().SequenceEqual(_liveIn[block]))
            return false;
        _liveIn[block] = live;
        return true;
    }

    private void Before(IrInstruction i, uint[] live)
    {
        switch (i.Op)
        {
            case IrOp.CapCheck or IrOp.CapCheckValue or IrOp.CapAllows when KindOf(i) is var kind and >= 0:
                live[CapabilityState.Index(i.A!.Register)] |= 1u << kind;
                break;
            case IrOp.SetC when i.Register != GuestRegister.Pcc:
                var written = CapabilityState.Index(i.Register);
                var needed = live[written];
                _liveAfter[i] = needed;
                live[written] = 0;
                _recurrences.Remove(i);
                if (SourceOf(i) is var source and >= 0)
                {
                    if (needed != 0 || IsByWindow(i))
                        live[source] |= IsDerivation(i.A!) && i.A!.Elided is null ? needed | (1u << DerivationKind) : needed;
                }
                else if (needed != 0 && (needed & ~(_usedBefore.GetValueOrDefault(i) | (1u << DerivationKind))) == 0)
                {
                    live[written] = needed | (1u << DerivationKind);
                    _recurrences.Add(i);
                }

                break;
            case IrOp.Set when i.Register < GuestRegister.F0:
                _liveAfter[i] = live[i.Register];
                live[i.Register] = 0;
                break;
        }
    }

    /// <summary>The bits of a mask.</summary>
    public static IEnumerable<int> Bits(uint mask)
    {
        for (; mask != 0; mask &= mask - 1)
            yield return BitOperations.TrailingZeroCount(mask);
    }
}
