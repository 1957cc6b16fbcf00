using System.Buffers.Binary;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Translator.Elf;
using Cheri2IL.Translator.Tests.Isa;
using Xunit;

namespace Cheri2IL.Translator.Tests.Elf;

/// <summary>Relocations of programs with capabilities: what is read, and the one clear error for what is malformed.</summary>
public sealed class LoadRelocationTests
{
    private const int Location = 0;
    private const int CapabilityFlags = 32;
    private const int RelaType = 8;
    private const int RelaSymbol = 12;

    private static readonly byte[] s_intact = File.ReadAllBytes(RepositoryPath.Combine("corpus", "cheri", "purecap", "bin", "relocations.elf"));

    [Fact]
    public void Program_Intact_HasEveryKind()
    {
        var image = ElfImage.Parse(s_intact, "intact.elf");
        Assert.Equal(CapabilityAbi.Pure, image.Executable.Capabilities);
        Assert.Equal(Enum.GetValues<LoadRelocationKind>(), image.LoadRelocations.Select(r => r.Kind).Distinct().Order());
    }

    [Theory]
    [InlineData(DynamicTag.CapabilityRelocations, Location, 0x100000, "not in the image")]
    [InlineData(DynamicTag.CapabilityRelocations, Location, -16, "not in the image")]
    [InlineData(DynamicTag.CapabilityRelocations, Location, 0x1008, "not a multiple of 16")]
    [InlineData(DynamicTag.CapabilityRelocations, 8, 0x7fffffffffffffff, "not in the image")]
    [InlineData(DynamicTag.CapabilityRelocations, 24, -1, "not in the image")]
    [InlineData(DynamicTag.CapabilityRelocations, 24, 0x7fffffffffffffff, "not in the image")]
    [InlineData(DynamicTag.CapabilityRelocations, CapabilityFlags, 1, "unknown flags 0x1")]
    [InlineData(DynamicTag.Relocations, Location, 0x10f8, "not in the image")]
    [InlineData(DynamicTag.Relocations, Location, long.MinValue, "not in the image")]
    [InlineData(DynamicTag.Relocations, RelaType, 59, "type 59")]
    [InlineData(DynamicTag.Relocations, RelaSymbol, 1000, "symbol 1000, which the file does not have")]
    [InlineData(DynamicTag.Relocations, RelaSymbol, -1, "symbol 4294967295, which the file does not have")]
    public void Entry_Malformed_IsNamed(DynamicTag table, int field, long value, string message)
    {
        var file = s_intact.ToArray();
        var at = file.AsSpan((int)Dynamic(file, table) + field);
        if (field is RelaType or RelaSymbol && table == DynamicTag.Relocations)
            BinaryPrimitives.WriteInt32LittleEndian(at, (int)value);
        else
            BinaryPrimitives.WriteInt64LittleEndian(at, value);
        AssertRejected(file, message);
    }

    [Theory]
    [InlineData(DynamicTag.CapabilityRelocationsSize, 41, "no multiple of 40")]
    [InlineData(DynamicTag.CapabilityRelocationsSize, 40 << 20, "outside of the file's segments")]
    [InlineData(DynamicTag.CapabilityRelocationsSize, -40, "outside of the file's segments")]
    [InlineData(DynamicTag.CapabilityRelocations, 1L << 40, "outside of the file's segments")]
    [InlineData(DynamicTag.RelocationsSize, 23, "no multiple of 24")]
    [InlineData(DynamicTag.Relocations, -8, "outside of the file's segments")]
    [InlineData(DynamicTag.SymbolTable, -8, "which the file does not have")]
    public void Table_Malformed_IsNamed(DynamicTag tag, long value, string message)
    {
        var file = s_intact.ToArray();
        BinaryPrimitives.WriteInt64LittleEndian(file.AsSpan(DynamicEntry(file, tag) + 8), value);
        AssertRejected(file, message);
    }

    [Fact]
    public void Symbol_StrongAndUndefined_IsNamed()
    {
        // Weak symbols become global ones; the program has one, which is undefined.
        var file = s_intact.ToArray();
        for (var at = (int)Dynamic(file, DynamicTag.SymbolTable) + 4; at < Dynamic(file, DynamicTag.StringTable); at += 24)
        {
            if (file[at] == 0x20)
                file[at] = 0x10;
        }

        AssertRejected(file, "undefined");
    }

    [Theory]
    [InlineData(6)] // STT_TLS
    [InlineData(10)] // STT_GNU_IFUNC
    public void Symbol_NeitherCodeNorData_IsNamed(byte type)
    {
        var file = s_intact.ToArray();
        for (var at = (int)Dynamic(file, DynamicTag.SymbolTable) + 4; at < Dynamic(file, DynamicTag.StringTable); at += 24)
        {
            if (file[at] == 0x12)
                file[at] = (byte)(0x10 | type);
        }

        AssertRejected(file, $"type {type}");
    }

    /// <summary>The program does these itself; the second time they would be wrong.</summary>
    [Fact]
    public void Relocations_OfTheProgramsOwnStartUpCode_AreLeftToIt()
    {
        var file = File.ReadAllBytes(RepositoryPath.Combine("corpus", "cheri", "purecap", "bin", "startup.elf"));
        Assert.NotEqual(0, DynamicEntry(file, DynamicTag.PackedRelocations));
        Assert.All(ElfImage.Parse(file, "startup.elf").LoadRelocations, r => Assert.True(r.Kind >= LoadRelocationKind.Null, $"0x{r.Location:x} was relocated"));
    }

    [Fact]
    public void Bytes_ChangedAtRandom_OneErrorOrARelocationTable()
    {
        var random = new Random(20261129);
        for (var round = 0; round < 3000; round++)
        {
            var file = s_intact.ToArray();
            for (var k = 0; k < 3; k++)
                file[random.Next(0x120, 0x628)] = (byte)random.Next(256);
            if (Record.Exception(() => ElfImage.Parse(file, "random.elf")) is { } error)
                Assert.IsType<ElfFormatException>(error);
        }
    }

    private static void AssertRejected(byte[] file, string message)
    {
        var error = Assert.Throws<ElfFormatException>(() => ElfImage.Parse(file, "damaged.elf"));
        Assert.StartsWith("damaged.elf(0x", error.Message, StringComparison.Ordinal);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    private static int DynamicEntry(byte[] file, DynamicTag tag)
    {
        var start = (int)ElfExecutable.Parse(file, "x").Find(SegmentType.Dynamic)!.Offset;
        for (var at = start; ; at += 16)
        {
            if (BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(at)) == (long)tag)
                return at;
        }
    }

    /// <summary>Value of an entry; addresses are file offsets in this program.</summary>
    private static long Dynamic(byte[] file, DynamicTag tag) => BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(DynamicEntry(file, tag) + 8));
}
