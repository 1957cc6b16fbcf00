using System.Diagnostics;
using System.Security.Cryptography;
using Cheri2IL.Deployment.Manifests;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime.Elf;

namespace Cheri2IL.Deployment.Running;

/// <summary>A cVM of a deployment over all its runs.</summary>
/// <remarks>Thread-safe, except that one task supervises it.</remarks>
public sealed class DeployedCvm
{
    private readonly Lock _gate = new();
    private readonly CvmProgram _program;
    private readonly CvmOptions _options;
    private readonly Stopwatch _clock = new();
    private readonly TaskCompletionSource _noMoreRuns = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource<Cvm?> _nextRun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Cvm? _cvm;
    private CvmExit? _exit;
    private CvmUsage? _usage;
    private string? _failure;
    private TimeSpan _cpuTime;
    private int _id;
    private int _restarts;
    private bool _isOver;

    internal DeployedCvm(CvmEntry entry, ProgramChoice choice, CvmProgram program, CvmOptions options, CvmConsole console)
    {
        Entry = entry;
        Choice = choice;
        Console = console;
        ProgramHash = Convert.ToHexStringLower(SHA256.HashData(program.Executable.Data.Span));
        _program = program;
        _options = options;
    }

    /// <summary>What the manifest says.</summary>
    public CvmEntry Entry { get; }

    /// <summary>Name.</summary>
    public string Name => Entry.Name;

    /// <summary>What it is nested in; null: nothing.</summary>
    internal DeployedCvm? Outer { get; init; }

    /// <summary>The present run, or the next as soon as it begins; null when there is none any more.</summary>
    internal Task<Cvm?> Running
    {
        get
        {
            lock (_gate)
                return _nextRun.Task;
        }
    }

    /// <summary>What it prints.</summary>
    public CvmConsole Console { get; }

    /// <summary>What it runs.</summary>
    public ProgramChoice Choice { get; }

    /// <summary>SHA-256 of the program's file, in hexadecimal digits.</summary>
    public string ProgramHash { get; }

    /// <summary>Limits.</summary>
    public CvmLimits Limits => _options.Limits;

    /// <summary>The present run; null before the first, between two, and after the last.</summary>
    public Cvm? Current
    {
        get
        {
            lock (_gate)
                return _cvm;
        }
    }

    /// <summary>How it is doing.</summary>
    public CvmStatus Status
    {
        get
        {
            lock (_gate)
            {
                var usage = _cvm?.Usage ?? _usage;
                return new CvmStatus(
                    Name, _id, _cvm?.State, _restarts, _exit, _failure, usage, _cpuTime + (_cvm is null ? TimeSpan.Zero : usage!.CpuTime), _clock.Elapsed, Choice.Path, ProgramHash, _isOver);
            }
        }
    }

    /// <summary>The present run is the last; if there is none at the moment, the one before it was.</summary>
    internal void ForbidRestart() => _noMoreRuns.TrySetResult();

    /// <summary>Runs it, anew where its policy says so, until it is over or <paramref name="stopping"/> is cancelled.</summary>
    /// <param name="intravisor">Makes the cVMs.</param>
    /// <param name="started">Called when the first run has begun.</param>
    /// <param name="stopping">Nothing is started any more; what runs is left alone.</param>
    internal async Task Supervise(IntravisorInstance intravisor, Action started, CancellationToken stopping)
    {
        _clock.Start();
        try
        {
            while (!stopping.IsCancellationRequested)
            {
                var outer = Outer is null ? null : await Outer.Running.ConfigureAwait(false);
                if (Outer is not null && outer is null)
                {
                    lock (_gate)
                        _failure ??= _exit is null ? $"{Outer.Name} does not run" : null;
                    return;
                }

                var cvm = Start(intravisor, outer);
                started();
                if (cvm is null)
                    return;
                // Who stops everything has looked for runs before this one was there.
                if (stopping.IsCancellationRequested)
                    cvm.Kill(Signal.SIGKILL);
                await cvm.Completion.ConfigureAwait(false);
                Console.Flush();
                if (!End(cvm, intravisor))
                    return;
                await Task.WhenAny(Task.Delay(Entry.Restart.Delay, stopping), _noMoreRuns.Task).ConfigureAwait(false);
                if (stopping.IsCancellationRequested || _noMoreRuns.Task.IsCompleted)
                    return;
                lock (_gate)
                    _restarts++;
            }
        }
        finally
        {
            _clock.Stop();
            lock (_gate)
            {
                _isOver = true;
                _nextRun.TrySetResult(null);
            }
        }
    }

    private Cvm? Start(IntravisorInstance intravisor, Cvm? outer)
    {
        Cvm? cvm = null;
        try
        {
            cvm = intravisor.Create(_options with { Outer = outer });
            cvm.Start(_program.Executable);
            lock (_gate)
            {
                _id = cvm.Id;
                _nextRun.SetResult(cvm);
                return _cvm = cvm;
            }
        }
        catch (Exception error) when (error is CvmLoadException or ElfFormatException or InsufficientMemoryException or InvalidOperationException)
        {
            cvm?.Dispose();
            intravisor.Reap();
            lock (_gate)
                _failure = error.Message;
            return null;
        }
    }

    /// <summary>Takes note of the end; whether it is to be started anew.</summary>
    private bool End(Cvm cvm, IntravisorInstance intravisor)
    {
        intravisor.Reap();
        lock (_gate)
        {
            _exit = cvm.Wait();
            _usage = cvm.Usage;
            _cpuTime += _usage.CpuTime;
            _cvm = null;
            _nextRun = new TaskCompletionSource<Cvm?>(TaskCreationOptions.RunContinuationsAsynchronously);
            return _restarts < (Entry.Restart.Retries ?? int.MaxValue) && Entry.Restart.Policy switch
            {
                RestartPolicy.Always => true,
                RestartPolicy.OnFailure => _exit.ShellStatus != 0,
                _ => false,
            };
        }
    }
}
