namespace Cheri2IL.Cli.Bench.Ipc;

/// <summary>The IPC experiment: what two cVMs exchange, against what two processes do, by size of messages; and the time of calls.</summary>
/// <param name="guest">The program that the cVMs run.</param>
/// <param name="part">1: all of the work; k: a k-th of it, to see whether everything runs rather than how fast.</param>
internal sealed class IpcBenchmark(string guest, int part)
{
    private const int Rounds = 5;

    /// <summary>Rounds of copies, which are short, and where both sides fill a cache depend on what else is in it.</summary>
    private const int CopyRounds = 10;

    /// <summary>Copies of a size in a row, by guests and natively, of which each keeps the best of three: some milliseconds.</summary>
    private const long CopyBudget = 200_000_000;
    private const int MostCopies = 300_000;

    /// <summary>Bytes to move for each size of messages, about; enough for a tenth of a second where nothing is copied fast.</summary>
    private const long NativeBudget = 100_000_000;
    private const long GuestBudget = 1_000_000_000;

    private const int RoundTrips = 5_000;
    private const int Calls = 1_000_000;

    private readonly List<Throughput> _throughput = [];
    private readonly List<Latency> _latency = [];

    /// <summary>Sizes of messages: 64 bytes to 16 MiB, in steps of four.</summary>
    public static IReadOnlyList<long> Sizes { get; } = [.. Enumerable.Range(0, 10).Select(k => 64L << (2 * k))];

    /// <summary>Names of what throughput is measured of, in the table's order; the first is what ratios refer to.</summary>
    public static IReadOnlyList<string> Primitives { get; } = ["memcpy", "mmap_memcpy", "cp_file", "cp_file_pread", "cp_stream", .. NativePeers.Channels];

    /// <summary>Measured throughputs, also those on one core.</summary>
    public IReadOnlyList<Throughput> Throughputs => _throughput;

    /// <summary>Measured latencies.</summary>
    public IReadOnlyList<Latency> Latencies => _latency;

    /// <summary>Throughput in millions of bytes a second, or null.</summary>
    public double? Of(string primitive, long bytes)
        => _throughput.Where(t => t.Primitive == primitive && t.Bytes == bytes).Select(t => (double?)t.MegabytesPerSecond).FirstOrDefault();

    /// <summary>Latency in nanoseconds, or null.</summary>
    public double? Of(string primitive) => _latency.Where(t => t.Primitive == primitive).Select(t => (double?)t.Nanoseconds).FirstOrDefault();

    /// <summary>Measures everything; <paramref name="progress"/> receives a line for each primitive.</summary>
    /// <exception cref="ToolException">There is no C compiler, or something failed.</exception>
    public void Run(Action<string> progress)
    {
        var folder = Directory.CreateTempSubdirectory("cheri2il-bench-");
        try
        {
            var native = new NativePeers(folder.FullName);
            using var guests = new GuestPeers(guest);
            // What is compared most closely is measured back to back, size by size.
            foreach (var bytes in Sizes)
            {
                progress($"copies of {bytes} bytes");
                for (var round = 0; round < (part == 1 ? CopyRounds : 1); round++)
                {
                    foreach (var copy in NativePeers.Copies)
                        Keep(native.MeasureThroughput(copy, [bytes], Copies(bytes) * bytes));
                    Keep(guests.MeasureFile(bytes, Copies(bytes)));
                    if (round < Rounds)
                        Keep([guests.MeasureStream(bytes, Count(bytes))]);
                }
            }

            foreach (var channel in NativePeers.Channels)
            {
                progress(channel);
                Keep(native.MeasureThroughput(channel, Sizes, NativeBudget / part));
            }

            progress("calls and round trips");
            for (var round = 0; round < (part == 1 ? Rounds : 1); round++)
            {
                Keep(guests.MeasureLatency(Calls / part));
                Keep(native.MeasureLatency("native_getppid", Calls / part));
                foreach (var trip in NativePeers.RoundTrips)
                    Keep(native.MeasureLatency(trip, RoundTrips / part));
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private long Copies(long bytes) => Math.Max(Math.Clamp(CopyBudget / bytes, 16, MostCopies) / part, 12);

    private long Count(long bytes) => Math.Max(Math.Clamp(GuestBudget / bytes, 16, 400_000) / part, 4);

    private void Keep(IEnumerable<Throughput> measured)
    {
        foreach (var one in measured)
        {
            var index = _throughput.FindIndex(t => t.Primitive == one.Primitive && t.Bytes == one.Bytes);
            if (index < 0)
                _throughput.Add(one);
            else if (one.MegabytesPerSecond > _throughput[index].MegabytesPerSecond)
                _throughput[index] = one;
        }
    }

    private void Keep(IEnumerable<Latency> measured)
    {
        foreach (var one in measured)
        {
            var index = _latency.FindIndex(t => t.Primitive == one.Primitive);
            if (index < 0)
                _latency.Add(one);
            else if (one.Nanoseconds < _latency[index].Nanoseconds)
                _latency[index] = one;
        }
    }
}
