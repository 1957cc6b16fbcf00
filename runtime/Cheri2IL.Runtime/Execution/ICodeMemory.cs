namespace Cheri2IL.Runtime.Execution;

/// <summary>A file as translations are made of: content, and how to tell that it is the one of the last time.</summary>
public interface ICodeFile
{
    /// <summary>Path, for messages.</summary>
    string Name { get; }

    /// <summary>What tells its present content from any other; null where nothing does but the bytes themselves.</summary>
    FileIdentity? Identity { get; }

    /// <summary>Bytes.</summary>
    long Length { get; }

    /// <summary>The content where it lies in memory and never changes, so that it need not be copied; null elsewhere.</summary>
    ReadOnlyMemory<byte>? Bytes { get; }

    /// <summary>Copies bytes from <paramref name="offset"/> on; fewer than asked only at the end of the file; or a negated errno.</summary>
    int ReadAt(long offset, Span<byte> destination);
}

/// <summary>Pages of a file that an address space has mapped executable and private.</summary>
/// <param name="File">The file.</param>
/// <param name="Start">Guest address of the first byte; a multiple of the page size.</param>
/// <param name="End">First guest address behind.</param>
/// <param name="Offset">Position in the file of <paramref name="Start"/>.</param>
public sealed record CodeMapping(ICodeFile File, long Start, long End, long Offset);

/// <summary>Guest memory as code is fetched from it.</summary>
public unsafe interface ICodeMemory
{
    /// <summary>Host address of guest address 0. What is executable is readable there.</summary>
    byte* Base { get; }

    /// <summary>Whether the instruction at <paramref name="address"/> may be executed.</summary>
    bool IsExecutable(long address);

    /// <summary>Whether every byte of [start, end) can be read, and neither the guest nor others who map the same pages can write it.</summary>
    bool IsConstant(long start, long end);

    /// <summary>The executable private mapping of a file that contains <paramref name="address"/>; null if that is none.</summary>
    CodeMapping? FindCode(long address);

    /// <summary>Counts bytes that the host keeps for this guest's code as if the guest had mapped them; false, and nothing is counted, beyond its limit.</summary>
    bool TryCharge(ulong bytes);

    /// <summary>Bytes that were counted are kept no more.</summary>
    void Discharge(ulong bytes);
}
