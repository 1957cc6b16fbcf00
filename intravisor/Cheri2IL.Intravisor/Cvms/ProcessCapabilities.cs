using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>
/// The capabilities from which all others of a process are derived, as CheriBSD makes them (CHERI ISAv9 for RISC-V; docs/capabilities.md).
/// Their addresses are guest addresses, so that they end where the slot ends.
/// </summary>
internal sealed class ProcessCapabilities
{
    /// <summary>Software permission of PCC: the code may make system calls (CheriBSD's CHERI_PERM_SYSCALL).</summary>
    public const CapabilityPermissions MakeSystemCalls = CapabilityPermissions.User0;

    /// <summary>Software permission: what it covers may be mapped anew, protected and unmapped (CheriBSD's CHERI_PERM_SW_VMEM).</summary>
    public const CapabilityPermissions ChangeMappings = CapabilityPermissions.User1;

    /// <summary>
    /// Object type of the pairs by which functions of other cVMs are entered. The authority that a pure program is given for sealing ends below it;
    /// DDC of a hybrid one, which is its authority for everything, cannot be told to leave an address out: what it unseals is still what follows.
    /// </summary>
    public const uint EntryType = 0x3FF00;

    /// <summary>
    /// Where the data capabilities of those pairs lie, one granule for each: beyond every slot, so that nothing a program has, or derives, is one but what the
    /// Intravisor gave it.
    /// </summary>
    private const ulong FirstEntry = 1UL << 63;

    private const CapabilityPermissions ReadData = CapabilityPermissions.Global | CapabilityPermissions.Load | CapabilityPermissions.LoadCapability
        | CapabilityPermissions.Invoke | CapabilityPermissions.User0 | CapabilityPermissions.User2 | CapabilityPermissions.User3;

    /// <summary>What data that is only read lacks.</summary>
    public const CapabilityPermissions WriteData = CapabilityPermissions.Store | CapabilityPermissions.StoreCapability
        | CapabilityPermissions.StoreLocalCapability;

    private const CapabilityPermissions Sealing = CapabilityPermissions.Global | CapabilityPermissions.Seal | CapabilityPermissions.Unseal;

    private readonly Capability _all;

    /// <summary>Makes those of a process.</summary>
    /// <param name="abi">Whose; not None.</param>
    /// <param name="slotSize">Bytes of its slot.</param>
    public ProcessCapabilities(CapabilityAbi abi, ulong slotSize)
    {
        IsPure = abi == CapabilityAbi.Pure;
        _all = Capability.Omnipotent.SetBounds(slotSize).SetFlags(IsPure ? 1UL : 0);
        Code = _all.AndPermissions(ReadData | CapabilityPermissions.Execute);
        Data = _all.SetFlags(0).AndPermissions(ReadData | WriteData | ChangeMappings | (IsPure ? 0 : Sealing));
        Seals = _all.SetFlags(0).AndPermissions(Sealing).SetBounds(EntryType);
    }

    /// <summary>Whether pointers of the program are capabilities.</summary>
    public bool IsPure { get; }

    /// <summary>Executes and reads the whole slot, in the mode in which the program starts: PCC of a hybrid program.</summary>
    public Capability Code { get; }

    /// <summary>Reads, writes and maps the whole slot: DDC of a hybrid program, which also seals with it.</summary>
    public Capability Data { get; }

    /// <summary>Seals and unseals with every object type below <see cref="EntryType"/>.</summary>
    public Capability Seals { get; }

    /// <summary>Reads and writes [start, end), rounded outward to what can be represented.</summary>
    public Capability DataOf(long start, long end)
        => Data.SetAddress((ulong)start).SetBounds((ulong)(end - start)).AndPermissions(~ChangeMappings);

    /// <summary>Executes and reads [start, end).</summary>
    public Capability CodeOf(long start, long end) => Code.SetAddress((ulong)start).SetBounds((ulong)(end - start));

    /// <summary>
    /// What mmap returns: bounds of the pages, and the permissions of PROT_ bits. PROT_NONE counts as readable and writable, because
    /// mprotect gives a program no new capability.
    /// </summary>
    public Capability Mapped(long start, ulong length, int protection)
    {
        var permissions = ReadData | ChangeMappings;
        if (protection == 0 || (protection & MemoryFlags.PROT_WRITE) != 0)
            permissions |= WriteData;
        if ((protection & MemoryFlags.PROT_EXEC) != 0)
            permissions |= CapabilityPermissions.Execute;
        return Pages(start, length).AndPermissions(permissions);
    }

    /// <summary>
    /// For bytes that are shared with other cVMs: these bytes alone, without the permissions for capabilities, which have no tags there that
    /// both would see, and without that for changing the mapping. Untagged if bounds cannot say that length.
    /// </summary>
    public Capability Shared(long start, ulong length, bool isWritable)
    {
        var permissions = CapabilityPermissions.Global | CapabilityPermissions.Load | (isWritable ? CapabilityPermissions.Store : 0);
        var bytes = _all.SetAddress((ulong)start).SetBounds(length).AndPermissions(permissions);
        return bytes.Bounds.Base == (ulong)start && bytes.Bounds.SaturatedTop == (ulong)start + length ? bytes : bytes.ClearTag();
    }

    /// <summary>
    /// The pair, sealed, by which CInvoke enters the function that is entry <paramref name="number"/> of the cVM: the code of the vDSO that calls it, in
    /// capability mode, and a capability that says which, and that allows nothing else.
    /// </summary>
    public (Capability Code, Capability Data) Entry(ulong number)
    {
        var seal = Capability.Omnipotent.SetAddress(EntryType);
        var which = Capability.Omnipotent.SetAddress(FirstEntry + (number * CapabilityState.Granule)).SetBounds(CapabilityState.Granule)
            .AndPermissions(CapabilityPermissions.Global | CapabilityPermissions.Invoke);
        return (CodeOf(GuestLayout.CallEntry, GuestLayout.CallEntry + GuestLayout.CallEntryBytes).SetFlags(1).Seal(seal), which.Seal(seal));
    }

    /// <summary>Which entry the unsealed data capability of such a pair stands for; false: it is none.</summary>
    public static bool TryGetEntry(in Capability data, out ulong number)
    {
        number = (data.Base - FirstEntry) / CapabilityState.Granule;
        return data.IsUsable && data.Base >= FirstEntry;
    }

    /// <summary>What mremap returns: the permissions of the capability that was given.</summary>
    public Capability Moved(in Capability old, long start, ulong length) => Pages(start, length).AndPermissions(old.Permissions);

    private Capability Pages(long start, ulong length)
        => _all.SetAddress((ulong)start).SetBounds((length + HostMemory.PageSize - 1) & ~(HostMemory.PageSize - 1UL));
}
