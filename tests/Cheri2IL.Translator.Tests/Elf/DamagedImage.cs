using System.Buffers.Binary;
using System.Globalization;

namespace Cheri2IL.Translator.Tests.Elf;

/// <summary>Applies the edits of corpus/attacks/elf/malformed.tsv to an intact image; the file describes them.</summary>
internal sealed class DamagedImage
{
    private const int ProgramHeaderTable = 64;
    private const int ProgramHeaderSize = 56;
    private const int DynamicHeader = 5;
    private const int RelocationSize = 24;
    private const ulong RelocationTag = 7;

    private static readonly Dictionary<string, (int Offset, int Width)> s_fileHeader = new(StringComparer.Ordinal)
    {
        ["type"] = (16, 2),
        ["machine"] = (18, 2),
        ["version"] = (20, 4),
        ["entry"] = (24, 8),
        ["phoff"] = (32, 8),
        ["shoff"] = (40, 8),
        ["flags"] = (48, 4),
        ["ehsize"] = (52, 2),
        ["phentsize"] = (54, 2),
        ["phnum"] = (56, 2),
        ["shentsize"] = (58, 2),
        ["shnum"] = (60, 2),
        ["shstrndx"] = (62, 2),
    };

    private static readonly Dictionary<string, (int Offset, int Width)> s_programHeader = new(StringComparer.Ordinal)
    {
        ["type"] = (0, 4),
        ["flags"] = (4, 4),
        ["offset"] = (8, 8),
        ["vaddr"] = (16, 8),
        ["paddr"] = (24, 8),
        ["filesz"] = (32, 8),
        ["memsz"] = (40, 8),
        ["align"] = (48, 8),
    };

    private static readonly Dictionary<string, ulong> s_dynamicTags = new(StringComparer.Ordinal)
    {
        ["STRTAB"] = 5,
        ["SYMTAB"] = 6,
        ["RELA"] = RelocationTag,
        ["RELASZ"] = 8,
        ["RELAENT"] = 9,
        ["STRSZ"] = 10,
        ["SYMENT"] = 11,
        ["GNU_HASH"] = 0x6ffffef5,
    };

    private static readonly Dictionary<string, (int Offset, int Width)> s_relocation = new(StringComparer.Ordinal)
    {
        ["offset"] = (0, 8),
        ["info"] = (8, 8),
        ["addend"] = (16, 8),
    };

    private readonly byte[] _intact;
    private byte[] _bytes;

    private DamagedImage(byte[] intact)
    {
        _intact = intact;
        _bytes = [.. intact];
    }

    /// <summary>The image after the edits, which are separated by spaces.</summary>
    public static byte[] Create(byte[] intact, string edits)
    {
        var image = new DamagedImage(intact);
        foreach (var edit in edits.Split(' '))
            image.Apply(edit);
        return image._bytes;
    }

    private void Apply(string edit)
    {
        var equals = edit.IndexOf('=', StringComparison.Ordinal);
        var (name, value) = (edit[..equals], Number(edit[(equals + 1)..]));
        if (name == "truncate")
        {
            _bytes = _bytes[..(int)value];
            return;
        }

        var (offset, width) = Locate(name);
        Span<byte> word = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(word, value);
        word[..width].CopyTo(_bytes.AsSpan(offset));
    }

    private (int Offset, int Width) Locate(string name)
    {
        if (name.StartsWith("byte@", StringComparison.Ordinal))
            return ((int)Number(name[5..]), 1);
        var dot = name.IndexOf('.', StringComparison.Ordinal);
        var (structure, field) = (name[..dot], name[(dot + 1)..]);
        if (structure == "ehdr")
            return s_fileHeader[field];
        if (structure == "dyn")
            return (DynamicValue(s_dynamicTags[field]), 8);
        if (structure.StartsWith("rela", StringComparison.Ordinal))
        {
            // .rela.dyn lies in the first segment, where addresses are file offsets.
            var table = (int)BinaryPrimitives.ReadUInt64LittleEndian(_intact.AsSpan(DynamicValue(RelocationTag)));
            var (at, size) = s_relocation[field];
            return (table + (int)Number(structure[4..]) * RelocationSize + at, size);
        }

        var (fieldOffset, fieldWidth) = s_programHeader[field];
        return (ProgramHeaderTable + (int)Number(structure["ph".Length..]) * ProgramHeaderSize + fieldOffset, fieldWidth);
    }

    /// <summary>File offset of the value of a dynamic entry.</summary>
    private int DynamicValue(ulong tag)
    {
        var header = _intact.AsSpan(ProgramHeaderTable + DynamicHeader * ProgramHeaderSize);
        var at = (int)BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        while (BinaryPrimitives.ReadUInt64LittleEndian(_intact.AsSpan(at)) != tag)
            at += 16;
        return at + 8;
    }

    private static ulong Number(string text) => text.StartsWith("0x", StringComparison.Ordinal)
        ? ulong.Parse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture)
        : ulong.Parse(text, CultureInfo.InvariantCulture);
}
