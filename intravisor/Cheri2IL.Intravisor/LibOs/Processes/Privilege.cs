namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <summary>What root may do, by parts that Linux calls capabilities, as far as there is something to do (include/uapi/linux/capability.h; capabilities(7)).</summary>
internal enum Privilege
{
    /// <summary>Give files away.</summary>
    Chown = 0,

    /// <summary>Read, write and search regardless of rights.</summary>
    OverrideRights = 1,

    /// <summary>Read and search regardless of rights.</summary>
    ReadAndSearch = 2,

    /// <summary>Do what only a file's owner may.</summary>
    Owner = 3,

    /// <summary>Keep the set-user-ID and set-group-ID bits of files.</summary>
    KeepSetId = 4,

    /// <summary>Send signals to anybody.</summary>
    Kill = 5,

    /// <summary>Take any group id.</summary>
    SetGroupId = 6,

    /// <summary>Take any user id.</summary>
    SetUserId = 7,

    /// <summary>Give capabilities to itself, and take them from the bounding set.</summary>
    SetCapabilities = 8,

    /// <summary>Use System V shared memory regardless of rights.</summary>
    OwnSystemV = 15,

    /// <summary>Take another directory for the root.</summary>
    ChangeRoot = 18,

    /// <summary>Look into any process.</summary>
    Trace = 19,

    /// <summary>Administration of every other kind.</summary>
    Administer = 21,

    /// <summary>Give any process precedence over others.</summary>
    Prioritize = 23,

    /// <summary>Make device files.</summary>
    MakeDevices = 27,

    /// <summary>Set capabilities of files.</summary>
    SetFileCapabilities = 31,
}
