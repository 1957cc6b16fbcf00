using Cheri2IL.TableGen;

namespace Cheri2IL.CaseGen;

/// <summary>Values of an instruction's fields, by what the decode tables call them.</summary>
public sealed record Fields(int Rd = 0, int Rs1 = 0, int Rs2 = 0, int Rs3 = 0, long Imm = 0, int Rm = 7, bool Aq = false, bool Rl = false, int Pred = 15, int Succ = 15);

/// <summary>Makes instruction words from the decode tables: the inverse of the decoder.</summary>
public sealed class Encoder
{
    private readonly Dictionary<string, InstructionRow> _rows = [];

    /// <summary>Reads the tables of the repository around the current or the program's own folder.</summary>
    /// <exception cref="DirectoryNotFoundException">There is none.</exception>
    public Encoder()
    {
        var folder = Generator.FindTables(Environment.CurrentDirectory) ?? Generator.FindTables(AppContext.BaseDirectory)
            ?? throw new DirectoryNotFoundException("start inside the repository: its decode tables are needed");
        var set = InstructionSet.All(Generator.Read(folder))[0];
        foreach (var row in set.Words.Concat(set.Compressed))
            _rows.Add(row.Mnemonic, row);
    }

    /// <summary>All rows of RV64.</summary>
    public IEnumerable<InstructionRow> Rows => _rows.Values;

    /// <summary>The row of a mnemonic.</summary>
    public InstructionRow Row(string mnemonic) => _rows[mnemonic];

    /// <summary>The word of an instruction.</summary>
    public uint Word(string mnemonic, Fields fields) => Word(_rows[mnemonic], fields);

    /// <summary>The word of an instruction. Registers of three-bit fields must be 8..15.</summary>
    /// <exception cref="ArgumentException">A value does not fit, or the encoding is reserved.</exception>
    public static uint Word(InstructionRow row, Fields fields)
    {
        var word = row.Value;
        foreach (var operand in row.Format.Operands)
        {
            var mask = row.FieldMask(operand);
            var value = operand switch
            {
                "rd" => fields.Rd,
                "rs1" => fields.Rs1,
                "rs2" => fields.Rs2,
                "rs3" => fields.Rs3,
                "rm" => fields.Rm,
                "aq" => fields.Aq ? 1 : 0,
                "rl" => fields.Rl ? 1 : 0,
                "pred" => fields.Pred,
                _ => fields.Succ,
            };
            if (operand.StartsWith('r') && operand != "rm" && operand != "rl" && System.Numerics.BitOperations.PopCount(mask) == 3)
                value -= 8;
            var placed = InstructionRow.Deposit(value, mask);
            if ((placed & ~mask) != 0 || value < 0)
                throw new ArgumentException($"{row.Mnemonic}: {operand} = {value}");
            word |= placed;
        }

        if (row.Format.Immediate is { } layout)
        {
            var next = 0;
            for (var i = 0; i < row.Width; i++)
            {
                if (row.Pattern[i] == 'i')
                    word |= (uint)(fields.Imm >> layout.Bits[next++] & 1) << (row.Width - 1 - i);
            }
        }

        return row.Matches(word) ? word : throw new ArgumentException($"{row.Mnemonic}: reserved encoding 0x{word:x}");
    }
}
