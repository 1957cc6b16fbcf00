using System.Globalization;
using Cheri2IL.Cli.Cache;

namespace Cheri2IL.Cli.Bench.Apps;

/// <summary>
/// Requests per second that Redis answers: redis-benchmark of this machine's processor against a server of each engine over the host's
/// loopback, and, for the translated engine, both in two cVMs over the network between them.
/// </summary>
/// <param name="set">Engines and trees.</param>
/// <param name="rounds">Runs of each.</param>
internal sealed class RedisBenchmark(AppSet set, int rounds)
{
    /// <summary>Name of the arrangement with two cVMs.</summary>
    public const string Pair = "cheri2il-pair";

    private const string Benchmark = "/usr/bin/redis-benchmark";
    private const string Variables = "{LC_ALL: C, PATH: /usr/bin}";

    private readonly Dictionary<(string Engine, int Pipeline, string Command), Sample> _rates = [];

    /// <summary>Requests that are sent before answers are waited for.</summary>
    public static IReadOnlyList<int> Pipelines { get; } = [1, 16];

    /// <summary>Commands that are measured.</summary>
    public static IReadOnlyList<string> Commands { get; } = ["SET", "GET", "INCR", "LPUSH"];

    /// <summary>What went wrong, one line each.</summary>
    public List<string> Problems { get; } = [];

    /// <summary>Names of what was measured, the native server first.</summary>
    public IReadOnlyList<string> Engines => [.. set.Engines.Select(e => e.Name), Pair];

    /// <summary>Median of requests per second; null if it was not measured, or failed.</summary>
    public double? Rate(string engine, int pipeline, string command) => _rates.GetValueOrDefault((engine, pipeline, command))?.Median;

    /// <summary>
    /// Measures everything; <paramref name="progress"/> receives a line for each server and round. Before, runs that are not counted fill the cache,
    /// and a first round is not counted.
    /// </summary>
    public void Run(Action<string> progress)
    {
        progress("filling the cache: redis");
        for (var run = 0; run < AppBenchmark.WarmRuns; run++)
        {
            Try(AppEngine.Translated, WarmServer);
            Try(Pair, () => RunPair(Pipelines[^1], NativeCode.Wait));
        }

        var servers = new List<RedisServer>();
        try
        {
            foreach (var engine in set.Engines)
            {
                progress($"redis: starting {engine.Name}");
                Try(engine.Name, () => servers.Add(RedisServer.Start(engine)));
            }

            for (var round = 0; round <= rounds; round++)
            {
                foreach (var pipeline in Pipelines)
                {
                    progress(string.Create(CultureInfo.InvariantCulture, $"redis: {(round == 0 ? "round 0 (not counted)" : $"round {round}/{rounds}")}, {pipeline} at a time"));
                    foreach (var server in servers)
                        Try(server.Engine.Name, () => Keep(server.Engine.Name, pipeline, round, Measure(server, pipeline)));
                    Try(Pair, () => Keep(Pair, pipeline, round, RunPair(pipeline)));
                }
            }
        }
        finally
        {
            servers.ForEach(s => s.Dispose());
        }
    }

    /// <summary>50 connections; so many requests that a command takes about a second.</summary>
    private static string[] Load(int pipeline)
        => ["-c", "50", "-n", pipeline == 1 ? "50000" : "400000", "-P", $"{pipeline}", "-t", string.Join(',', Commands).ToLowerInvariant(), "--csv"];

    private ProcessRun Measure(RedisServer server, int pipeline)
        => ProcessRun.Execute([.. set.Engines[0].Prefix, Benchmark, "-h", "127.0.0.1", "-p", $"{server.Port}", .. Load(pipeline)]);

    /// <summary>The translated server answers once, and makes machine code before it ends.</summary>
    private void WarmServer()
    {
        using var server = RedisServer.Start(set.Engines[^1], NativeCode.Wait);
        _ = Measure(server, Pipelines[^1]);
    }

    private ProcessRun RunPair(int pipeline, params ReadOnlySpan<(string Name, string Value)> environment)
    {
        var folder = Directory.CreateTempSubdirectory("cheri2il-bench-");
        try
        {
            var manifest = Path.Combine(folder.FullName, "pair.yaml");
            var load = $"until redis-cli -h redis ping > /dev/null 2>&1; do sleep 0.1; done; {Benchmark} -h redis {string.Join(' ', Load(pipeline))} && redis-cli -h redis shutdown nosave";
            File.WriteAllText(manifest, $"""
                cVMs:
                  - name: redis
                    runtime: {Quote(set.Guest + "/usr/bin/redis-server")}
                    root: {Quote(set.Guest)}
                    args: [--port, "6379", {string.Join(", ", RedisServer.Arguments.Select(Quote))}]
                    env: {Variables}
                  - name: load
                    runtime: {Quote(set.Guest + "/usr/bin/dash")}
                    root: {Quote(set.Guest)}
                    args: [-c, {Quote(load)}]
                    env: {Variables}
                """);
            return ProcessRun.Execute([.. HostProgram.Self(), "up", manifest], environment);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static string Quote(string text) => $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

    /// <summary>Notes the rates of a run: lines as <c>"SET","78125.00",...</c>, behind the cVM's name in what <c>up</c> prints.</summary>
    private void Keep(string engine, int pipeline, int round, ProcessRun run)
    {
        foreach (var command in Commands)
        {
            var start = $"\"{command}\",\"";
            var line = run.Output.Split('\n').FirstOrDefault(l => l.Contains(start, StringComparison.Ordinal))
                ?? throw new ToolException(ExitCode.Failure, $"redis-benchmark did not report {command}: {run.Errors.Trim()}");
            var number = line[(line.IndexOf(start, StringComparison.Ordinal) + start.Length)..];
            if (round == 0)
                continue;
            if (!_rates.TryGetValue((engine, pipeline, command), out var sample))
                _rates.Add((engine, pipeline, command), sample = new Sample());
            sample.Add(double.Parse(number[..number.IndexOf('"', StringComparison.Ordinal)], CultureInfo.InvariantCulture));
        }
    }

    private void Try(string engine, Action action)
    {
        var label = $"redis under {engine}: ";
        if (Problems.Exists(p => p.StartsWith(label, StringComparison.Ordinal)))
            return;
        try
        {
            action();
        }
        catch (ToolException error)
        {
            Problems.Add(label + error.Message);
        }
    }
}
