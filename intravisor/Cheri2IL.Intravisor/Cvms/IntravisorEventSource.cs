using System.Diagnostics.Tracing;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>
/// Events of all Intravisors of this process: <c>dotnet-trace collect --providers Cheri2IL.Intravisor</c>. Calls that do not exist are of the level
/// Verbose.
/// </summary>
[EventSource(Name = IntravisorTelemetry.Name)]
internal sealed class IntravisorEventSource : EventSource
{
    private IntravisorEventSource()
    {
    }

    /// <summary>The one instance.</summary>
    public static IntravisorEventSource Log { get; } = new();

    [Event(1, Level = EventLevel.Informational, Message = "cVM {1} made for {2}")]
    public void CvmCreated(int id, string name, string program) => WriteEvent(1, id, name, program);

    [Event(2, Level = EventLevel.Informational, Message = "cVM {1} started")]
    public void CvmStarted(int id, string name) => WriteEvent(2, id, name);

    [Event(3, Level = EventLevel.Informational, Message = "cVM {1} paused")]
    public void CvmPaused(int id, string name) => WriteEvent(3, id, name);

    [Event(4, Level = EventLevel.Informational, Message = "cVM {1} resumed")]
    public void CvmResumed(int id, string name) => WriteEvent(4, id, name);

    [Event(5, Level = EventLevel.Informational, Message = "cVM {1} ended with status {2}, signal {3}")]
    public void CvmEnded(int id, string name, int status, int signal, long cpuNanoseconds) => WriteEvent(5, id, name, status, signal, cpuNanoseconds);

    [Event(6, Level = EventLevel.Error, Message = "cVM {1} killed by {2}")]
    public void Fault(int id, string name, string signal, string report) => WriteEvent(6, id, name, signal, report);

    [Event(7, Level = EventLevel.Verbose, Message = "cVM {1}: there is no call {2}")]
    public void UnknownCall(int id, string name, long number)
    {
        if (IsEnabled(EventLevel.Verbose, EventKeywords.None))
            WriteEvent(7, id, name, number);
    }
}
