using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Of which bytes in memory the integer values of a block consist: what is loaded, shifted by whole bytes and put together is known
/// byte by byte, until something else is done with it.
/// </summary>
internal sealed class ByteLanes
{
    /// <summary>Bytes of a value.</summary>
    public const int Count = 8;

    private readonly List<IrInstruction> _loads = [];
    private Lane[] _lanes = new Lane[256 * Count];
    private bool[] _isKnown = new bool[256];

    /// <summary>What one byte of a value is. The default is zero.</summary>
    /// <param name="Load">One more than the index of the load that it comes from (<see cref="LoadOf"/>), or 0: the byte is zero.</param>
    /// <param name="Byte">Which byte of the load.</param>
    /// <param name="IsSign">Whether it is eight copies of that byte's highest bit instead of the byte.</param>
    internal readonly record struct Lane(int Load, byte Byte, bool IsSign);

    /// <summary>Forgets all, for another block.</summary>
    public void Clear() => _loads.Clear();

    /// <summary>Whether the bytes of a value are known.</summary>
    public bool Knows(IrInstruction value) => _isKnown[value.Id];

    /// <summary>The bytes of a value, lowest first. Those above a value of 32 bits mean nothing.</summary>
    public ReadOnlySpan<Lane> this[IrInstruction value] => _lanes.AsSpan(value.Id * Count, Count);

    /// <summary>The load that a lane comes from.</summary>
    public IrInstruction LoadOf(Lane lane) => _loads[lane.Load - 1];

    /// <summary>Derives the bytes of <paramref name="i"/>, whose operands have been learnt, under its number.</summary>
    public void Learn(IrInstruction i)
    {
        if (i.Id >= _isKnown.Length)
        {
            Array.Resize(ref _isKnown, i.Id * 2);
            Array.Resize(ref _lanes, i.Id * 2 * Count);
        }

        _isKnown[i.Id] = Derive(i, _lanes.AsSpan(i.Id * Count, Count));
    }

    private bool Derive(IrInstruction i, Span<Lane> result)
    {
        if (i.Op == IrOp.Load)
            return Loaded(i, result);
        if (i.A is not { } a || !_isKnown[a.Id] || i.Type is not (IrType.I32 or IrType.I64))
            return false;
        result.Clear();
        var from = this[a];
        var width = i.Type == IrType.I32 ? 4 : 8;
        switch (i.Op)
        {
            case IrOp.Truncate or IrOp.ZeroExtend32:
                from[..4].CopyTo(result);
                return true;
            case IrOp.SignExtend32:
                from[..4].CopyTo(result);
                result[4..].Fill(Sign(from[3]));
                return true;
            case IrOp.And when i.B!.Op == IrOp.Const:
                return Masked(from, i.B.Immediate, result[..width]);
            case IrOp.ShiftLeft when WholeBytes(i) is var bytes and > 0:
                from[..(width - bytes)].CopyTo(result[bytes..]);
                return true;
            case IrOp.ShiftRightU when WholeBytes(i) is var bytes and > 0:
                from[bytes..width].CopyTo(result);
                return true;
            case IrOp.ShiftRightS when WholeBytes(i) is var bytes and > 0:
                from[bytes..width].CopyTo(result);
                result[(width - bytes)..width].Fill(Sign(from[width - 1]));
                return true;
            case IrOp.Or or IrOp.Xor or IrOp.Add when _isKnown[i.B!.Id]:
                return Joined(from[..width], this[i.B], result);
            default:
                return false;
        }
    }

    private bool Loaded(IrInstruction load, Span<Lane> result)
    {
        if (load.Type != IrType.I64)
            return false;
        _loads.Add(load);
        var size = IrSignature.SizeOf(load.Access);
        for (var k = 0; k < size; k++)
            result[k] = new Lane(_loads.Count, (byte)k, IsSign: false);
        var isSigned = load.Access is MemoryAccess.I8 or MemoryAccess.I16 or MemoryAccess.I32;
        result[size..].Fill(isSigned ? Sign(result[size - 1]) : default);
        return true;
    }

    /// <summary>Bytes of a shift by a constant; 0: it is none of whole bytes.</summary>
    private static int WholeBytes(IrInstruction shift)
    {
        var amount = (int)shift.B!.Immediate & (shift.Type == IrType.I32 ? 31 : 63);
        return shift.B.Op == IrOp.Const && amount % 8 == 0 ? amount / 8 : 0;
    }

    private static Lane Sign(Lane lane) => lane.Load == 0 ? default : lane with { IsSign = true };

    private static bool Masked(ReadOnlySpan<Lane> from, long mask, Span<Lane> result)
    {
        for (var k = 0; k < result.Length; k++)
        {
            var bits = (byte)(mask >> (8 * k));
            if (bits == 0xff)
                result[k] = from[k];
            else if (bits != 0 && from[k] != default)
                return false;
        }

        return true;
    }

    /// <summary>Of two values at most one may have something in a byte; then a sum has no carries.</summary>
    private static bool Joined(ReadOnlySpan<Lane> a, ReadOnlySpan<Lane> b, Span<Lane> result)
    {
        for (var k = 0; k < a.Length; k++)
        {
            if (a[k] != default && b[k] != default)
                return false;
            result[k] = a[k] != default ? a[k] : b[k];
        }

        return true;
    }
}
