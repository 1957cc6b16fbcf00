using System.Runtime.Loader;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Elf;
using Cheri2IL.Translator.Passes;
using Xunit;

namespace Cheri2IL.Intravisor.Tests;

/// <summary>Small programs through the translator: what only real translated code can show.</summary>
public sealed class TranslatedGuestTests
{
    [Theory]
    [InlineData(0x0000_006f)] // j .
    [InlineData(0x0015_0513, -0x0020_0f91)] // addi a0, a0, 1; j back: registers only, nothing that the JIT may not hoist over
    [InlineData(0x0000_0097, 0x0000_8067)] // auipc ra, 0; ret: an indirect jump to itself
    public async Task EndlessLoop_Killed_Ends(params int[] instructions)
    {
        using var cvm = Start(TestElf.Program(instructions));
        await Task.Delay(100, TestContext.Current.CancellationToken);
        Assert.False(cvm.Completion.IsCompleted);
        cvm.Kill(Signal.SIGKILL);

        // The limit only keeps a failure from hanging the suite.
        var exit = await cvm.Completion.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
        Assert.Equal(128 + Signal.SIGKILL, exit.ShellStatus);
    }

    [Fact]
    public void EndlessRecursion_EndsWithSigsegvAtTheStackGuard()
    {
        // addi sp, sp, -16; sd ra, 0(sp); jal ra, back
        var reports = new List<string>();
        using var cvm = Start(TestElf.Program(unchecked((int)0xff01_0113), 0x0011_3023, unchecked((int)0xff9f_f0ef)), reports);
        Assert.Equal(128 + Signal.SIGSEGV, cvm.Wait().ShellStatus);
        var guard = GuestLayout.StackTop(GuestLayout.DefaultSlotSize) - GuestLayout.StackSize;
        Assert.Contains($"address 0x{guard - 16:x}", Assert.Single(reports), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(CheckMode.All)]
    [InlineData(CheckMode.Optimized)]
    public void Checks_Counted_AreThoseOfTheAccesses(CheckMode mode)
    {
        // Ten turns with two loads and a store each, and a counter that an AMO advances; then exit_group(its value).
        using var cvm = Start(
            TestElf.Program(
                0x00a0_0393, // li t2, 10
                0x0001_3283, // ld t0, 0(sp)
                0x0081_3303, // ld t1, 8(sp)
                unchecked((int)0xfe61_3c23), // sd t1, -8(sp)
                unchecked((int)0xfff3_8393), // addi t2, t2, -1
                unchecked((int)0xfe03_98e3), // bnez t2, back to the first load
                unchecked((int)0xff01_0113), // addi sp, sp, -16
                0x0001_3023, // sd zero, 0(sp)
                0x0070_0293, // li t0, 7
                0x0051_352f, // amoadd.d a0, t0, (sp)
                0x0001_3503, // ld a0, 0(sp)
                0x05e0_0893, // li a7, 94
                0x0000_0073), // ecall
            options: new TranslationOptions { Checks = mode, CountChecks = true });
        Assert.Equal(7, cvm.Wait().ShellStatus);
        var counts = cvm.Checks;
        Assert.Equal((21, 12, 1), (counts.Load + counts.ElidedLoad, counts.Store + counts.ElidedStore, counts.Alignment));
        if (mode == CheckMode.All)
            Assert.Equal((21, 12), (counts.Load, counts.Store));
        else
            Assert.True(counts.Load + counts.Store < 21 + 12, $"{counts.Load} loads and {counts.Store} stores were checked");
        Assert.Equal(0, counts.Lookup);
    }

    [Fact]
    public void Addresses_OfThousandsOfPlacesInTheCode_AreNotAllTranslatedFrom()
    {
        // auipc t0, 0; addi t0, t0, 8: everywhere, the address of what follows. A function may start there, and goes on to the end.
        const int Pairs = 5000;
        int[] instructions = [.. Enumerable.Repeat<int[]>([0x0000_0297, 0x0082_8293], Pairs).SelectMany(p => p), 0x0000_8067];
        var image = ElfImage.Parse(TestElf.Program(instructions), "test").ToGuestImage(GuestLayout.PieBase);
        var statistics = ModuleTranslator.Translate(image, new TranslationOptions(), "g").Statistics;
        Assert.InRange(statistics.Instructions, instructions.Length, 40 * instructions.Length);
        Assert.True(statistics.LeftForRunTime > 0, "every address was translated from");
    }

    [Fact]
    public unsafe void Code_UnmappedWhileItIsCompared_IsNotTheFiles()
    {
        using var space = new TestSpace();
        var file = TestElf.Program(0x0000_8067);
        var translation = ModuleTranslator.Translate(ElfImage.Parse(file, "test").ToGuestImage(GuestLayout.PieBase), new TranslationOptions(), "g_test");
        var module = new TranslatedModule(new AssemblyLoadContext("guest").LoadFromStream(new MemoryStream(translation.Assembly)));
        Assert.False(new FileImage(module, regions: null).IsIntact(new VanishingMemory(space.Slot)));
    }

    [Fact]
    public void Checks_NotCounted_LeaveNoCounterInTheCode()
    {
        var image = ElfImage.Parse(TestElf.Program(0x0001_3503, 0x0000_8067), "test").ToGuestImage(GuestLayout.PieBase);
        long CodeBytes(bool counts) => ModuleTranslator.Translate(image, new TranslationOptions { CountChecks = counts }, "g").Statistics.CodeBytes;
        // ldarg.0, two ldflda, dup, ldind.i8, ldc.i4.1, conv.i8, add, stind.i8.
        Assert.Equal(17, CodeBytes(counts: true) - CodeBytes(counts: false));
    }

    private static unsafe Cvm Start(byte[] file, List<string>? reports = null, TranslationOptions? options = null)
    {
        var elf = ElfExecutable.Parse(file, "test");
        var image = ElfImage.Parse(file, "test").ToGuestImage(GuestLayout.PieBase);
        var translation = ModuleTranslator.Translate(image, options ?? new TranslationOptions(), "g_test");
        var module = new TranslatedModule(new AssemblyLoadContext("guest").LoadFromStream(new MemoryStream(translation.Assembly)));
        var cvm = new Cvm(1, new CvmOptions
        {
            Arguments = ["test"],
            ProgramPath = "/test",
            Report = reports is null ? null : reports.Add,
            CodeFactory = (space, dispatch) => new TranslatedCode(dispatch, space, new SingleImage(new FileImage(module, regions: null)), evaluator: null),
        });
        cvm.Start(elf);
        return cvm;
    }

    /// <summary>Memory that is gone each time after it was asked for.</summary>
    private sealed unsafe class VanishingMemory(Slot slot) : ICodeMemory
    {
        public byte* Base => slot.Base;

        public bool IsExecutable(long address) => true;

        public bool IsConstant(long start, long end) => true;

        public CodeMapping? FindCode(long address) => null;

        public bool TryCharge(ulong bytes) => true;

        public void Discharge(ulong bytes)
        {
        }
    }
}
