using System.Buffers.Binary;
using System.Runtime.Loader;
using Cheri2IL.Runtime.Execution;
using Xunit;

namespace Cheri2IL.Translator.Tests;

/// <summary>Which programs are taken for such with capabilities because of their instructions.</summary>
public sealed class CapabilityDiscoveryTests
{
    private const long Start = 0x11000;
    private const long Other = Start + 0x100;
    private const uint Return = 0x00008067;
    private const uint CapabilityMove = 0xfea0_855b; // cmove ca0, ca1

    [Fact]
    public void Translate_CapabilityInstructionAtASeed_IsAProgramWithCapabilities()
        => Assert.True(HasCapabilities(isCandidate: false, callsIt: false));

    /// <summary>A word of data that looks like an address may lead into constants, which decode as anything.</summary>
    [Fact]
    public void Translate_CapabilityInstructionWhereAWordOfDataPoints_IsAPlainProgram()
        => Assert.False(HasCapabilities(isCandidate: true, callsIt: false));

    [Fact]
    public void Translate_CapabilityInstructionThatIsCalledToo_IsAProgramWithCapabilities()
        => Assert.True(HasCapabilities(isCandidate: true, callsIt: true));

    /// <summary>Whether the translation has, on which discovery alone agrees.</summary>
    private static bool HasCapabilities(bool isCandidate, bool callsIt)
    {
        const uint call = 0x1000_00ef; // jal ra, 0x100
        var code = new byte[0x200];
        BinaryPrimitives.WriteUInt32LittleEndian(code, callsIt ? call : Return);
        BinaryPrimitives.WriteUInt32LittleEndian(code.AsSpan(4), Return);
        BinaryPrimitives.WriteUInt32LittleEndian(code.AsSpan((int)(Other - Start)), CapabilityMove);
        BinaryPrimitives.WriteUInt32LittleEndian(code.AsSpan((int)(Other - Start) + 4), Return);
        var image = new GuestImage(
            code, 0, [new GuestSegment(Start, code.Length, code, IsExecutable: true, IsWritable: false)], [new GuestRange(Start, Start + 8, "known")], [Start, Other])
        {
            Candidates = new HashSet<long>(isCandidate ? [Other] : []),
        };
        var options = new TranslationOptions { Parallelism = 1 };
        var assembly = ModuleTranslator.Translate(image, options, "discovery").Assembly;
        var has = new TranslatedModule(new AssemblyLoadContext("discovery").LoadFromStream(new MemoryStream(assembly))).HasCapabilities;
        Assert.True(image.MayHaveCapabilities());
        Assert.Equal(has, ModuleTranslator.Discover(image, options).HasCapabilities);
        return has;
    }
}
