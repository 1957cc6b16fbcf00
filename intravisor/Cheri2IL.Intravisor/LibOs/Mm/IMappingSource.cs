using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Mm;

/// <summary>What mmap needs from an open file. The address space keeps it for as long as a mapping of it exists.</summary>
/// <remarks>Called with the address space locked: an implementation must not call back into it.</remarks>
public interface IMappingSource
{
    /// <summary>Path for /proc/self/maps.</summary>
    string Name { get; }

    /// <summary>Whether a shared mapping may be writable (the file is open for writing).</summary>
    bool CanWriteShared { get; }

    /// <summary>
    /// Copies bytes from <paramref name="offset"/> on; fewer than asked only at the end of the file, where 0 is returned; or a
    /// negated errno.
    /// </summary>
    int ReadAt(long offset, Span<byte> destination);

    /// <summary>
    /// A host descriptor whose pages are the file's contents at the same offsets, for a mapping that has to see later writes
    /// (shared) or may (private); -1 when the file has none, then a shared mapping is refused with ENODEV.
    /// </summary>
    int HostDescriptor { get; }

    /// <summary>Makes a descriptor if the file can have one: 0, or the negated errno for a shared mapping.</summary>
    int Share() => HostDescriptor >= 0 ? 0 : -Errno.ENODEV;

    /// <summary>Whether the right to map it has gone: a copy of a mapping that is made then goes, too.</summary>
    bool IsGone => false;

    /// <summary>What shared mappings of the same bytes have in common: futexes in them are the same.</summary>
    object SharedIdentity => this;
}
