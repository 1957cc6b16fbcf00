using System.Collections.Concurrent;
using System.Diagnostics.Tracing;
using Cheri2IL.Intravisor.Cvms;
using Microsoft.Diagnostics.NETCore.Client;
using Microsoft.Diagnostics.Tracing;
using Xunit;

namespace Cheri2IL.Cli.Tests.Deploy;

/// <summary>
/// A running <c>up</c> seen from another process, by the socket that .NET's diagnostic tools use: what dotnet-counters and dotnet-trace ask for, and get.
/// </summary>
public sealed class WatchingTests : IClassFixture<SharedCache>, IDisposable
{
    /// <summary>What dotnet-counters reads: values at intervals (EventSource System.Diagnostics.Metrics, keyword TimeSeriesValues).</summary>
    private const string MetricsSource = "System.Diagnostics.Metrics";
    private const long TimeSeriesValues = 2;

    private const int TableBytes = 12;

    /// <summary>Keeps a failure from hanging the suite; nothing is measured by it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly TemporaryDirectory _directory = new();
    private readonly SharedCache _cache;

    /// <summary>Values of the meter by instrument and tag: those that were seen.</summary>
    private readonly ConcurrentDictionary<string, ConcurrentBag<double>> _values = new();

    /// <summary>Events by name, each with its payload.</summary>
    private readonly ConcurrentBag<(string Name, string Payload)> _events = [];

    /// <summary>Puts the guest beside the manifest.</summary>
    public WatchingTests(SharedCache cache)
    {
        _cache = cache;
        File.Copy(Path.Combine(Repository.Root(), "corpus", "programs", "bin", "service.elf"), Path.Combine(_directory.Path, "service.elf"));
        File.WriteAllText(Path.Combine(_directory.Path, "m.yaml"), $$$"""
            capfiles: [{name: table, size: {{{TableBytes}}}, data: table, grants: {to: reader, rights: read}}]
            cVMs:
              - {name: idle, runtime: service.elf, args: say ready wait}
              - {name: reader, runtime: service.elf, args: cat /cap/table, restart: {policy: always, delay: 100ms}}
              - {name: crash, runtime: service.elf, args: crash, restart: {policy: on-failure, delay: 100ms}}
            """);
    }

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    [Fact]
    public void RunningUp_WatchedFromOutside_TellsItsMetersAndEvents()
    {
        using var up = new RunningTool(_directory.Path, _cache.Path, "up", "m.yaml");
        up.Await("ready");
        var client = new DiagnosticsClient(up.Id);
        using var session = client.StartEventPipeSession(
        [
            new EventPipeProvider(IntravisorTelemetry.Name, EventLevel.Informational),
            new EventPipeProvider(MetricsSource, EventLevel.Informational, TimeSeriesValues, new Dictionary<string, string>
            {
                ["SessionId"] = "watching",
                ["Metrics"] = IntravisorTelemetry.Name,
                ["RefreshInterval"] = "1",
                ["MaxTimeSeries"] = "1000",
                ["MaxHistograms"] = "10",
            }),
        ]);
        var reader = new Thread(() => Read(session)) { IsBackground = true };
        reader.Start();

        // What cVMs do is counted from when somebody listens.
        AwaitValue("cheri2il.system_calls", "name=openat", v => v > 0);
        AwaitValue("cheri2il.ipc.bytes", "primitive=cp_file", v => v > 0 && v % TableBytes == 0);
        AwaitValue("cheri2il.faults", "signal=SIGSEGV", v => v > 0);
        AwaitValue("cheri2il.cvms", "state=running", v => v is >= 1 and <= 3);
        AwaitValue("cheri2il.cvm.memory", "cvm=idle", v => v > 4096);
        AwaitValue("cheri2il.cvm.threads", "cvm=idle", v => v == 1);
        AwaitEvent("CvmCreated", "reader");
        AwaitEvent("CvmStarted", "reader");
        AwaitEvent("CvmEnded", "crash");
        AwaitEvent("Fault", "SIGSEGV");
        Ask("pause");
        AwaitValue("cheri2il.cvms", "state=paused", v => v == 1);
        AwaitEvent("CvmPaused", "idle");
        Ask("resume");
        AwaitEvent("CvmResumed", "idle");
        session.Stop();
        Assert.True(reader.Join(Patience));
        up.Signal("INT");
        up.Wait();
    }

    private void Ask(string command)
    {
        var result = ToolProcess.RunWith(_directory.Path, [("XDG_RUNTIME_DIR", _directory.Path), ("XDG_CACHE_HOME", _cache.Path)], command, "idle");
        Assert.True(result.ExitCode == 0, result.Error);
    }

    private void AwaitValue(string instrument, string tag, Func<double, bool> isMeant)
        => Assert.True(
            SpinWait.SpinUntil(() => _values.TryGetValue($"{instrument} {tag}", out var seen) && seen.Any(isMeant), Patience),
            $"no such value of {instrument} {tag}; seen: {string.Join("; ", _values.Select(v => $"{v.Key}: {string.Join(' ', v.Value)}"))}");

    private void AwaitEvent(string name, string content)
        => Assert.True(
            SpinWait.SpinUntil(() => _events.Any(e => e.Name == name && e.Payload.Contains(content, StringComparison.Ordinal)), Patience),
            $"no {name} of {content}; seen: {string.Join("; ", _events)}");

    private void Read(EventPipeSession session)
    {
        using var source = new EventPipeEventSource(session.EventStream);
        source.Dynamic.All += data =>
        {
            if (data.ProviderName == IntravisorTelemetry.Name)
                _events.Add((data.EventName, string.Join(' ', data.PayloadNames.Select(n => data.PayloadByName(n)))));
            else if (data.EventName is "CounterRateValuePublished" or "UpDownCounterRateValuePublished")
                _values.GetOrAdd($"{data.PayloadByName("instrumentName")} {data.PayloadByName("tags")}", _ => []).Add(ValueOf(data));
        };
        source.Process();
    }

    /// <summary>What has come in the last interval, of counters; how much there is, of others.</summary>
    private static double ValueOf(TraceEvent data)
        => double.TryParse(
            (string)data.PayloadByName(data.EventName.StartsWith("UpDown", StringComparison.Ordinal) ? "value" : "rate"),
            System.Globalization.CultureInfo.InvariantCulture,
            out var value)
            ? value : 0;
}
