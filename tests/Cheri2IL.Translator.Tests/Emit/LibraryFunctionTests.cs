using Cheri2IL.Translator.Elf;
using Cheri2IL.Translator.Emit;
using Cheri2IL.Translator.Tests.Isa;
using Xunit;

namespace Cheri2IL.Translator.Tests.Emit;

/// <summary>Functions of C libraries are recognised by their bytes. That they then do the same is what the corpus' outputs show.</summary>
public sealed class LibraryFunctionTests
{
    private static readonly byte[] File = System.IO.File.ReadAllBytes(Path.Combine(RepositoryPath.Root, "corpus", "kernels", "bin", "memcpy.elf"));

    private static (GuestImage Image, Dictionary<string, long> Functions) Parse(byte[] file)
    {
        var elf = ElfImage.Parse(file, "memcpy.elf");
        return (elf.ToGuestImage(0), elf.Symbols.Where(s => s.IsDefinedFunction).DistinctBy(s => s.Name).ToDictionary(s => s.Name, s => s.Value));
    }

    [Fact]
    public void Recognise_CorpusLibrary_IsThreeFunctions()
    {
        var (image, functions) = Parse(File);
        var recognised = functions.Where(f => LibraryFunctions.Recognise(image, f.Value) != LibraryFunction.None)
            .ToDictionary(f => f.Key, f => LibraryFunctions.Recognise(image, f.Value));
        Assert.Equal(
            [("memcpy", LibraryFunction.Copy), ("memmove", LibraryFunction.Move), ("memset", LibraryFunction.Fill)],
            recognised.Select(f => (f.Key, f.Value)).OrderBy(f => f.Key, StringComparer.Ordinal));
    }

    [Fact]
    public void Recognise_OneOtherByte_IsAnotherFunction()
    {
        var (original, functions) = Parse(File);
        var code = original.Segments.First(s => s.IsExecutable);
        var at = File.AsSpan().IndexOf(original.CodeAt(functions["memcpy"])[..64]);
        Assert.True(at > 0 && code.IsExecutable);
        var changed = (byte[])File.Clone();
        changed[at + 200] ^= 0x80;
        var (image, _) = Parse(changed);
        Assert.Equal(LibraryFunction.None, LibraryFunctions.Recognise(image, functions["memcpy"]));

        // memmove calls memcpy, which is in front of it.
        Assert.Equal(LibraryFunction.None, LibraryFunctions.Recognise(image, functions["memmove"]));
        Assert.Equal(LibraryFunction.Fill, LibraryFunctions.Recognise(image, functions["memset"]));
    }
}
