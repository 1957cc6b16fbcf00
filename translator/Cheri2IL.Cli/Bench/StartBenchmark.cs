using Cheri2IL.Cli.Cache;

namespace Cheri2IL.Cli.Bench;

/// <summary>Times whole processes, interleaved, so that drift of the machine falls on all of them alike.</summary>
internal sealed class StartBenchmark(IReadOnlyList<StartProgram> programs, int runs)
{
    private readonly Dictionary<string, Sample> _seconds = [];

    /// <summary>What went wrong, one line each.</summary>
    public List<string> Problems { get; } = [];

    /// <summary>Programs, in order; the first is what ratios refer to.</summary>
    public IReadOnlyList<StartProgram> Programs => programs;

    /// <summary>Runs asked for.</summary>
    public int Runs => runs;

    /// <summary>Times of a program; null if it failed.</summary>
    public Sample? Of(StartProgram program) => _seconds.GetValueOrDefault(program.Name);

    /// <summary>Runs everything; <paramref name="progress"/> receives a line per round. A first round is not counted: it makes caches warm.</summary>
    public void Run(Action<string> progress)
    {
        var failed = new HashSet<string>();
        for (var round = 0; round <= runs; round++)
        {
            progress(round == 0 ? "round 0 (not counted)" : $"round {round}/{runs}");
            foreach (var program in programs)
            {
                if (failed.Contains(program.Name))
                    continue;
                try
                {
                    var run = program.CompilesAtRun ? ProcessRun.Execute(program.Command, NativeCode.Never) : ProcessRun.Execute(program.Command);
                    if (run.Output != program.Output)
                        throw new ToolException(ExitCode.Failure, $"it printed '{run.Output}', expected '{program.Output}'");
                    if (round > 0)
                        Add(program.Name, run.Seconds);
                }
                catch (ToolException error)
                {
                    failed.Add(program.Name);
                    _seconds.Remove(program.Name);
                    Problems.Add($"{program.Name}: {error.Message}");
                    progress(Problems[^1]);
                }
            }
        }
    }

    private void Add(string name, double seconds)
    {
        if (!_seconds.TryGetValue(name, out var sample))
            _seconds.Add(name, sample = new Sample());
        sample.Add(seconds);
    }
}
