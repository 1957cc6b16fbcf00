namespace Cheri2IL.Runtime.Elf;

/// <summary>Type of a program header (p_type).</summary>
public enum SegmentType : uint
{
    /// <summary>PT_LOAD.</summary>
    Load = 1,

    /// <summary>PT_DYNAMIC.</summary>
    Dynamic = 2,

    /// <summary>PT_INTERP.</summary>
    Interpreter = 3,

    /// <summary>PT_NOTE.</summary>
    Note = 4,

    /// <summary>PT_PHDR.</summary>
    ProgramHeaders = 6,

    /// <summary>PT_TLS.</summary>
    ThreadLocal = 7,

    /// <summary>PT_GNU_EH_FRAME.</summary>
    GnuEhFrame = 0x6474e550,

    /// <summary>PT_GNU_STACK.</summary>
    GnuStack = 0x6474e551,

    /// <summary>PT_GNU_RELRO.</summary>
    GnuRelro = 0x6474e552,

    /// <summary>PT_RISCV_ATTRIBUTES.</summary>
    RiscVAttributes = 0x70000003,
}

/// <summary>Access flags of a segment (p_flags).</summary>
[Flags]
public enum SegmentFlags : uint
{
    /// <summary>PF_X.</summary>
    Execute = 1,

    /// <summary>PF_W.</summary>
    Write = 2,

    /// <summary>PF_R.</summary>
    Read = 4,
}

/// <summary>One program header.</summary>
/// <param name="Type">p_type.</param>
/// <param name="Flags">p_flags.</param>
/// <param name="Offset">p_offset: position in the file.</param>
/// <param name="VirtualAddress">p_vaddr: address before the load bias.</param>
/// <param name="FileSize">p_filesz: bytes in the file.</param>
/// <param name="MemorySize">p_memsz: bytes in memory.</param>
/// <param name="Alignment">p_align.</param>
public sealed record ProgramHeader(
    SegmentType Type, SegmentFlags Flags, long Offset, long VirtualAddress, long FileSize, long MemorySize, long Alignment)
{
    /// <summary>Whether it has code.</summary>
    public bool IsExecutable => (Flags & SegmentFlags.Execute) != 0;

    /// <summary>Address after the last byte in memory.</summary>
    public long End => VirtualAddress + MemorySize;
}
