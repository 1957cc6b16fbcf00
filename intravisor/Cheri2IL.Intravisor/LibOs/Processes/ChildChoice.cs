namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <summary>Which children a call waits for.</summary>
internal readonly record struct ChildChoice
{
    /// <summary>Process id; 0: any.</summary>
    public int Id { get; init; }

    /// <summary>Process group; 0: any.</summary>
    public int Group { get; init; }

    /// <summary>One process, whatever its id; null: any.</summary>
    public GuestProcess? Process { get; init; }

    /// <summary>Whether those are meant that send SIGCHLD at their end, or the others; null: both.</summary>
    public bool? SendsChildSignal { get; init; }

    /// <summary>Whether a child is one of them.</summary>
    public bool Matches(GuestProcess child)
        => (Id == 0 || child.Id == Id) && (Group == 0 || child.Group == Group) && (Process is null || child == Process)
            && (SendsChildSignal is not { } sends || (child.ExitSignal == Abi.Signal.SIGCHLD) == sends);
}
