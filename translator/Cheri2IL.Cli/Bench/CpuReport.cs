using Spectre.Console;


namespace Cheri2IL.Cli.Bench;

/// <summary>Prints a finished <see cref="CpuBenchmark"/>.</summary>
internal static class CpuReport
{
    /// <summary>Table of medians and ratios on stdout.</summary>
    public static void WriteTable(CpuBenchmark benchmark, bool guestsMatchNative)
    {
        var reference = Reference(benchmark);
        var others = benchmark.Peers.Where(p => p.Name != reference).ToArray();
        var table = ReportTable.New("kernel", [reference + ", s", .. others.Select(p => p.Name)]);
        foreach (var kernel in benchmark.Kernels)
            table.AddRow([kernel, Cell.Of(benchmark.Median(kernel, reference), "F3"), .. others.Select(p => Cell.Of(benchmark.Ratio(kernel, p.Name, reference), "F2"))]);
        table.AddRow(["geometric mean", "", .. others.Select(p => Cell.Of(benchmark.GeometricMean(p.Name, reference).Mean, "F2"))]);
        ReportTable.Write(table);
        foreach (var peer in benchmark.Peers)
            Console.WriteLine($"{peer.Name}: {peer.Description}");
        if (benchmark.GeometricMean(PeerSet.Translated, PeerSet.Unchecked).Mean is { } price)
            Console.WriteLine($"price of checks (cheri2il over cheri2il-none, geometric mean): {(price - 1) * 100:F1} %");
        Console.WriteLine($"Ratios of medians over {benchmark.Rounds} interleaved rounds to {reference}; lower is better. Times are the kernels' own clocks around");
        Console.WriteLine("their work: process start, translation and loading are excluded; so is compilation, but where code comes from no cache.");
        if (!guestsMatchNative)
            Console.WriteLine("The guests are the committed freestanding builds: their library is not the native builds' libc.");
        foreach (var problem in benchmark.Problems)
            Console.WriteLine("problem: " + problem);
    }

    /// <summary>The same as one JSON object on stdout.</summary>
    public static void WriteJson(CpuBenchmark benchmark, bool guestsMatchNative)
    {
        var reference = Reference(benchmark);
        using var output = new JsonOutput();
        var json = output.Writer;
        json.WriteStartObject();
        json.WriteString("reference", reference);
        json.WriteNumber("rounds", benchmark.Rounds);
        json.WriteBoolean("guestsMatchNative", guestsMatchNative);
        json.WriteString("clock", "the kernels' own, around their work; start-up excluded");
        json.WriteStartArray("peers");
        foreach (var peer in benchmark.Peers)
        {
            json.WriteStartObject();
            json.WriteString("name", peer.Name);
            json.WriteString("description", peer.Description);
            output.WriteNumber("geometricMean", benchmark.GeometricMean(peer.Name, reference).Mean);
            json.WriteNumber("kernels", benchmark.GeometricMean(peer.Name, reference).Count);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartObject("kernels");
        foreach (var kernel in benchmark.Kernels)
        {
            json.WriteStartObject(kernel);
            foreach (var peer in benchmark.Peers)
            {
                json.WriteStartObject(peer.Name);
                output.WriteNumber("medianSeconds", benchmark.Median(kernel, peer.Name));
                output.WriteNumber("ratio", benchmark.Ratio(kernel, peer.Name, reference));
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
        output.WriteStrings("problems", benchmark.Problems);
        json.WriteEndObject();
    }

    /// <summary>The same-compiler native build, or, where no native compiler is installed, the first peer there is.</summary>
    private static string Reference(CpuBenchmark benchmark)
        => benchmark.Peers.Any(p => p.Name == PeerSet.Native) ? PeerSet.Native : benchmark.Peers[0].Name;
}
