using Cheri2IL.Translator.Emit;
using Spectre.Console;

namespace Cheri2IL.Cli.Bench;

/// <summary>
/// What a finished <see cref="CpuBenchmark"/> of <see cref="CapabilityPeers"/> says of the price of capabilities, split by kind: how much
/// faster the code gets when one more kind of cost is left out.
/// </summary>
internal sealed class CapabilityReport(CpuBenchmark benchmark)
{
    /// <summary>Kinds of cost in the order in which they are left out, and what remains in the end.</summary>
    private static readonly (string Name, string From, string To, string Description)[] Parts =
    [
        .. CapabilityPeers.Steps.Select((step, k) => (
            step.ToString().ToLowerInvariant(),
            k == 0 ? CapabilityPeers.Checked : CapabilityPeers.Without(CapabilityPeers.Steps[k - 1]),
            CapabilityPeers.Without(step),
            Describe(step))),
        ("size", CapabilityPeers.Without(CapabilityPeers.Steps[^1]), CapabilityPeers.Plain, "pointers of 16 bytes and three registers, jumps through them, and PCC"),
    ];

    /// <summary>Table on stdout.</summary>
    public void WriteTable()
    {
        var table = ReportTable.New("kernel", [CapabilityPeers.Plain + ", s", CapabilityPeers.Checked, .. Parts.Select(p => "+" + p.Name)]);
        foreach (var kernel in benchmark.Kernels)
            table.AddRow([kernel, Cell.Of(benchmark.Median(kernel, CapabilityPeers.Plain), "F3"), .. Row(peer => Ratio(kernel, peer))]);
        table.AddRow(["geometric mean", "", .. Row(Mean)]);
        ReportTable.Write(table);
        Console.WriteLine($"{CapabilityPeers.Checked}: time of the kernel with capabilities as pointers, all checked, as a ratio to that with integers ({CapabilityPeers.Plain}),");
        Console.WriteLine($"medians of {benchmark.Rounds} interleaved rounds; it is 1 plus the columns behind it. Each of those is what a ratio falls by when code is emitted without");
        Console.WriteLine("that kind of cost, and without those to the left of it; what is within the noise may be negative. Such code is for this table alone.");
        foreach (var (name, _, _, description) in Parts)
            Console.WriteLine($"+{name}: {description}");
        Console.WriteLine("Times are the kernels' own clocks around their work: JIT compilation of the kernel is included, start-up is not. How often each");
        Console.WriteLine("kind of check is executed and elided: run --stats.");
        foreach (var problem in benchmark.Problems)
            Console.WriteLine("problem: " + problem);
    }

    /// <summary>The same as one JSON object on stdout.</summary>
    public void WriteJson()
    {
        using var output = new JsonOutput();
        var json = output.Writer;
        json.WriteStartObject();
        json.WriteNumber("rounds", benchmark.Rounds);
        json.WriteString("clock", "the kernels' own, around their work; start-up excluded");
        json.WriteStartObject("columns");
        foreach (var (name, _, _, description) in Parts)
            json.WriteString(name, description);
        json.WriteEndObject();
        json.WriteStartObject("kernels");
        foreach (var kernel in benchmark.Kernels)
        {
            json.WriteStartObject(kernel);
            output.WriteNumber("plainSeconds", benchmark.Median(kernel, CapabilityPeers.Plain));
            WriteRow(output, peer => Ratio(kernel, peer));
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteStartObject("geometricMean");
        WriteRow(output, Mean);
        json.WriteEndObject();
        output.WriteStrings("problems", benchmark.Problems);
        json.WriteEndObject();
    }

    private static void WriteRow(JsonOutput output, Func<string, double?> ratio)
    {
        output.WriteNumber("ratio", ratio(CapabilityPeers.Checked));
        foreach (var (name, from, to, _) in Parts)
            output.WriteNumber(name, ratio(from) - ratio(to));
    }

    private static IEnumerable<string> Row(Func<string, double?> ratio)
        => [Cell.Of(ratio(CapabilityPeers.Checked), "F2"), .. Parts.Select(p => Cell.Of(ratio(p.From) - ratio(p.To), "F2"))];

    private double? Ratio(string kernel, string peer) => benchmark.Ratio(kernel, peer, CapabilityPeers.Plain);

    private double? Mean(string peer) => benchmark.GeometricMean(peer, CapabilityPeers.Plain).Mean;

    private static string Describe(CapabilityCost cost) => cost switch
    {
        CapabilityCost.Permission => "testing permissions where bounds are decoded, and whether a loaded capability may keep its tag",
        CapabilityCost.Tag => "testing tags where bounds are decoded, and reading, writing and clearing the tags of memory",
        CapabilityCost.Decode => "decoding bounds and seal where a register gets a capability, and keeping the bounds beside it",
        _ => "comparing with the bounds, at each access and where addresses change",
    };
}
