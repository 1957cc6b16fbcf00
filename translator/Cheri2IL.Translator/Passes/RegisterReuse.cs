using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Inside each block: reads a value from the guest register that holds it rather than from the instruction that computed
/// it. The emitter keeps a local per guest register anyway; a value that is only set needs no second one.
/// </summary>
/// <remarks>
/// A value with a use before the set, or after the register was overwritten, would still need its own local and is left
/// alone, as are constants and register reads, which cost nothing to repeat. All uses of a value move to one Get, so that an
/// access and its check keep having the same address value.
/// </remarks>
public sealed class RegisterReuse
{
    private readonly int[] _held = new int[GuestRegister.Count];
    private readonly List<IrInstruction> _output = [];
    private Home[] _homes = [];

    private RegisterReuse()
    {
    }

    /// <summary>Rewrites every block of <paramref name="function"/>.</summary>
    public static void Run(IrFunction function)
    {
        function.Number();
        var pass = new RegisterReuse();
        foreach (var block in function.Blocks)
            pass.Rewrite(block.Instructions);
        function.Number();
    }

    private void Rewrite(List<IrInstruction> instructions)
    {
        if (_homes.Length < instructions.Count)
            _homes = new Home[instructions.Count * 2];
        Array.Clear(_homes, 0, instructions.Count);
        FindHomes(instructions);
        foreach (var i in instructions)
        {
            Examine(i.A, i.Id);
            Examine(i.B, i.Id);
            Examine(i.C, i.Id);
        }

        _output.Clear();
        foreach (var i in instructions)
        {
            i.A = Read(i.A, i.Id);
            i.B = Read(i.B, i.Id);
            i.C = Read(i.C, i.Id);
            _output.Add(i);
            if (i.Op == IrOp.Set && i.A!.Op != IrOp.Get && _homes[i.A.Id] is { UsedAfter: true } home && home.Set == i.Id)
                _output.Add(_homes[i.A.Id].Get = new IrInstruction(IrOp.Get, i.A.Type) { Register = i.Register, Pc = i.Pc, Id = i.Id });
        }

        instructions.Clear();
        instructions.AddRange(_output);
    }

    private void FindHomes(List<IrInstruction> instructions)
    {
        Array.Fill(_held, -1);
        foreach (var i in instructions)
        {
            if (i.Op != IrOp.Set)
                continue;
            if (_held[i.Register] >= 0)
                _homes[_held[i.Register]].End = i.Id;
            _held[i.Register] = -1;
            ref var home = ref _homes[i.A!.Id];
            if (home.Exists || i.A.Op is IrOp.Const or IrOp.Get)
                continue;
            home.Set = i.Id;
            home.End = int.MaxValue;
            _held[i.Register] = i.A.Id;
        }
    }

    /// <summary>Notes a use; one outside the time that the register holds the value ends the candidacy.</summary>
    private void Examine(IrInstruction? value, int user)
    {
        if (value is null || !_homes[value.Id].Exists)
            return;
        ref var home = ref _homes[value.Id];
        // The set that overwrites the register may itself still read it.
        if (user < home.Set || user > home.End)
            home = default;
        else if (user != home.Set)
            home.UsedAfter = true;
    }

    private IrInstruction? Read(IrInstruction? value, int user)
        => value is not null && _homes[value.Id].Get is { } get && user > _homes[value.Id].Set ? get : value;

    /// <summary>Where a value lives: in the register that instruction Set (never 0) sets to it, up to and including End.</summary>
    private struct Home
    {
        public int Set;
        public int End;
        public bool UsedAfter;
        public IrInstruction? Get;

        public readonly bool Exists => Set != 0;
    }
}
