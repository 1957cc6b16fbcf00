namespace Cheri2IL.Translator.Elf;

/// <summary>A section header.</summary>
/// <param name="Name">Name.</param>
/// <param name="Type">sh_type.</param>
/// <param name="Address">sh_addr, before the load bias.</param>
/// <param name="Offset">sh_offset.</param>
/// <param name="Size">sh_size.</param>
/// <param name="Link">sh_link.</param>
public readonly record struct ElfSection(string Name, uint Type, long Address, long Offset, long Size, int Link);
