namespace Cheri2IL.Translator.Ir;

/// <summary>Checks the invariants that lifter and passes must keep, and that emitter and evaluator rely on.</summary>
/// <remarks>
/// <para>Function:</para>
/// <list type="number">
/// <item>There is a block, and the first one's pc is the entry pc. No block is listed twice, no instruction stands in two places.
/// Extra entries are blocks of the function, and not the first.</item>
/// <item>Every block ends in a terminator and has no other. It has as many successors as the terminator takes, all of them blocks of the function.</item>
/// </list>
/// <para>Instruction:</para>
/// <list type="number">
/// <item>It has the operands that <see cref="IrSignature"/> lists, no gaps and no others. Call and TailCall may omit theirs.</item>
/// <item>Each operand is defined earlier in the same block and yields a value.</item>
/// <item>Types of operands and result are those of <see cref="IrSignature"/>, and the type variable takes one of the listed types.</item>
/// <item>Get and Set name a register below <see cref="GuestRegister.Count"/>, never x0. The link of a Call is an x register; 0 stands for x1.</item>
/// <item>GetC and SetC name c1..c31, PCC or DDC; only functions with capabilities use capability operations.</item>
/// <item>Fields are in range: Access exists, and is I32 or I64 for atomics (I8 and I16 for those that CHERI adds); a rounding mode is 0..4 or
/// 7; CheckAlignment takes 4 or 8, CapCheckAlignment a power of two up to 64; a fetch is of 2 or 4 bytes; a counter is 0xC00..0xC02; fence sets are 8 bits; an I32 constant is given sign-extended.</item>
/// <item>Poll is the first instruction of its block: it leaves with the block's pc, so nothing may have happened before.</item>
/// </list>
/// <para>Confinement:</para>
/// <list type="number">
/// <item>Every access stands behind a Check of its address value and offset in its block, elided or not; a value read back from a register counts as
/// the value that was set. A Check of the store kind stands before what writes.</item>
/// <item>The offset of an access, its width included, is within <see cref="CheckWindow"/> of the checked value.</item>
/// <item>LoadReserved, StoreConditional and Amo also stand behind a CheckAlignment of their width.</item>
/// <item>In a function with capabilities, every access stands behind a CapCheck or CapCheckValue of its address value and offset, too.</item>
/// <item>Only a Check, CapCheck, CapCheckValue or ClearTags can be elided, and the check of CapIncrement.</item>
/// </list>
/// </remarks>
public static class IrVerifier
{
    /// <summary>
    /// Largest distance, in bytes and either direction, of an accessed byte from the value that was checked for it. The 64 KiB at
    /// the ends of a slot that are never mapped, less one page to spare.
    /// </summary>
    public const long CheckWindow = (64 * 1024) - 4096;

    /// <summary>Most bytes that a <see cref="IrOp.CapAllows"/> asks about.</summary>
    public const long MostAllowed = 4096;

    /// <summary>Most bytes that an <see cref="IrOp.Untagged"/> asks about: wherever they begin, one load has all their tags.</summary>
    public const long MostUntagged = (7 * 16) + 1;

    /// <summary>All violations, in order; numbers <paramref name="function"/>.</summary>
    public static IReadOnlyList<IrError> Verify(IrFunction function)
    {
        var state = new Verification(function);
        state.Run();
        return state.Errors;
    }

    /// <summary>Throws when there is a violation.</summary>
    /// <param name="function">What to check.</param>
    /// <param name="after">Name of the pass that ran last; appears in the message.</param>
    /// <exception cref="InvalidOperationException">There is one; the message lists the first ten.</exception>
    public static void ThrowIfInvalid(IrFunction function, string after)
    {
        var errors = Verify(function);
        if (errors.Count != 0)
            throw new InvalidOperationException($"invalid IR after {after}:\n{string.Join('\n', errors.Take(10))}");
    }

