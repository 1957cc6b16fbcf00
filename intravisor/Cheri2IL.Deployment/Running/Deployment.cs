using System.Text;
using Cheri2IL.Deployment.Manifests;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Tracing;

namespace Cheri2IL.Deployment.Running;

/// <summary>The cVMs of a manifest, from the first start to the last end.</summary>
/// <remarks>Thread-safe.</remarks>
public sealed class Deployment : IDisposable
{
    private readonly IntravisorInstance _intravisor = new();
    private readonly CancellationTokenSource _stopping = new();

    /// <summary>Loads everything that the manifest names; nothing is started.</summary>
    /// <param name="manifest">The manifest.</param>
    /// <param name="source">Programs, roots, contents of buffers. What it throws is passed on.</param>
    /// <param name="output">Receives what cVMs print, line by line, from any thread.</param>
    /// <param name="trace">Makes what traces a cVM's calls, given what receives the lines, which then go to the output as those of its stream 2; null: nothing.</param>
    /// <exception cref="ManifestException">The content of a buffer does not fit.</exception>
    public Deployment(Manifest manifest, IDeploymentSource source, ConsoleLine output, Func<Action<string>, SyscallTrace>? trace = null)
    {
        Manifest = manifest;
        try
        {
            var cvms = new List<DeployedCvm>();
            Cvms = cvms;
            foreach (var entry in manifest.Cvms)
            {
                // The manifest's rules have it stand in front.
                var outer = ManifestRules.OutersOf(manifest, entry).FirstOrDefault();
                cvms.Add(Load(entry, source, output, trace, cvms.Find(c => c.Entry == outer)));
            }

            foreach (var buffer in manifest.CapFiles)
                Publish(buffer, source);
            foreach (var entry in manifest.Cvms)
                Grant(entry);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The manifest.</summary>
    public Manifest Manifest { get; }

    /// <summary>Its cVMs, in its order.</summary>
    public IReadOnlyList<DeployedCvm> Cvms { get; } = [];

    /// <summary>When it was made.</summary>
    public DateTimeOffset Created { get; } = DateTimeOffset.UtcNow;

    /// <summary>Whether it is being stopped: nothing is started any more.</summary>
    public bool IsStopping => _stopping.IsCancellationRequested;

    /// <summary>
    /// The status to exit with: that of the first cVM in the manifest's order that failed, as a shell would report it; 0 if none did.
    /// </summary>
    public int ShellStatus => Cvms.Select(c => c.Status.ShellStatus).FirstOrDefault(s => s != 0);

    /// <summary>Starts the cVMs in order and returns when all are over. Once.</summary>
    public async Task Run()
    {
        var runs = new List<Task>();
        foreach (var cvm in Cvms)
        {
            if (IsStopping)
                break;
            var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            var run = Task.Run(() => cvm.Supervise(_intravisor, () => started.TrySetResult(), _stopping.Token));
            runs.Add(run);
            await Task.WhenAny(started.Task, run).ConfigureAwait(false);
            try
            {
                if (cvm.Entry.Wait == CvmEntry.WaitForEnd)
                    await run.ConfigureAwait(false);
                else if (cvm.Entry.Wait > 0)
                    await Task.Delay(TimeSpan.FromSeconds(cvm.Entry.Wait), _stopping.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // The rest is not started.
            }
        }

        await Task.WhenAll(runs).ConfigureAwait(false);
    }

    /// <summary>
    /// Ends the cVMs one after another, the last started first: SIGTERM, and SIGKILL if it has not ended after <paramref name="grace"/>. A
    /// second call, or <see cref="KillAll"/>, shortens that.
    /// </summary>
    public async Task Stop(TimeSpan grace)
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        foreach (var deployed in Cvms.Reverse())
        {
            if (deployed.Current is not { } cvm)
                continue;
            cvm.Send(SignalInfo.OfSender(Signal.SIGTERM, Signal.SI_USER, 0, 0));
            cvm.Resume();
            await Task.WhenAny(cvm.Completion, Task.Delay(grace)).ConfigureAwait(false);
            cvm.Kill(Signal.SIGKILL);
        }
    }

    /// <summary>Kills every cVM at once.</summary>
    public void KillAll()
    {
        _stopping.Cancel();
        foreach (var deployed in Cvms)
            deployed.Current?.Kill(Signal.SIGKILL);
    }

    /// <summary>Sends a signal to a cVM. One that asks for its end also keeps it from being started anew.</summary>
    /// <returns>False if it does not run, nor would any more.</returns>
    public static bool Send(DeployedCvm deployed, int signal)
    {
        ArgumentNullException.ThrowIfNull(deployed);
        var endsIt = signal is Signal.SIGKILL or Signal.SIGTERM or Signal.SIGINT or Signal.SIGQUIT;
        var isOver = deployed.Status.IsOver;
        if (endsIt)
            deployed.ForbidRestart();
        if (deployed.Current is not { } cvm)
            return endsIt && !isOver;
        if (signal == Signal.SIGKILL)
            cvm.Kill(signal);
        else
            cvm.Send(SignalInfo.OfSender(signal, Signal.SI_USER, 0, 0));
        return true;
    }

    /// <summary>The cVM of that name, or null.</summary>
    public DeployedCvm? Find(string name) => Cvms.FirstOrDefault(c => c.Name == name);

    /// <inheritdoc/>
    public void Dispose()
    {
        _intravisor.Dispose();
        _stopping.Dispose();
    }

    private DeployedCvm Load(CvmEntry entry, IDeploymentSource source, ConsoleLine output, Func<Action<string>, SyscallTrace>? trace, DeployedCvm? outer)
    {
        var choice = ProgramChoice.Of(entry) ?? throw new ArgumentException($"{entry.Name} runs nothing");
        var program = source.Program(entry);
        var console = new CvmConsole(entry.Name, output);
        var options = program.Options(choice.GuestPath, choice.Arguments) with
        {
            Name = entry.Name,
            Environment = [.. entry.Environment.Select(v => $"{v.Key}={v.Value}")],
            Upper = entry.Upper is { } upper ? () => new HostUpper(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(Manifest.File))!, upper)) : null,
            Limits = Limits(entry),
            Publish = entry.Publish,
            Reachable = entry.Connect,
            Host = new LinuxHost(console),
            Trace = trace?.Invoke(line => output(entry.Name, 2, Encoding.UTF8.GetBytes(line))),
            Report = text => console.WriteConsole(2, Encoding.UTF8.GetBytes(text)),
        };
        if (source.Root(entry) is { } root)
            options = root.Apply(options) ?? throw new ManifestException([new ManifestProblem(Manifest.File, entry.LocationOf(""), $"{entry.Path}: {root.UserProblem}")]);
        return new DeployedCvm(entry, choice, program, options, console) { Outer = outer };
    }

