using System.Buffers.Binary;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Runtime.InteropServices;

namespace Cheri2IL.Translator.Emit;

/// <summary>A branch target of an <see cref="ILWriter"/>.</summary>
public readonly record struct ILLabel(int Id);

/// <summary>
/// Buffers the IL of one method and writes it with relaxed branches and the exact maximum stack depth. The only place
/// that encodes IL: System.Reflection.Metadata's own encoder neither relaxes branches nor counts the stack.
/// </summary>
/// <remarks>
/// Contract: the evaluation stack is empty at every label and after every unconditional transfer; each label is marked
/// exactly once. Violations throw <see cref="InvalidOperationException"/>: they are defects of the emitter.
/// </remarks>
public sealed class ILWriter
{
    private const int NoLabel = -1;

    /// <summary>Bytes of a branch that leads less than 128 bytes away.</summary>
    private const byte ShortBranch = 2;

    private readonly List<Instruction> _code = [];
    private readonly List<int> _labels = [];
    private readonly List<int[]> _switches = [];
    private int _depth;
    private int _maxDepth;

    /// <summary>Number of IL instructions so far.</summary>
    public int Count => _code.Count;

    /// <summary>Number of ldloc, stloc, ldarg, starg and their address forms so far: RyuJIT gives up optimising above 8,000.</summary>
    public int LocalReferences { get; private set; }

    /// <summary>Deepest evaluation stack so far.</summary>
    public int MaxStack => _maxDepth;

    /// <summary>Makes a label to be marked later.</summary>
    public ILLabel DefineLabel()
    {
        _labels.Add(NoLabel);
        return new ILLabel(_labels.Count - 1);
    }

    /// <summary>Puts <paramref name="label"/> here.</summary>
    public void MarkLabel(ILLabel label)
    {
        if (_labels[label.Id] != NoLabel)
            throw new InvalidOperationException($"label {label.Id} is marked twice");
        RequireEmptyStack("a label");
        _labels[label.Id] = _code.Count;
    }

    /// <summary>Emits an instruction without operand.</summary>
    public void Emit(ILOpCode opcode)
    {
        Add(new Instruction(opcode, 0), StackChange(opcode));
        if (opcode is ILOpCode.Ret or ILOpCode.Throw)
            _depth = 0;
    }

    /// <summary>Emits <c>ldarg</c>.</summary>
    public void LoadArgument(int index)
    {
        LocalReferences++;
        if (index < 4)
            Add(new Instruction((ILOpCode)((int)ILOpCode.Ldarg_0 + index), 0), 1);
        else
            Add(new Instruction(ILOpCode.Ldarg_s, index), 1);
    }

    /// <summary>Emits <c>starg</c>.</summary>
    public void StoreArgument(int index)
    {
        LocalReferences++;
        Add(new Instruction(ILOpCode.Starg_s, index), -1);
    }

    /// <summary>Emits <c>ldloc</c>.</summary>
    public void LoadLocal(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        LocalReferences++;
        if (index < 4)
            Add(new Instruction((ILOpCode)((int)ILOpCode.Ldloc_0 + index), 0), 1);
        else
            Add(new Instruction(index < 256 ? ILOpCode.Ldloc_s : ILOpCode.Ldloc, index), 1);
    }

    /// <summary>Emits <c>stloc</c>.</summary>
    public void StoreLocal(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        LocalReferences++;
        if (index < 4)
            Add(new Instruction((ILOpCode)((int)ILOpCode.Stloc_0 + index), 0), -1);
        else
            Add(new Instruction(index < 256 ? ILOpCode.Stloc_s : ILOpCode.Stloc, index), -1);
    }

    /// <summary>Emits <c>ldloca</c>.</summary>
    public void LoadLocalAddress(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        LocalReferences++;
        Add(new Instruction(index < 256 ? ILOpCode.Ldloca_s : ILOpCode.Ldloca, index), 1);
    }

