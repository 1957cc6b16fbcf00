using System.Collections.Concurrent;
using System.Globalization;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Syscalls;

namespace Cheri2IL.Intravisor.LibOs.Tracing;

/// <summary>
/// Writes what a cVM does, in the style of strace: a line for each system call when it returns, for each signal that is acted
/// upon, and for the end.
/// </summary>
/// <remarks>Thread-safe.</remarks>
public sealed class SyscallTrace
{
    /// <summary>Most numbers remembered of calls that are not supported.</summary>
    private const int MaxReported = 1024;

    private static readonly ConcurrentDictionary<int, Layout> Layouts = [];

    private readonly Action<string> _write;
    private readonly Predicate<string> _isShown;
    private readonly Lock _gate = new();
    private readonly HashSet<long> _reported = [];
    private bool _isBroken;

    /// <summary>Makes a trace.</summary>
    /// <param name="write">Receives lines, without their ends, one at a time. When it throws, the trace ends and the guest goes on.</param>
    /// <param name="isShown">Whether calls of a name are shown; null: all. One that is not supported is shown once in any case.</param>
    public SyscallTrace(Action<string> write, Predicate<string>? isShown = null)
    {
        _write = write;
        _isShown = isShown ?? (static _ => true);
    }

    /// <summary>Before a call is made: keeps what its arguments lead to. Null when it is not shown.</summary>
    internal TracedCall? Begin(CvmThread thread, long number, in SyscallArguments arguments)
    {
        var row = SyscallTable.Find(number);
        if (row?.Arguments is not { } words)
            return IsNew(number) ? new TracedCall(row?.Name ?? $"syscall_{number}", arguments, Layout.Unknown, thread.Memory, thread.IsPure) : null;
        return _isShown(row.Name) ? new TracedCall(row.Name, arguments, Layouts.GetOrAdd(row.Number, static (_, w) => Layout.Parse(w), words), thread.Memory, thread.IsPure) : null;
    }

    /// <summary>After it was made.</summary>
    /// <param name="thread">Who made it.</param>
    /// <param name="call">The call.</param>
    /// <param name="result">What it returned; null when it does not return to where it was made.</param>
    internal void End(CvmThread thread, TracedCall call, long? result) => Write(thread, call.Format(result, thread.Memory));

    /// <summary>A signal is acted upon.</summary>
    internal void Signalled(CvmThread thread, in SignalInfo info)
    {
        var code = SignalCode(info);
        var source = info.Code <= 0
            ? string.Create(CultureInfo.InvariantCulture, $"si_pid={info.Sender}, si_uid={info.User}")
            : $"si_addr={ArgumentFormats.Address(info.Address)}";
        var name = ArgumentFormats.SignalName(info.Number);
        Write(thread, $"--- {name} {{si_signo={name}, si_code={code}, {source}}} ---");
    }

    /// <summary>The last thread of a process has ended.</summary>
    internal void Ended(GuestProcess process, CvmExit exit)
        => Write(process.Cvm, process.Id, exit.Signal == 0 ? $"+++ exited with {exit.Status} +++" : $"+++ killed by {ArgumentFormats.SignalName(exit.Signal)} +++");

    private static string SignalCode(in SignalInfo info) => info.Code switch
    {
        Signal.SI_USER => nameof(Signal.SI_USER),
        Signal.SI_TKILL => nameof(Signal.SI_TKILL),
        -1 => "SI_QUEUE",
        _ => Signal.CodeName(info.Number, info.Code),
    };

    private bool IsNew(long number)
    {
        lock (_gate)
            return _reported.Count < MaxReported && _reported.Add(number);
    }

    private void Write(CvmThread thread, string line) => Write(thread.Cvm, thread.Id, line);

    /// <summary>A line; with the id of the thread or process where there are several.</summary>
    private void Write(Cvm cvm, int id, string line) => Write(cvm.HasSeveralTasks ? $"[{id}] {line}" : line);

    private void Write(string line)
    {
        lock (_gate)
        {
            if (_isBroken)
                return;
            try
            {
                _write(line);
            }
            catch (IOException)
            {
                _isBroken = true;
            }
        }
    }
}
