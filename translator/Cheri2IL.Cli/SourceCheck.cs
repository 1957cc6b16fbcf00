using System.Runtime.InteropServices;
using Cheri2IL.Runtime;

namespace Cheri2IL.Cli;

/// <summary>
/// Whether a source file has changed since tools/cheri2il built this tool, which leaves the question to the tool: on a thread of its own it costs a start
/// nothing, in the script some milliseconds. If one has, the script takes this process's place, builds, and does what was asked for.
/// </summary>
internal sealed unsafe partial class SourceCheck
{
    /// <summary>The script's path, set by itself; not set where nothing is to be looked for.</summary>
    private const string LauncherVariable = "CHERI2IL_LAUNCHER";

    /// <summary>Tells the script to build.</summary>
    private const string RebuildVariable = "CHERI2IL_REBUILD";

    private readonly string _launcher;
    private readonly string[] _arguments;
    private readonly Thread _thread;
    private bool _isStale;

    private SourceCheck(string launcher, string[] arguments)
    {
        (_launcher, _arguments) = (launcher, arguments);
        _thread = new Thread(Look) { IsBackground = true };
        _thread.Start();
    }

    /// <summary>Begins to look; null: the tool was not started by the script.</summary>
    /// <param name="arguments">The tool's arguments.</param>
    public static SourceCheck? Begin(string[] arguments)
    {
        if (Environment.GetEnvironmentVariable(LauncherVariable) is not { Length: > 0 } launcher)
            return null;
        // What this process starts is not meant.
        _ = NativeUnset(LauncherVariable);
        return new SourceCheck(launcher, arguments);
    }

    /// <summary>
    /// Waits until all have been looked at. Call it before anything is done that others can see, once or more; it does not return if a source has changed.
    /// </summary>
    /// <exception cref="ToolException">The script cannot be started.</exception>
    public void End()
    {
        _thread.Join();
        if (_isStale)
            Rebuild();
    }

    private void Look()
    {
        var folder = AppContext.BaseDirectory;
        if (HostStatus.Of(PlainText.ToTerminatedBytes(folder + "stamp")) is not { } stamp || ReadAll(folder + "sources") is not { } paths)
        {
            _isStale = true;
            return;
        }

        for (ReadOnlySpan<byte> rest = paths; !rest.IsEmpty; rest = rest[(rest.IndexOf((byte)0) + 1)..])
        {
            if (HostStatus.Of(rest) is { } status && status.ModifyTime <= stamp.ModifyTime)
                continue;
            _isStale = true;
            return;
        }
    }

    /// <summary>Paths, each with a zero at its end; null: they cannot be read.</summary>
    private static byte[]? ReadAll(string path)
    {
        using var file = HostFile.TryOpen(path, out _);
        if (file is null)
            return null;
        var content = new byte[file.Length];
        return file.Read(0, content) == content.Length && content is [.., 0] ? content : null;
    }

    private void Rebuild()
    {
        var words = new byte*[_arguments.Length + 2];
        words[0] = (byte*)Marshal.StringToCoTaskMemUTF8(_launcher);
        for (var k = 0; k < _arguments.Length; k++)
            words[k + 1] = (byte*)Marshal.StringToCoTaskMemUTF8(_arguments[k]);
        _ = NativeSet(RebuildVariable, "1", 1);
        fixed (byte** first = words)
            _ = NativeExecute(first[0], first);
        throw new ToolException(ExitCode.Internal, $"{_launcher}: cannot be started again: {Marshal.GetLastPInvokeErrorMessage()}");
    }

    [LibraryImport("libc", EntryPoint = "unsetenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeUnset(string name);

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeSet(string name, string value, int overwrites);

    [LibraryImport("libc", EntryPoint = "execv", SetLastError = true)]
    private static partial int NativeExecute(byte* path, byte** arguments);
}
