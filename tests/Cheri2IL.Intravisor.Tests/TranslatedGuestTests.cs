using System.Runtime.Loader;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Elf;
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
        var exit = await cvm.Completion.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
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

    private static unsafe Cvm Start(byte[] file, List<string>? reports = null)
    {
        var elf = ElfExecutable.Parse(file, "test");
        var image = ElfImage.Parse(file, "test").ToGuestImage(GuestLayout.PieBase);
        var translation = ModuleTranslator.Translate(image, new TranslationOptions(), "g_test");
        var module = new TranslatedModule(new AssemblyLoadContext("guest").LoadFromStream(new MemoryStream(translation.Assembly)));
        var cvm = new Cvm(1, new CvmOptions
        {
            Arguments = ["test"],
            ProgramPath = "/test",
            Report = reports is null ? null : reports.Add,
            CodeFactory = (space, dispatch) => new TranslatedCode(dispatch, [module], space.IsExecutable, fallback: null, space.Base),
        });
        cvm.Start(elf);
        return cvm;
    }
}