    /// <summary>Loads a 32-bit constant in the shortest form.</summary>
    public void LoadConstant(int value)
    {
        if (value is >= -1 and <= 8)
            Add(new Instruction((ILOpCode)((int)ILOpCode.Ldc_i4_0 + value), 0), 1);
        else if (value is >= sbyte.MinValue and <= sbyte.MaxValue)
            Add(new Instruction(ILOpCode.Ldc_i4_s, value), 1);
        else
            Add(new Instruction(ILOpCode.Ldc_i4, value), 1);
    }

    /// <summary>Loads a 64-bit constant in the shortest form.</summary>
    public void LoadConstant(long value)
    {
        if (value is >= int.MinValue and <= int.MaxValue)
        {
            LoadConstant((int)value);
            Emit(ILOpCode.Conv_i8);
        }
        else
        {
            Add(new Instruction(ILOpCode.Ldc_i8, value), 1);
        }
    }

    /// <summary>Loads a binary64 constant.</summary>
    public void LoadConstant(double value) => Add(new Instruction(ILOpCode.Ldc_r8, BitConverter.DoubleToInt64Bits(value)), 1);

    /// <summary>Loads a binary32 constant.</summary>
    public void LoadConstant(float value) => Add(new Instruction(ILOpCode.Ldc_r4, BitConverter.SingleToInt32Bits(value)), 1);

    /// <summary>Emits an instruction with a metadata token: call, ldfld, stfld, newobj...</summary>
    /// <param name="opcode">The instruction.</param>
    /// <param name="token">Metadata token.</param>
    /// <param name="pops">Values taken from the stack.</param>
    /// <param name="pushes">Values put on the stack.</param>
    public void Emit(ILOpCode opcode, int token, int pops, int pushes)
    {
        if (_depth < pops)
            throw new InvalidOperationException($"{opcode} pops {pops} values of {_depth}");
        Add(new Instruction(opcode, token), pushes - pops);
    }

    /// <summary>Emits a branch; conditional ones pop their operands.</summary>
    public void Branch(ILOpCode opcode, ILLabel target)
    {
        var pops = opcode switch
        {
            ILOpCode.Br => 0,
            ILOpCode.Brtrue or ILOpCode.Brfalse => 1,
            _ => 2,
        };
        Add(new Instruction(opcode, target.Id), -pops);
        if (opcode == ILOpCode.Br)
            RequireEmptyStack("br");
    }

    /// <summary>Emits <c>switch</c>.</summary>
    public void Switch(ReadOnlySpan<ILLabel> targets)
    {
        var ids = new int[targets.Length];
        for (var i = 0; i < ids.Length; i++)
            ids[i] = targets[i].Id;
        _switches.Add(ids);
        Add(new Instruction(ILOpCode.Switch, _switches.Count - 1), -1);
    }

    /// <summary>Encodes the method.</summary>
    /// <param name="offsets">Receives the IL offset of every instruction index and, last, the code size.</param>
    public byte[] Encode(out int[] offsets)
    {
        RequireEmptyStack("the end of the method");
        foreach (var label in _labels)
        {
            if (label == NoLabel)
                throw new InvalidOperationException("a label was never marked");
        }

        var code = CollectionsMarshal.AsSpan(_code);
        var sizes = new byte[code.Length];
        offsets = new int[code.Length + 1];
        var longBranches = new List<int>();
        for (var i = 0; i < code.Length; i++)
        {
            sizes[i] = Size(code[i]);
            if (IsBranch(code[i].Opcode))
                longBranches.Add(i);
        }

        // Start with every branch long and shrink until nothing changes: sizes only fall, so short stays short.
        int left;
        do
        {
            var offset = 0;
            for (var i = 0; i < code.Length; i++)
            {
                offsets[i] = offset;
                offset += sizes[i];
                if (code[i].Opcode == ILOpCode.Switch)
                    offset += sizeof(int) * _switches[(int)code[i].Operand].Length;
            }

            offsets[^1] = offset;
            left = longBranches.Count;
            var places = offsets;
            longBranches.RemoveAll(i =>
            {
                var distance = places[_labels[(int)_code[i].Operand]] - (places[i] + ShortBranch);
                // A forward distance still counts this branch's own three surplus bytes; that only errs to the long form.
                if (distance is < sbyte.MinValue or > sbyte.MaxValue)
                    return false;
                sizes[i] = ShortBranch;
                return true;
            });
        }
        while (longBranches.Count < left);

        var bytes = new byte[offsets[^1]];
        for (var i = 0; i < code.Length; i++)
            Write(bytes.AsSpan(offsets[i]), i, sizes[i] == ShortBranch, offsets);
        return bytes;
    }

