namespace Cheri2IL.Intravisor.Ipc;

/// <summary>
/// One grant: the rights of a cVM to a publication. What a guest has opened holds this object and looks at it in every operation, so
/// that revoking is one store. Rights only ever go: whoever is granted something later gets another object, and what was opened
/// before never comes to life again.
/// </summary>
internal sealed class CpAccess(CpRights rights)
{
    private int _rights = (int)rights;

    /// <summary>What is left.</summary>
    public CpRights Rights => (CpRights)Volatile.Read(ref _rights);

    /// <summary>Whether all of <paramref name="needed"/> is left.</summary>
    public bool Allows(CpRights needed) => (Rights & needed) == needed;

    /// <summary>Takes away what is not in <paramref name="remaining"/>; whether that was anything.</summary>
    public bool Narrow(CpRights remaining) => ((CpRights)Interlocked.And(ref _rights, (int)remaining) & ~remaining) != 0;
}
