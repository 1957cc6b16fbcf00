using System.Buffers.Binary;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Translator.Lifting;

/// <summary>A recovered jump table: the load of its entries and where they lead, in order.</summary>
/// <param name="LoadPc">Guest pc of the instruction that loads the entry; in the block of the jump.</param>
/// <param name="Base">Guest address of entry 0.</param>
/// <param name="EntrySize">4 or 8 bytes.</param>
/// <param name="Targets">Guest pc of each entry.</param>
public sealed record JumpTable(long LoadPc, long Base, int EntrySize, long[] Targets)
{
    private const int MaxEntries = 4096;
    private const int MaxDepth = 16;

    /// <summary>Stands for a register that is loaded from the stack: nothing is ever put in it, so that its constant is open.</summary>
    private const int Spilled = 0;

    /// <summary>
    /// Recognises the forms that gcc and clang emit: base-relative 32-bit entries (<c>lw; add; jr</c>), and absolute
    /// entries of 4 or 8 bytes. Entries are read while they lead into the function, up to the bound that the index was
    /// compared with or, where that is not found, up to the next address that the function computes;
    /// <see cref="Ir.IrOp.Switch"/> verifies each jump.
    /// </summary>
    /// <param name="trace">Instructions leading to the jump, in order of execution, the jump last.</param>
    /// <param name="blockStart">Index in <paramref name="trace"/> at which the jump's own block starts.</param>
    /// <param name="constantOf">The one constant that the function ever puts in a register, or null. It is asked for register 0 where a value comes from the stack.</param>
    /// <param name="code">Table contents.</param>
    /// <param name="isTarget">Whether a pc can be a target: inside the function.</param>
    /// <param name="addresses">Addresses that the function computes: of other tables, among others.</param>
    public static JumpTable? Recover(
        List<RiscVInstruction> trace, int blockStart, Func<int, long?> constantOf, ICodeSource code, Func<long, bool> isTarget,
        IReadOnlyCollection<long> addresses)
    {
        var walker = new BackwardWalker(trace, constantOf);
        var jump = trace[^1];
        if (jump.Immediate != 0)
            return null;
        var entry = walker.Definition(jump.Rs1, trace.Count - 1);
        if (entry < 0)
            return null;
        long? relativeTo = null;
        var load = entry;
        if (trace[entry].Opcode == RiscVOpcode.Add)
        {
            // target = entry + base, in either operand order.
            var left = walker.Definition(trace[entry].Rs1, entry);
            var right = walker.Definition(trace[entry].Rs2, entry);
            if (left >= 0 && IsEntryLoad(trace[left].Opcode) && walker.Constant(trace[entry].Rs2, entry, 0) is { } fromRight)
                (load, relativeTo) = (left, fromRight);
            else if (right >= 0 && IsEntryLoad(trace[right].Opcode) && walker.Constant(trace[entry].Rs1, entry, 0) is { } fromLeft)
                (load, relativeTo) = (right, fromLeft);
            else
                return null;
        }

        if (load < blockStart || !IsEntryLoad(trace[load].Opcode))
            return null;
        if (walker.ConstantPart(trace[load].Rs1, load, 0) is not { } tableBase)
            return null;
        tableBase += trace[load].Immediate;
        var size = trace[load].Opcode == RiscVOpcode.Ld ? 8 : 4;
        var most = walker.IndexBound(load) is { } bound && bound < MaxEntries
            ? bound
            : addresses.Where(a => a > tableBase).Select(a => (a - tableBase) / size).Append(MaxEntries).Min();
        var targets = new List<long>();
        Span<byte> bytes = stackalloc byte[8];
        while (targets.Count < most && code.TryRead(tableBase + ((long)targets.Count * size), bytes[..size]))
        {
            var value = size == 8 ? BinaryPrimitives.ReadInt64LittleEndian(bytes) : BinaryPrimitives.ReadInt32LittleEndian(bytes);
            var target = value + (relativeTo ?? 0);
            if ((target & 1) != 0 || !isTarget(target))
                break;
            targets.Add(target);
        }

        return targets.Count < 2 ? null : new JumpTable(trace[load].Address, tableBase, size, [.. targets]);
    }

    private static bool IsEntryLoad(RiscVOpcode opcode) => opcode is RiscVOpcode.Lw or RiscVOpcode.Lwu or RiscVOpcode.Ld;

