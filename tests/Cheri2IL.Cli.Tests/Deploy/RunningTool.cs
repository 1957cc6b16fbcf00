using System.Diagnostics;
using System.Text;

namespace Cheri2IL.Cli.Tests.Deploy;

/// <summary>A run of the tool that goes on while the test looks at it.</summary>
internal sealed class RunningTool : IDisposable
{
    /// <summary>Keeps a failure from hanging the suite; nothing is measured by it.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(10);

    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();

    /// <summary>Starts the tool with its control sockets in <paramref name="directory"/>.</summary>
    public RunningTool(string directory, string cache, params string[] arguments)
    {
        var start = ToolProcess.Command(arguments, directory, cache);
        // Who started the tests may ignore interrupts, as shells do for what runs in the background, and the tool would inherit that.
        start.ArgumentList.Insert(0, "--default-signal=INT");
        start.ArgumentList.Insert(1, start.FileName);
        start.FileName = "env";
        start.Environment["XDG_RUNTIME_DIR"] = directory;
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        _process = Process.Start(start)!;
        _process.OutputDataReceived += (_, line) => Add(_output, line.Data);
        _process.ErrorDataReceived += (_, line) => Add(_error, line.Data);
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>Process id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasEnded => _process.HasExited;

    /// <summary>What it has printed on stdout.</summary>
    public string Output => Text(_output);

    /// <summary>What it has printed on stderr.</summary>
    public string Error => Text(_error);

    /// <summary>Waits until stdout contains a text.</summary>
    public void Await(string text)
    {
        SpinWait.SpinUntil(() => Output.Contains(text, StringComparison.Ordinal) || _process.HasExited, Patience);
        // What it printed last may not have been read yet.
        if (_process.HasExited)
            _process.WaitForExit();
        if (!Output.Contains(text, StringComparison.Ordinal))
            throw new TimeoutException($"'{text}' did not appear in: {Output}{Error}");
    }

    /// <summary>Sends it a signal.</summary>
    public void Signal(string name) => Process.Start("kill", ["-" + name, $"{Id}"]).WaitForExit();

    /// <summary>Waits for its end.</summary>
    public int Wait()
    {
        if (!_process.WaitForExit(Patience))
            throw new TimeoutException($"did not end: {Output}{Error}");
        _process.WaitForExit();
        return _process.ExitCode;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill();
        _process.Dispose();
    }

    private static void Add(StringBuilder text, string? line)
    {
        lock (text)
        {
            if (line is not null)
                text.Append(line).Append('\n');
        }
    }

    private static string Text(StringBuilder text)
    {
        lock (text)
            return text.ToString();
    }
}
