using System.Diagnostics.Metrics;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Syscalls;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>
/// What an Intravisor tells the tools of .NET: meters, for dotnet-counters and OpenTelemetry, and events, for dotnet-trace, both called
/// <see cref="Name"/>. Where nobody listens, a call costs one look at a field.
/// </summary>
/// <remarks>A cVM that belongs to no Intravisor has none, and starts without the assemblies that it takes. Thread-safe.</remarks>
public sealed class IntravisorTelemetry : IDisposable
{
    /// <summary>Name of the meter and of the event source.</summary>
    public const string Name = "Cheri2IL.Intravisor";

    private readonly Meter _meter = new(Name);
    private readonly Counter<long> _systemCalls;
    private readonly Counter<long> _hostcalls;
    private readonly Counter<long> _bytes;
    private readonly Counter<long> _faults;

    internal IntravisorTelemetry(Func<IReadOnlyList<Cvm>> cvms)
    {
        _systemCalls = _meter.CreateCounter<long>("cheri2il.system_calls", "{call}", "System calls of guests, by name.");
        _hostcalls = _meter.CreateCounter<long>("cheri2il.hostcalls", "{call}", "Calls of guests to the Intravisor, by name.");
        _bytes = _meter.CreateCounter<long>("cheri2il.ipc.bytes", "By", "Bytes moved between cVMs, by primitive.");
        _faults = _meter.CreateCounter<long>("cheri2il.faults", "{fault}", "Fatal faults of guests, by signal.");
        _meter.CreateObservableUpDownCounter("cheri2il.cvms", () => CountStates(cvms()), "{cvm}", "cVMs, by state.");
        _meter.CreateObservableUpDownCounter("cheri2il.cvm.memory", () => Each(cvms(), c => (long)c.MemoryBudget.Used), "By", "Mapped memory, by cVM.");
        _meter.CreateObservableUpDownCounter("cheri2il.cvm.threads", () => Each(cvms(), c => (long)c.ThreadCount), "{thread}", "Threads, by cVM.");
        _meter.CreateObservableCounter("cheri2il.cvm.cpu_time", () => Each(cvms(), c => c.CpuNanoseconds / 1e9), "s", "Processor time, by cVM.");
    }

    /// <inheritdoc/>
    public void Dispose() => _meter.Dispose();

    /// <summary>A cVM was made.</summary>
    internal static void Created(Cvm cvm) => IntravisorEventSource.Log.CvmCreated(cvm.Id, cvm.Name, cvm.Options.ProgramPath);

    /// <summary>Its program runs.</summary>
    internal static void Started(Cvm cvm) => IntravisorEventSource.Log.CvmStarted(cvm.Id, cvm.Name);

    /// <summary>It was paused or resumed.</summary>
    internal static void Paused(Cvm cvm, bool isPaused)
    {
        if (isPaused)
            IntravisorEventSource.Log.CvmPaused(cvm.Id, cvm.Name);
        else
            IntravisorEventSource.Log.CvmResumed(cvm.Id, cvm.Name);
    }

    /// <summary>It has ended.</summary>
    internal static void Ended(Cvm cvm, CvmExit exit)
        => IntravisorEventSource.Log.CvmEnded(cvm.Id, cvm.Name, exit.Status, exit.Signal, cvm.CpuNanoseconds);

    /// <summary>A guest makes a call, whose row is null if there is no such call.</summary>
    internal void Called(Cvm cvm, long number, SyscallRow? row)
    {
        if (row?.Handler is null)
            IntravisorEventSource.Log.UnknownCall(cvm.Id, cvm.Name, number);
        else if (number < HostcallTable.FirstNumber)
            Count(_systemCalls, 1, "name", row.Name);
        else
            Count(_hostcalls, 1, "name", row.Name);
    }

    /// <summary>Bytes were moved between cVMs, or between one and the host.</summary>
    /// <param name="primitive">cp_file, cp_stream or cp_call.</param>
    /// <param name="bytes">How many; nothing is counted for errors, which are negative.</param>
    internal void Moved(string primitive, long bytes)
    {
        if (bytes > 0)
            Count(_bytes, bytes, "primitive", primitive);
    }

    /// <summary>A fault ends a cVM.</summary>
    internal void Faulted(Cvm cvm, int signal, string report)
    {
        Count(_faults, 1, "signal", Signal.Name(signal));
        if (IntravisorEventSource.Log.IsEnabled())
            IntravisorEventSource.Log.Fault(cvm.Id, cvm.Name, Signal.Name(signal), report);
    }

    private static void Count(Counter<long> counter, long by, string tag, string value)
    {
        if (counter.Enabled)
            counter.Add(by, KeyValuePair.Create<string, object?>(tag, value));
    }

    private static IEnumerable<Measurement<long>> CountStates(IReadOnlyList<Cvm> cvms)
    {
        foreach (var state in Enum.GetValues<CvmState>())
            yield return new Measurement<long>(cvms.Count(c => c.State == state), KeyValuePair.Create<string, object?>("state", state.ToString().ToLowerInvariant()));
    }

    private static IEnumerable<Measurement<T>> Each<T>(IReadOnlyList<Cvm> cvms, Func<Cvm, T> value)
        where T : struct
        => cvms.Where(c => c.State != CvmState.Ended).Select(c => new Measurement<T>(value(c), KeyValuePair.Create<string, object?>("cvm", c.Name)));
}
