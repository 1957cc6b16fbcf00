using System.ComponentModel;
using System.Globalization;
using System.Reflection;

namespace Cheri2IL.Cli.Bench.Ipc;

/// <summary>What native processes of this machine reach: a C program that is compiled here, and run for each primitive.</summary>
internal sealed class NativePeers
{
    /// <summary>Copies within one process.</summary>
    public static IReadOnlyList<string> Copies { get; } = ["memcpy", "mmap_memcpy"];

    /// <summary>Between two processes.</summary>
    public static IReadOnlyList<string> Channels { get; } = ["pipe", "unix", "tcp", "shm_ring"];

    /// <summary>Round trips between two processes.</summary>
    public static IReadOnlyList<string> RoundTrips { get; } = ["pipe", "unix", "tcp", "futex"];

    /// <summary>Behind a primitive's name: both processes on one processor.</summary>
    public const string OneCore = "_one_core";

    private readonly string _program;

    /// <summary>Compiles the program into a folder.</summary>
    /// <exception cref="ToolException">There is no C compiler, or it fails.</exception>
    public NativePeers(string folder)
    {
        var source = Path.Combine(folder, "native.c");
        using (var text = Assembly.GetExecutingAssembly().GetManifestResourceStream("ipc-native.c")!)
        using (var file = File.Create(source))
            text.CopyTo(file);
        _program = Path.Combine(folder, "native");
        foreach (var compiler in (string[])["gcc", "cc", "clang"])
        {
            try
            {
                ProcessRun.Execute([compiler, "-O2", "-pthread", "-o", _program, source]);
                return;
            }
            catch (Win32Exception)
            {
                // Not installed: the next one.
            }
        }

        throw new ToolException(ExitCode.Unavailable, "bench ipc compares with a C program that it builds: no C compiler (gcc, cc, clang) is installed; on Debian: apt-get install gcc");
    }

    /// <summary>
    /// Throughput of a primitive for each size. With two processes, both as the kernel places them and both on one processor: the better
    /// of the two goes by the primitive's name, the latter also by its own.
    /// </summary>
    public IEnumerable<Throughput> MeasureThroughput(string primitive, IReadOnlyList<long> sizes, long budget)
    {
        string[] numbers = [budget.ToString(CultureInfo.InvariantCulture), .. sizes.Select(s => s.ToString(CultureInfo.InvariantCulture))];
        var free = Run("throughput", primitive, "0", numbers);
        if (Copies.Contains(primitive))
            return free.Select(f => new Throughput(primitive, f.Key, f.Value));
        var pinned = Run("throughput", primitive, "1", numbers);
        return [
            .. free.Select(f => new Throughput(primitive, f.Key, Math.Max(f.Value, pinned[f.Key]))),
            .. pinned.Select(f => new Throughput(primitive + OneCore, f.Key, f.Value)),
        ];
    }

    /// <summary>Latency of a primitive, both ways likewise.</summary>
    public IEnumerable<Latency> MeasureLatency(string primitive, int count)
    {
        string[] numbers = [count.ToString(CultureInfo.InvariantCulture)];
        var free = Run("latency", primitive, "0", numbers)[0];
        if (!RoundTrips.Contains(primitive))
            return [new(primitive, free)];
        var pinned = Run("latency", primitive, "1", numbers)[0];
        return [new(primitive, Math.Min(free, pinned)), new(primitive + OneCore, pinned)];
    }

    private SortedDictionary<long, double> Run(string what, string primitive, string pinned, string[] numbers)
    {
        var lines = ProcessRun.Execute([_program, what, primitive, pinned, .. numbers]).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        return new(lines.Select(l => l.Split(' ')).ToDictionary(
            w => long.Parse(w[0], CultureInfo.InvariantCulture), w => double.Parse(w[1], CultureInfo.InvariantCulture)));
    }
}
