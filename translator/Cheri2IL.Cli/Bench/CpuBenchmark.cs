namespace Cheri2IL.Cli.Bench;

/// <summary>Runs every kernel under every peer, interleaved, so that drift of the machine falls on all of them alike.</summary>
internal sealed class CpuBenchmark(IReadOnlyList<string> kernels, IReadOnlyList<Peer> peers, int rounds)
{
    /// <summary>Seconds per kernel, peer and round; a peer that lacks a kernel, or fails it, has no entry.</summary>
    private readonly Dictionary<(string Kernel, string Peer), Sample> _seconds = [];

    /// <summary>What went wrong, one line each.</summary>
    public List<string> Problems { get; } = [];

    /// <summary>Kernels, in order.</summary>
    public IReadOnlyList<string> Kernels => kernels;

    /// <summary>Peers, in order.</summary>
    public IReadOnlyList<Peer> Peers => peers;

    /// <summary>Rounds asked for.</summary>
    public int Rounds => rounds;

    /// <summary>Runs everything; <paramref name="progress"/> receives a line per kernel and round.</summary>
    public void Run(Action<string> progress)
    {
        Prepare(progress);
        var failed = new HashSet<(string, string)>();
        for (var round = 0; round < rounds; round++)
        {
            foreach (var kernel in kernels)
            {
                progress($"round {round + 1}/{rounds}: {kernel}");
                string? expected = null;
                foreach (var peer in peers)
                {
                    if (peer.Command(kernel) is not { } command || failed.Contains((kernel, peer.Name)))
                        continue;
                    try
                    {
                        var run = KernelRun.Execute(command);
                        expected ??= run.Output;
                        if (run.Output != expected)
                            throw new ToolException(ExitCode.Failure, $"{kernel}: {peer.Name} printed '{run.Output}', expected '{expected}'");
                        Add(kernel, peer.Name, run.Seconds);
                    }
                    catch (ToolException error)
                    {
                        failed.Add((kernel, peer.Name));
                        _seconds.Remove((kernel, peer.Name));
                        Problems.Add($"{kernel} under {peer.Name}: {error.Message}");
                        progress(Problems[^1]);
                    }
                }
            }
        }
    }

    /// <summary>Runs what peers want run before they are timed.</summary>
    private void Prepare(Action<string> progress)
    {
        foreach (var kernel in kernels)
        {
            foreach (var peer in peers)
            {
                if (peer.Preparation?.Invoke(kernel) is not { } command)
                    continue;
                progress($"warming the cache: {kernel}, {peer.Name}");
                try
                {
                    ProcessRun.Execute(command);
                }
                catch (ToolException error)
                {
                    Problems.Add($"{kernel} for {peer.Name}: {error.Message}");
                    progress(Problems[^1]);
                }
            }
        }
    }

    /// <summary>Median seconds, or null.</summary>
    public double? Median(string kernel, string peer) => _seconds.TryGetValue((kernel, peer), out var sample) ? sample.Median : null;

    /// <summary>Median of <paramref name="peer"/> over median of <paramref name="reference"/>, or null.</summary>
    public double? Ratio(string kernel, string peer, string reference)
        => Median(kernel, peer) is { } time && Median(kernel, reference) is { } unit && unit > 0 ? time / unit : null;

    /// <summary>Geometric mean of the ratios over the kernels that both have, or null; and how many there are.</summary>
    public (double? Mean, int Count) GeometricMean(string peer, string reference)
        => Ratios.GeometricMean(kernels.Select(k => Ratio(k, peer, reference)));

    private void Add(string kernel, string peer, double seconds)
    {
        if (!_seconds.TryGetValue((kernel, peer), out var sample))
            _seconds.Add((kernel, peer), sample = new Sample());
        sample.Add(seconds);
    }
}