    private static CvmLimits Limits(CvmEntry entry)
    {
        var limits = new CvmLimits();
        return limits with
        {
            MemoryBytes = entry.Limits.Memory ?? ManifestRules.RangeOf(entry)?.Size ?? limits.MemoryBytes,
            FileBytes = (long)(entry.Limits.FilesMemory ?? (ulong)limits.FileBytes),
            Threads = entry.Limits.Threads ?? limits.Threads,
            OpenFiles = entry.Limits.OpenFiles ?? limits.OpenFiles,
            CpuTime = entry.Limits.CpuTime,
        };
    }

    private void Publish(CapFileEntry buffer, IDeploymentSource source)
    {
        var content = buffer.File is not null ? source.Content(buffer) : Encoding.UTF8.GetBytes(buffer.Data ?? "");
        if (buffer.Size == 0 && content.Length == 0)
            throw Problem(buffer, "is empty: give size");
        if (buffer.Size > 0 && (ulong)content.Length > buffer.Size)
            throw Problem(buffer, $"has {content.Length} bytes, more than size says ({buffer.Size})");
        var bytes = GC.AllocateArray<byte>((int)(buffer.Size > 0 ? buffer.Size : (ulong)content.Length), pinned: true);
        content.AsSpan().CopyTo(bytes);
        _intravisor.Exchange.PublishFile(buffer.Name, bytes, buffer.IsReadOnly ? CpRights.Read : CpRights.ReadWrite);
        foreach (var grant in buffer.Grants)
            Grant(buffer.Name, grant.To, grant.Rights);
    }

    private ManifestException Problem(CapFileEntry buffer, string message)
        => new([new ManifestProblem(Manifest.File, buffer.LocationOf("file"), $"{buffer.Path}.file: {message}")]);

    private void Grant(CvmEntry entry)
    {
        foreach (var name in entry.Ipc.Owns)
            _intravisor.Exchange.Reserve(name, entry.Name);
        foreach (var grant in entry.Ipc.Grants)
            Grant(grant.Name, entry.Name, grant.Rights);
    }

    private void Grant(string name, string cvm, CpRights rights)
    {
        _intravisor.Exchange.Grant(name, cvm, Allowed(cvm, rights));
        // A cVM that may not write needs a grant of its own beside one for everyone.
        if (cvm != Exchange.Everyone)
            return;
        foreach (var clean in Manifest.Cvms.Where(c => c.IsCleanRoom))
            _intravisor.Exchange.Grant(name, clean.Name, Allowed(clean.Name, rights));
    }

    private CpRights Allowed(string cvm, CpRights rights)
        => Manifest.Cvms.Any(c => c.Name == cvm && c.IsCleanRoom) ? rights & ~CpRights.Write : rights;
}
