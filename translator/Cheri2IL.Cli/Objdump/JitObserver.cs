using System.Diagnostics.Tracing;
using Microsoft.Diagnostics.NETCore.Client;
using Microsoft.Diagnostics.Tracing;
using Microsoft.Diagnostics.Tracing.Parsers;
using Microsoft.Diagnostics.Tracing.Parsers.Clr;

namespace Cheri2IL.Cli.Objdump;

/// <summary>What the JIT compiler made of one method.</summary>
/// <param name="Start">Address of the machine code.</param>
/// <param name="Size">Its bytes.</param>
/// <param name="Tier">"Optimized", "MinOptJitted", and so on, as the runtime reports it.</param>
internal sealed record JittedMethod(ulong Start, int Size, string Tier)
{
    /// <summary>Namespace and class.</summary>
    public string Type { get; init; } = "";

    /// <summary>Bytes of IL; 0 for stubs, which have none.</summary>
    public int ILSize { get; init; }

    /// <summary>Wall-clock time of the compilation.</summary>
    public double Milliseconds { get; init; }

    /// <summary>IL offset (negative: prologue, epilogue or unmapped) for native offsets, in order of native offset.</summary>
    public IReadOnlyList<(int Il, int Native)> Map { get; init; } = [];
}

/// <summary>
/// Collects the runtime's own events about methods that are compiled while the observer is open. In-process listeners do not
/// receive the arrays of the IL map event, hence a session on the runtime's diagnostic port.
/// </summary>
internal sealed class JitObserver : IDisposable
{
    private const long JitKeyword = 0x10;
    private const long JitTracingKeyword = 0x1000;
    private const long IlMapKeyword = 0x20000;

    private readonly EventPipeSession _session;
    private readonly Thread _reader;
    private readonly Dictionary<long, JittedMethod> _methods = [];
    private readonly Dictionary<long, (int Il, int Native)[]> _maps = [];
    private readonly Dictionary<long, (int ILSize, double Since)> _started = [];

    /// <summary>
    /// Explicit tail calls that do not become jumps, as "caller -> callee: how": they go through a helper of the runtime, an
    /// order of magnitude slower. Complete after <see cref="Complete"/>.
    /// </summary>
    public List<string> SlowTailCalls { get; } = [];

    /// <summary>Explicit tail calls that became jumps. Complete after <see cref="Complete"/>.</summary>
    public int FastTailCalls { get; private set; }

    /// <summary>Starts observing this process.</summary>
    /// <param name="sizesOnly">Whether tail calls and IL maps are of no interest.</param>
    public JitObserver(bool sizesOnly = false)
    {
        var client = Connect();
        var keywords = sizesOnly ? JitKeyword : JitKeyword | JitTracingKeyword | IlMapKeyword;
        _session = client.StartEventPipeSession(
            [new EventPipeProvider("Microsoft-Windows-DotNETRuntime", EventLevel.Verbose, keywords)], requestRundown: false);
        _reader = new Thread(Read) { IsBackground = true };
        _reader.Start();
    }

    /// <summary>
    /// This process's diagnostic port, by its whole name, in which is when the process started: one that was killed may have had the same number, and
    /// have left its port behind.
    /// </summary>
    private static DiagnosticsClient Connect()
    {
        const int StartTime = 22 - 3; // of the fields behind the name, the first of which is the third (proc_pid_stat(5))
        var fields = File.ReadAllText("/proc/self/stat");
        var start = fields[(fields.LastIndexOf(')') + 2)..].Split(' ')[StartTime];
        var port = Path.Combine(Path.GetTempPath(), $"dotnet-diagnostic-{Environment.ProcessId}-{start}-socket");
        return DiagnosticsClientConnector.FromDiagnosticPort(port + ",connect", CancellationToken.None).GetAwaiter().GetResult().Instance;
    }

    /// <summary>Stops observing; the methods compiled meanwhile, by the value of their handle.</summary>
    public IReadOnlyDictionary<long, JittedMethod> Complete()
    {
        _session.Stop();
        _reader.Join();
        return _methods.ToDictionary(m => m.Key, m => _maps.TryGetValue(m.Key, out var map) ? m.Value with { Map = map } : m.Value);
    }

    /// <inheritdoc/>
    public void Dispose() => _session.Dispose();

    private void Read()
    {
        using var source = new EventPipeEventSource(_session.EventStream);
        source.Clr.MethodJittingStarted += data => _started[data.MethodID] = (data.MethodILSize, data.TimeStampRelativeMSec);
        source.Clr.MethodLoadVerbose += data =>
        {
            var (size, since) = _started.GetValueOrDefault(data.MethodID, (0, data.TimeStampRelativeMSec));
            _methods[data.MethodID] = new JittedMethod(data.MethodStartAddress, data.MethodSize, data.OptimizationTier.ToString())
            {
                Type = data.MethodNamespace,
                ILSize = size,
                Milliseconds = data.TimeStampRelativeMSec - since,
            };
        };
        source.Clr.MethodTailCallSucceeded += data =>
        {
            if (!data.TailPrefix)
                return;
            if (data.TailCallType == TailCallType.HelperAssistedTailCall)
                SlowTailCalls.Add($"{data.MethodBeingCompiledName} -> {data.CalleeName}: {data.TailCallType}");
            else
                FastTailCalls++;
        };
        source.Clr.MethodTailCallFailed += data =>
        {
            if (data.TailPrefix)
                SlowTailCalls.Add($"{data.MethodBeingCompiledName} -> {data.CalleeName}: {data.FailReason}");
        };
        source.Clr.MethodILToNativeMap += data =>
        {
            var map = new (int Il, int Native)[data.CountOfMapEntries];
            for (var k = 0; k < map.Length; k++)
                map[k] = (data.ILOffset(k), data.NativeOffset(k));
            _maps[data.MethodID] = [.. map.OrderBy(m => m.Native)];
        };
        source.Process();
    }
}
