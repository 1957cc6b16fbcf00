using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <summary>As whom a process acts: ids, groups and capabilities (credentials(7), capabilities(7)). Immutable.</summary>
/// <param name="Users">User ids.</param>
/// <param name="Groups">Group ids.</param>
/// <param name="SupplementaryGroups">Supplementary groups; never changed.</param>
internal sealed record ProcessCredentials(Ids Users, Ids Groups, int[] SupplementaryGroups)
{
    /// <summary>The capability with the highest number (CAP_LAST_CAP).</summary>
    public const ulong LastCapability = 40;

    /// <summary>Every capability.</summary>
    public const ulong All = (2UL << (int)LastCapability) - 1;

    /// <summary>Those that go and come with the user id for files (CAP_FS_MASK).</summary>
    private const ulong OfFiles = 0x1f | (1UL << 9) | (1UL << 27) | (1UL << 32);

    /// <summary>The Intravisor itself.</summary>
    public static ProcessCredentials Root { get; } = new(default, default, []) { Permitted = All, Effective = All };

    /// <summary>User id for files.</summary>
    public int FileUser { get; init; } = Users.Effective;

    /// <summary>Group id for files.</summary>
    public int FileGroup { get; init; } = Groups.Effective;

    /// <summary>Capabilities that it can make effective.</summary>
    public ulong Permitted { get; init; }

    /// <summary>Capabilities that it has.</summary>
    public ulong Effective { get; init; }

    /// <summary>Capabilities that a program it executes may inherit.</summary>
    public ulong Inheritable { get; init; }

    /// <summary>Capabilities that it can get at all.</summary>
    public ulong Bounding { get; init; } = All;

    /// <summary>Capabilities that a program it executes has without a user or file that gives it any (PR_CAP_AMBIENT).</summary>
    public ulong Ambient { get; init; }

    /// <summary>PR_SET_KEEPCAPS.</summary>
    public bool KeepsCapabilities { get; init; }

    /// <summary>Whether it may do that.</summary>
    public bool Has(Privilege privilege) => ((Effective >> (int)privilege) & 1) != 0;

    /// <summary>Whether it belongs to a group, as to files.</summary>
    public bool IsIn(int group) => FileGroup == group || Array.IndexOf(SupplementaryGroups, group) >= 0;

    /// <summary>Whether its real ids are others than those that it acts as (AT_SECURE).</summary>
    public bool IsSetId => Users.Effective != Users.Real || Groups.Effective != Groups.Real;

    /// <summary>Whether it may do what the owner of a file may.</summary>
    public bool Owns(Inode inode) => FileUser == inode.UserId || Has(Privilege.Owner);

    /// <summary>With other user ids: capabilities follow (security/commoncap.c, cap_emulate_setxuid).</summary>
    public ProcessCredentials WithUsers(Ids next)
    {
        var (permitted, effective, ambient) = (Permitted, Effective, Ambient);
        var hadRoot = Users.Real == 0 || Users.Effective == 0 || Users.Saved == 0;
        if (hadRoot && next is { Real: not 0, Effective: not 0, Saved: not 0 })
        {
            ambient = 0;
            if (!KeepsCapabilities)
                permitted = effective = 0;
        }

        if (Users.Effective == 0 && next.Effective != 0)
            effective = 0;
        if (Users.Effective != 0 && next.Effective == 0)
            effective = permitted;
        return this with { Users = next, FileUser = next.Effective, Permitted = permitted, Effective = effective, Ambient = ambient };
    }

    /// <summary>With another user id for files.</summary>
    public ProcessCredentials WithFileUser(int user)
    {
        var effective = (FileUser == 0, user == 0) switch
        {
            (true, false) => Effective & ~OfFiles,
            (false, true) => Effective | (Permitted & OfFiles),
            _ => Effective,
        };
        return this with { FileUser = user, Effective = effective };
    }

    /// <summary>Those of a program that it executes (security/commoncap.c, cap_bprm_creds_from_file).</summary>
    /// <param name="file">The program's file, whose set-user-ID and set-group-ID bits hold.</param>
    /// <param name="gainsNothing">PR_SET_NO_NEW_PRIVS.</param>
    public ProcessCredentials ForExecute(Inode file, bool gainsNothing)
    {
        const int setGroupToExecute = FileAbi.S_ISGID | FileAbi.S_IXGRP;
        var user = !gainsNothing && (file.Mode & FileAbi.S_ISUID) != 0 ? file.UserId : Users.Effective;
        var group = !gainsNothing && (file.Mode & setGroupToExecute) == setGroupToExecute ? file.GroupId : Groups.Effective;
        var isRoot = user == 0 || Users.Real == 0;
        var ambient = user != Users.Effective || group != Groups.Effective ? 0 : Ambient;
        var permitted = (isRoot ? Bounding | Inheritable : 0) | ambient;
        return this with
        {
            Users = new Ids(Users.Real, user, user),
            Groups = new Ids(Groups.Real, group, group),
            FileUser = user,
            FileGroup = group,
            Permitted = permitted,
            Effective = user == 0 ? permitted : ambient,
            Ambient = ambient,
            KeepsCapabilities = false,
        };
    }

