using Cheri2IL.Cli;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Translator.Tests.Elf;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Attacks;

/// <summary>Damaged ELF files are refused, or run to some end, between two cVMs that go on unchanged.</summary>
[Collection(nameof(AttackSite))]
public sealed class MalformedProgramTests(AttackSite site)
{
    private static readonly byte[] Intact = File.ReadAllBytes(Path.Combine(Repository.Root(), "corpus", "hello", "bin", "hello.elf"));

    /// <summary>Cases of corpus/attacks/elf/malformed.tsv: name, outcome, edits.</summary>
    public static TheoryData<string, string, string> Cases()
    {
        var data = new TheoryData<string, string, string>();
        foreach (var line in File.ReadLines(Path.Combine(AttackCase.Folder, "elf", "malformed.tsv")))
        {
            if (!line.StartsWith('#') && line.Split('\t') is [var name, var outcome, var edits])
                data.Add(name, outcome, edits);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public async Task Program_Damaged_HarmsNobody(string name, string outcome, string edits)
    {
        var started = await Run(name, DamagedImage.Create(Intact, edits));
        if (outcome == "rejected")
            Assert.False(started, "it was run");
        site.AssertWitnessesUnharmed();
    }

    [Fact]
    public async Task Program_Intact_Runs() => Assert.True(await Run("intact", Intact));

    /// <summary>Runs a program to its end, or kills it; false if it was refused.</summary>
    private async Task<bool> Run(string name, byte[] file)
    {
        try
        {
            var guest = new CorpusGuest(name + ".elf", file);
            using var cvm = site.Place(guest, [], _ => { });
            guest.Start(cvm);
            await Task.WhenAny(cvm.Completion, Task.Delay(TimeSpan.FromSeconds(1), TestContext.Current.CancellationToken));
            cvm.Kill(Signal.SIGKILL);
            await cvm.Completion.WaitAsync(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken);
            return true;
        }
        catch (Exception error) when (error is ElfFormatException or CvmLoadException)
        {
            return false;
        }
    }
}
