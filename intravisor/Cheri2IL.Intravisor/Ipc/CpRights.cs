namespace Cheri2IL.Intravisor.Ipc;

/// <summary>What a cVM may do with what another one, or the host, has published.</summary>
[Flags]
public enum CpRights
{
    /// <summary>Nothing, not even open it.</summary>
    None = 0,

    /// <summary>Read a <see cref="CpFile"/>.</summary>
    Read = 1,

    /// <summary>Write a <see cref="CpFile"/>.</summary>
    Write = 2,

    /// <summary>Both.</summary>
    ReadWrite = Read | Write,
}
