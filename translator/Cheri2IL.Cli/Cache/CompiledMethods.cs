using System.Diagnostics.Tracing;
using Microsoft.Diagnostics.NETCore.Client;
using Microsoft.Diagnostics.Tracing;
using Microsoft.Diagnostics.Tracing.Parsers.Clr;

namespace Cheri2IL.Cli.Cache;

/// <summary>What the JIT compiler has compiled in this process, as the runtime lists it at the end of a session on its diagnostic port.</summary>
internal static class CompiledMethods
{
    private const long Loader = 0x8;
    private const long Jit = 0x10;
    private const long AtTheEnd = 0x100;
    private const int BufferMegabytes = 64;

    /// <summary>Rows of the compiled methods by the file of their assembly; empty if the port is closed (<c>DOTNET_EnableDiagnostics=0</c>).</summary>
    public static IReadOnlyDictionary<string, List<int>> Find()
    {
        var found = new Dictionary<string, List<int>>();
        var rows = new Dictionary<long, List<int>>();
        try
        {
            // Nothing is wanted of the session but its end.
            var provider = new EventPipeProvider("Microsoft-Windows-DotNETRuntime", EventLevel.Critical, keywords: 0);
            using var session = new DiagnosticsClient(Environment.ProcessId).StartEventPipeSession(
                new EventPipeSessionConfiguration([provider], BufferMegabytes, rundownKeyword: Loader | Jit | AtTheEnd, requestStackwalk: false));
            var reader = new Thread(() => Read(session, rows, found)) { IsBackground = true };
            reader.Start();
            session.Stop();
            reader.Join();
        }
        catch (Exception error) when (error is DiagnosticsClientException or IOException or TimeoutException)
        {
            // It costs the next run time and nothing else.
        }

        return found;
    }

    private static void Read(EventPipeSession session, Dictionary<long, List<int>> rows, Dictionary<string, List<int>> found)
    {
        using var source = new EventPipeEventSource(session.EventStream);
        var parser = new ClrRundownTraceEventParser(source);
        parser.MethodDCStopVerbose += data =>
        {
            if (!data.IsJitted)
                return;
            if (!rows.TryGetValue(data.ModuleID, out var of))
                rows.Add(data.ModuleID, of = []);
            of.Add(data.MethodToken & 0xffffff);
        };
        var paths = new Dictionary<long, string>();
        parser.LoaderModuleDCStop += data => paths[data.ModuleID] = data.ModuleILPath;
        source.Process();
        foreach (var (module, path) in paths)
        {
            if (rows.TryGetValue(module, out var of))
                found[path] = of;
        }
    }
}
