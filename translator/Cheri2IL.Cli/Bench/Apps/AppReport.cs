using Spectre.Console;

namespace Cheri2IL.Cli.Bench.Apps;

/// <summary>Prints what <see cref="AppBenchmark"/> and <see cref="RedisBenchmark"/> measured.</summary>
/// <param name="apps">Finished.</param>
/// <param name="redis">Finished; null if it was not asked for.</param>
internal sealed class AppReport(AppBenchmark apps, RedisBenchmark? redis)
{
    private IEnumerable<string> Problems => [.. apps.Problems, .. redis?.Problems ?? []];

    /// <summary>Tables on stdout.</summary>
    public void WriteTables()
    {
        WriteCases(apps.Cases.Where(c => !c.IsStart), "run");
        WriteCases(apps.Cases.Where(c => c.IsStart), "start");
        if (apps.Empty is { } empty)
            WriteStarts(empty);
        WriteRedis();
        foreach (var engine in apps.Engines)
            Console.WriteLine($"{engine.Name}: {engine.Description}");
        Console.WriteLine($"Medians of {apps.Rounds} interleaved rounds. CPU seconds are the user's and the system's of the whole process: loading and JIT compilation are included,");
        Console.WriteLine("translating is not, nor is compiling ahead of time. Every run printed what the native program printed.");
        foreach (var problem in Problems)
            Console.WriteLine("problem: " + problem);
    }

    /// <summary>The same as one JSON object on stdout.</summary>
    public void WriteJson()
    {
        using var output = new JsonOutput();
        var json = output.Writer;
        json.WriteStartObject();
        json.WriteNumber("rounds", apps.Rounds);
        json.WriteNumber("processors", Environment.ProcessorCount);
        json.WriteStartObject("engines");
        foreach (var engine in apps.Engines)
            json.WriteString(engine.Name, engine.Description);
        json.WriteEndObject();
        output.WriteNumber("emptyDotnetWallSeconds", apps.Empty?.Median);
        json.WriteStartObject("cases");
        foreach (var one in apps.Cases)
        {
            json.WriteStartObject(one.Name);
            json.WriteString("kind", one.IsStart ? "start" : "run");
            foreach (var engine in apps.Engines)
            {
                json.WriteStartObject(engine.Name);
                output.WriteNumber("cpuSeconds", apps.Cpu(one, engine.Name)?.Median);
                output.WriteNumber("cpuMinimumSeconds", apps.Cpu(one, engine.Name)?.Minimum);
                output.WriteNumber("wallSeconds", apps.Wall(one, engine.Name)?.Median);
                json.WriteEndObject();
            }

            output.WriteNumber("bestEmulatorOverTranslated", Gain(one));
            json.WriteEndObject();
        }

        json.WriteEndObject();
        output.WriteNumber("bestEmulatorOverTranslated", Ratios.GeometricMean(apps.Cases.Where(c => !c.IsStart).Select(Gain)).Mean);
        if (redis is not null)
            WriteRedis(output, redis);
        output.WriteStrings("problems", Problems);
        json.WriteEndObject();
    }

    private static void WriteRedis(JsonOutput output, RedisBenchmark redis)
    {
        output.Writer.WriteStartArray("redis");
        foreach (var engine in redis.Engines)
        {
            foreach (var pipeline in RedisBenchmark.Pipelines)
            {
                output.Writer.WriteStartObject();
                output.Writer.WriteString("engine", engine);
                output.Writer.WriteNumber("pipeline", pipeline);
                foreach (var command in RedisBenchmark.Commands)
                    output.WriteNumber(command, redis.Rate(engine, pipeline, command));
                output.WriteNumber("overNative", OverNative(redis, engine, pipeline));
                output.Writer.WriteEndObject();
            }
        }

        output.Writer.WriteEndArray();
    }

    private void WriteCases(IEnumerable<AppCase> chosen, string kind)
    {
        AppCase[] cases = [.. chosen];
        if (cases.Length == 0)
            return;
        var others = apps.Engines.Skip(1).ToArray();
        var table = ReportTable.New(kind, [AppEngine.Native + ", CPU s", .. others.Select(e => e.Name), "best qemu / cheri2il"]);
        foreach (var one in cases)
            table.AddRow([one.Name, Cell.Of(apps.Cpu(one, AppEngine.Native)?.Median, "F3"), .. others.Select(e => Cell.Of(OverNative(one, e), "F2")), Cell.Of(Gain(one), "F2")]);
        table.AddRow([
            "geometric mean", "", .. others.Select(e => Cell.Of(Ratios.GeometricMean(cases.Select(c => OverNative(c, e))).Mean, "F2")),
            Cell.Of(Ratios.GeometricMean(cases.Select(Gain)).Mean, "F2"),
        ]);
        ReportTable.Write(table);
    }

    private void WriteStarts(Sample empty)
    {
        var table = ReportTable.New("start", [.. apps.Engines.Select(e => e.Name + ", wall ms"), "empty .NET program", "cheri2il / it"]);
        foreach (var one in apps.Cases.Where(c => c.IsStart))
        {
            table.AddRow([
                one.Name, .. apps.Engines.Select(e => Cell.Of(1000 * apps.Wall(one, e.Name)?.Median, "F1")),
                Cell.Of(1000 * empty.Median, "F1"), Cell.Of(apps.Wall(one, AppEngine.Translated)?.Median / empty.Median, "F2"),
            ]);
        }

        ReportTable.Write(table);
    }

    private void WriteRedis()
    {
        if (redis is null)
            return;
        var table = ReportTable.New("redis, requests/s", [.. RedisBenchmark.Commands, "over native"]);
        foreach (var pipeline in RedisBenchmark.Pipelines)
        {
            foreach (var engine in redis.Engines)
                table.AddRow([$"{engine} -P {pipeline}", .. RedisBenchmark.Commands.Select(c => Cell.Of(redis.Rate(engine, pipeline, c), "N0")), Cell.Of(OverNative(redis, engine, pipeline), "F2")]);
        }

        ReportTable.Write(table);
        Console.WriteLine($"redis-benchmark -c 50, native, over the host's loopback; {RedisBenchmark.Pair}: server and benchmark translated, in two cVMs, over the network between them.");
    }

    private static double? OverNative(RedisBenchmark redis, string engine, int pipeline)
        => Ratios.GeometricMean(RedisBenchmark.Commands.Select(c => redis.Rate(engine, pipeline, c) / redis.Rate(AppEngine.Native, pipeline, c))).Mean;

    private double? OverNative(AppCase one, AppEngine engine) => apps.Cpu(one, engine.Name)?.Median / apps.Cpu(one, AppEngine.Native)?.Median;

    private double? Gain(AppCase one) => apps.BestEmulator(one) / apps.Cpu(one, AppEngine.Translated)?.Median;
}
