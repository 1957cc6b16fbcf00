using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Waiting;
using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Intravisor.LibOs.Signals;

/// <summary>Signal actions and pending signals of a process.</summary>
/// <remarks><see cref="Gate"/> guards everything here and the queues and masks of the threads. Innermost lock but for none.</remarks>
public sealed class ProcessSignals
{
    private readonly SignalAction[] _actions = new SignalAction[Signal.Last + 1];
    private Capability[]? _handlers;

    /// <summary>Every action is the default one.</summary>
    public ProcessSignals()
    {
    }

    /// <summary>Those of a child: the same actions, and nothing pending.</summary>
    public ProcessSignals(ProcessSignals parent)
    {
        lock (parent.Gate)
        {
            parent._actions.CopyTo(_actions, 0);
            _handlers = (Capability[]?)parent._handlers?.Clone();
        }
    }

    /// <summary>The lock.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Woken when a signal begins to wait for the process or one of its threads: who reads signals from files waits here.</summary>
    internal WaitQueue Arrivals { get; } = new();

    /// <summary>Signals sent to the process.</summary>
    public SignalQueue Pending { get; } = new();

    /// <summary>Action of a signal, 1..64. Hold <see cref="Gate"/>.</summary>
    public ref SignalAction Action(int signal) => ref _actions[signal];

    /// <summary>The handler of a signal as a capability, where handlers are; its address is that of the action. Hold <see cref="Gate"/>.</summary>
    public ref Capability Handler(int signal) => ref (_handlers ??= new Capability[Signal.Last + 1])[signal];

    /// <summary>Whether the signal does nothing when delivered. Hold <see cref="Gate"/>.</summary>
    public bool IsIgnored(int signal)
        => _actions[signal].Handler == Signal.SIG_IGN
            || (_actions[signal].Handler == Signal.SIG_DFL && Signal.IsIgnoredByDefault(signal));

    /// <summary>execve: what has a handler gets the default action; what is ignored stays so.</summary>
    public void ResetHandlers()
    {
        lock (Gate)
        {
            foreach (ref var action in _actions.AsSpan())
                action = new SignalAction { Handler = action.Handler == Signal.SIG_IGN ? Signal.SIG_IGN : Signal.SIG_DFL };
            _handlers = null;
        }
    }
}
