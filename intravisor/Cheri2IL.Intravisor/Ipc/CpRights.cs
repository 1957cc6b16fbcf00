namespace Cheri2IL.Intravisor.Ipc;

/// <summary>What a cVM may do with what another one, or the host, has published.</summary>
[Flags]
public enum CpRights
{
    /// <summary>Nothing, not even open it.</summary>
    None = 0,

    /// <summary>Read a <see cref="CpFile"/>.</summary>
    Read = 1,

    /// <summary>Write a <see cref="CpFile"/>, or send to a <see cref="CpStream"/>.</summary>
    Write = 2,

    /// <summary>Both.</summary>
    ReadWrite = Read | Write,

    /// <summary>Call a <see cref="CpCall"/>.</summary>
    Call = 4,

    /// <summary>Everything.</summary>
    All = ReadWrite | Call,
}
