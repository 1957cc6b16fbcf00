using System.Buffers.Binary;
using Cheri2IL.Translator.Isa.RiscV;
using Xunit;

namespace Cheri2IL.Translator.Tests.Isa;

/// <summary>CHERI-RISC-V v9 in both modes. The vectors of Cheri2IL.Runtime.Tests have words of every instruction.</summary>
public sealed class CheriDecoderTests
{
    /// <summary>Words and texts of CHERI LLVM's own assembler tests.</summary>
    [Theory]
    [InlineData(0xfe0100dbu, RiscVIsa.CheriV9Integer, "cgetperm ra,csp")]
    [InlineData(0xfef100dbu, RiscVIsa.CheriV9Integer, "cgetaddr ra,csp")]
    [InlineData(0x163100dbu, RiscVIsa.CheriV9Integer, "cseal cra,csp,cgp")]
    [InlineData(0x1a3100dbu, RiscVIsa.CheriV9Integer, "candperm cra,csp,gp")]
    [InlineData(0x223100dbu, RiscVIsa.CheriV9Integer, "cincoffset cra,csp,gp")]
    [InlineData(0xf53110dbu, RiscVIsa.CheriV9Integer, "cincoffset cra,csp,-173")]
    [InlineData(0xbd5120dbu, RiscVIsa.CheriV9Integer, "csetbounds cra,csp,3029")]
    [InlineData(0x3a3000dbu, RiscVIsa.CheriV9Integer, "cbuildcap cra,ddc,cgp")]
    [InlineData(0x240100dbu, RiscVIsa.CheriV9Integer, "ctoptr ra,csp,ddc")]
    [InlineData(0x263000dbu, RiscVIsa.CheriV9Integer, "cfromptr cra,ddc,gp")]
    [InlineData(0x403000dbu, RiscVIsa.CheriV9Integer, "ctestsubset ra,ddc,cgp")]
    [InlineData(0x423100dbu, RiscVIsa.CheriV9Integer, "csetequalexact ra,csp,cgp")]
    [InlineData(0x026100dbu, RiscVIsa.CheriV9Integer, "cspecialrw cra,uscratchc,csp")]
    [InlineData(0x0260005bu + 0x10000, RiscVIsa.CheriV9Integer, "cspecialrw cnull,uscratchc,csp")]
    [InlineData(0xfec0805bu, RiscVIsa.CheriV9Integer, "jalr.cap cnull,cra")]
    [InlineData(0xff4100dbu, RiscVIsa.CheriV9Capability, "jalr.pcc ra,sp")]
    [InlineData(0xfc2080dbu, RiscVIsa.CheriV9Integer, "cinvoke cra,csp")]
    [InlineData(0xfee5015bu, RiscVIsa.CheriV9Integer, "cclear 1,66")]
    [InlineData(0xff05015bu, RiscVIsa.CheriV9Integer, "fpclear 1,66")]
    [InlineData(0xfe8100dbu, RiscVIsa.CheriV9Integer, "croundrepresentablelength ra,sp")]
    [InlineData(0xff2100dbu, RiscVIsa.CheriV9Integer, "cloadtags ra,(csp)")]
    [InlineData(0xfa4100dbu, RiscVIsa.CheriV9Capability, "lbu.ddc ra,(sp)")]
    [InlineData(0xfac100dbu, RiscVIsa.CheriV9Integer, "lbu.cap ra,(csp)")]
    [InlineData(0xf801055bu, RiscVIsa.CheriV9Integer, "sw.cap zero,(csp)")]
    [InlineData(0xfbc100dbu, RiscVIsa.CheriV9Integer, "lr.c.cap cra,(csp)")]
    [InlineData(0xf8110a5bu, RiscVIsa.CheriV9Integer, "sc.c.ddc cra,(sp)")]
    [InlineData(0x143407afu, RiscVIsa.CheriV9Integer, ".4byte 0x143407af")]
    [InlineData(0x1403c32fu, RiscVIsa.CheriV9Integer, "lr.c.aq ct1,(t2)")]
    [InlineData(0x0e14472fu, RiscVIsa.CheriV9Integer, "amoswap.c.aqrl ca4,cra,(s0)")]
    [InlineData(0x1e734e2fu, RiscVIsa.CheriV9Capability, "csc.c.aqrl t3,ct2,(ct1)")]
    [InlineData(0x0814372fu, RiscVIsa.CheriV9Capability, "camoswap.d a4,ra,(cs0)")]
    [InlineData(0x0115260fu, RiscVIsa.CheriV9Integer, "lc ca2,17(a0)")]
    [InlineData(0x0115260fu, RiscVIsa.CheriV9Capability, "clc ca2,17(ca0)")]
    [InlineData(0x00f6cca3u, RiscVIsa.CheriV9Capability, "csc ca5,25(ca3)")]
    [InlineData(0x01153603u, RiscVIsa.CheriV9Integer, "ld a2,17(a0)")]
    [InlineData(0x01153603u, RiscVIsa.CheriV9Capability, "cld a2,17(ca0)")]
    [InlineData(0x02852087u, RiscVIsa.CheriV9Capability, "cflw ft1,40(ca0)")]
    [InlineData(0x0100006fu, RiscVIsa.CheriV9Capability, "cjal cnull,0x10")]
    [InlineData(0x01018067u, RiscVIsa.CheriV9Capability, "cjalr cnull,16(cgp)")]
    [InlineData(0x01018067u, RiscVIsa.CheriV9Integer, "jalr zero,16(gp)")]
    [InlineData(0x00001517u, RiscVIsa.CheriV9Capability, "auipcc ca0,0x1")]
    [InlineData(0x00c58533u, RiscVIsa.CheriV9Capability, "add a0,a1,a2")]
    public void Format_Word_IsSpelledAsByCheriLlvm(uint word, RiscVIsa isa, string text) => Assert.Equal(text, Decode(word, 4, isa).ToString());

