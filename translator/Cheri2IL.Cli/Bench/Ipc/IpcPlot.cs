using ScottPlot;

namespace Cheri2IL.Cli.Bench.Ipc;

/// <summary>Draws a finished <see cref="IpcBenchmark"/>: throughput by size of messages, both axes logarithmic.</summary>
internal static class IpcPlot
{
    private const int Width = 1000;
    private const int Height = 600;

    /// <summary>Writes STEM.png and STEM.svg.</summary>
    /// <exception cref="ToolException">They cannot be written.</exception>
    public static void Write(IpcBenchmark benchmark, string stem)
    {
        var plot = new Plot();
        foreach (var primitive in IpcBenchmark.Primitives)
        {
            var points = benchmark.Throughputs.Where(t => t.Primitive == primitive).OrderBy(t => t.Bytes).ToArray();
            if (points.Length == 0)
                continue;
            var line = plot.Add.Scatter(points.Select(p => Math.Log2(p.Bytes)).ToArray(), points.Select(p => Math.Log10(p.MegabytesPerSecond)).ToArray());
            line.LegendText = primitive;
            line.LineWidth = primitive.StartsWith("cp_", StringComparison.Ordinal) ? 3 : 1.5f;
        }

        plot.Title("Throughput between cVMs and between processes");
        plot.XLabel("bytes of a message");
        plot.YLabel("MB/s");
        plot.Axes.Bottom.TickGenerator = new ScottPlot.TickGenerators.NumericManual(
            [.. IpcBenchmark.Sizes.Select(s => Math.Log2(s))], [.. IpcBenchmark.Sizes.Select(SizeName)]);
        var decades = Enumerable.Range(0, 7).ToArray();
        plot.Axes.Left.TickGenerator = new ScottPlot.TickGenerators.NumericManual(
            [.. decades.Select(d => (double)d)], [.. decades.Select(d => Math.Pow(10, d).ToString("N0"))]);
        plot.ShowLegend(Alignment.LowerRight);
        try
        {
            plot.SavePng(stem + ".png", Width, Height);
            plot.SaveSvg(stem + ".svg", Width, Height);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ToolException(ExitCode.CannotCreate, $"--plot: {stem}: {error.Message}");
        }
    }

    private static string SizeName(long bytes) => bytes >= 1 << 20 ? $"{bytes >> 20}M" : bytes >= 1 << 10 ? $"{bytes >> 10}K" : $"{bytes}";
}
