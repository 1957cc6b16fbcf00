using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Translator.Ir;

/// <summary>A single-entry region of guest code: usually one guest function. Blocks[0] is the entry.</summary>
public sealed class IrFunction
{
    /// <summary>Makes an empty function whose entry is guest pc <paramref name="entryPc"/>.</summary>
    public IrFunction(long entryPc, string? name = null)
    {
        EntryPc = entryPc;
        Name = name;
    }

    /// <summary>Guest pc of the entry.</summary>
    public long EntryPc { get; }

    /// <summary>
    /// Whether registers and memory have tags: then Set of an x register makes it an integer, without tag, with NULL's metadata.
    /// </summary>
    public bool HasCapabilities { get; init; }

    /// <summary>Whether its code is encoded in capability mode; only with capabilities.</summary>
    public bool IsCapabilityMode { get; init; }

    /// <summary>
    /// First and last byte of the code that PCC must allow to be fetched for the function to be entered, where that stands for the checks of
    /// its fetches (<see cref="Passes.FetchChecks"/>).
    /// </summary>
    public (long Start, long Last)? FetchedCode { get; set; }

    /// <summary>Symbol, if known.</summary>
    public string? Name { get; }

    /// <summary>Basic blocks, entry first.</summary>
    public List<IrBlock> Blocks { get; } = [];

    /// <summary>
    /// Other blocks that control may enter at: entry n (from 1) of a part of a split function. Entry 0 is Blocks[0].
    /// </summary>
    public List<IrBlock> ExtraEntries { get; } = [];

    /// <summary>
    /// Guest memory whose content the function relies on. It may be used only while nobody can change that.
    /// </summary>
    public List<AddressRange> Constants { get; } = [];

    /// <summary>By number of the block, which it gives: the blocks that lead to it, twice if they do so in two ways.</summary>
    public List<IrBlock>[] Predecessors()
    {
        Number();
        var predecessors = Blocks.ConvertAll(_ => new List<IrBlock>()).ToArray();
        foreach (var block in Blocks)
        {
            foreach (var successor in block.Successors)
                predecessors[successor.Id].Add(block);
        }

        return predecessors;
    }

    /// <summary>Numbers blocks and instructions in order, as the text form shows them.</summary>
    public void Number()
    {
        for (var i = 0; i < Blocks.Count; i++)
        {
            Blocks[i].Id = i;
            var id = 0;
            foreach (var instruction in Blocks[i].Instructions)
                instruction.Id = id++;
        }
    }
}

/// <summary>
/// Straight-line code that ends in exactly one terminator. A guest call, system call or trap is a terminator, so state
/// crosses them only between blocks.
/// </summary>
public sealed class IrBlock
{
    /// <summary>Makes an empty block for guest pc <paramref name="pc"/>.</summary>
    public IrBlock(long pc) => Pc = pc;

    /// <summary>Guest pc of the first instruction.</summary>
    public long Pc { get; }

    /// <summary>Position in the function.</summary>
    public int Id { get; set; }

    /// <summary>
    /// Registers that the guest may read, or a fault other than a memory fault may show, when it goes on at <see cref="Pc"/>
    /// (<see cref="Passes.GuestLiveness"/>).
    /// </summary>
    public ulong LiveRegisters { get; set; } = ulong.MaxValue;

    /// <summary>Whether it is a loop that the emitter also makes a vector form of (<see cref="Passes.VectorLoop"/>).</summary>
    public bool IsVector { get; set; }

    /// <summary>Instructions; the last is the terminator.</summary>
    public List<IrInstruction> Instructions { get; } = [];

    /// <summary>Where the terminator can go inside the function, in the order the terminator defines.</summary>
    public List<IrBlock> Successors { get; } = [];

    /// <summary>The last instruction.</summary>
    public IrInstruction Terminator => Instructions[^1];
}