    /// <summary>Where the operands of calls of the assembly's own methods are.</summary>
    /// <param name="offsets">What <see cref="Encode"/> has told.</param>
    public int[] Calls(int[] offsets)
    {
        var calls = new List<int>();
        for (var i = 0; i < _code.Count; i++)
        {
            if (_code[i].Opcode == ILOpCode.Call && (TableIndex)(_code[i].Operand >> 24) == TableIndex.MethodDef)
                calls.Add(offsets[i] + OpcodeSize(ILOpCode.Call));
        }

        return [.. calls];
    }

    /// <summary>Basic blocks of the method: they begin where labels are, and behind what ends one.</summary>
    public int CountBlocks()
    {
        var begins = new bool[_code.Count + 1];
        begins[0] = true;
        foreach (var label in _labels)
            begins[label] = true;
        for (var i = 0; i < _code.Count; i++)
            begins[i + 1] |= IsBranch(_code[i].Opcode) || _code[i].Opcode is ILOpCode.Switch or ILOpCode.Ret or ILOpCode.Throw;
        return begins.AsSpan(0, _code.Count).Count(true);
    }

    private static bool IsBranch(ILOpCode opcode) => opcode is >= ILOpCode.Br and <= ILOpCode.Blt_un;

    private static int OpcodeSize(ILOpCode opcode) => (int)opcode > 0xff ? 2 : 1;

    private static int OperandSize(ILOpCode opcode) => opcode switch
    {
        ILOpCode.Ldarg_s or ILOpCode.Starg_s or ILOpCode.Ldloc_s or ILOpCode.Stloc_s or ILOpCode.Ldloca_s or ILOpCode.Ldc_i4_s or ILOpCode.Unaligned => 1,
        ILOpCode.Ldloc or ILOpCode.Stloc or ILOpCode.Ldloca => 2,
        ILOpCode.Ldc_i4 or ILOpCode.Ldc_r4 or ILOpCode.Call or ILOpCode.Calli or ILOpCode.Ldfld or ILOpCode.Ldflda or ILOpCode.Stfld or ILOpCode.Newobj or ILOpCode.Ldftn => 4,
        ILOpCode.Ldc_i8 or ILOpCode.Ldc_r8 => 8,
        _ => 0,
    };

    /// <summary>Bytes of an instruction: of a branch in its long form, of a switch without its targets.</summary>
    private static byte Size(in Instruction instruction)
        => (byte)(IsBranch(instruction.Opcode) || instruction.Opcode == ILOpCode.Switch ? 5 : OpcodeSize(instruction.Opcode) + OperandSize(instruction.Opcode));

