using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Repeats the body of small innermost loops, every exit included. Only the first copy polls, and the checks of later copies
/// are redundant where a pointer moves by a constant step: the window of the first copy's check covers them.
/// </summary>
/// <remarks>
/// With capabilities, guards in front of the copies ask whether everything in them is within bounds (<see cref="LoopGuards"/>); otherwise a turn
/// is made by a copy that makes its own checks, and the guards ask again.
/// <para>Takes loops of blocks that end in jumps and branches and are entered at their header alone, but not those that are
/// emitted in vector form. Blocks of different copies have the same pc, so functions that are going to be split must not be unrolled.</para>
/// </remarks>
public sealed class LoopUnrolling
{
    private const int MaxBlocks = 8;

    /// <summary>Bodies up to this many IR instructions are repeated to <see cref="Many"/> copies, up to the other one to two.</summary>
    private const int MaxForMany = 40;
    private const int MaxForTwo = 90;

    /// <summary>Most copies of a body, the first included.</summary>
    internal const int Many = 4;

    private readonly IrFunction _function;
    private readonly List<IrBlock>[] _predecessors;
    private readonly bool _guards;

    private LoopUnrolling(IrFunction function, bool guards)
    {
        _function = function;
        _guards = guards;
        _predecessors = function.Predecessors();
    }

    /// <summary>Unrolls in <paramref name="function"/>.</summary>
    public static void Run(IrFunction function, PassOptions options)
    {
        var pass = new LoopUnrolling(function, function.HasCapabilities && options.Checks == CheckMode.Optimized);
        foreach (var header in function.Blocks.ToArray())
        {
            if (header.Instructions[0].Op == IrOp.Poll && pass.BodyOf(header) is { } body)
                pass.Unroll(header, body);
        }

        function.Number();
    }

    /// <summary>
    /// The blocks of the innermost loops at <paramref name="header"/>, in the function's order, or null when there are none to unroll. Where an
    /// outer loop has the same header, its back edges are entries of the inner one.
    /// </summary>
    private List<IrBlock>? BodyOf(IrBlock header)
    {
        if (header == _function.Blocks[0] || _function.ExtraEntries.Contains(header))
            return null;
        // Sources of back edges lie behind the header; everything that reaches them without passing the header is body.
        var body = new HashSet<IrBlock>();
        foreach (var source in _predecessors[header.Id].Where(p => p.Id >= header.Id))
        {
            if (BodyOf(header, source) is { } turn)
                body.UnionWith(turn);
        }

        return body.Count is > 0 and <= MaxBlocks && body.All(b => b.Terminator.Op is IrOp.Jump or IrOp.Branch) ? [.. body.OrderBy(b => b.Id)] : null;
    }

    private HashSet<IrBlock>? BodyOf(IrBlock header, IrBlock source)
    {
        var body = new HashSet<IrBlock> { header };
        var work = new Stack<IrBlock>([source]);
        while (work.TryPop(out var block))
        {
            if (!body.Add(block))
                continue;
            if (body.Count > MaxBlocks || block.Id <= header.Id || block.Instructions[0].Op == IrOp.Poll || _function.ExtraEntries.Contains(block))
                return null;
            foreach (var predecessor in _predecessors[block.Id])
                work.Push(predecessor);
        }

        return body;
    }

    private void Unroll(IrBlock header, List<IrBlock> body)
    {
        if (header.IsVector)
            return;
        var size = body.Sum(b => b.Instructions.Count);
        var copies = size <= MaxForMany ? Many : size <= MaxForTwo ? 2 : 1;
        var successors = body.ToDictionary(b => b, b => b.Successors.ToArray());
        var unguarded = _guards && copies > 1 ? Copy() : null;
        var previous = body;
        for (var copy = 1; copy < copies; copy++)
        {
            var clones = Copy();

            // What went round in the copy before goes on in this one; this one's back edges still lead to the first copy.
            foreach (var block in previous)
                Redirect(block, header, clones[header]);
            var added = body.ConvertAll(b => clones[b]);
            _function.Blocks.InsertRange(_function.Blocks.IndexOf(previous[^1]) + 1, added);
            previous = added;
        }

        if (unguarded is not null)
            Guard(header, copies, body, previous, unguarded);

        // Back edges lead to the header.
        Dictionary<IrBlock, IrBlock> Copy()
        {
            var clones = body.ToDictionary(b => b, b => Clone(b, isHeader: b == header));
            foreach (var (block, clone) in clones)
            {
                foreach (var successor in successors[block])
                    clone.Successors.Add(successor != header && clones.TryGetValue(successor, out var inside) ? inside : successor);
            }

            return clones;
        }
    }

    /// <summary>Puts guards, if there are any, before the loop of <paramref name="copies"/> copies, and behind it the copy that they let nothing pass to.</summary>
    private void Guard(IrBlock header, int copies, List<IrBlock> body, List<IrBlock> lastCopy, Dictionary<IrBlock, IrBlock> unguarded)
    {
        var guards = LoopGuards.Make(body, copies, header, unguarded[header]);
        if (guards.Count == 0)
            return;
        var added = body.ConvertAll(b => unguarded[b]);
        _function.Blocks.InsertRange(_function.Blocks.IndexOf(lastCopy[^1]) + 1, added);
        foreach (var block in _function.Blocks)
            Redirect(block, header, guards[0]);
        guards[0].Instructions.Insert(0, header.Instructions[0]);
        header.Instructions.RemoveAt(0);
        _function.Blocks.InsertRange(_function.Blocks.IndexOf(header), guards);
    }

    private static void Redirect(IrBlock block, IrBlock from, IrBlock to)
    {
        for (var s = 0; s < block.Successors.Count; s++)
        {
            if (block.Successors[s] == from)
                block.Successors[s] = to;
        }
    }

    private static IrBlock Clone(IrBlock block, bool isHeader)
    {
        var result = new IrBlock(block.Pc) { LiveRegisters = block.LiveRegisters };
        var copies = new Dictionary<IrInstruction, IrInstruction>();
        foreach (var i in block.Instructions)
        {
            if (isHeader && i.Op == IrOp.Poll)
                continue;
            var copy = i.With(Copy(i.A), Copy(i.B), Copy(i.C));
            copies.Add(i, copy);
            result.Instructions.Add(copy);
        }

        return result;

        IrInstruction? Copy(IrInstruction? operand) => operand is null ? null : copies[operand];
    }
}
