using Cheri2IL.Translator.Isa.RiscV;
using Xunit;

namespace Cheri2IL.FileTests;

/// <summary>
/// Runs every fixture: the runner of its stage renders the file as it should be, and that has to be what the file is.
/// <c>CHERI2IL_BLESS=1</c> writes the rendering back instead; the change is then reviewed like code.
/// </summary>
[Collection(EvalMachine.TestCollection)]
public sealed class FixtureTests
{
    private static readonly Dictionary<string, Func<Fixture, string>> Runners = new()
    {
        ["verify"] = VerifyRunner.Render,
        ["roundtrip"] = RoundTripRunner.Render,
        ["opt"] = OptRunner.Render,
        ["eval"] = EvalRunner.Render,
        ["lift"] = LiftRunner.Render,
        ["emit"] = EmitRunner.Render,
    };

    /// <summary>Paths of all fixtures below the root.</summary>
    public static IEnumerable<TheoryDataRow<string>> Paths()
        => Directory.EnumerateFiles(Fixture.Root, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(Fixture.Root, path))
            .Order(StringComparer.Ordinal)
            .Select(path => new TheoryDataRow<string>(path));

    [Theory]
    [MemberData(nameof(Paths))]
    public void Fixture_Rendered_EqualsFile(string path)
    {
        var file = Path.Combine(Fixture.Root, path);
        var text = File.ReadAllText(file).ReplaceLineEndings("\n");
        var fixture = new Fixture(text);
        Assert.True(fixture["stage"] is not null, "the header names no stage");
        Assert.True(Runners.TryGetValue(fixture["stage"]!, out var runner), $"stage '{fixture["stage"]}' has no runner");
        Assert.Equal(path.Split(Path.DirectorySeparatorChar)[0], fixture["stage"]);
        var rendered = runner!(fixture);
        if (Environment.GetEnvironmentVariable("CHERI2IL_BLESS") == "1")
            File.WriteAllText(file, rendered);
        else
            Assert.Equal(rendered, text);
    }

    [Fact]
    public void LiftFixtures_EveryOpcode_IsCovered()
    {
        var covered = new HashSet<RiscVOpcode>();
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Fixture.Root, "lift")))
        {
            foreach (var piece in LiftRunner.Pieces(new Fixture(File.ReadAllText(file).ReplaceLineEndings("\n")).Body))
            {
                foreach (var (address, _) in piece.Words)
                {
                    if (piece.TryDecode(address, out var instruction, out _))
                        covered.Add(instruction.Opcode);
                }
            }
        }

        Assert.Empty(Enum.GetValues<RiscVOpcode>().Where(opcode => opcode != default).Except(covered));
    }

    [Fact]
    public void Fixtures_EveryStage_HasOne()
        => Assert.Equal(
            Runners.Keys.Order(StringComparer.Ordinal),
            Paths().Select(row => row.Data.Split(Path.DirectorySeparatorChar)[0]).Distinct().Order(StringComparer.Ordinal));
}