    [Theory]
    [InlineData(0x4082u, "c.clwcsp ra,0(csp)", "c.lwsp ra,0(sp)")]
    [InlineData(0xdf86u, "c.cswcsp ra,252(csp)", "c.swsp ra,252(sp)")]
    [InlineData(0x4110u, "c.clw a2,0(ca0)", "c.lw a2,0(a0)")]
    [InlineData(0xdefcu, "c.csw a5,124(ca3)", "c.sw a5,124(a3)")]
    [InlineData(0x70a2u, "c.cldcsp ra,40(csp)", "c.ldsp ra,40(sp)")]
    [InlineData(0xe206u, "c.csdcsp ra,256(csp)", "c.sdsp ra,256(sp)")]
    [InlineData(0x2910u, "c.clc ca2,16(ca0)", "c.fld fa2,16(a0)")]
    [InlineData(0xa2dcu, "c.csc ca5,128(ca3)", "c.fsd fa5,128(a3)")]
    [InlineData(0x8882u, "c.cjr ca7", "c.jr a7")]
    [InlineData(0x9582u, "c.cjalr ca1", "c.jalr a1")]
    [InlineData(0x7101u, "c.cincoffset16csp csp,-512", "c.addi16sp sp,-512")]
    [InlineData(0x1ff4u, "c.cincoffset4cspn ca3,csp,1020", "c.addi4spn a3,sp,1020")]
    [InlineData(0x8082u + 0x28, "c.mv ra,a0", "c.mv ra,a0")]
    [InlineData(0x2022u, ".2byte 0x2022", "c.fldsp ft0,8(sp)")]
    [InlineData(0x6101u, ".2byte 0x6101", ".2byte 0x6101")]
    [InlineData(0x0000u, ".2byte 0x0000", ".2byte 0x0000")]
    [InlineData(0x8002u, ".2byte 0x8002", ".2byte 0x8002")]
    public void FormatCompressed_Word_DependsOnTheMode(uint word, string capability, string integer)
    {
        Assert.Equal(capability, Decode(word, 2, RiscVIsa.CheriV9Capability).ToString());
        Assert.Equal(integer, Decode(word, 2, RiscVIsa.CheriV9Integer).ToString());
        Assert.Equal(integer, Decode(word, 2, RiscVIsa.Rv64).ToString());
    }

