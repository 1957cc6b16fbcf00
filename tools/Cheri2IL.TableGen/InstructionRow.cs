using System.Text;

namespace Cheri2IL.TableGen;

/// <summary>One instruction of a decode table.</summary>
public sealed class InstructionRow
{
    /// <summary>Characters of the pattern that name a field, and the operand they stand for.</summary>
    public static readonly IReadOnlyDictionary<char, string> FieldLetters = new Dictionary<char, string>
    {
        ['d'] = "rd",
        ['s'] = "rs1",
        ['t'] = "rs2",
        ['u'] = "rs3",
        ['i'] = "imm",
        ['m'] = "rm",
        ['a'] = "aq",
        ['l'] = "rl",
        ['p'] = "pred",
        ['n'] = "succ",
    };

    /// <summary>File it comes from.</summary>
    public required string File { get; init; }

    /// <summary>Line it comes from, 1-based.</summary>
    public required int Line { get; init; }

    /// <summary>Mnemonic, unique among all tables.</summary>
    public required string Mnemonic { get; init; }

    /// <summary>Mnemonic as assemblers spell it; two instructions may share one ("cincoffset" with register and immediate).</summary>
    public required string Spelling { get; init; }

    /// <summary>16 or 32 characters, most significant bit first.</summary>
    public required string Pattern { get; init; }

    /// <summary>Operands.</summary>
    public required OperandFormat Format { get; init; }

    /// <summary>Assembly form; empty if there are no operands.</summary>
    public required string Form { get; init; }

    /// <summary>Extensions that have it ("I", "M Zmmul"); empty for rows with an expansion.</summary>
    public required string Extension { get; init; }

    /// <summary>
    /// Instruction and operands that it is decoded as ("addi rd,rd,imm"): of all compressed rows, and of 32-bit ones that say
    /// in another way what a row of their own says; null for the others, each of which is an opcode.
    /// </summary>
    public string? Expansion { get; init; }

    /// <summary>Mnemonic of the instruction that it is decoded as; its own if there is no expansion.</summary>
    public string Target => Expansion == null ? Mnemonic : Expansion.Split(' ')[0];

    /// <summary>Excluded values, those of the format included.</summary>
    public required IReadOnlyList<Condition> Conditions { get; init; }

    /// <summary>Width in bits, 16 or 32.</summary>
    public int Width => Pattern.Length;

    /// <summary>Bits that the pattern fixes.</summary>
    public uint Mask => BitsWhere(c => c is '0' or '1');

    /// <summary>Values of the fixed bits.</summary>
    public uint Value => BitsWhere(c => c is '1');

    /// <summary>The mnemonic as a C# name: "fcvt.w.s" is FcvtWS.</summary>
    public string Identifier
    {
        get
        {
            var name = new StringBuilder();
            foreach (var part in Mnemonic.Split('.'))
                name.Append(char.ToUpperInvariant(part[0])).Append(part, 1, part.Length - 1);
            return name.ToString();
        }
    }

    /// <summary>Bits of the word that belong to an operand ("rd", "imm"...).</summary>
    public uint FieldMask(string operand) =>
        BitsWhere(c => FieldLetters.TryGetValue(c, out var field) && field == operand);

    /// <summary>Whether <paramref name="word"/> is this instruction: fixed bits agree and no excluded value occurs.</summary>
    public bool Matches(uint word)
    {
        if ((word & Mask) != Value)
            return false;
        foreach (var condition in Conditions)
        {
            var mask = FieldMask(condition.Field);
            foreach (var excluded in condition.Excluded)
            {
                if ((word & mask) == Deposit(excluded, mask))
                    return false;
            }
        }

        return true;
    }

    /// <summary><paramref name="value"/> moved to a contiguous field.</summary>
    public static uint Deposit(int value, uint mask) => (uint)value * (mask & (uint)-(int)mask);

    private uint BitsWhere(Func<char, bool> selected)
    {
        var bits = 0u;
        foreach (var c in Pattern)
            bits = (bits << 1) | (selected(c) ? 1u : 0);
        return bits;
    }
}
