namespace Cheri2IL.Intravisor.LibOs.Abi;

/// <summary>Constants of mmap and its family (include/uapi/asm-generic/mman-common.h, mman.h, linux/mman.h).</summary>
public static class MemoryFlags
{
    /// <summary>Pages may be read.</summary>
    public const int PROT_READ = 1;

    /// <summary>Pages may be written.</summary>
    public const int PROT_WRITE = 2;

    /// <summary>Pages may be executed.</summary>
    public const int PROT_EXEC = 4;

    /// <summary>Changes are shared.</summary>
    public const int MAP_SHARED = 1;

    /// <summary>Changes are private.</summary>
    public const int MAP_PRIVATE = 2;

    /// <summary>Like MAP_SHARED, with unknown flags refused.</summary>
    public const int MAP_SHARED_VALIDATE = 3;

    /// <summary>The two bits that hold the type.</summary>
    public const int MAP_TYPE = 15;

    /// <summary>The address is not a hint.</summary>
    public const int MAP_FIXED = 0x10;

    /// <summary>No file.</summary>
    public const int MAP_ANONYMOUS = 0x20;

    /// <summary>A mapping that grows downward by faults.</summary>
    public const int MAP_GROWSDOWN = 0x100;

    /// <summary>Huge pages.</summary>
    public const int MAP_HUGETLB = 0x40000;

    /// <summary>The address is not a hint, and nothing may be mapped there.</summary>
    public const int MAP_FIXED_NOREPLACE = 0x100000;

    /// <summary>Remapping may move.</summary>
    public const int MREMAP_MAYMOVE = 1;

    /// <summary>Remapping moves to the given address.</summary>
    public const int MREMAP_FIXED = 2;

    /// <summary>Remapping leaves an empty mapping behind.</summary>
    public const int MREMAP_DONTUNMAP = 4;

    /// <summary>The contents are not needed any more.</summary>
    public const int MADV_DONTNEED = 4;

    /// <summary>The contents may be dropped.</summary>
    public const int MADV_FREE = 8;

    /// <summary>The contents are removed from the file; not supported.</summary>
    public const int MADV_REMOVE = 9;

    /// <summary>Highest advice that is known and ignored (MADV_COLLAPSE).</summary>
    public const int MADV_LAST = 25;
}
