namespace Cheri2IL.Runtime.Elf;

/// <summary>A file is not an ELF file that this project can use; the message is one line for the user.</summary>
public sealed class ElfFormatException : Exception
{
    /// <summary>Makes the error for byte <paramref name="offset"/> of <paramref name="file"/>.</summary>
    public ElfFormatException(string file, long offset, string message)
        : base($"{file}(0x{offset:x}): {message}")
    {
        File = file;
        Offset = offset;
    }

    /// <summary>Name of the file.</summary>
    public string File { get; }

    /// <summary>Offset of the offending bytes in the file.</summary>
    public long Offset { get; }
}
