using System.IO.Compression;
using System.Text.Json.Nodes;
using Cheri2IL.Conformance;
using Xunit;

namespace Cheri2IL.InstructionTests;

/// <summary>Every committed execution trace of CHERI-RISC-V (<c>Data/README.md</c>), as <c>tools/dev traces</c> runs them.</summary>
public sealed class TraceTests
{
    /// <summary>Emitted code leaves regions to the evaluator where PCC ends in their midst.</summary>
    private const int MostEvaluations = 36;

    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "Data", "cheri-v9");

    [Theory]
    [InlineData("vectors.jsonl.gz", 2050, TraceEngine.Evaluator)]
    [InlineData("vectors.jsonl.gz", 2050, TraceEngine.Emitted)]
    [InlineData("deviations.jsonl.gz", 198, TraceEngine.Evaluator)]
    [InlineData("deviations.jsonl.gz", 198, TraceEngine.Emitted)]
    public void Traces_EndAsListed(string file, int traces, TraceEngine engine)
    {
        var result = TraceFile.Run(Path.Combine(Folder, file), engine);
        Assert.Empty(result.Failures);
        Assert.Equal(traces, result.Passed);
        if (engine == TraceEngine.Emitted)
            Assert.InRange(result.Evaluations, 0, MostEvaluations);
    }

    /// <summary>The runner sees every part of the outcome: each is changed in turn, in traces that end and in traces that fault.</summary>
    [Theory]
    [InlineData("pc", "pc")]
    [InlineData("tval", "tval")]
    [InlineData("cause", "cause")]
    [InlineData("outcome", "outcome")]
    [InlineData("pcc", "pcc is")]
    [InlineData("ddc", "ddc is")]
    [InlineData("x", "c31 is")]
    [InlineData("f", "f31 is")]
    [InlineData("memory", "memory at")]
    [InlineData("tags", "memory at")]
    public void Traces_WrongOutcome_Fail(string part, string message)
    {
        var lines = Read(Path.Combine(Folder, "vectors.jsonl.gz")).Take(40).Select(line => Change(line, part)).OfType<string>().ToArray();
        var result = RunText(lines);
        Assert.InRange(lines.Length, 5, 40);
        Assert.Equal((0, lines.Length), (result.Passed, result.Failures.Count));
        if (message.Contains(' ', StringComparison.Ordinal))
            Assert.All(result.Failures, failure => Assert.Contains(message, failure, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("""{"id":"v","init":{"mem":[{"name":"a","base":"10","size":16,"data":"00","tags":"0"}]},"final":{}}""")]
    [InlineData("""{"id":"v","init":{"mem":[],"x":["2:0:0"],"f":{},"ddc":"0:0:0","pcc":"0:0:0"},"final":{}}""")]
    public void Traces_Malformed_Fail(string line) => Assert.Single(RunText([line]).Failures);

    /// <summary>A trace with one part of its outcome changed; null if it has no such part.</summary>
    private static string? Change(string line, string part)
    {
        var trace = JsonNode.Parse(line)!;
        var final = trace["final"]!.AsObject();
        var isFault = (string?)final["outcome"] == "fault";
        switch (part)
        {
            case "pc":
                final["pc"] = Other(final["pc"]!);
                break;
            case "tval" or "cause" when !isFault || final["tval"] is null:
                return null;
            case "tval":
                final["tval"] = Other(final["tval"]!);
                break;
            case "cause":
                final["cause"] = (int)final["cause"]! + 1;
                break;
            case "outcome":
                (final["outcome"], final["cause"], final["tval"]) = (isFault ? "end" : "fault", 28, "0");
                break;
            case "pcc" or "ddc":
                final[part] = OtherTag(final[part]!);
                break;
            case "x":
                final["x"]![30] = OtherTag(final["x"]![30]!);
                break;
            case "f":
                final["f"]!["31"] = final["f"]!["31"] is { } bits ? Other(bits) : "1";
                break;
            default:
                var region = trace["init"]!["mem"]!.AsArray().Single(r => (string?)r!["name"] == "k")!;
                var first = ((string)region["data"]!)[..32];
                var tag = ((string)region["tags"]!)[0] - '0';
                final["mem_changed"]!.AsArray().Add(part == "tags"
                    ? new JsonArray((string)region["base"]!, first, 1 - tag)
                    : new JsonArray((string)region["base"]!, (first[0] == '0' ? "1" : "0") + first[1..], tag));
                break;
        }

        return trace.ToJsonString();
    }

    private static string Other(JsonNode number)
    {
        var text = (string)number!;
        return text[..^1] + (text[^1] == '0' ? '1' : '0');
    }

    private static string OtherTag(JsonNode capability)
    {
        var text = (string)capability!;
        return (text[0] == '0' ? '1' : '0') + text[1..];
    }

    private static VectorResult RunText(string[] lines)
    {
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(path, lines);
            return TraceFile.Run(path, TraceEngine.Evaluator);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static IEnumerable<string> Read(string path)
    {
        using var reader = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        while (reader.ReadLine() is { } line)
            yield return line;
    }
}
