namespace Cheri2IL.Translator.Elf;

/// <summary>A section header.</summary>
/// <param name="Name">Name.</param>
/// <param name="Type">sh_type.</param>
/// <param name="Flags">sh_flags.</param>
/// <param name="Address">sh_addr, before the load bias.</param>
/// <param name="Offset">sh_offset.</param>
/// <param name="Size">sh_size.</param>
/// <param name="Link">sh_link.</param>
public readonly record struct ElfSection(string Name, uint Type, ulong Flags, long Address, long Offset, long Size, int Link)
{
    /// <summary>SHF_ALLOC and SHF_EXECINSTR: it is loaded, and holds instructions.</summary>
    public bool IsCode => (Flags & 6) == 6;
}
