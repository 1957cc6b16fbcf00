using System.CommandLine;
using Cheri2IL.Cli.Bench;
using Cheri2IL.Cli.Bench.Apps;
using Cheri2IL.Cli.Bench.Ipc;
using Cheri2IL.Cli.Cache;

namespace Cheri2IL.Cli.Commands;

/// <summary><c>bench</c>: speed and start-up against native code and other ways to run the same program.</summary>
internal static class BenchCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create()
        => new ToolCommand("bench", "Measures translated code against native code and emulators, Debian's programs likewise, capabilities against integers, cVMs against processes, how long a program takes to start, and what many cVMs take.", "cheri2il bench cpu", "cheri2il bench apps", "cheri2il bench caps", "cheri2il bench ipc", "cheri2il bench start", "cheri2il bench density")
        {
            Cpu(),
            Apps(),
            Capabilities(),
            Start(),
            Density(),
            Ipc(),
            Wasm(),
            CapabilitiesRun(),
        };

    private static ToolCommand Cpu()
    {
        var rounds = new Option<int>("--rounds") { Description = "Runs of each kernel under each peer.", DefaultValueFactory = _ => 5 };
        var only = new Option<string[]>("--kernel") { Description = "Only this kernel; repeatable." };
        var json = CommonOptions.Json();
        Bound(rounds);
        var command = new ToolCommand(
            "cpu",
            "Runs the corpus kernels interleaved under every peer that is installed, and prints medians and ratios. Uses the kernels' own clocks, so start-up does not count.",
            "cheri2il bench cpu --rounds 9",
            "cheri2il bench cpu --kernel sieve --json") { rounds, only, json };
        command.SetAction(parsed =>
        {
            var set = PeerSet.Find(Repository.Root(), Progress);
            var kernels = Choose(set.Kernels, parsed.GetValue(only), "corpus/kernels");
            return Measure(new CpuBenchmark(kernels, set.Peers(), parsed.GetRequiredValue(rounds)), set.GuestsMatchNative, parsed.GetValue(json));
        });
        return command;
    }

    private static ToolCommand Apps()
    {
        const string Redis = "redis";
        var rounds = new Option<int>("--rounds") { Description = "Runs of each case under each engine.", DefaultValueFactory = _ => 3 };
        var only = new Option<string[]>("--case") { Description = "Only this case of corpus/workloads/apps.tsv, or redis; repeatable." };
        var json = CommonOptions.Json();
        Bound(rounds);
        var command = new ToolCommand(
            "apps",
            "Runs Debian 13's programs for riscv64, translated, beside the same versions for amd64 and beside qemu-user, interleaved: utilities over a text of 20 MB, SQLite, "
            + "Python, Lua, Redis, and how long programs take to start. CPU seconds, requests per second, ratios. It fetches the packages; from a cold cache it takes half an hour.",
            "cheri2il bench apps",
            "cheri2il bench apps --case sort --case redis --json") { rounds, only, json };
        command.SetAction(parsed =>
        {
            var set = AppSet.Find(Repository.Root(), Progress);
            var chosen = Choose([.. set.Cases.Select(c => c.Name), Redis], parsed.GetValue(only), "corpus/workloads/apps.tsv");
            var directory = Directory.CreateTempSubdirectory("cheri2il-bench-");
            try
            {
                var apps = new AppBenchmark(set, [.. set.Cases.Where(c => chosen.Contains(c.Name))], parsed.GetRequiredValue(rounds), new ConsoleProject(directory.FullName).Build("empty", "return;\n"));
                apps.Run(Progress);
                var redis = chosen.Contains(Redis) ? new RedisBenchmark(set, apps.Rounds) : null;
                redis?.Run(Progress);
                var report = new AppReport(apps, redis);
                if (parsed.GetValue(json))
                    report.WriteJson();
                else
                    report.WriteTables();
                return apps.Problems.Count == 0 && redis?.Problems.Count is null or 0 ? ExitCode.Success : ExitCode.Failure;
            }
            finally
            {
                directory.Delete(recursive: true);
            }
        });
        return command;
    }

    private static ToolCommand Capabilities()
    {
        var rounds = new Option<int>("--rounds") { Description = "Runs of each kernel in each build.", DefaultValueFactory = _ => 5 };
        var only = new Option<string[]>("--kernel") { Description = "Only this kernel; repeatable." };
        var json = CommonOptions.Json();
        Bound(rounds);
        var command = new ToolCommand(
            "caps",
            "Runs kernels that are written once and built twice, with integers and with CHERI capabilities as pointers, interleaved, and prints medians and ratios, "
            + "with the price of capabilities split by kind: permission, tag, decoding of bounds, bounds.",
            "cheri2il bench caps",
            "cheri2il bench caps --kernel list --json") { rounds, only, json };
        command.SetAction(parsed =>
        {
            var kernels = Choose(CapabilityPeers.Kernels(Repository.Root()), parsed.GetValue(only), "corpus/cheri/kernels");
            // The variants that leave checks out have no machine code in the cache: all are compiled in the run.
            Environment.SetEnvironmentVariable(NativeCode.Never.Variable, NativeCode.Never.Value);
            var benchmark = new CpuBenchmark(kernels, CapabilityPeers.Peers(Repository.Root()), parsed.GetRequiredValue(rounds));
            benchmark.Run(Progress);
            var report = new CapabilityReport(benchmark);
            if (parsed.GetValue(json))
                report.WriteJson();
            else
                report.WriteTable();
            return benchmark.Problems.Count == 0 ? ExitCode.Success : ExitCode.Failure;
        });
        return command;
    }

    /// <summary>Those that were asked for, or all.</summary>
    private static IReadOnlyList<string> Choose(IReadOnlyList<string> all, string[]? chosen, string folder)
    {
        var wanted = chosen is { Length: > 0 } ? chosen : all;
        if (wanted.FirstOrDefault(k => !all.Contains(k)) is { } unknown)
            throw new ToolException(ExitCode.Usage, $"no '{unknown}' in {folder} (there are {string.Join(", ", all)})");
        return wanted.Count > 0 ? wanted : throw new ToolException(ExitCode.NoInput, $"nothing in {folder}");
    }

    private static int Measure(CpuBenchmark benchmark, bool guestsMatchNative, bool isJson)
    {
        benchmark.Run(Progress);
        if (isJson)
            CpuReport.WriteJson(benchmark, guestsMatchNative);
        else
            CpuReport.WriteTable(benchmark, guestsMatchNative);
        return benchmark.Problems.Count == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    private static ToolCommand Start()
    {
        var runs = new Option<int>("--runs") { Description = "Runs of each program.", DefaultValueFactory = _ => 21 };
        var json = CommonOptions.Json();
        Bound(runs);
        var command = new ToolCommand(
            "start",
            "Times whole processes, interleaved: an empty .NET console program, which it builds, and guests from a warm cache of translations: "
            + "the committed one, and Debian's busybox where corpus/debian/fetch.sh has fetched it; with machine code from the cache, compiled in the run, and under qemu.",
            "cheri2il bench start",
            "cheri2il bench start --runs 51 --json") { runs, json };
        command.SetAction(parsed =>
        {
            var directory = Directory.CreateTempSubdirectory("cheri2il-bench-");
            try
            {
                var benchmark = new StartBenchmark(StartPrograms.Find(Repository.Root(), directory.FullName, Progress), parsed.GetRequiredValue(runs));
                benchmark.Run(Progress);
                if (parsed.GetValue(json))
                    StartReport.WriteJson(benchmark);
                else
                    StartReport.WriteTable(benchmark);
                return benchmark.Problems.Count == 0 ? ExitCode.Success : ExitCode.Failure;
            }
            finally
            {
                directory.Delete(recursive: true);
            }
        });
        return command;
    }

    private static ToolCommand Density()
    {
        var counts = new Option<int[]>("--cvms") { Description = "Numbers of idle cVMs, ascending.", DefaultValueFactory = _ => [1, 10, 100, 1000], AllowMultipleArgumentsPerToken = true };
        var json = CommonOptions.Json();
        counts.Validators.Add(result =>
        {
            var values = result.GetValueOrDefault<int[]>() ?? [];
            if (values.Length == 0 || values.Any(v => v is < 1 or > 1020) || !values.SequenceEqual(values.Order().Distinct()))
                result.AddError("--cvms wants ascending numbers from 1 to 1020");
        });
        var command = new ToolCommand(
            "density",
            "Measures what idle cVMs of one program take, and how long it takes to start one more beside them.",
            "cheri2il bench density",
            "cheri2il bench density --cvms 1 100 --json") { counts, json };
        command.SetAction(parsed =>
        {
            var program = SharedProgram.Load(Path.Combine(Repository.Root(), "corpus", "programs", "bin", "service.elf"));
            var benchmark = new DensityBenchmark(program, parsed.GetRequiredValue(counts));
            benchmark.Run(Progress);
            if (parsed.GetValue(json))
                DensityReport.WriteJson(benchmark);
            else
                DensityReport.WriteTable(benchmark);
            return ExitCode.Success;
        });
        return command;
    }

    private static ToolCommand Ipc()
    {
        var plot = new Option<string>("--plot") { Description = "Name of the plots without .png and .svg.", DefaultValueFactory = _ => "ipc" };
        var quick = new Option<bool>("--quick") { Description = "A hundredth of the work: whether everything runs, not how fast." };
        var json = CommonOptions.Json();
        var command = new ToolCommand(
            "ipc",
            "Measures what two cVMs exchange by CP_File, CP_Stream and CP_Call, against pipe, Unix socket, TCP, shared memory and futex between two native processes "
            + "(a C program, built on the spot): tables, and a plot as PNG and SVG. Takes some two minutes.",
            "cheri2il bench ipc",
            "cheri2il bench ipc --json --plot docs/ipc") { plot, quick, json };
        command.SetAction(parsed =>
        {
            var guest = Path.Combine(Repository.Root(), "corpus", "ipc", "bin", "bench.elf");
            var benchmark = new IpcBenchmark(guest, parsed.GetValue(quick) ? 100 : 1);
            benchmark.Run(Progress);
            IpcPlot.Write(benchmark, parsed.GetRequiredValue(plot));
            if (parsed.GetValue(json))
                IpcReport.WriteJson(benchmark);
            else
                IpcReport.WriteTable(benchmark);
            return ExitCode.Success;
        });
        return command;
    }

    private static void Bound(Option<int> count)
        => count.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() is < 1 or > 1000)
                result.AddError($"{count.Name} is 1 to 1000");
        });

    private static ToolCommand Wasm()
    {
        var path = new Argument<string>("module") { Description = "wasm32-wasi command." };
        var command = new ToolCommand("wasm-run", "Runs a WebAssembly command under the Wasmtime package (a peer of 'bench cpu').", "cheri2il bench wasm-run sieve.wasm") { path };
        command.SetAction(parsed => WasmRun.Execute(parsed.GetRequiredValue(path)));
        return command;
    }

    private static ToolCommand CapabilitiesRun()
    {
        var omitted = new Argument<int>("omitted") { Description = "Sum of 1 (permissions), 2 (tags), 4 (decoding of bounds), 8 (bounds)." };
        var program = CommonOptions.Program();
        var arguments = new Argument<string[]>("arguments") { Description = "The program's." };
        var command = new ToolCommand(
            "caps-run",
            "Runs a program with some kinds of capability checks LEFT OUT, for measuring only: its compartments do not hold (a peer of 'bench caps').",
            "cheri2il bench caps-run 15 corpus/cheri/kernels/bin/sum.elf 50") { omitted, program, arguments };
        command.SetAction(parsed =>
        {
            var run = RunArguments.Parse(["--", parsed.GetRequiredValue(program), .. parsed.GetValue(arguments) ?? []])!;
            run.Omitted = parsed.GetRequiredValue(omitted);
            return GuestRun.Execute(run);
        });
        return command;
    }

    private static void Progress(string line) => Console.Error.WriteLine(line);
}