    /// <summary>Finds definitions and constants by walking a trace backward.</summary>
    private readonly struct BackwardWalker(List<RiscVInstruction> trace, Func<int, long?> constantOf)
    {
        /// <summary>Index of the last instruction before <paramref name="before"/> that writes the register, or -1. Moves are followed.</summary>
        public int Definition(int register, int before)
        {
            for (var i = before - 1; i >= 0; i--)
            {
                if (trace[i].DestinationX() != register)
                    continue;
                if (IsMove(trace[i], out var source))
                {
                    register = source;
                    continue;
                }

                return i;
            }

            return -1;
        }

        /// <summary>Value of a register if it is constant at this place.</summary>
        public long? Constant(int register, int before, int depth)
        {
            if (register == 0)
                return 0;
            if (depth > MaxDepth)
                return null;
            for (var i = before - 1; i >= 0; i--)
            {
                var instruction = trace[i];
                if (instruction.DestinationX() != register)
                    continue;
                return instruction.Opcode switch
                {
                    RiscVOpcode.Lui => instruction.Immediate,
                    RiscVOpcode.Auipc => instruction.Address + instruction.Immediate,
                    RiscVOpcode.Addi => Constant(instruction.Rs1, i, depth + 1) + instruction.Immediate,
                    RiscVOpcode.Add => Constant(instruction.Rs1, i, depth + 1) + Constant(instruction.Rs2, i, depth + 1),
                    RiscVOpcode.Ld when instruction.Rs1 == GuestRegister.Sp => constantOf(Spilled),
                    _ => null,
                };
            }

            return constantOf(register);
        }

        /// <summary>The constant term of an address that is table base plus scaled index.</summary>
        public long? ConstantPart(int register, int before, int depth)
        {
            if (Constant(register, before, 0) is { } whole)
                return whole;
            var definition = Definition(register, before);
            if (definition < 0 || depth > MaxDepth)
                return null;
            var instruction = trace[definition];
            return instruction.Opcode switch
            {
                RiscVOpcode.Addi => ConstantPart(instruction.Rs1, definition, depth + 1) + instruction.Immediate,
                RiscVOpcode.Add => Constant(instruction.Rs2, definition, 0) ?? Constant(instruction.Rs1, definition, 0)
                    ?? ConstantPart(instruction.Rs1, definition, depth + 1) ?? ConstantPart(instruction.Rs2, definition, depth + 1),
                RiscVOpcode.Sh2add or RiscVOpcode.Sh3add or RiscVOpcode.Sh2addUw or RiscVOpcode.Sh3addUw => Constant(instruction.Rs2, definition, 0),
                _ => null,
            };
        }

        /// <summary>How many values the index of the table load at <paramref name="load"/> can have, where a mask or a comparison tells; else null.</summary>
        public long? IndexBound(int load)
        {
            var at = Definition(trace[load].Rs1, load);
            if (at >= 0 && trace[at].Opcode == RiscVOpcode.Add)
            {
                var left = ScaledIndex(trace[at].Rs1, at);
                return BoundOf(left.Register >= 0 ? left : ScaledIndex(trace[at].Rs2, at));
            }

            return at >= 0 && trace[at].Opcode is RiscVOpcode.Sh2add or RiscVOpcode.Sh3add or RiscVOpcode.Sh2addUw or RiscVOpcode.Sh3addUw
                ? BoundOf((trace[at].Rs1, at))
                : null;
        }

        /// <summary>The register that the given one is a multiple of, and where; register -1 if it is none.</summary>
        private (int Register, int Before) ScaledIndex(int register, int before)
        {
            var at = Definition(register, before);
            if (at < 0)
                return (-1, 0);
            if (trace[at].Opcode == RiscVOpcode.Slli)
                return (trace[at].Rs1, at);

            // The index of 32 bits, zero-extended and scaled: slli 32; srli 30 or 29.
            var upper = trace[at].Opcode == RiscVOpcode.Srli ? Definition(trace[at].Rs1, at) : -1;
            return upper >= 0 && trace[upper].Opcode == RiscVOpcode.Slli && trace[upper].Immediate == 32 ? (trace[upper].Rs1, upper) : (-1, 0);
        }

        private long? BoundOf((int Register, int Before) index)
        {
            if (index.Register <= 0)
                return null;
            for (var i = index.Before - 1; i >= 0; i--)
            {
                var instruction = trace[i];
                if (instruction.DestinationX() == index.Register)
                    return instruction.Opcode == RiscVOpcode.Andi && instruction.Immediate >= 0 ? instruction.Immediate + 1 : null;
                var taken = trace[i + 1].Address != instruction.Address + instruction.Length;
                var bound = instruction.Opcode switch
                {
                    // Not above the constant.
                    RiscVOpcode.Bltu when !taken && instruction.Rs2 == index.Register => SmallConstant(instruction.Rs1, i) + 1,
                    RiscVOpcode.Bgeu when taken && instruction.Rs2 == index.Register => SmallConstant(instruction.Rs1, i) + 1,

                    // Below it.
                    RiscVOpcode.Bltu when taken && instruction.Rs1 == index.Register => SmallConstant(instruction.Rs2, i),
                    RiscVOpcode.Bgeu when !taken && instruction.Rs1 == index.Register => SmallConstant(instruction.Rs2, i),
                    _ => null,
                };
                if (bound is not null)
                    return bound;
            }

            return null;
        }

        private long? SmallConstant(int register, int before)
            => Constant(register, before, 0) is { } value and >= 0 and < MaxEntries ? value : null;

        private static bool IsMove(in RiscVInstruction i, out int source)
        {
            source = 0;
            if (i.Opcode == RiscVOpcode.Addi && i.Immediate == 0)
                source = i.Rs1;
            else if (i.Opcode == RiscVOpcode.Add && (i.Rs1 == 0 || i.Rs2 == 0))
                source = i.Rs1 | i.Rs2;
            return source != 0;
        }
    }
}
