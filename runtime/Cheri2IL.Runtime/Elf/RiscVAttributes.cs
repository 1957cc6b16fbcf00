namespace Cheri2IL.Runtime.Elf;

/// <summary>
/// The attributes section (RISC-V ELF psABI, "Attributes"): 'A', then sub-sections of (length, vendor, groups), whose groups
/// are (tag, length, attributes), whose attributes are (tag, number) or, for odd tags, (tag, string).
/// </summary>
public static class RiscVAttributes
{
    private const ulong FileGroup = 1;
    private const ulong ArchitectureTag = 5;

    // The longest that compilers write names a hundred extensions.
    private const int MaxArchitectureLength = 4096;

    /// <summary>Reads Tag_RISCV_arch, null if there is none; false if the section is malformed.</summary>
    public static bool TryReadArchitecture(ReadOnlySpan<byte> content, out string? architecture)
    {
        architecture = null;
        var sections = new ElfReader(content);
        if (sections.U8() != (byte)'A')
            return false;
        while (!sections.AtEnd)
        {
            // Lengths include themselves.
            var section = new ElfReader(sections.Bytes(sections.U32() - 4L));
            if (!section.CString().SequenceEqual("riscv"u8))
                continue;
            while (!section.AtEnd)
            {
                var start = section.Position;
                var tag = section.ULeb();
                var length = section.U32();
                var group = new ElfReader(section.Bytes(length - (long)(section.Position - start)));
                if (tag == FileGroup && !TryFind(ref group, ref architecture))
                    return false;
            }

            if (section.Failed)
                return false;
        }

        return !sections.Failed;
    }

    /// <summary>Whether the name of an architecture has an extension of several letters, with or without its version.</summary>
    public static bool HasExtension(string? architecture, string extension)
    {
        // Without searches (see PlainText): every program with the attributes is asked at its start.
        for (var rest = architecture.AsSpan(); !rest.IsEmpty;)
        {
            var end = 0;
            while (end < rest.Length && rest[end] != '_')
                end++;
            var part = rest[..end];

            // The version is MAJORpMINOR; "xcheri" is not "xcheriot".
            if (part.StartsWith(extension, StringComparison.Ordinal) && (part.Length == extension.Length || char.IsAsciiDigit(part[extension.Length])))
                return true;
            rest = rest[Math.Min(end + 1, rest.Length)..];
        }

        return false;
    }

    /// <summary>Whether the name of an architecture is one of the RISC-V CHERI standard: RV64Y, or the extensions of its drafts.</summary>
    public static bool HasRvy(string? architecture)
        => architecture is not null
            && (architecture.StartsWith("rv64y", StringComparison.Ordinal)
                || HasExtension(architecture, "y") || HasExtension(architecture, "zyhybrid")
                || HasExtension(architecture, "zcherihybrid") || HasExtension(architecture, "zcheripurecap"));

    private static bool TryFind(ref ElfReader group, ref string? architecture)
    {
        while (!group.AtEnd)
        {
            var tag = group.ULeb();
            if ((tag & 1) == 0)
            {
                group.ULeb();
                continue;
            }

            var text = group.CString();
            if (tag != ArchitectureTag)
                continue;

            // Shown to users: nothing but what such a string is made of.
            if (text.Length > MaxArchitectureLength)
                return false;
            foreach (var letter in text)
            {
                if (!char.IsAsciiLetterLower((char)letter) && !char.IsAsciiDigit((char)letter) && letter != '_')
                    return false;
            }

            architecture = PlainText.FromBytes(text);
        }

        return !group.Failed;
    }
}
