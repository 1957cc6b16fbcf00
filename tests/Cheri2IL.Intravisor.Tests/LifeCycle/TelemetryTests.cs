using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Diagnostics.Tracing;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.Tests.Attacks;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.LifeCycle;

/// <summary>Meters and events as the tools of .NET see them.</summary>
/// <remarks>Runs alone in its process: meters of all Intravisors have one name.</remarks>
[CollectionDefinition(nameof(TelemetryTests), DisableParallelization = true)]
[Collection(nameof(TelemetryTests))]
public sealed class TelemetryTests
{
    private static readonly CorpusGuest Service = CorpusGuest.OfProgram("service");

    [Fact]
    public void Meters_GuestsThatRun_CountCallsBytesFaultsAndStates()
    {
        var sums = new ConcurrentDictionary<string, double>();
        using var listener = new MeterListener { InstrumentPublished = (instrument, l) => Enable(instrument, l) };
        void Add(Instrument instrument, double value, ReadOnlySpan<KeyValuePair<string, object?>> tags)
            => sums.AddOrUpdate($"{instrument.Name} {tags[0].Value}", value, (_, sum) => instrument.IsObservable ? value : sum + value);
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, value, tags));
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => Add(instrument, value, tags));
        listener.Start();

        using var intravisor = new IntravisorInstance();
        intravisor.Exchange.PublishFile("buffer", new byte[100]);
        intravisor.Exchange.Grant("buffer", "reader", CpRights.Read);
        Run(intravisor, "reader", "cat", "/cap/buffer");
        Run(intravisor, "crasher", "crash");
        var waiting = intravisor.Create(Service.Options(["wait"]) with { Name = "waiting" });
        Service.Start(waiting);
        Assert.True(SpinWait.SpinUntil(() => sums.ContainsKey("cheri2il.system_calls ppoll"), TimeSpan.FromMinutes(2)));
        listener.RecordObservableInstruments();
        waiting.Kill(Signal.SIGKILL);
        waiting.Wait();

        Assert.Equal(100, sums["cheri2il.ipc.bytes cp_file"]);
        Assert.Equal(1, sums["cheri2il.faults SIGSEGV"]);
        Assert.Equal(1, sums["cheri2il.system_calls openat"]);
        Assert.Equal((1, 2, 0), (sums["cheri2il.cvms running"], sums["cheri2il.cvms ended"], sums["cheri2il.cvms paused"]));
        Assert.InRange(sums["cheri2il.cvm.memory waiting"], 8 << 20, 64 << 20);
        Assert.Equal(1, sums["cheri2il.cvm.threads waiting"]);
        Assert.True(sums.ContainsKey("cheri2il.cvm.cpu_time waiting"));
    }

    [Fact]
    public void Events_LifeOfACvm_AreReported()
    {
        using var listener = new Listener();
        using var intravisor = new IntravisorInstance();
        Run(intravisor, "crasher", "crash");
        var paused = intravisor.Create(Service.Options(["exit", "3"]) with { Name = "paused" });
        paused.Pause();
        paused.Resume();
        Service.Start(paused);
        paused.Wait();
        paused.Dispose();
        string[] expected =
        [
            "CvmCreated crasher", "CvmStarted crasher", "Fault crasher SIGSEGV", "CvmEnded crasher 0 11",
            "CvmCreated paused", "CvmPaused paused", "CvmResumed paused", "CvmStarted paused", "CvmEnded paused 3 0",
        ];
        Assert.Equal(expected.Order(), listener.Events.Order());
    }

    private static void Enable(Instrument instrument, MeterListener listener)
    {
        if (instrument.Meter.Name == "Cheri2IL.Intravisor")
            listener.EnableMeasurementEvents(instrument);
    }

    private static void Run(IntravisorInstance intravisor, string name, params string[] steps)
    {
        var cvm = intravisor.Create(Service.Options(steps) with { Name = name });
        Service.Start(cvm);
        cvm.Wait();
    }

    private sealed class Listener : EventListener
    {
        public ConcurrentQueue<string> Events { get; } = [];

        protected override void OnEventSourceCreated(EventSource eventSource)
        {
            if (eventSource.Name == "Cheri2IL.Intravisor")
                EnableEvents(eventSource, EventLevel.Informational);
        }

        protected override void OnEventWritten(EventWrittenEventArgs eventData)
        {
            var payload = eventData.Payload!;
            var rest = eventData.EventName switch
            {
                "CvmEnded" => $" {payload[2]} {payload[3]}",
                "Fault" => $" {payload[2]}",
                _ => "",
            };
            Events.Enqueue($"{eventData.EventName} {payload[1]}{rest}");
        }
    }
}
