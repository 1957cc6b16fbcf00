using System.Globalization;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Runtime;

namespace Cheri2IL.Cli.Commands;

/// <summary>
/// The command line of <c>run</c>: options up to the program's name; everything after it belongs to the guest.
/// </summary>
/// <remarks>Parsed by hand: the general parser costs start-up time, and would take the guest's options for its own.</remarks>
internal sealed class RunArguments
{
    /// <summary>Bytes when <c>--memory</c> is absent: 8 GiB.</summary>
    public const ulong DefaultMemory = 8UL << 30;

    /// <summary>ELF file, translated assembly, or program of the root; empty: what the root, an image, says.</summary>
    public string Program { get; private set; } = "";

    /// <summary>Arguments of the guest after argv[0].</summary>
    public List<string> Arguments { get; } = [];

    /// <summary>Folder or file of the host that becomes the guest's root; null: an empty root.</summary>
    public string? Root { get; private set; }

    /// <summary>Host directory that keeps what the guest writes; null: nothing does.</summary>
    public string? Upper { get; private set; }

    /// <summary>Environment of the guest, in order, as NAME=VALUE.</summary>
    public List<string> Environment { get; } = [];

    /// <summary>auto, always or never.</summary>
    public string PreciseFaults { get; private set; } = "auto";

    /// <summary>all, optimized or none.</summary>
    public string Checks { get; private set; } = "optimized";

    /// <summary>
    /// Bits of <see cref="Translator.Emit.CapabilityCost"/> that the code does without. No option of <c>run</c> sets it: it is for timing.
    /// </summary>
    public int Omitted { get; set; }

    /// <summary>Report system calls, signals and the end.</summary>
    public bool Trace { get; private set; }

    /// <summary>File that receives the trace; null: stderr.</summary>
    public string? TraceFile { get; private set; }

    /// <summary>Patterns of the names of system calls to trace; empty: all.</summary>
    public IReadOnlyList<string> TraceFilter { get; private set; } = [];

    /// <summary>Report counts on stderr at the end.</summary>
    public bool Stats { get; private set; }

    /// <summary>Report them as JSON.</summary>
    public bool Json { get; private set; }

    /// <summary>Translate afresh and keep nothing.</summary>
    public bool NoCache { get; private set; }

    /// <summary>Ends the guest after this time; null: never.</summary>
    public TimeSpan? Timeout { get; private set; }

    /// <summary>Most bytes that the guest may have mapped at a time.</summary>
    public ulong Memory { get; private set; } = DefaultMemory;

    /// <summary>Ports of the host that are passed on to the guest.</summary>
    public PublishedPort[] Publish { get; private set; } = [];

    /// <summary>Where the guest may connect to.</summary>
    public ReachableHost[] Reachable { get; private set; } = [];

    /// <summary>Parses what follows <c>run</c>.</summary>
    /// <returns>Null when help is asked for.</returns>
    /// <exception cref="ToolException">Usage error.</exception>
    public static RunArguments? Parse(ReadOnlySpan<string> args)
    {
        var result = new RunArguments();
        for (var k = 0; k < args.Length; k++)
        {
            var argument = args[k];
            if (argument == "--")
            {
                k++;
                if (k < args.Length)
                    result.Program = args[k];
            }
            else if (argument.Length < 2 || argument[0] != '-')
            {
                result.Program = argument;
            }
            else
            {
                if (argument is "--help" or "-h" or "-?")
                    return null;
                result.ParseOption(argument, args, ref k);
                continue;
            }

            if (result.Program.Length == 0)
                break;
            result.Arguments.AddRange(args[(k + 1)..]);
            return result;
        }

        // An image says itself what it runs.
        return result.Root is not null ? result : throw Usage("no program given");
    }

    private void ParseOption(string argument, ReadOnlySpan<string> args, ref int k)
    {
        var equals = PlainText.IndexOf(argument, '=');
        var name = equals < 0 ? argument : argument[..equals];
        switch (name)
        {
            case "--trace":
                Trace = true;
                if (equals >= 0)
                    TraceFile = argument[(equals + 1)..] is { Length: > 0 } file ? file : throw Usage("--trace= wants a file's name");
                return;
            case "--stats":
                var form = equals < 0 ? "text" : argument[(equals + 1)..];
                Json |= form is "text" or "json" ? form == "json" : throw Usage($"--stats is text or json, not '{form}'");
                Stats = true;
                return;
            case "--json" when equals < 0:
                Stats = Json = true;
                return;
            case "--no-cache" when equals < 0:
                NoCache = true;
                return;
            case "--trace-filter" or "--root" or "--env" or "--checks" or "--precise-faults" or "--timeout" or "--memory" or "--publish" or "--allow-net" or "--upper":
                break;
            default:
                throw Usage($"unknown option '{argument}'");
        }

        string value;
        if (equals >= 0)
            value = argument[(equals + 1)..];
        else if (++k < args.Length)
            value = args[k];
        else
            throw Usage($"option '{name}' needs a value");
        switch (name)
        {
            case "--root":
                Root = value;
                break;
            case "--trace-filter":
                TraceFilter = CallFilter.Parse(value, "run");
                break;
            case "--env":
                if (value.IndexOf('=', StringComparison.Ordinal) <= 0)
                    throw Usage($"--env wants NAME=VALUE, not '{value}'");
                Environment.Add(value);
                break;
            case "--upper":
                Upper = value;
                break;
            case "--publish":
                Publish = [.. Publish, PublishedPort.Parse(value, ":") ?? throw Usage($"--publish wants [ADDRESS:]HOSTPORT:PORT[/udp], not '{value}'")];
                break;
            case "--allow-net":
                Reachable = [.. Reachable, ReachableHost.Parse(value) ?? throw Usage($"--allow-net wants HOST:PORT[/udp], not '{value}'")];
                break;
            case "--checks":
                Checks = value is "all" or "optimized" or "none" ? value : throw Usage($"--checks is all, optimized or none, not '{value}'");
                break;
            case "--precise-faults":
                PreciseFaults = value is "auto" or "always" or "never" ? value : throw Usage($"--precise-faults is auto, always or never, not '{value}'");
                break;
            case "--timeout":
                Timeout = double.TryParse(value, CultureInfo.InvariantCulture, out var seconds) && seconds is > 0 and < 1e6
                    ? TimeSpan.FromSeconds(seconds)
                    : throw Usage($"--timeout wants a number of seconds, not '{value}'");
                break;
            default:
                Memory = ParseMemory(value);
                break;
        }
    }

    /// <summary>Bytes with an optional suffix M or G.</summary>
    private static ulong ParseMemory(string value)
    {
        var (digits, shift) = value.Length == 0 ? ("", 0) : char.ToUpperInvariant(value[^1]) switch
        {
            'M' => (value[..^1], 20),
            'G' => (value[..^1], 30),
            _ => (value, 0),
        };
        if (!ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number == 0 || number > (1UL << 36) >> shift)
            throw Usage($"--memory wants bytes up to 64G, with an optional suffix M or G, not '{value}'");
        return number << shift;
    }

    private static ToolException Usage(string message) => new(ExitCode.Usage, $"{message} (see 'cheri2il run --help')");
}