    private sealed class Verification(IrFunction function)
    {
        private readonly HashSet<IrBlock> _blocks = [];
        private readonly HashSet<IrInstruction> _placed = new(ReferenceEqualityComparer.Instance);
        private readonly Dictionary<(IrInstruction Address, long Offset), Guards> _guards = [];
        private readonly Dictionary<IrInstruction, IrInstruction> _sameAs = [];
        private readonly IrInstruction?[] _registers = new IrInstruction?[GuestRegister.Count];
        private IrBlock? _block;
        private int _index;

        public List<IrError> Errors { get; } = [];

        public void Run()
        {
            function.Number();
            if (function.Blocks.Count == 0)
            {
                Report(null, "the function has no block");
                return;
            }

            foreach (var block in function.Blocks)
            {
                _block = block;
                if (!_blocks.Add(block))
                    Report(null, "the block is listed twice");
            }

            foreach (var entry in function.ExtraEntries)
            {
                _block = entry;
                if (!_blocks.Contains(entry) || entry == function.Blocks[0])
                    Report(null, "an extra entry must be a block of the function other than the first");
            }

            _block = function.Blocks[0];
            if (_block.Pc != function.EntryPc)
                Report(null, $"the first block's pc is not the entry 0x{function.EntryPc:x}");
            foreach (var block in function.Blocks)
            {
                _block = block;
                VerifyBlock(block);
            }
        }

        private void VerifyBlock(IrBlock block)
        {
            _guards.Clear();
            _sameAs.Clear();
            Array.Clear(_registers);
            for (_index = 0; _index < block.Instructions.Count; _index++)
            {
                var instruction = block.Instructions[_index];
                if (!_placed.Add(instruction))
                    Report(instruction, "the instruction stands in two places");
                VerifyInstruction(instruction);
                if (IrOpInfo.IsTerminator(instruction.Op) && _index != block.Instructions.Count - 1)
                    Report(instruction, "a terminator must be the last instruction");
            }

            if (block.Instructions.Count == 0 || !IrOpInfo.IsTerminator(block.Terminator.Op))
            {
                Report(null, "the block does not end in a terminator");
                return;
            }

            var expected = IrOpInfo.SuccessorCount(block.Terminator.Op);
            if (expected >= 0 ? block.Successors.Count != expected : block.Successors.Count == 0)
                Report(block.Terminator, $"{block.Successors.Count} successors, must be {(expected >= 0 ? expected : "at least 1")}");
            foreach (var successor in block.Successors)
            {
                if (!_blocks.Contains(successor))
                    Report(block.Terminator, "a successor is not a block of the function");
            }
        }

        private void VerifyInstruction(IrInstruction instruction)
        {
            var signature = IrSignature.Of(instruction.Op);
            VerifyTypes(instruction, signature);
            VerifyFields(instruction, signature);
            if (instruction.Elided is not null && instruction.Op is not (IrOp.Check or IrOp.CapCheck or IrOp.CapCheckValue or IrOp.CapIncrement or IrOp.ClearTags or IrOp.Commit))
                Report(instruction, "only a check or a commit can be elided");
            if (instruction.Op == IrOp.Poll && _index != 0)
                Report(instruction, "poll must be the first instruction of its block");
            if (instruction.Register < GuestRegister.Count)
                FollowRegisters(instruction);
            if (instruction.Op is (IrOp.CapCheck or IrOp.CapCheckValue) && instruction.B is { } authorised)
                Guard(_sameAs.GetValueOrDefault(authorised, authorised), instruction.Immediate, Guards.Authorised);
            if (instruction.A is { } address)
                VerifyConfinement(instruction, _sameAs.GetValueOrDefault(address, address));
        }

        private void VerifyTypes(IrInstruction instruction, IrSignature signature)
        {
            var optional = signature.Immediate == ImmediateRule.InsteadOfA;
            var variable = signature.VariableOf(instruction);
            if (signature.HasVariable && !signature.Types.Contains(variable))
            {
                Report(instruction, $"type is {Name(variable)}, must be {string.Join(" or ", signature.Types.Select(Name))}");
                return;
            }

            VerifyOperand(instruction, 1, instruction.A, signature.A, variable, optional);
            VerifyOperand(instruction, 2, instruction.B, signature.B, variable, false);
            VerifyOperand(instruction, 3, instruction.C, signature.C, variable, false);
            var result = IrSignature.Resolve(signature.Result, instruction, variable);
            if (instruction.Type != result)
                Report(instruction, $"result is {Name(instruction.Type)}, must be {Name(result)}");
        }

