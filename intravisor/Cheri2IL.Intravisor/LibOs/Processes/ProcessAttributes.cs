using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <summary>Attributes of the guest's process: as whom it acts, and what is only stored and reported.</summary>
/// <remarks>Limits and ids: <see cref="Gate"/>; the rest is a word each.</remarks>
public sealed class ProcessAttributes
{
    /// <summary>Resources of getrlimit (RLIMIT_ values 0 to 15).</summary>
    public const int LimitCount = 16;

    private const int RLIMIT_CPU = 0;
    private const int RLIMIT_FSIZE = 1;
    private const int RLIMIT_STACK = 3;
    private const int RLIMIT_NPROC = 6;
    private const int RLIMIT_NOFILE = 7;
    private const int RLIMIT_AS = 9;

    /// <summary>Initial attributes.</summary>
    public ProcessAttributes(CvmOptions options)
    {
        var capabilities = options.UserId == 0 ? ProcessCredentials.All : 0;
        // An array as a list of integers is code that .NET has to compile.
        var groups = options.Groups is int[] given ? (int[])given.Clone() : [.. options.Groups];
        Credentials = new ProcessCredentials(
            new Ids(options.UserId, options.UserId, options.UserId), new Ids(options.GroupId, options.GroupId, options.GroupId), groups)
        { Permitted = capabilities, Effective = capabilities };
        for (var k = 0; k < LimitCount; k++)
            Limits[k] = new(ulong.MaxValue, ulong.MaxValue);
        Limits[RLIMIT_STACK] = new((ulong)GuestLayout.StackSize, (ulong)GuestLayout.StackSize);
        Limits[RLIMIT_NPROC] = new((ulong)options.Limits.Threads, (ulong)options.Limits.Threads);
        Limits[RLIMIT_NOFILE] = new((ulong)Math.Min(1024, options.Limits.OpenFiles), (ulong)options.Limits.OpenFiles);
        if (options.Limits.CpuTime is { } cpu)
        {
            // Rounded up, in integers: a constructor that converts from double is not compiled ahead of time.
            var seconds = ((ulong)cpu.Ticks + TimeSpan.TicksPerSecond - 1) / TimeSpan.TicksPerSecond;
            Limits[RLIMIT_CPU] = new(seconds, seconds + 1);
        }

        Limits[RLIMIT_AS] = new(options.Limits.SlotSize, options.Limits.SlotSize);
    }

    /// <summary>Those of a child.</summary>
    public ProcessAttributes(ProcessAttributes parent)
    {
        lock (parent.Gate)
        {
            parent.Limits.CopyTo(Limits, 0);
            Credentials = parent.Credentials;
        }

        (Dumpable, NoNewPrivileges, Nice, DiskPriority) = (parent.Dumpable, parent.NoNewPrivileges, parent.Nice, parent.DiskPriority);
    }

    /// <summary>Guards <see cref="Limits"/> and changes of ids.</summary>
    public Lock Gate { get; } = new();

    /// <summary>As whom it acts; replaced as a whole, under <see cref="Gate"/>.</summary>
    internal ProcessCredentials Credentials
    {
        get;
        set
        {
            // kernel/cred.c, commit_creds: what it knows from before is not for its new ids to see.
            if (field is { } old && (value.Users.Effective != old.Users.Effective || value.Groups.Effective != old.Groups.Effective
                || value.FileUser != old.FileUser || value.FileGroup != old.FileGroup || (value.Permitted & ~old.Permitted) != 0))
                (Dumpable, ParentDeathSignal) = (0, 0);
            field = value;
        }
    }

    /// <summary>Whom files in /proc/PID that are not for everybody belong to (fs/proc/base.c, task_dump_owner).</summary>
    internal (int User, int Group) ShownOwner => Dumpable == 1 && Credentials is var now ? (now.Users.Effective, now.Groups.Effective) : (0, 0);

    /// <summary>User ids.</summary>
    public Ids Users => Credentials.Users;

    /// <summary>Whether it may do what root may, inside the cVM.</summary>
    public bool IsPrivileged => Credentials.Has(Privilege.Administer);

    /// <summary>Real user id, as signals name their sender.</summary>
    public int UserId => Users.Real;

    /// <summary>Soft and hard limits by resource.</summary>
    public ResourceLimit[] Limits { get; } = new ResourceLimit[LimitCount];

    /// <summary>Descriptors are below this: the soft limit of RLIMIT_NOFILE, which no guest can raise beyond an int.</summary>
    public int SoftFileLimit
    {
        get
        {
            lock (Gate)
                return (int)Math.Min(Limits[RLIMIT_NOFILE].Soft, int.MaxValue);
        }
    }

    /// <summary>Longest, in bytes, that it may make a file: the soft limit of RLIMIT_FSIZE.</summary>
    public long SizeLimit
    {
        get
        {
            lock (Gate)
                return (long)Math.Min(Limits[RLIMIT_FSIZE].Soft, long.MaxValue);
        }
    }

    /// <summary>PR_SET_DUMPABLE: 1 if processes of the same user may look into it.</summary>
    public int Dumpable { get; set; } = 1;

    /// <summary>PR_SET_NO_NEW_PRIVS.</summary>
    public bool NoNewPrivileges { get; set; }

    /// <summary>Signal that it gets when its parent ends; 0: none. A child has none, nor has who becomes another user.</summary>
    public int ParentDeathSignal { get; set; }

    /// <summary>Class and level of precedence at disks (ioprio_set(2)); kept and told.</summary>
    public int DiskPriority { get; set; }

    /// <summary>Nice value, -20 to 19.</summary>
    public int Nice { get; set; }
}

/// <summary>A limit of getrlimit. No tuple: code with tuples of integers is not compiled ahead of time.</summary>
/// <param name="Soft">rlim_cur, in the resource's unit.</param>
/// <param name="Hard">rlim_max.</param>
public readonly record struct ResourceLimit(ulong Soft, ulong Hard);
