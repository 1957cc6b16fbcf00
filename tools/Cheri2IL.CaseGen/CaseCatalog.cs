namespace Cheri2IL.CaseGen;

/// <summary>Chooses the cases of every instruction of the decode tables.</summary>
public static class CaseCatalog
{
    /// <summary>One set per instruction.</summary>
    /// <exception cref="InvalidOperationException">An instruction has no cases.</exception>
    public static IEnumerable<CaseSet> Create(Encoder encoder)
    {
        foreach (var row in encoder.Rows)
        {
            var folder = row.Expansion != null ? "c" : row.Extension.Split(' ')[0].ToLowerInvariant();
            var set = new CaseSet(Path.Combine(folder, row.Mnemonic + ".cases"));
            Fill(set, encoder, row.Mnemonic, row.Form, row.Expansion != null);
            yield return set.Count > 0 ? set : throw new InvalidOperationException($"no cases for {row.Mnemonic}");
        }
    }

    private static void Fill(CaseSet set, Encoder encoder, string mnemonic, string form, bool isCompressed)
    {
        if (isCompressed)
        {
            CompressedCases.All(set, encoder, mnemonic);
            return;
        }

        switch (form)
        {
            case "rd,rs1,rs2":
                IntegerCases.ThreeRegisters(set, encoder, mnemonic);
                break;
            case "rd,rs1":
                IntegerCases.TwoRegisters(set, encoder, mnemonic);
                break;
            case "rd,rs1,imm":
                IntegerCases.Immediate(set, encoder, mnemonic);
                break;
            case "rd,rs1,shamt":
                IntegerCases.Shift(set, encoder, mnemonic);
                break;
            case "rd,imm20":
                IntegerCases.Upper(set, encoder, mnemonic);
                break;
            case "rs1,rs2,target":
                ControlCases.Branch(set, encoder, mnemonic);
                break;
            case "rd,target":
                ControlCases.Jal(set, encoder, mnemonic);
                break;
            case "rd,imm(rs1)" when mnemonic == "jalr":
                ControlCases.Jalr(set, encoder, mnemonic);
                break;
            case "rd,imm(rs1)" or "fd,imm(rs1)":
                MemoryCases.Load(set, encoder, mnemonic);
                break;
            case "rs2,imm(rs1)" or "fs2,imm(rs1)":
                MemoryCases.Store(set, encoder, mnemonic);
                break;
            case "rd,(rs1)":
                MemoryCases.LoadReserved(set, encoder, mnemonic);
                break;
            case "rd,rs2,(rs1)" when mnemonic.StartsWith("sc.", StringComparison.Ordinal):
                MemoryCases.StoreConditional(set, encoder, mnemonic);
                break;
            case "rd,rs2,(rs1)":
                MemoryCases.Amo(set, encoder, mnemonic);
                break;
            case "rd,csr,rs1" or "rd,csr,zimm":
                ControlCases.Csr(set, encoder, mnemonic);
                break;
            case "" or "pred,succ":
                ControlCases.Environment(set, encoder, mnemonic);
                break;
            default:
                FloatCases.All(set, encoder, mnemonic);
                break;
        }
    }
}
