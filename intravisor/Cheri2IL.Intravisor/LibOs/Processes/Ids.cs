namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <summary>The user or group ids of a process (credentials(7)).</summary>
/// <param name="Real">Real id.</param>
/// <param name="Effective">Effective id: what it may do.</param>
/// <param name="Saved">Saved set-user-ID or set-group-ID.</param>
public readonly record struct Ids(int Real, int Effective, int Saved);
