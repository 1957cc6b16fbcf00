using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>
/// Inside each block: reads a value from a guest register that holds it rather than from the instruction that computed
/// it. The emitter keeps a local per guest register anyway; a value that is only set needs no second one.
/// </summary>
/// <remarks>Constants are left alone, for they cost nothing to repeat, and so are reads of a register that was not set since.</remarks>
public sealed class RegisterReuse
{
    private readonly IrInstruction?[] _held = new IrInstruction?[GuestRegister.Count];
    private readonly List<IrInstruction> _output = [];

    /// <summary>By number of a value: one more than a register that holds it, or 0.</summary>
    private byte[] _holders = [];

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
        if (_holders.Length < instructions.Count)
            _holders = new byte[instructions.Count * 2];
        Array.Clear(_holders, 0, instructions.Count);
        Array.Clear(_held);
        _output.Clear();
        foreach (var i in instructions)
        {
            var value = i.A;
            i.A = Read(i.A, i);
            i.B = Read(i.B, i);
            i.C = Read(i.C, i);
            _output.Add(i);
            if (i.Op == IrOp.Set)
                Hold(i.Register, value!);
            else if (i.Op == IrOp.Get && _held[i.Register] is null)
                Hold(i.Register, i);
            else if (i.Op == IrOp.SetC && i.Register < GuestRegister.Count)
                Release(i.Register);
        }

        instructions.Clear();
        instructions.AddRange(_output);
    }

    /// <summary>Notes that a register holds a value, and no longer the one before.</summary>
    private void Hold(int register, IrInstruction value)
    {
        Release(register);
        _held[register] = value;
        if (value.Op != IrOp.Const && _holders[value.Id] == 0)
            _holders[value.Id] = (byte)(register + 1);
    }

    /// <summary>Notes that a register no longer holds what it did.</summary>
    private void Release(int register)
    {
        var previous = _held[register];
        _held[register] = null;
        if (previous is not null && _holders[previous.Id] == register + 1)
            _holders[previous.Id] = (byte)(Array.IndexOf(_held, previous) + 1);
    }

    private IrInstruction? Read(IrInstruction? value, IrInstruction user)
    {
        if (value is null || _holders[value.Id] == 0)
            return value;
        var register = (byte)(_holders[value.Id] - 1);
        if (value.Op == IrOp.Get && value.Register == register)
            return value;
        var get = new IrInstruction(IrOp.Get, value.Type) { Register = register, Pc = user.Pc };
        _output.Add(get);
        return get;
    }
}
