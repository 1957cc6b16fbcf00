namespace Cheri2IL.Runtime;

/// <summary>
/// Where things lie in a slot. Addresses are guest addresses (relative to the slot's first byte). Every one is fixed, so that
/// a translation can be made before the guest starts and two runs see the same addresses.
/// </summary>
public static class GuestLayout
{
    /// <summary>Bytes of a slot unless the cVM asks for another size: 64 GiB.</summary>
    public const ulong DefaultSlotSize = 64UL << 30;

    /// <summary>Smallest slot: everything below has to fit.</summary>
    public const ulong MinimumSlotSize = 4UL << 30;

    /// <summary>Slot sizes are multiples of this.</summary>
    public const ulong SlotGranularity = 1UL << 30;

    /// <summary>
    /// Bytes at either end of a slot that are never mapped. A check of a base register covers accesses at offsets below this.
    /// </summary>
    public const ulong Guard = 64 * 1024;

    /// <summary>
    /// Load address of a position-independent executable. Below 2 GiB, so that its addresses are short immediates in the
    /// host's code.
    /// </summary>
    public const long PieBase = 0x1000_0000;

    /// <summary>
    /// From here up to <see cref="VdsoBase"/> lie shared libraries, each where it lies in every process. The heap may grow into that:
    /// what is taken is not used.
    /// </summary>
    public const long LibraryBase = 0x4000_0000;

    /// <summary>Load address of the vDSO: low for the same reason.</summary>
    public const long VdsoBase = InterpreterBase - (64 << 10);

    /// <summary>What signal handlers return to: a function of the vDSO.</summary>
    public const long SignalReturn = VdsoBase + 0x800;

    /// <summary>Where a call of another cVM's function is entered by CInvoke: a function of the vDSO.</summary>
    public const long CallEntry = VdsoBase + 0x810;

    /// <summary>Bytes of its code.</summary>
    public const long CallEntryBytes = 16;

    /// <summary>Load address of the program interpreter (ld.so). Below 2 GiB for the same reason; the heap grows up to the vDSO.</summary>
    public const long InterpreterBase = 0x7000_0000;

    /// <summary>Bytes of the main thread's stack, its rlimit.</summary>
    public const long StackSize = 8 << 20;

    /// <summary>Unmapped bytes below the stack and between it and the area of mmap.</summary>
    public const long StackGuard = 1 << 20;

    /// <summary>What a function that another cVM calls returns to: in the guard, so that nothing can be executed there.</summary>
    public static long CallReturn(ulong slotSize) => (long)slotSize - HostMemory.PageSize;

    /// <summary>First address above the main thread's stack: near the top of the slot.</summary>
    public static long StackTop(ulong slotSize) => (long)(slotSize - Guard) - (17 * HostMemory.PageSize);

    /// <summary>mmap without an address allocates downward from here.</summary>
    public static long MapTop(ulong slotSize) => StackTop(slotSize) - StackSize - StackGuard;
}