    private void Write(Span<byte> destination, int index, bool isShort, int[] offsets)
    {
        var instruction = _code[index];
        var opcode = instruction.Opcode;
        var next = offsets[index + 1];
        if (IsBranch(opcode))
        {
            var distance = offsets[_labels[(int)instruction.Operand]] - next;
            if (isShort)
            {
                // Every long branch opcode is 0x0d above its short form.
                destination[0] = (byte)((int)opcode - 0x0d);
                destination[1] = unchecked((byte)(sbyte)distance);
            }
            else
            {
                destination[0] = (byte)opcode;
                BinaryPrimitives.WriteInt32LittleEndian(destination[1..], distance);
            }

            return;
        }

        if (OpcodeSize(opcode) == 2)
        {
            destination[0] = (byte)((int)opcode >> 8);
            destination[1] = (byte)opcode;
            destination = destination[2..];
        }
        else
        {
            destination[0] = (byte)opcode;
            destination = destination[1..];
        }

        if (opcode == ILOpCode.Switch)
        {
            var targets = _switches[(int)instruction.Operand];
            BinaryPrimitives.WriteInt32LittleEndian(destination, targets.Length);
            for (var i = 0; i < targets.Length; i++)
                BinaryPrimitives.WriteInt32LittleEndian(destination[(4 + (4 * i))..], offsets[_labels[targets[i]]] - next);
            return;
        }

        switch (OperandSize(opcode))
        {
            case 1:
                destination[0] = unchecked((byte)instruction.Operand);
                break;
            case 2:
                BinaryPrimitives.WriteUInt16LittleEndian(destination, (ushort)instruction.Operand);
                break;
            case 4:
                BinaryPrimitives.WriteInt32LittleEndian(destination, (int)instruction.Operand);
                break;
            case 8:
                BinaryPrimitives.WriteInt64LittleEndian(destination, instruction.Operand);
                break;
        }
    }

    private static int StackChange(ILOpCode opcode) => opcode switch
    {
        ILOpCode.Dup => 1,
        ILOpCode.Pop or ILOpCode.Ret or ILOpCode.Throw => -1,
        ILOpCode.Add or ILOpCode.Sub or ILOpCode.Mul or ILOpCode.Div or ILOpCode.Div_un or ILOpCode.Rem or ILOpCode.Rem_un
            or ILOpCode.And or ILOpCode.Or or ILOpCode.Xor or ILOpCode.Shl or ILOpCode.Shr or ILOpCode.Shr_un
            or ILOpCode.Ceq or ILOpCode.Cgt or ILOpCode.Cgt_un or ILOpCode.Clt or ILOpCode.Clt_un => -1,
        ILOpCode.Stind_i1 or ILOpCode.Stind_i2 or ILOpCode.Stind_i4 or ILOpCode.Stind_i8 or ILOpCode.Stind_r4 or ILOpCode.Stind_r8 => -2,
        ILOpCode.Conv_i4 or ILOpCode.Conv_i8 or ILOpCode.Conv_u8 or ILOpCode.Conv_u4 or ILOpCode.Conv_i1 or ILOpCode.Conv_i2 or ILOpCode.Conv_u1
            or ILOpCode.Conv_u2 or ILOpCode.Conv_u or ILOpCode.Conv_i or ILOpCode.Conv_r4 or ILOpCode.Conv_r8
            or ILOpCode.Not or ILOpCode.Neg or ILOpCode.Volatile or ILOpCode.Tail or ILOpCode.Nop
            or ILOpCode.Ldind_i1 or ILOpCode.Ldind_u1 or ILOpCode.Ldind_i2 or ILOpCode.Ldind_u2 or ILOpCode.Ldind_i4
            or ILOpCode.Ldind_u4 or ILOpCode.Ldind_i8 or ILOpCode.Ldind_i or ILOpCode.Ldind_r4 or ILOpCode.Ldind_r8 => 0,
        _ => throw new InvalidOperationException($"{opcode} needs an operand or is not used by this project"),
    };

    private void Add(Instruction instruction, int change)
    {
        _code.Add(instruction);
        _depth += change;
        if (_depth < 0)
            throw new InvalidOperationException($"{instruction.Opcode} pops from an empty stack");
        _maxDepth = Math.Max(_maxDepth, _depth);
    }

    private void RequireEmptyStack(string where)
    {
        if (_depth != 0)
            throw new InvalidOperationException($"{_depth} values are left on the stack at {where}");
    }

    private readonly record struct Instruction(ILOpCode Opcode, long Operand);
}
