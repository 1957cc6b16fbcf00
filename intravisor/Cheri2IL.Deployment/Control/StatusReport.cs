using System.Text.Json.Nodes;
using Cheri2IL.Deployment.Manifests;
using Cheri2IL.Deployment.Running;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Deployment.Control;

/// <summary>What is reported about a cVM, as JSON: by the control socket, and by the summary.</summary>
public static class StatusReport
{
    /// <summary>State in one word: running, paused, waiting (between two runs, or for its turn), exited, killed, failed.</summary>
    public static string Word(CvmStatus status)
        => status.Failure is not null ? "failed"
            : status.State is { } state and not Intravisor.Cvms.CvmState.Ended ? state.ToString().ToLowerInvariant()
            : !status.IsOver || status.Exit is null ? "waiting"
            : status.Exit.Signal != 0 ? "killed" : "exited";

    /// <summary>The essentials.</summary>
    public static JsonObject Of(CvmStatus status)
    {
        ArgumentNullException.ThrowIfNull(status);
        return new JsonObject
        {
            ["name"] = status.Name,
            ["id"] = status.Id,
            ["state"] = Word(status),
            ["status"] = status.Exit is null && status.Failure is null ? null : status.ShellStatus,
            ["signal"] = status.Exit is { Signal: > 0 and var signal } ? Signal.Name(signal) : null,
            ["failure"] = status.Failure,
            ["restarts"] = status.Restarts,
            ["seconds"] = Math.Round(status.Elapsed.TotalSeconds, 3),
            ["cpuSeconds"] = Math.Round(status.CpuTime.TotalSeconds, 3),
            ["mappedBytes"] = status.Usage?.MappedBytes ?? 0,
            ["mostMappedBytes"] = status.Usage?.MostMappedBytes ?? 0,
            ["residentBytes"] = status.Usage?.ResidentBytes ?? 0,
            ["threads"] = status.Usage?.Threads ?? 0,
            ["openFiles"] = status.Usage?.OpenFiles ?? 0,
            ["program"] = status.Program,
        };
    }

    /// <summary>Everything, with what the manifest asked for.</summary>
    public static JsonObject Full(DeployedCvm cvm)
    {
        ArgumentNullException.ThrowIfNull(cvm);
        var status = cvm.Status;
        var report = Of(status);
        report["programSha256"] = status.ProgramHash;
        report["programInGuest"] = cvm.Choice.GuestPath;
        report["arguments"] = Array(cvm.Choice.Arguments);
        report["environment"] = Array(cvm.Entry.Environment.Select(v => $"{v.Key}={v.Value}"));
        report["root"] = cvm.Entry.RootPath;
        report["fileBytes"] = status.Usage?.FileBytes ?? 0;
        report["limits"] = new JsonObject
        {
            ["memory"] = cvm.Limits.MemoryBytes,
            ["files_memory"] = cvm.Limits.FileBytes,
            ["threads"] = cvm.Limits.Threads,
            ["cpu_time"] = cvm.Limits.CpuTime?.TotalSeconds,
            ["open_files"] = cvm.Limits.OpenFiles,
        };
        report["restart"] = ManifestScalar.Names(typeof(RestartPolicy)).ElementAt((int)cvm.Entry.Restart.Policy);
        report["owns"] = Array(cvm.Entry.Ipc.Owns);
        report["grants"] = Array(cvm.Entry.Ipc.Grants.Select(g => $"{g.Name}: {g.Rights}"));
        return report;
    }

    private static JsonArray Array(IEnumerable<string> items) => [.. items.Select(i => (JsonNode)i)];
}