    [Theory]
    [InlineData(0x01153603u, RiscVIsa.Rv64, RiscVOpcode.Ld, MemoryAuthority.None)]
    [InlineData(0x01153603u, RiscVIsa.CheriV9Integer, RiscVOpcode.Ld, MemoryAuthority.Ddc)]
    [InlineData(0x01153603u, RiscVIsa.CheriV9Capability, RiscVOpcode.Ld, MemoryAuthority.Register)]
    [InlineData(0xfa3100dbu, RiscVIsa.CheriV9Capability, RiscVOpcode.Ld, MemoryAuthority.Ddc)]
    [InlineData(0xfab100dbu, RiscVIsa.CheriV9Integer, RiscVOpcode.Ld, MemoryAuthority.Register)]
    [InlineData(0xfec0805bu, RiscVIsa.CheriV9Integer, RiscVOpcode.Cjalr, MemoryAuthority.None)]
    [InlineData(0xff4100dbu, RiscVIsa.CheriV9Capability, RiscVOpcode.Jalr, MemoryAuthority.None)]
    [InlineData(0x01018067u, RiscVIsa.CheriV9Integer, RiscVOpcode.Jalr, MemoryAuthority.None)]
    [InlineData(0x01018067u, RiscVIsa.CheriV9Capability, RiscVOpcode.Cjalr, MemoryAuthority.None)]
    public void Decode_OneMeaning_IsOneOpcodeWithAnAuthority(uint word, RiscVIsa isa, RiscVOpcode opcode, MemoryAuthority authority)
    {
        var instruction = Decode(word, 4, isa);
        Assert.Equal((opcode, authority, isa), (instruction.Opcode, instruction.Authority, instruction.Isa));
    }

    [Fact]
    public void Decode_ExplicitStoreConditional_ReturnsInTheRegisterOfTheValueFullyOrdered()
    {
        var i = Decode(0xf8110a5b, 4, RiscVIsa.CheriV9Integer);
        Assert.Equal((RiscVOpcode.ScC, 1, 2, 1, true, true), (i.Opcode, i.Rd, i.Rs1, i.Rs2, i.Acquire, i.Release));
    }

    /// <summary>Without CHERI nothing of it is decoded; with it, in integer mode, what was decoded before means the same.</summary>
    [Fact]
    public void Decode_AnyWord_IntegerModeOnlyAddsToRv64()
    {
        foreach (var (word, length) in Words())
        {
            var plain = Decode(word, length, RiscVIsa.Rv64);
            var integer = Decode(word, length, RiscVIsa.CheriV9Integer);
            if (plain.Opcode != RiscVOpcode.Invalid)
            {
                Assert.NotEqual("Xcheri", RiscVDisassembler.Extension(plain.Opcode));
                Assert.Equal(plain, integer with { Isa = RiscVIsa.Rv64, Authority = MemoryAuthority.None });
                Assert.Equal(plain.ToString(), integer.ToString());
            }
            else if (integer.Opcode != RiscVOpcode.Invalid)
            {
                Assert.True((word & 0x7F) is 0x0F or 0x23 or 0x2F or 0x5B);
            }
        }
    }

    /// <summary>In capability mode only instructions that say so use DDC, and what is no access and no jump means the same.</summary>
    [Fact]
    public void Decode_AnyWord_CapabilityModeUsesDdcOnlyExplicitly()
    {
        foreach (var (word, length) in Words())
        {
            var integer = Decode(word, length, RiscVIsa.CheriV9Integer);
            var capability = Decode(word, length, RiscVIsa.CheriV9Capability);
            if ((word & 0x7F) == 0x5B && length == 4)
                Assert.Equal(integer, capability with { Isa = RiscVIsa.CheriV9Integer });
            else
                Assert.NotEqual(MemoryAuthority.Ddc, capability.Authority);
            if (integer.Authority == MemoryAuthority.Ddc && length == 4 && (word & 0x7F) != 0x5B)
            {
                Assert.Equal(
                    integer, capability with { Isa = RiscVIsa.CheriV9Integer, Authority = MemoryAuthority.Ddc });
            }
        }
    }

    private static IEnumerable<(uint Word, int Length)> Words()
    {
        for (var word = 0u; word < 0x10000; word++)
        {
            if ((word & 3) != 3)
                yield return (word, 2);
        }

        var random = new Random(5);
        uint[] majors = [0x03, 0x07, 0x0F, 0x17, 0x23, 0x27, 0x2F, 0x5B, 0x5B, 0x5B, 0x63, 0x67, 0x6F, 0x33, 0x13];
        for (var n = 0; n < 300_000; n++)
        {
            var word = (uint)random.NextInt64(1L << 32);
            var major = n % 4 == 0 ? word | 3 : (word & ~0x7Fu) | majors[n % majors.Length];
            // Explicit forms are rare among random words.
            yield return ((major & 0x7F) == 0x5B && n % 2 == 0 ? (major & 0x03FF8FFF) | (0x7Cu + (uint)(n / 2 % 4)) << 25 : major, 4);
        }
    }

    private static RiscVInstruction Decode(uint word, int length, RiscVIsa isa)
    {
        Span<byte> code = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(code, word);
        RiscVDecoder.TryDecode(code[..length], 0, isa, out var instruction);
        return instruction;
    }
}
