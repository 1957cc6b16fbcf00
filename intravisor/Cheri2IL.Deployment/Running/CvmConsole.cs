using Cheri2IL.Intravisor.Cvms;

namespace Cheri2IL.Deployment.Running;

/// <summary>Receives lines of a cVM's console: who, which stream (1 or 2), and the line without its end.</summary>
public delegate void ConsoleLine(string cvm, int stream, ReadOnlySpan<byte> line);

/// <summary>
/// The console of a cVM among others: cuts what it prints into lines, passes them on, and remembers the last ones. There is nothing to read.
/// </summary>
/// <remarks>Thread-safe. A line that is not ended is passed on when it becomes too long, and at the end.</remarks>
public sealed class CvmConsole(string name, ConsoleLine output) : IGuestConsole
{
    private const int LongestLine = 8192;
    private const int MostRemembered = 1000;

    private readonly Lock _gate = new();
    private readonly Queue<(int Stream, byte[] Line)> _lines = [];
    private readonly List<byte>[] _begun = [[], []];
    private ConsoleLine? _followers;

    /// <inheritdoc/>
    public bool IsConsoleReadable => true;

    /// <summary>The last lines, oldest first.</summary>
    public IReadOnlyList<(int Stream, byte[] Line)> Lines
    {
        get
        {
            lock (_gate)
                return [.. _lines];
        }
    }

    /// <inheritdoc/>
    public int ReadConsole(Span<byte> buffer) => 0;

    /// <inheritdoc/>
    public void AwaitConsole(Action readable) => readable();

    /// <inheritdoc/>
    public int WriteConsole(int stream, ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            var begun = _begun[stream == 2 ? 1 : 0];
            foreach (var b in bytes)
            {
                if (b != '\n')
                    begun.Add(b);
                if (b == '\n' || begun.Count >= LongestLine)
                    Pass(stream, begun);
            }
        }

        return bytes.Length;
    }

    /// <inheritdoc/>
    public bool IsTerminal(int stream, out int columns, out int rows)
    {
        (columns, rows) = (0, 0);
        return false;
    }

    /// <summary>Passes on what was begun.</summary>
    public void Flush()
    {
        lock (_gate)
        {
            for (var k = 0; k < _begun.Length; k++)
            {
                if (_begun[k].Count > 0)
                    Pass(k + 1, _begun[k]);
            }
        }
    }

    /// <summary>Calls <paramref name="follower"/> for the last <paramref name="count"/> lines and all that follow, until what is returned is disposed.</summary>
    public IDisposable Follow(int count, ConsoleLine follower)
    {
        lock (_gate)
        {
            foreach (var (stream, line) in _lines.Skip(Math.Max(0, _lines.Count - count)))
                follower(name, stream, line);
            _followers += follower;
        }

        return new Following(this, follower);
    }

    private void Pass(int stream, List<byte> begun)
    {
        var line = begun.ToArray();
        begun.Clear();
        if (_lines.Count == MostRemembered)
            _lines.Dequeue();
        _lines.Enqueue((stream, line));
        output(name, stream, line);
        _followers?.Invoke(name, stream, line);
    }

    private sealed class Following(CvmConsole console, ConsoleLine follower) : IDisposable
    {
        public void Dispose()
        {
            lock (console._gate)
                console._followers -= follower;
        }
    }
}
