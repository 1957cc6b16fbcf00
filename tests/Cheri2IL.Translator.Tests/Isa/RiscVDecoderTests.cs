using System.Buffers.Binary;
using Cheri2IL.Translator.Isa.RiscV;
using Cheri2IL.Runtime.Tests;
using Xunit;

namespace Cheri2IL.Translator.Tests.Isa;

public sealed class RiscVDecoderTests
{
    [Theory]
    [InlineData(0x80000537u, RiscVOpcode.Lui, -0x80000000L)]
    [InlineData(0xFFFFF517u, RiscVOpcode.Auipc, -0x1000L)]
    [InlineData(0x7FFFF0EFu, RiscVOpcode.Jal, 0xFFFFEL)]
    [InlineData(0x800000EFu, RiscVOpcode.Jal, -0x100000L)]
    [InlineData(0x80000067u, RiscVOpcode.Jalr, -0x800L)]
    [InlineData(0x7E000FE3u, RiscVOpcode.Beq, 0xFFEL)]
    [InlineData(0x80001063u, RiscVOpcode.Bne, -0x1000L)]
    [InlineData(0x7EB52FA3u, RiscVOpcode.Sw, 0x7FFL)]
    [InlineData(0x80B53027u, RiscVOpcode.Fsd, -0x800L)]
    [InlineData(0x03F51513u, RiscVOpcode.Slli, 63L)]
    [InlineData(0x41F5551Bu, RiscVOpcode.Sraiw, 31L)]
    [InlineData(0xFFF51073u, RiscVOpcode.Csrrw, 0xFFFL)]
    [InlineData(0x6BF51513u, RiscVOpcode.Binvi, 63L)]
    public void Decode_ImmediateAtItsEnd_IsSignExtendedAsTheFormatDemands(uint word, RiscVOpcode opcode, long immediate)
    {
        Assert.Equal(opcode != RiscVOpcode.Invalid, TryDecode(word, 4, out var instruction));
        Assert.Equal(opcode, instruction.Opcode);
        Assert.Equal(immediate, instruction.Immediate);
    }

    [Fact]
    public void Decode_EveryField_ArrivesInItsProperty()
    {
        Assert.True(TryDecode(0x1AC5F543, 4, out var fused, 0x1000)); // fmadd.d fa0,fa1,fa2,ft3
        Assert.Equal((RiscVOpcode.FmaddD, 10, 11, 12, 3, 7), (fused.Opcode, fused.Rd, fused.Rs1, fused.Rs2, fused.Rs3, fused.RoundingMode));
        Assert.Equal((0x1000L, 0x1004L, 0x1AC5F543u, 4), (fused.Address, fused.NextAddress, fused.Raw, fused.Length));

        Assert.True(TryDecode(0x06C5B52F, 4, out var atomic)); // amoadd.d.aqrl a0,a2,(a1)
        Assert.Equal((RiscVOpcode.AmoaddD, 10, 11, 12, true, true), (atomic.Opcode, atomic.Rd, atomic.Rs1, atomic.Rs2, atomic.Acquire, atomic.Release));

        Assert.True(TryDecode(0x0120000F, 4, out var fence)); // fence w,r
        Assert.Equal((RiscVOpcode.Fence, 1, 2), (fence.Opcode, fence.FencePredecessor, fence.FenceSuccessor));

        Assert.True(TryDecode(0x001FD073, 4, out var zimm)); // csrrwi zero,fflags,31
        Assert.Equal((RiscVOpcode.Csrrwi, 31, 1L), (zimm.Opcode, zimm.Rs1, zimm.Immediate));
    }

    [Theory]
    [InlineData(0x8330000Fu)] // fence.tso
    [InlineData(0x0100000Fu)] // pause
    [InlineData(0x0FF0850Fu)] // rd and rs1 not zero
    [InlineData(0xFFF0000Fu)] // reserved fm
    public void Decode_FenceWithReservedFields_IsAFence(uint word)
    {
        Assert.True(TryDecode(word, 4, out var instruction));
        Assert.Equal(RiscVOpcode.Fence, instruction.Opcode);
    }

    [Theory]
    [InlineData(0x02B50053u, 0)]
    [InlineData(0x02B54053u, 4)]
    [InlineData(0x02B57053u, 7)]
    [InlineData(0xD2051553u, 1)] // fcvt.d.w never rounds, yet its rm is a rounding mode
    public void Decode_ValidRoundingMode_IsKept(uint word, int mode)
    {
        Assert.True(TryDecode(word, 4, out var instruction));
        Assert.Equal(mode, instruction.RoundingMode);
    }

    [Theory]
    [InlineData(0x02B55053u)] // fadd.d, rm 5
    [InlineData(0x02B56053u)] // fadd.d, rm 6
    [InlineData(0xD2055553u)] // fcvt.d.w, rm 5
    [InlineData(0x1AC5E543u)] // fmadd.d, rm 6
    [InlineData(0x00000000u)] // defined illegal
    [InlineData(0xFFFFFFFFu)] // defined illegal
    [InlineData(0x0000100Bu)] // custom-0
    [InlineData(0x0200151Bu)] // slliw by 32
    [InlineData(0x02B5153Bu)] // no mulhw
    [InlineData(0x30200073u)] // mret
    [InlineData(0x10500073u)] // wfi
    [InlineData(0x1005252Fu + 0x00100000u)] // lr.w, rs2 not zero
    [InlineData(0x04B50053u)] // half precision
    [InlineData(0x02057057u)] // vector
    public void Decode_ReservedOrUnsupported_IsRefused(uint word)
    {
        Assert.False(TryDecode(word, (word & 3) == 3 ? 4 : 2, out var instruction));
        Assert.Equal(RiscVOpcode.Invalid, instruction.Opcode);
    }

