namespace Cheri2IL.Intravisor.Cvms;

/// <summary>
/// Everything that a library OS can ask of the host: the whole attack surface between the two. One instance per cVM or shared;
/// thread-safe.
/// </summary>
public unsafe interface IHostInterface : IGuestConsole
{
    /// <summary>Processors that guest threads can run on at the same time.</summary>
    int ProcessorCount { get; }

    /// <summary>Nanoseconds since some fixed point; never goes back.</summary>
    long MonotonicNanoseconds { get; }

    /// <summary>Nanoseconds since 1970-01-01T00:00:00Z.</summary>
    long RealtimeNanoseconds { get; }

    /// <summary>Identifies the calling host thread for <see cref="CpuNanoseconds"/>.</summary>
    int CurrentThread { get; }

    /// <summary>CPU time that a live host thread of this process has used; 0 when it is gone.</summary>
    long CpuNanoseconds(int thread);

    /// <summary>Fills a buffer with cryptographically secure random bytes.</summary>
    void FillRandom(Span<byte> buffer);

    /// <summary>
    /// Sleeps while *<paramref name="word"/> is <paramref name="expected"/>, until <see cref="Unpark"/> or for at most
    /// <paramref name="nanoseconds"/> (negative: without limit). May return early.
    /// </summary>
    void Park(int* word, int expected, long nanoseconds);

    /// <summary>Wakes the sleeper on <paramref name="word"/>, if any.</summary>
    void Unpark(int* word);
}

/// <summary>The part of the host interface that is a cVM's standard streams. Thread-safe.</summary>
public interface IGuestConsole
{
    /// <summary>Reads standard input; 0 at its end, or a negated errno: -EAGAIN when there is nothing now.</summary>
    int ReadConsole(Span<byte> buffer);

    /// <summary>
    /// Calls <paramref name="readable"/> once, on some thread, when reading standard input would not wait any more, or perhaps earlier.
    /// Asking again before that has no effect.
    /// </summary>
    void AwaitConsole(Action readable);

    /// <summary>Writes to standard output (1) or error (2); bytes written or a negated errno.</summary>
    int WriteConsole(int stream, ReadOnlySpan<byte> bytes);

    /// <summary>Whether a standard stream (0, 1, 2) is a terminal; its size in characters then.</summary>
    bool IsTerminal(int stream, out int columns, out int rows);

    /// <summary>Whether reading standard input would not wait.</summary>
    bool IsConsoleReadable { get; }
}
