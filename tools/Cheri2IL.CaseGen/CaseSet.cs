using System.Buffers.Binary;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.CaseGen;

/// <summary>The cases of one file while they are made: pieces of code side by side, and the states to start them from.</summary>
/// <param name="path">Path below tests/cases/riscv.</param>
public sealed class CaseSet(string path)
{
    /// <summary>Distance between pieces; short jumps of a piece land on the stops between them.</summary>
    public const int Stride = 0x20;

    private readonly List<uint[]> _pieces = [];
    private readonly List<(int Piece, MachineState Before, Func<MachineState, MachineState>? Model)> _cases = [];

    /// <summary>Path below tests/cases/riscv.</summary>
    public string Path { get; } = path;

    /// <summary>Number of cases.</summary>
    public int Count => _cases.Count;

    /// <summary>Adds a case whose outcome the emulator decides.</summary>
    public void Add(uint word, Action<MachineState> prepare) => Add([word], prepare);

    /// <summary>Adds a case whose outcome the emulator decides.</summary>
    public void Add(uint[] words, Action<MachineState> prepare) => Add(words, prepare, null);

    /// <summary>Adds a case whose outcome <paramref name="model"/> decides: for what the emulator does not implement.</summary>
    public void Add(uint[] words, Action<MachineState> prepare, Func<MachineState, MachineState>? model)
    {
        var piece = _pieces.FindIndex(known => known.AsSpan().SequenceEqual(words));
        if (piece < 0)
        {
            piece = _pieces.Count;
            _pieces.Add(words);
        }

        var before = new MachineState { Pc = (ulong)AddressOf(piece) };
        prepare(before);
        _cases.Add((piece, before, model));
    }

    /// <summary>Runs the cases and returns the file's lines.</summary>
    public IReadOnlyList<InstructionCase> Complete(QemuMachine machine)
    {
        var code = Assemble();
        var run = machine.Run([.. _cases.Where(c => c.Model == null).Select(c => (code, c.Before))]);
        var next = 0;
        var lines = new List<InstructionCase>();
        foreach (var (piece, before, model) in _cases)
        {
            var after = model == null ? run[next++] : model(before.Clone());
            lines.Add(new InstructionCase(AddressOf(piece), _pieces[piece], Disassemble(code, piece), before, after));
        }

        return lines;
    }

    /// <summary>Address at which a piece's first word stands; the area starts with stops, for jumps backward.</summary>
    private static int AddressOf(int piece) => MachineLayout.Code + (Stride * (piece + 1));

    private byte[] Assemble()
    {
        var code = new byte[Stride * (_pieces.Count + 2)];
        if (code.Length > MachineLayout.CodeBytes)
            throw new InvalidOperationException($"{Path}: {_pieces.Count} pieces of code are too many");
        for (var i = 0; i < code.Length; i += 2)
            BinaryPrimitives.WriteUInt16LittleEndian(code.AsSpan(i), MachineLayout.Stop);
        for (var piece = 0; piece < _pieces.Count; piece++)
            CodeText.Write(code.AsSpan(AddressOf(piece) - MachineLayout.Code, Stride - 2), _pieces[piece]);
        return code;
    }

    private string Disassemble(byte[] code, int piece)
    {
        var address = AddressOf(piece);
        return CodeText.Disassemble(code.AsSpan(address - MachineLayout.Code), address, _pieces[piece].Length);
    }
}
