using System.Collections.Immutable;
using System.Diagnostics;
using System.IO.Compression;
using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using System.Security.Cryptography;
using System.Text;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Passes;
using Mono.Cecil;
using Mono.Cecil.Cil;
using Xunit;
using MethodDefinition = Mono.Cecil.MethodDefinition;
using ModuleDefinition = Mono.Cecil.ModuleDefinition;

namespace Cheri2IL.Cli.Tests;

/// <summary>The PDB of every committed guest, read by two readers and by the runtime.</summary>
public sealed class SymbolsTests
{
    private static readonly Guid EmbeddedSource = new("0e8a571b-6926-466e-b4ad-8ab04611f5fe");

    /// <summary>Committed guests.</summary>
    public static TheoryData<string> Files => CorpusFiles.All();

    [Theory]
    [MemberData(nameof(Files))]
    public void SequencePoints_OfEveryMethod_NameTheLineOfTheirInstruction(string file)
    {
        var (program, translation) = Translate(file);
        using var module = ModuleDefinition.ReadModule(new MemoryStream(translation.Assembly));
        var map = module.Resources.OfType<EmbeddedResource>().Single(r => r.Name == ModuleFormat.MapResource).GetResourceData();
        using var provider = MetadataReaderProvider.FromPortablePdbImage(ImmutableCollectionsMarshal.AsImmutableArray(translation.Symbols));
        var pdb = provider.GetMetadataReader();
        Assert.Equal(translation.Statistics.Methods + translation.Statistics.WholeFunctions, pdb.MethodDebugInformation.Count);
        var listing = Listing(pdb);
        foreach (var handle in pdb.MethodDebugInformation)
        {
            var row = MetadataTokens.GetRowNumber(handle);
            var method = (MethodDefinition)module.LookupToken(0x06000000 | row);
            var offsets = method.Body.Instructions.Select(i => i.Offset).ToHashSet();
            var (last, line) = (-1, ("", 0));
            foreach (var point in pdb.GetMethodDebugInformation(handle).GetSequencePoints())
            {
                Assert.True(offsets.Contains(point.Offset) && point.Offset > last, $"{method.Name}: a point at {point.Offset} after {last}");
                Assert.Equal(last < 0, point.Offset == 0);
                var pc = ModuleFormat.FindPc(map, row - 1, point.Offset);
                Assert.True(program.Image.IsExecutable(pc), $"{method.Name}: {pc:x} is no code");
                var document = pdb.GetString(pdb.GetDocument(point.Document).Name);
                Assert.NotEqual(line, (document, point.StartLine));
                if (program.Image.LineOf(pc) is { } source)
                    Assert.Equal(source, (document, point.StartLine));
                else
                    Assert.StartsWith($"  {pc:x}: ", listing[point.StartLine - 1], StringComparison.Ordinal);
                (last, line) = (point.Offset, (document, point.StartLine));
            }

            Assert.True(last >= 0, $"{method.Name} has no sequence points");
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void GuestAddresses_OfEveryMethod_EqualTheMapOfTheAssembly(string file)
    {
        var (_, translation) = Translate(file);
        using var module = ModuleDefinition.ReadModule(new MemoryStream(translation.Assembly));
        var map = module.Resources.OfType<EmbeddedResource>().Single(r => r.Name == ModuleFormat.MapResource).GetResourceData();
        using var provider = MetadataReaderProvider.FromPortablePdbImage(ImmutableCollectionsMarshal.AsImmutableArray(translation.Symbols));
        var pdb = provider.GetMetadataReader();
        for (var row = 1; row <= translation.Statistics.Methods; row++)
        {
            var method = (MethodDefinition)module.LookupToken(0x06000000 | row);
            var addresses = Decode(Single(pdb, MetadataTokens.MethodDefinitionHandle(row), ModuleFormat.GuestAddresses));
            Assert.Equal(0, addresses[0].Offset);
            var at = 0;
            foreach (var instruction in method.Body.Instructions)
            {
                while (at + 1 < addresses.Count && addresses[at + 1].Offset <= instruction.Offset)
                    at++;
                Assert.Equal(addresses[at].Pc, ModuleFormat.FindPc(map, row - 1, instruction.Offset));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void ColdExits_OfEveryMethod_BelongToTheInstructionTheyName(string file)
    {
        var (_, translation) = Translate(file);
        using var module = ModuleDefinition.ReadModule(new MemoryStream(translation.Assembly));
        var map = module.Resources.OfType<EmbeddedResource>().Single(r => r.Name == ModuleFormat.MapResource).GetResourceData();
        var exits = 0;
        foreach (var method in module.Types.SelectMany(t => t.Methods))
        {
            var code = method.Body.Instructions;
            for (var k = 0; k < code.Count; k++)
            {
                if (code[k].Operand is not MethodReference { Name: nameof(GuestRuntime.Fault) or nameof(GuestRuntime.LeaveOrFault) or nameof(GuestRuntime.LeaveLoop) } exit)
                    continue;
                // The pc is among the constants that this straight line of code pushes.
                var pc = ModuleFormat.FindPc(map, (int)method.MetadataToken.RID - 1, code[k].Offset);
                var block = Enumerable.Range(1, k).Select(d => code[k - d]).TakeWhile(i => i.OpCode.FlowControl is FlowControl.Next or FlowControl.Meta);
                Assert.True(block.Any(i => Constant(i) == pc), $"{method.Name}, {exit.Name} at IL_{code[k].Offset:x4}: the map says {pc:x}, the code does not");
                exits++;
            }
        }

        Assert.True(exits > 0);
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Pdb_OfEveryGuest_IsReadByCecilAndMatchesChecksum(string file)
    {
        var (_, translation) = Translate(file);
        // Cecil compares the identities of both files.
        using var module = ModuleDefinition.ReadModule(
            new MemoryStream(translation.Assembly),
            new ReaderParameters { ReadSymbols = true, SymbolReaderProvider = new PortablePdbReaderProvider(), SymbolStream = new MemoryStream(translation.Symbols!) });
        Assert.All(module.Types.SelectMany(t => t.Methods), m => Assert.NotEmpty(m.DebugInformation.SequencePoints));

        using var image = new PEReader(new MemoryStream(translation.Assembly));
        var entries = image.ReadDebugDirectory();
        Assert.Equal([DebugDirectoryEntryType.CodeView, DebugDirectoryEntryType.PdbChecksum, DebugDirectoryEntryType.Reproducible], entries.Select(e => e.Type));
        Assert.Equal("guest.pdb", image.ReadCodeViewDebugDirectoryData(entries[0]).Path);
        var checksum = image.ReadPdbChecksumDebugDirectoryData(entries[1]);
        Assert.Equal("SHA256", checksum.AlgorithmName);
        var zeroed = (byte[])translation.Symbols!.Clone();
        using (var provider = MetadataReaderProvider.FromPortablePdbImage(ImmutableCollectionsMarshal.AsImmutableArray(translation.Symbols)))
            zeroed.AsSpan(provider.GetMetadataReader().DebugMetadataHeader!.IdStartOffset, 20).Clear();
        Assert.Equal(SHA256.HashData(zeroed), checksum.Checksum);
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Pdb_TranslatedAgain_IsByteIdentical(string file)
        => Assert.Equal(CorpusTranslations.Make(file, new TranslationOptions { Symbols = true, Parallelism = 1 }).Symbols, Translate(file).Translation.Symbols);

    [Fact]
    public unsafe void StackTrace_ThroughTranslatedFunctions_ShowsSymbolsAndSourceLines()
    {
        const string Guest = "corpus/programs/bin/arguments.elf";
        var (program, translation) = Translate(Guest);
        var context = new AssemblyLoadContext("symbols");
        var module = new TranslatedModule(context.LoadFromStream(new MemoryStream(translation.Assembly), new MemoryStream(translation.Symbols!)));
        // Room for the program, untouched pages of which cost nothing.
        const int Slot = 2 * (int)GuestProgram.LoadBias;
        var memory = (byte*)NativeMemory.AllocZeroed(Slot);
        var state = (GuestState*)NativeMemory.AllocZeroed((nuint)sizeof(GuestState));
        GuestFault? fault = null;
        try
        {
            state->MemoryBase = memory;
            state->Limit = state->PollLimit = Slot - 1;
            var printf = program.Elf.Symbols.Single(s => s.Name == "printf").Value + GuestProgram.LoadBias;
            var method = (delegate* managed<GuestState*, long, long, long, long, long, GuestReturn>)module.Find(printf);
            // printf saves its arguments on the stack, then print, which it calls, reads the format.
            method(state, Slot / 2, 0, Slot + 4096, 0, 0);
        }
        catch (GuestFault caught)
        {
            fault = caught;
        }
        finally
        {
            NativeMemory.Free(memory);
            NativeMemory.Free(state);
        }

        Assert.Equal((GuestFaultKind.LoadAccess, (long)Slot + 4096), (fault!.Kind, fault.Address));
        var frames = new StackTrace(fault, fNeedFileInfo: true).GetFrames().Where(f => f.GetMethod()?.Module.Assembly == module.Assembly).ToArray();
        Assert.Equal(["print", "printf"], frames.Select(f => f.GetMethod()!.Name.Split('@')[0]));
        Assert.Equal(program.Image.LineOf(fault.Pc), (frames[0].GetFileName()!, frames[0].GetFileLineNumber()));
        Assert.All(frames, f => Assert.Equal("lib/print.c", f.GetFileName()));
        Assert.Contains($"in lib/print.c:line {frames[0].GetFileLineNumber()}", fault.ToString(), StringComparison.Ordinal);
        GC.KeepAlive(context);
    }

    private static long? Constant(Instruction instruction) => instruction.Operand switch
    {
        int value => value,
        sbyte value => value,
        long value => value,
        _ => null,
    };

    private static List<(int Offset, long Pc)> Decode(BlobReader blob)
    {
        var result = new List<(int Offset, long Pc)>();
        var (offset, pc) = (0UL, 0L);
        while (blob.RemainingBytes > 0)
        {
            offset += Unsigned();
            var delta = Unsigned();
            pc += (long)(delta >> 1) ^ -(long)(delta & 1);
            result.Add(((int)offset, pc));
        }

        return result;

        ulong Unsigned()
        {
            var value = 0UL;
            for (var shift = 0; ; shift += 7)
            {
                var next = blob.ReadByte();
                value |= (ulong)(next & 0x7f) << shift;
                if (next < 0x80)
                    return value;
            }
        }
    }

    private static BlobReader Single(MetadataReader pdb, EntityHandle parent, Guid kind)
        => pdb.GetBlobReader(pdb.GetCustomDebugInformation(parent).Select(pdb.GetCustomDebugInformation).Single(c => pdb.GetGuid(c.Kind) == kind).Value);

    /// <summary>Lines of the document that the PDB carries; empty if it carries none.</summary>
    private static string[] Listing(MetadataReader pdb)
    {
        foreach (var handle in pdb.Documents)
        {
            var document = pdb.GetDocument(handle);
            if (pdb.GetString(document.Name) != "guest.s")
                continue;
            var blob = Single(pdb, handle, EmbeddedSource);
            var size = blob.ReadInt32();
            using var text = new MemoryStream();
            using (var inflate = new DeflateStream(new MemoryStream(blob.ReadBytes(blob.RemainingBytes)), CompressionMode.Decompress))
                inflate.CopyTo(text);
            Assert.Equal(size, text.Length);
            Assert.Equal(SHA256.HashData(text.ToArray()), pdb.GetBlobBytes(document.Hash));
            return Encoding.UTF8.GetString(text.ToArray()).Split('\n');
        }

        return [];
    }

    private static (GuestProgram Program, Translation Translation) Translate(string file)
        => (GuestProgram.Load(Path.Combine(Repository.Root(), file)), CorpusTranslations.Of(file, CheckMode.Optimized, hasSymbols: true));
}
