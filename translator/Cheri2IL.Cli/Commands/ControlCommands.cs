using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using Cheri2IL.Cli.Deploy;
using Cheri2IL.Deployment.Control;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Cli.Commands;

/// <summary><c>ps</c>, <c>kill</c>, <c>pause</c>, <c>resume</c>, <c>logs</c>, <c>inspect</c>: what acts on a running Intravisor through its control socket.</summary>
internal static class ControlCommands
{
    /// <summary>Makes the commands.</summary>
    public static IEnumerable<Command> Create() => [Ps(), Kill(), Simple("pause", "Stops the threads of a cVM until it is resumed."), Simple("resume", "Lets a paused cVM go on."), Logs(), Inspect()];

    private static ToolCommand Ps()
    {
        var json = CommonOptions.Json();
        var pid = Pid();
        var command = new ToolCommand("ps", "Shows the cVMs of the running Intravisor.", "cheri2il ps", "cheri2il ps --json") { pid, json };
        command.SetAction(parsed => Ask(parsed.GetValue(pid), new JsonObject { ["command"] = "ps" }, answer =>
        {
            if (parsed.GetValue(json))
                Summary.WriteJson(answer);
            else
                Summary.WriteTable(answer["cvms"]!.AsArray().Select(c => c!.AsObject()), Console.Out);
        }));
        return command;
    }

    private static ToolCommand Kill()
    {
        var name = Name();
        var pid = Pid();
        var signal = new Option<string>("--signal", "-s") { Description = "Signal, by name or number.", DefaultValueFactory = _ => "TERM", HelpName = "signal" };
        var command = new ToolCommand(
            "kill",
            "Sends a signal to a cVM. One that TERM, INT, QUIT or KILL ends is not started anew.",
            "cheri2il kill server",
            "cheri2il kill --signal KILL server") { name, signal, pid };
        command.SetAction(parsed => Ask(parsed.GetValue(pid), new JsonObject { ["command"] = "signal", ["name"] = parsed.GetRequiredValue(name), ["signal"] = Number(parsed.GetRequiredValue(signal)) }, _ => { }));
        return command;
    }

    private static ToolCommand Simple(string verb, string description)
    {
        var name = Name();
        var pid = Pid();
        var command = new ToolCommand(verb, description, $"cheri2il {verb} server") { name, pid };
        command.SetAction(parsed => Ask(parsed.GetValue(pid), new JsonObject { ["command"] = verb, ["name"] = parsed.GetRequiredValue(name) }, _ => { }));
        return command;
    }

    private static ToolCommand Logs()
    {
        var name = Name();
        var pid = Pid();
        var lines = new Option<int>("--lines", "-n") { Description = "Only the last lines; 1,000 are kept.", DefaultValueFactory = _ => 1000, HelpName = "count" };
        var follow = new Option<bool>("--follow", "-f") { Description = "Go on with what it prints until it is over." };
        var command = new ToolCommand("logs", "Prints what a cVM has printed: stdout on stdout, stderr on stderr.", "cheri2il logs server", "cheri2il logs --follow --lines 20 server") { name, lines, follow, pid };
        command.SetAction(parsed => Reporting(() =>
        {
            var request = new JsonObject { ["command"] = "logs", ["name"] = parsed.GetRequiredValue(name), ["lines"] = parsed.GetValue(lines), ["follow"] = parsed.GetValue(follow) };
            foreach (var line in ControlClient.AskForLines(ControlClient.Choose(parsed.GetValue(pid)), request, isFollowing: parsed.GetValue(follow)))
                Print(line["stream"]!.GetValue<int>() == 2, line["line"]!.GetValue<string>());
        }));
        return command;
    }

    private static void Print(bool isError, string line)
    {
        using var stream = isError ? Console.OpenStandardError() : Console.OpenStandardOutput();
        stream.Write(ConsolePrefix.Compose([], Encoding.UTF8.GetBytes(line), !(isError ? Console.IsErrorRedirected : Console.IsOutputRedirected)));
    }

    private static ToolCommand Inspect()
    {
        var name = Name();
        var pid = Pid();
        var command = new ToolCommand("inspect", "Prints everything about a cVM as JSON: state, usage, limits, program and its SHA-256, grants.", "cheri2il inspect server") { name, pid };
        command.SetAction(parsed => Ask(parsed.GetValue(pid), new JsonObject { ["command"] = "inspect", ["name"] = parsed.GetRequiredValue(name) }, Summary.WriteJson));
        return command;
    }

    private static Argument<string> Name() => new("name") { Description = "Name of the cVM." };

    private static Option<int?> Pid() => new("--pid") { Description = "Process of the Intravisor, where several run.", HelpName = "pid" };

    private static int Ask(int? process, JsonObject request, Action<JsonObject> show) => Reporting(() => show(ControlClient.Ask(ControlClient.Choose(process), request)));

    private static int Reporting(Action ask)
    {
        try
        {
            ask();
            return ExitCode.Success;
        }
        catch (ControlException error)
        {
            throw new ToolException(ExitCode.Unavailable, error.Message);
        }
    }

    private static int Number(string signal)
    {
        if (int.TryParse(signal, out var number) && number is > 0 and <= Signal.Last)
            return number;
        var name = signal.StartsWith("SIG", StringComparison.OrdinalIgnoreCase) ? signal : "SIG" + signal;
        for (number = 1; number < 32; number++)
        {
            if (string.Equals(Signal.Name(number), name, StringComparison.OrdinalIgnoreCase))
                return number;
        }

        throw new ToolException(ExitCode.Usage, $"no signal is called '{signal}'");
    }
}