        private void VerifyOperand(
            IrInstruction instruction, int number, IrInstruction? operand, TypeRule rule, IrType variable, bool optional)
        {
            if (operand is null)
            {
                if (rule != TypeRule.None && !optional)
                    Report(instruction, $"operand {number} is missing");
                return;
            }

            if (rule == TypeRule.None)
            {
                Report(instruction, $"operand {number} is one too many");
                return;
            }

            // Numbers are positions, so this finds in constant time whether the operand stands earlier in this very block.
            if (operand.Id < 0 || operand.Id >= _index || !ReferenceEquals(_block!.Instructions[operand.Id], operand))
                Report(instruction, $"operand {number} is not defined before this in its block");
            var expected = IrSignature.Resolve(rule, instruction, variable);
            if (operand.Type == IrType.Void)
                Report(instruction, $"operand {number} yields no value");
            else if (operand.Type != expected)
                Report(instruction, $"operand {number} is {Name(operand.Type)}, must be {Name(expected)}");
        }

        private void VerifyFields(IrInstruction instruction, IrSignature signature)
        {
            var immediate = instruction.Immediate;
            if (signature.Immediate == ImmediateRule.Rounding && immediate is not ((>= 0 and <= 4) or 7))
                Report(instruction, $"{immediate} is no rounding mode");
            var isNarrow = function.HasCapabilities && instruction.Op != IrOp.Amo && instruction.Access is (MemoryAccess.I8 or MemoryAccess.I16);
            if ((signature.Qualifiers & IrQualifiers.AtomicAccess) != 0 && !isNarrow && instruction.Access is not (MemoryAccess.I32 or MemoryAccess.I64))
                Report(instruction, "an atomic access must be i32 or i64");
            if (instruction.Op is >= IrOp.GetC and <= IrOp.ClearTags && !function.HasCapabilities)
                Report(instruction, "the function has no capabilities");
            if (!Enum.IsDefined(instruction.Access) || !Enum.IsDefined(instruction.Amo) || !Enum.IsDefined(instruction.Format)
                || !Enum.IsDefined(instruction.Fault) || !Enum.IsDefined(instruction.Capability))
                Report(instruction, "a field holds no value of its enumeration");
            switch (instruction.Op)
            {
                case IrOp.Get or IrOp.Set when instruction.Register == 0:
                    Report(instruction, "x0 is neither read nor written");
                    break;
                case IrOp.Get or IrOp.Set when instruction.Register >= GuestRegister.Count:
                    Report(instruction, $"there is no register {instruction.Register}");
                    break;
                case IrOp.GetC or IrOp.SetC when instruction.Register is not ((> 0 and < GuestRegister.F0) or GuestRegister.Pcc or GuestRegister.Ddc):
                    Report(instruction, "there is no such capability register");
                    break;
                case IrOp.CapAllows when instruction.C is not { Op: IrOp.Const, Immediate: > 0 and <= MostAllowed } || instruction.Capability > CapabilityAccess.Update:
                    Report(instruction, $"the accesses must be loads, stores or both, of 1 to {MostAllowed} bytes that are a constant");
                    break;
                case IrOp.Untagged when instruction.B is not { Op: IrOp.Const, Immediate: > 0 and <= MostUntagged }:
                    Report(instruction, $"the bytes must be 1 to {MostUntagged} that are a constant");
                    break;
                case IrOp.CapCheckAlignment when immediate is not (2 or 4 or 8 or 16 or 64):
                    Report(instruction, "alignment must be 2, 4, 8, 16 or 64");
                    break;
                case IrOp.CapCheckFetch when immediate is not (2 or 4):
                    Report(instruction, "an instruction has 2 or 4 bytes");
                    break;
                case IrOp.Call when instruction.Register >= GuestRegister.F0:
                    Report(instruction, "the link must be an x register");
                    break;
                case IrOp.Const when instruction.Type == IrType.I32 && immediate != (int)immediate:
                    Report(instruction, "an i32 constant must be given sign-extended");
                    break;
                case IrOp.CheckAlignment when immediate is not (4 or 8):
                    Report(instruction, "alignment must be 4 or 8");
                    break;
                case IrOp.ReadCounter when immediate is not (>= 0xC00 and <= 0xC02 or 0xCC0):
                    Report(instruction, "there is no such counter");
                    break;
                case IrOp.Fence when immediate is not (>= 0 and <= 0xff):
                    Report(instruction, "fence sets have 8 bits");
                    break;
            }
        }