    /// <summary>
    /// Whether it may look into a process of another (kernel/ptrace.c, __ptrace_may_access and security/commoncap.c, cap_ptrace_access_check, with
    /// PTRACE_MODE_READ_FSCREDS).
    /// </summary>
    public bool MayInspect(ProcessAttributes other)
    {
        if (Has(Privilege.Trace))
            return true;
        var its = other.Credentials;
        return other.Dumpable == 1 && its.Users == new Ids(FileUser, FileUser, FileUser) && its.Groups == new Ids(FileGroup, FileGroup, FileGroup)
            && (its.Permitted & ~Effective) == 0;
    }

    /// <summary>Whether it may use a file so (fs/namei.c, generic_permission): 0 or -EACCES.</summary>
    /// <param name="inode">The file.</param>
    /// <param name="wanted">4: read, 2: write, 1: execute, or search a directory.</param>
    public int Check(Inode inode, int wanted)
    {
        var mode = inode.Mode;
        var granted = FileUser == inode.UserId ? mode >> 6 : IsIn(inode.GroupId) ? mode >> 3 : mode;
        if ((wanted & ~granted & 7) == 0)
            return 0;
        var isDirectory = inode is DirectoryNode;
        if ((isDirectory ? (wanted & 2) == 0 : wanted == 4) && Has(Privilege.ReadAndSearch))
            return 0;
        if (Has(Privilege.OverrideRights) && (isDirectory || (wanted & 1) == 0 || inode.IsExecutable))
            return 0;
        return -Errno.EACCES;
    }

    /// <summary>Whether it may make an entry in a directory: 0 or a negated errno. In /proc no name is found that could be made.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="opens">Whether by open, which says another thing where entries cannot be made (fs/namei.c, lookup_open, vfs_mkdir).</param>
    public int CheckCreate(DirectoryNode directory, bool opens = false)
    {
        if (directory.IsRemoved || directory.Mount == Mount.Proc)
            return -Errno.ENOENT;
        var error = Check(directory, 3);
        return error == 0 && directory.Mount.IsFixed ? (opens ? -Errno.EACCES : -Errno.EPERM) : error;
    }

    /// <summary>Whether it may remove an entry of a directory (may_delete): 0 or a negated errno.</summary>
    public int CheckDelete(DirectoryNode directory, Inode victim)
    {
        const int sticky = 0x200;
        var error = Check(directory, 3);
        if (error != 0)
            return error;
        return (directory.Mode & sticky) != 0 && FileUser != victim.UserId && FileUser != directory.UserId && !Has(Privilege.Owner) ? -Errno.EPERM : 0;
    }

    /// <summary>Makes a new file the process's own (fs/inode.c, inode_init_owner).</summary>
    /// <param name="inode">The file.</param>
    /// <param name="directory">The directory that it is made in; null: none.</param>
    public void Own(Inode inode, DirectoryNode? directory)
    {
        const int setGroupToExecute = FileAbi.S_ISGID | FileAbi.S_IXGRP;
        (inode.UserId, inode.GroupId) = (FileUser, FileGroup);
        if (directory is null || (directory.Mode & FileAbi.S_ISGID) == 0)
            return;
        inode.GroupId = directory.GroupId;
        if (inode is DirectoryNode)
            inode.Mode |= FileAbi.S_ISGID;
        else if ((inode.Mode & setGroupToExecute) == setGroupToExecute && !IsIn(directory.GroupId) && !Has(Privilege.KeepSetId))
            inode.Mode &= ~FileAbi.S_ISGID;
    }

    /// <summary>
    /// Mode of a file whose owner or content it changes, without the bits that let who executes it act as its owner or group
    /// (fs/attr.c, setattr_should_drop_suidgid).
    /// </summary>
    public int WithoutSetId(Inode inode)
    {
        var keepsGroup = (inode.Mode & FileAbi.S_IXGRP) == 0 && (IsIn(inode.GroupId) || Has(Privilege.KeepSetId));
        return inode.Mode & ~(keepsGroup ? FileAbi.S_ISUID : FileAbi.S_ISUID | FileAbi.S_ISGID);
    }
}

/// <summary>Who walks a path.</summary>
/// <param name="Process">Id of the process: /proc/self is that.</param>
/// <param name="Thread">Id of its thread: /proc/thread-self is that.</param>
/// <param name="Credentials">As whom it acts.</param>
/// <param name="Root">Where its absolute paths start; null: at the tree's root.</param>
internal readonly record struct FileCaller(int Process, int Thread, ProcessCredentials Credentials, DirectoryNode? Root = null)
{
    /// <summary>The Intravisor, in the place of a process.</summary>
    public static FileCaller Host(int process) => new(process, process, ProcessCredentials.Root);

    /// <summary>Whether it may look into a process.</summary>
    public bool MayInspect(GuestProcess other) => other.Id == Process || Credentials.MayInspect(other.Attributes);
}
