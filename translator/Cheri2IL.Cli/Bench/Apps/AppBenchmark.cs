using System.Security.Cryptography;
using Cheri2IL.Cli.Cache;

namespace Cheri2IL.Cli.Bench.Apps;

/// <summary>Runs every case under every engine, interleaved, so that drift of the machine falls on all of them alike.</summary>
/// <param name="set">Cases and engines.</param>
/// <param name="cases">Those of the cases that are run.</param>
/// <param name="rounds">Runs of each.</param>
/// <param name="empty">An empty .NET console program, which is measured with the cases of starting.</param>
internal sealed class AppBenchmark(AppSet set, IReadOnlyList<AppCase> cases, int rounds, string empty)
{
    /// <summary>A start is short, and is run so many times a round.</summary>
    private const int StartsPerRound = 5;

    /// <summary>Runs before the first round, after each of which the cache has more machine code, for what the run before executed.</summary>
    public const int WarmRuns = 3;

    private readonly Dictionary<(string Case, string Engine), (Sample Cpu, Sample Wall)> _samples = [];

    /// <summary>What went wrong, one line each.</summary>
    public List<string> Problems { get; } = [];

    /// <summary>The cases that are run.</summary>
    public IReadOnlyList<AppCase> Cases => cases;

    /// <summary>Engines, in order.</summary>
    public IReadOnlyList<AppEngine> Engines => set.Engines;

    /// <summary>Rounds asked for.</summary>
    public int Rounds => rounds;

    /// <summary>Wall-clock times of the empty .NET program; null if it was not run.</summary>
    public Sample? Empty { get; private set; }

    /// <summary>Processor times of a case under an engine; null if it was not run, or failed.</summary>
    public Sample? Cpu(AppCase one, string engine) => _samples.TryGetValue((one.Name, engine), out var sample) ? sample.Cpu : null;

    /// <summary>Wall-clock times of a case under an engine; null if it was not run, or failed.</summary>
    public Sample? Wall(AppCase one, string engine) => _samples.TryGetValue((one.Name, engine), out var sample) ? sample.Wall : null;

    /// <summary>The median processor time of the emulator that is best at a case; null if there is none.</summary>
    public double? BestEmulator(AppCase one)
        => set.Engines.Where(IsEmulator).Select(e => Cpu(one, e.Name)?.Median).Min();

    /// <summary>Runs everything; <paramref name="progress"/> receives a line per case and round. First, runs that are not counted fill the cache.</summary>
    public void Run(Action<string> progress)
    {
        var translated = set.Engines[^1];
        foreach (var one in cases)
        {
            progress($"filling the cache: {one.Name}");
            for (var run = 0; run < WarmRuns; run++)
            {
                if (Try(one, translated, expected: null, NativeCode.Wait) is null)
                    break;
            }
        }

        for (var round = 1; round <= rounds; round++)
        {
            foreach (var one in cases)
            {
                progress($"round {round}/{rounds}: {one.Name}");
                for (var turn = 0; turn < (one.IsStart ? StartsPerRound : 1); turn++)
                    Measure(one);
            }
        }
    }

    private static bool IsEmulator(AppEngine engine) => engine.Name is not (AppEngine.Native or AppEngine.Translated);

    private void Measure(AppCase one)
    {
        string? expected = null;
        foreach (var engine in set.Engines)
        {
            if (Try(one, engine, expected) is not { } run)
                continue;
            expected ??= Digest(run);
            if (!_samples.TryGetValue((one.Name, engine.Name), out var sample))
                _samples.Add((one.Name, engine.Name), sample = (new Sample(), new Sample()));
            sample.Cpu.Add(run.CpuSeconds);
            sample.Wall.Add(run.Seconds);
        }

        if (one.IsStart)
            (Empty ??= new Sample()).Add(ProcessRun.Execute([empty]).Seconds);
    }

    /// <summary>One run; null if it failed, now or before, or printed something else than the engine before.</summary>
    private ProcessRun? Try(AppCase one, AppEngine engine, string? expected, params ReadOnlySpan<(string Name, string Value)> environment)
    {
        var label = $"{one.Name} under {engine.Name}: ";
        if (Problems.Exists(p => p.StartsWith(label, StringComparison.Ordinal)))
            return null;
        try
        {
            Clean(engine);
            var run = ProcessRun.Execute([.. engine.Prefix, .. one.Command], [("LC_ALL", "C"), .. environment]);
            return expected is null || Digest(run) == expected ? run : throw new ToolException(ExitCode.Failure, "its output differs from that of the native program");
        }
        catch (ToolException error)
        {
            Problems.Add(label + error.Message);
            _samples.Remove((one.Name, engine.Name));
            return null;
        }
        finally
        {
            Clean(engine);
        }
    }

    /// <summary>Deletes what a case may have left in a tree's /tmp.</summary>
    private static void Clean(AppEngine engine)
    {
        foreach (var file in engine.Temporary is { } folder ? Directory.GetFiles(folder, "cheri2il-apps*") : [])
            File.Delete(file);
    }

    private static string Digest(ProcessRun run) => Convert.ToHexString(SHA256.HashData(run.Bytes));
}
