using Cheri2IL.TableGen;
using Cheri2IL.Translator.Isa.RiscV;
using Xunit;

namespace Cheri2IL.Translator.Tests.Isa;

public sealed class DecodeTableTests
{
    private const string Header = "@None\n@R  rd rs1 rs2\n@I  rd rs1 simm[11:0]\n@CI  rd simm[5|4:0]\n";
    private const string Add = "add  0000000 ttttt sssss 000 ddddd 0110011  @R  rd,rs1,rs2  I\n";
    private const string Addi = "addi  iiiiiiiiiiii sssss 000 ddddd 0010011  @I  rd,rs1,imm  I\n";

    [Fact]
    public void CommittedSources_Regenerated_AreIdentical()
    {
        var folder = RepositoryPath.Combine("translator", "Cheri2IL.Translator", "Isa", "RiscV");
        var generated = Generator.Generate(folder);
        Assert.Equal(9, generated.Count);
        foreach (var (name, text) in generated)
            Assert.True(text == File.ReadAllText(Path.Combine(folder, name)), $"{name} is stale: dotnet run --project tools/Cheri2IL.TableGen");
    }

    [Theory]
    [InlineData("sub  0-00000 ttttt sssss 000 ddddd 0110011  @R  rd,rs1,rs2  I", "overlaps 'add'")]
    [InlineData("add  0100000 ttttt sssss 000 ddddd 0110011  @R  rd,rs1,rs2  I", "defined twice")]
    [InlineData("sub  0100000 ttttt sssss 000 ddddd 011001  @R  rd,rs1,rs2  I", "31 bits")]
    [InlineData("sub  0100000 ttttt sssss 000 ddddd 0111111  @R  rd,rs1,rs2  I", "low bits")]
    [InlineData("sub  0100000 ttttt sssss 000 ddddd 0110001  @R  rd,rs1,rs2  I", "low bits")]
    [InlineData("sub  0100000 ttttt sssss 000 ddddd 0110011  @Q  rd,rs1,rs2  I", "unknown format")]
    [InlineData("sub  0100000 ttttt sssss 000 ddddd 0110011  @I  rd,rs1,imm  I", "no operand 'rs2'")]
    [InlineData("sub  0100000 00000 sssss 000 ddddd 0110011  @R  rd,rs1,rs2  I", "'rs2' is missing")]
    [InlineData("sub  0100000 tt0tt sssss 000 ddddd 0110011  @R  rd,rs1,rs2  I", "'rs2' is missing or in pieces")]
    [InlineData("sub  0100000 ttttt sssss 000 ddddd 01x0011  @R  rd,rs1,rs2  I", "unknown pattern character")]
    [InlineData("slti  0iiiiiiiiiii sssss 010 ddddd 0010011  @I  rd,rs1,imm  I", "11 immediate bits")]
    [InlineData("c.addi  000 i ddddd iiiii 01  @CI  rd,imm  -> addi rd,rd,imm  rs2!=0", "condition on 'rs2'")]
    [InlineData("c.addi  000 i ddddd iiiii 01  @CI  rd,imm  -> addi rd,rd,imm  imm!=1", "cannot read condition")]
    [InlineData("c.addi  000 i ddddd iiiii 11  @CI  rd,imm  -> addi rd,rd,imm", "low bits")]
    [InlineData("c.addi  000 i ddddd iiiii 01  @CI  rd,imm  -> subi rd,rd,imm", "unknown base instruction")]
    [InlineData("c.addi  000 i ddddd iiiii 01  @CI  rd,imm  -> addi rd,rd", "does not fit")]
    [InlineData("c.addi  000 i ddddd iiiii 01  @CI  rd,imm  -> addi rd,rs1,imm", "'rs1' cannot stand for 'rs1'")]
    [InlineData("subi  iiiiiiiiiiii sssss 011 ddddd 0010011  @I  rd,rs1,imm  -> sub rd,rs1,imm", "unknown base instruction")]
    [InlineData("addi.b  iiiiiiiiiiii sssss 000 ddddd 0010011  @I  rd,rs1,imm  -> addi rd,rs1,imm", "overlaps 'addi'")]
    [InlineData("@CI  rd", "defined twice")]
    [InlineData("@X  rd simm[11:12]", "unknown operand")]
    [InlineData("@X  rd simm[3|3:0]", "unknown operand")]
    public void Generator_WrongTable_RefusesWithFileAndLine(string line, string message)
    {
        var exception = Assert.Throws<TableException>(() =>
        {
            var table = new DecodeTable();
            table.Read("t.decode", Header + Add + Addi + line);
            Generator.Generate(table);
        });
        Assert.StartsWith("t.decode(7): error: ", exception.Message, StringComparison.Ordinal);
        Assert.Contains(message, exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Generator_OverlappingCompressedRows_Refuses()
    {
        var table = new DecodeTable();
        table.Read("t.decode", Header + Add + Addi
            + "c.nop  000 - 00000 ----- 01  @None  -  -> addi zero,zero,0\n"
            + "c.addi  000 i ddddd iiiii 01  @CI  rd,imm  -> addi rd,rd,imm\n");
        var exception = Assert.Throws<TableException>(() => Generator.Generate(table));
        Assert.Contains("overlaps 'c.nop'", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Generator_CapabilityModeRow_TakesThePlaceOfTheRowWithTheSameFixedBits()
    {
        var table = new DecodeTable();
        table.Read("t.decode", Header + Add + Addi);
        table.Read("xcheri-capmode.decode", "caddi  iiiiiiiiiiii sssss 000 ddddd 0010011  @I  cd,cs1,imm  -> addi cd,cs1,imm\n");
        var sets = InstructionSet.All(table);
        Assert.Equal(["add", "addi"], sets.Single(set => set.Name == "Rv64").Words.Select(row => row.Mnemonic));
        Assert.Equal(["add", "addi"], sets.Single(set => set.Name == "CheriV9Integer").Words.Select(row => row.Mnemonic));
        Assert.Equal(["add", "caddi"], sets.Single(set => set.Name == "CheriV9Capability").Words.Select(row => row.Mnemonic));

        table.Read("xcheri-capmode.decode", "csub  0-00000 ttttt sssss 000 ddddd 0110011  @R  cd,cs1,rs2  X\n");
        Assert.Contains("overlaps", Assert.Throws<TableException>(() => Generator.Generate(table)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Opcodes_Named_MatchMnemonics()
    {
        Assert.Equal("fcvt.w.s", RiscVDisassembler.Mnemonic(RiscVOpcode.FcvtWS));
        Assert.Equal("sh1add.uw", RiscVDisassembler.Mnemonic(RiscVOpcode.Sh1addUw));
        Assert.Equal("czero.eqz", RiscVDisassembler.Mnemonic(RiscVOpcode.CzeroEqz));
        Assert.Equal("lr.d", RiscVDisassembler.Mnemonic(RiscVOpcode.LrD));
        Assert.Equal("M Zmmul", RiscVDisassembler.Extension(RiscVOpcode.Mulhsu));
        Assert.Equal("fd,imm(rs1)", RiscVDisassembler.OperandForm(RiscVOpcode.Flw));
    }
}