        private void FollowRegisters(IrInstruction instruction)
        {
            ref var held = ref _registers[instruction.Register];
            if (instruction.Op == IrOp.Set && instruction.A is { } value)
                held = _sameAs.GetValueOrDefault(value, value);
            else if (instruction.Op == IrOp.SetC)
                held = null;
            else if (instruction.Op == IrOp.Get && held is not null)
                _sameAs[instruction] = held;
            else if (instruction.Op == IrOp.Get)
                held = instruction;
        }

        private void VerifyConfinement(IrInstruction instruction, IrInstruction address)
        {
            switch (instruction.Op)
            {
                case IrOp.Check:
                    Guard(address, instruction.Immediate, instruction.IsStore ? Guards.Store | Guards.Load : Guards.Load);
                    break;
                case IrOp.CheckAlignment:
                    Guard(address, 0, instruction.Immediate == 8 ? Guards.Aligned4 | Guards.Aligned8 : Guards.Aligned4);
                    break;
                case IrOp.CapCheckAlignment:
                    Guard(address, 0, Guards.Aligned2 | (instruction.Immediate >= 4 ? Guards.Aligned4 : 0) | (instruction.Immediate >= 8 ? Guards.Aligned8 : 0));
                    break;
                case IrOp.Load or IrOp.CapLoad or IrOp.CapLoadReserved or IrOp.CapLoadTags:
                    Demand(instruction, address, Guards.Load);
                    break;
                case IrOp.CapStoreConditional or IrOp.CapSwap:
                    Demand(instruction, address, Guards.Store);
                    break;
                case IrOp.Store or IrOp.CapStore:
                    Demand(instruction, address, Guards.Store);
                    break;
                case IrOp.LoadReserved:
                    Demand(instruction, address, Guards.Load | AlignmentOf(instruction));
                    break;
                case IrOp.StoreConditional or IrOp.Amo:
                    Demand(instruction, address, Guards.Store | AlignmentOf(instruction));
                    break;
            }
        }

        private void Guard(IrInstruction address, long offset, Guards guards)
            => _guards[(address, offset)] = _guards.GetValueOrDefault((address, offset)) | guards;

        private void Demand(IrInstruction instruction, IrInstruction address, Guards guards)
        {
            if (function.HasCapabilities)
                guards |= Guards.Authorised;
            var missing = guards & ~_guards.GetValueOrDefault((address, instruction.Immediate));
            if (missing != 0)
                Report(instruction, $"no check before the access ({missing})");
            var offset = instruction.Immediate;
            if (offset < -CheckWindow || offset > CheckWindow - IrSignature.SizeOf(instruction.Access))
                Report(instruction, $"offset {offset} is outside of the window of {CheckWindow} bytes");
        }

        private static Guards AlignmentOf(IrInstruction instruction) => instruction.Access switch
        {
            MemoryAccess.I64 => Guards.Aligned8,
            MemoryAccess.I16 => Guards.Aligned2,
            MemoryAccess.I8 => Guards.None,
            _ => Guards.Aligned4,
        };

        private static string Name(IrType type) => type.ToString().ToLowerInvariant();

        private void Report(IrInstruction? instruction, string message) => Errors.Add(new IrError(function, _block, instruction, message));

        [Flags]
        private enum Guards
        {
            None = 0,
            Load = 1,
            Store = 2,
            Aligned4 = 4,
            Aligned8 = 8,
            Aligned2 = 16,
            Authorised = 32,
        }
    }
}
