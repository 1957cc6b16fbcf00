using System.CommandLine;
using System.Runtime.InteropServices;
using Cheri2IL.Cli.Deploy;
using Cheri2IL.Deployment.Bundles;
using Cheri2IL.Deployment.Control;
using Cheri2IL.Deployment.Manifests;
using Cheri2IL.Deployment.Running;
using Cheri2IL.Intravisor.LibOs.Tracing;

namespace Cheri2IL.Cli.Commands;

/// <summary><c>up</c>: runs the cVMs of a manifest, or of a bundle.</summary>
internal static class UpCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var path = new Argument<string>("manifest") { Description = "Manifest (YAML), or bundle made by 'bundle'." };
        var grace = new Option<double>("--grace") { Description = "Seconds between SIGTERM and SIGKILL when Ctrl-C (or SIGTERM) stops it.", DefaultValueFactory = _ => 5, HelpName = "seconds" };
        grace.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<double>() is not (>= 0 and <= 3600))
                result.AddError("--grace is 0 to 3600 seconds");
        });
        var json = CommonOptions.Json();
        json.Description = "Print the summary as JSON on stdout; what cVMs print goes to stderr.";
        var trace = new Option<bool>("--trace") { Description = "Report hostcalls, system calls, signals and ends in the style of strace, on stderr, behind the cVMs' names." };
        var filter = new Option<string>("--trace-filter") { Description = "Only these calls: names separated by commas, with * and ?.", HelpName = "names" };
        var command = new ToolCommand(
            "up",
            "Starts the cVMs of a manifest in order, prints what they print behind their names, and ends with a summary when all are over. "
            + "Exits with the status of the first cVM in the manifest's order that failed (128 + signal, 126 if it could not be started), or 0; with 130 after Ctrl-C. "
            + "The first Ctrl-C stops them in order, the last started first; the second kills all at once.",
            "cheri2il up cvms.yaml",
            "cheri2il up --json app.cvm >summary.json",
            "cheri2il up --trace --trace-filter='cp_*' cvms.yaml",
            "cheri2il up cvms.yaml & cheri2il ps") { path, grace, json, trace, filter };
        command.SetAction(parsed =>
        {
            try
            {
                var names = parsed.GetValue(filter) is { } value ? CallFilter.Parse(value, "up") : [];
                return Run(
                    parsed.GetRequiredValue(path), TimeSpan.FromSeconds(parsed.GetValue(grace)), parsed.GetValue(json), parsed.GetValue(trace) || names.Length > 0 ? write => CallFilter.Trace(write, names) : null);
            }
            catch (ManifestException error)
            {
                throw ManifestFile.Refuse(error);
            }
            catch (BundleException error)
            {
                throw new ToolException(ExitCode.BadInput, error.Message);
            }
            catch (ControlException error)
            {
                throw new ToolException(ExitCode.CannotCreate, error.Message);
            }
        });
        return command;
    }

    private static int Run(string path, TimeSpan grace, bool isJson, Func<Action<string>, SyscallTrace>? trace)
    {
        var (manifest, source) = ManifestFile.Open(path);
        using var opened = source as IDisposable;
        var prefix = new ConsolePrefix([.. manifest.Cvms.Select(c => c.Name)], isErrorOnly: isJson);
        using var deployment = new Cheri2IL.Deployment.Running.Deployment(manifest, source, prefix.Write, trace);
        using var control = new ControlServer(deployment);
        using var stop = new StopSignals(deployment, grace);
        deployment.Run().GetAwaiter().GetResult();
        var statuses = deployment.Cvms.Select(c => c.Status).ToArray();
        var status = stop.Status ?? deployment.ShellStatus;
        if (isJson)
            Summary.WriteJson(statuses, status);
        else
            Summary.WriteTable(statuses.Select(StatusReport.Of), Console.Error);
        return status;
    }

    /// <summary>While it lives, SIGINT and SIGTERM stop a deployment, and the second of them kills it.</summary>
    private sealed class StopSignals : IDisposable
    {
        private readonly Cheri2IL.Deployment.Running.Deployment _deployment;
        private readonly TimeSpan _grace;
        private readonly PosixSignalRegistration[] _registrations;
        private int _signals;

        public StopSignals(Cheri2IL.Deployment.Running.Deployment deployment, TimeSpan grace)
        {
            _deployment = deployment;
            _grace = grace;
            _registrations = [PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle), PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle)];
        }

        /// <summary>128 + the first signal; null if there was none.</summary>
        public int? Status { get; private set; }

        public void Dispose()
        {
            foreach (var registration in _registrations)
                registration.Dispose();
        }

        private void Handle(PosixSignalContext context)
        {
            context.Cancel = true;
            const int interrupt = 2;
            const int terminate = 15;
            Status ??= ExitCode.SignalBase + (context.Signal == PosixSignal.SIGINT ? interrupt : terminate);
            if (Interlocked.Increment(ref _signals) == 1)
                _ = _deployment.Stop(_grace);
            else
                _deployment.KillAll();
        }
    }
}