    [Theory]
    [InlineData(0x0000)] // c.addi4spn, immediate 0
    [InlineData(0x001C)] // the same with rd
    [InlineData(0x2001)] // c.addiw, rd 0
    [InlineData(0x6101)] // c.addi16sp, immediate 0
    [InlineData(0x6001)] // c.lui, immediate 0, rd 0
    [InlineData(0x6081)] // c.lui, immediate 0
    [InlineData(0x4002)] // c.lwsp, rd 0
    [InlineData(0x6002)] // c.ldsp, rd 0
    [InlineData(0x8002)] // c.jr, rs1 0
    [InlineData(0x8000)] // quadrant 0, funct3 100
    [InlineData(0x9C41)] // 100 1 11 ... 10
    [InlineData(0x9C61)] // 100 1 11 ... 11
    public void DecodeCompressed_ReservedEncoding_IsRefused(int word)
    {
        Assert.False(TryDecode((uint)word, 2, out var instruction));
        Assert.Equal((RiscVOpcode.Invalid, 2), (instruction.Opcode, instruction.Length));
    }

    [Theory]
    [InlineData(0x0015, RiscVOpcode.Addi, 0, 0, 0, 5L)] // c.nop 5
    [InlineData(0x0501, RiscVOpcode.Addi, 10, 10, 0, 0L)] // c.addi a0,0
    [InlineData(0x4015, RiscVOpcode.Addi, 0, 0, 0, 5L)] // c.li zero,5
    [InlineData(0x6005, RiscVOpcode.Lui, 0, 0, 0, 0x1000L)] // c.lui zero,1
    [InlineData(0x802A, RiscVOpcode.Add, 0, 0, 10, 0L)] // c.mv zero,a0
    [InlineData(0x902A, RiscVOpcode.Add, 0, 0, 10, 0L)] // c.add zero,a0
    [InlineData(0x0002, RiscVOpcode.Slli, 0, 0, 0, 0L)] // c.slli zero,0
    [InlineData(0x0502, RiscVOpcode.Slli, 10, 10, 0, 0L)] // c.slli a0,0
    [InlineData(0x8101, RiscVOpcode.Srli, 10, 10, 0, 0L)] // c.srli a0,0
    public void DecodeCompressed_Hint_IsTheBaseInstructionThatChangesNothing(
        int word, RiscVOpcode opcode, int rd, int rs1, int rs2, long immediate)
    {
        Assert.True(TryDecode((uint)word, 2, out var i));
        Assert.Equal((opcode, rd, rs1, rs2, immediate, 2), (i.Opcode, i.Rd, i.Rs1, i.Rs2, i.Immediate, i.Length));
    }

    [Theory]
    [InlineData(new byte[0], 2)]
    [InlineData(new byte[] { 0x01 }, 2)]
    [InlineData(new byte[] { 0x13, 0x05 }, 4)]
    [InlineData(new byte[] { 0x13, 0x05, 0x15 }, 4)]
    public void Decode_CutOffInstruction_IsRefused(byte[] code, int length)
    {
        Assert.False(RiscVDecoder.TryDecode(code, 0x40, out var instruction));
        Assert.Equal((length, 0x40L), (instruction.Length, instruction.Address));
    }

    [Fact]
    public void Decode_TwoBytesLeft_DecodesACompressedInstruction() =>
        Assert.True(RiscVDecoder.TryDecode([0x01, 0x00], 0, out _));

    [Fact]
    public void Decode_AnyWord_AllocatesNothingAndKeepsTheWord()
    {
        const int words = 1_000_000;
        const int steps = 10;
        var random = new Random(20);
        var (decoded, count) = (0, 0);
        void Decode(int step)
        {
            Span<byte> code = stackalloc byte[4];
            for (var n = 0; n < words / steps; n++)
            {
                var word = (uint)random.NextInt64(1L << 32) | (n % 4 == 0 ? 0u : 3u);
                BinaryPrimitives.WriteUInt32LittleEndian(code, word);
                if (RiscVDecoder.TryDecode(code, n, out var instruction))
                    decoded++;
                if (instruction.Raw != (instruction.Length == 2 ? word & 0xFFFF : word) || instruction.Address != n)
                    Assert.Fail($"0x{word:x8} was not kept");
                count++;
            }
        }

        Assert.Equal(0, Allocations.Of(steps, Decode));
        Assert.InRange(count, words, int.MaxValue);
        Assert.InRange((double)decoded / count, 0.1, 0.9);
    }

    private static bool TryDecode(uint word, int length, out RiscVInstruction instruction, long address = 0)
    {
        Span<byte> code = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(code, word);
        return RiscVDecoder.TryDecode(code[..length], address, out instruction);
    }
}
