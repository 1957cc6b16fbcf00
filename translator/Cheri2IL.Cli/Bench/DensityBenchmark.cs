using System.Diagnostics;
using System.Globalization;
using Cheri2IL.Deployment;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Cli.Bench;

/// <summary>What idle cVMs take, and how long one more takes to start beside them.</summary>
/// <param name="program">A guest that prints a line at arguments "say TEXT", and then waits at "wait".</param>
/// <param name="counts">Numbers of cVMs, ascending.</param>
internal sealed class DensityBenchmark(CvmProgram program, IReadOnlyList<int> counts)
{
    private const int WarmUp = 50;
    private const int Starts = 21;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly List<DensityRow> _rows = [];

    /// <summary>Results, in order.</summary>
    public IReadOnlyList<DensityRow> Rows => _rows;

    /// <summary>Runs everything; <paramref name="progress"/> receives a line per number of cVMs.</summary>
    /// <exception cref="ToolException">A cVM did not come up.</exception>
    public void Run(Action<string> progress)
    {
        using var intravisor = new IntravisorInstance();
        // What the first ones compile, and what the host's allocators keep of them, is no part of what one more costs.
        for (var k = 0; k < WarmUp; k++)
            End(intravisor, Start(intravisor));
        var empty = ProcessMemory.Now();
        foreach (var count in counts)
        {
            progress($"{count} cVMs");
            while (intravisor.Cvms.Count < count)
                Start(intravisor);
            var full = ProcessMemory.Now();
            _rows.Add(new DensityRow(
                count, (full.Resident - empty.Resident) / count, (full.Managed - empty.Managed) / count, (full.Mappings - empty.Mappings) / (double)count, StartMore(intravisor)));
        }
    }

    private Sample StartMore(IntravisorInstance intravisor)
    {
        var sample = new Sample();
        for (var k = 0; k < Starts; k++)
        {
            var clock = Stopwatch.StartNew();
            var cvm = Start(intravisor);
            sample.Add(clock.Elapsed.TotalSeconds);
            End(intravisor, cvm);
        }

        return sample;
    }

    /// <summary>Starts one and waits until it has printed its line, behind which it only waits.</summary>
    private Cvm Start(IntravisorInstance intravisor)
    {
        using var console = new FirstLine();
        try
        {
            var cvm = intravisor.Create(program.Options("/service", ["service", "say", "ready", "wait"]) with { Host = new LinuxHost(console) });
            cvm.Start(program.Executable);
            return console.Await(Patience) ? cvm : throw new ToolException(ExitCode.Failure, "the guest did not come up");
        }
        catch (InsufficientMemoryException error)
        {
            throw new ToolException(ExitCode.Failure, error.Message);
        }
    }

    private static void End(IntravisorInstance intravisor, Cvm cvm)
    {
        cvm.Kill(Signal.SIGKILL);
        cvm.Wait();
        intravisor.Reap();
    }

    /// <summary>Memory of this process.</summary>
    private sealed record ProcessMemory(long Resident, long Managed, long Mappings)
    {
        public static ProcessMemory Now()
        {
            for (var k = 0; k < 3; k++)
            {
                GC.Collect(2, GCCollectionMode.Aggressive, blocking: true);
                GC.WaitForPendingFinalizers();
            }

            var managed = GC.GetTotalMemory(forceFullCollection: false);
            var pages = long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1], CultureInfo.InvariantCulture);
            return new ProcessMemory(pages * Environment.SystemPageSize, managed, File.ReadLines("/proc/self/maps").LongCount());
        }
    }

    /// <summary>A console that is asked for one line.</summary>
    private sealed class FirstLine : IGuestConsole, IDisposable
    {
        private readonly ManualResetEventSlim _written = new();

        public bool IsConsoleReadable => true;

        public bool Await(TimeSpan limit) => _written.Wait(limit);

        public int ReadConsole(Span<byte> buffer) => 0;

        public void AwaitConsole(Action readable) => readable();

        public int WriteConsole(int stream, ReadOnlySpan<byte> bytes)
        {
            if (bytes.Contains((byte)'\n'))
                _written.Set();
            return bytes.Length;
        }

        public bool IsTerminal(int stream, out int columns, out int rows)
        {
            (columns, rows) = (0, 0);
            return false;
        }

        public void Dispose() => _written.Dispose();
    }
}

/// <summary>A row of the table.</summary>
/// <param name="Cvms">Idle cVMs.</param>
/// <param name="ResidentBytes">Bytes of RAM that each takes of this process, host thread included.</param>
/// <param name="ManagedBytes">Bytes of them that are .NET objects.</param>
/// <param name="Mappings">Mappings of the process for each; the host allows some 65,000 together.</param>
/// <param name="StartOneMore">Seconds from creation to the first line of output of one more.</param>
internal sealed record DensityRow(int Cvms, long ResidentBytes, long ManagedBytes, double Mappings, Sample StartOneMore);
