using System.Text;
using Cheri2IL.Intravisor.Cvms;

namespace Cheri2IL.Intravisor.Tests.Attacks;

/// <summary>The host, except that what guests print stays here and that there is nothing to read.</summary>
internal sealed unsafe class QuietHost : IHostInterface
{
    private static readonly LinuxHost Host = LinuxHost.Instance;

    private readonly List<byte> _output = [];

    /// <summary>What was printed to standard output.</summary>
    public string Output => Encoding.UTF8.GetString(_output.ToArray());

    /// <summary>Called at each reading of a clock, by who reads it.</summary>
    public Action? OnClock { get; init; }

    public int ProcessorCount => Host.ProcessorCount;

    public long MonotonicNanoseconds
    {
        get
        {
            OnClock?.Invoke();
            return Host.MonotonicNanoseconds;
        }
    }

    public long RealtimeNanoseconds
    {
        get
        {
            OnClock?.Invoke();
            return Host.RealtimeNanoseconds;
        }
    }

    public int CurrentThread => Host.CurrentThread;

    public bool IsConsoleReadable => true;

    public long CpuNanoseconds(int thread) => Host.CpuNanoseconds(thread);

    public void FillRandom(Span<byte> buffer) => Host.FillRandom(buffer);

    public void Park(int* word, int expected, long nanoseconds) => Host.Park(word, expected, nanoseconds);

    public void Unpark(int* word) => Host.Unpark(word);

    public int ReadConsole(Span<byte> buffer) => 0;

    public void AwaitConsole(Action readable) => readable();

    public int WriteConsole(int stream, ReadOnlySpan<byte> bytes)
    {
        if (stream == 1)
        {
            lock (_output)
                _output.AddRange(bytes);
        }

        return bytes.Length;
    }

    public bool IsTerminal(int stream, out int columns, out int rows)
    {
        (columns, rows) = (0, 0);
        return false;
    }
}
