using System.Buffers.Binary;
using System.Globalization;
using Cheri2IL.Translator.Isa.RiscV;
using Cheri2IL.Translator.Lifting;

namespace Cheri2IL.FileTests;

/// <summary>Guest code of a fixture: instructions from <see cref="Start"/> on, and data elsewhere.</summary>
internal sealed class GuestCode(long start, string name, RiscVIsa isa = RiscVIsa.Rv64) : ICodeSource
{
    private readonly List<byte> _code = [];
    private readonly List<(long Address, byte[] Content)> _data = [];

    /// <summary>Guest address of the first instruction.</summary>
    public long Start => start;

    /// <summary>Guest address behind the last instruction.</summary>
    public long End => start + _code.Count;

    /// <inheritdoc/>
    public RiscVIsa Isa => isa;

    /// <summary>Name in the fixture.</summary>
    public string Name => name;

    /// <summary>Encoded instructions as the fixture has them, with their addresses.</summary>
    public List<(long Address, string Word)> Words { get; } = [];

    /// <summary>Data lines as the fixture has them.</summary>
    public List<string> Data { get; } = [];

    /// <summary>Appends an instruction of 4 or 8 hexadecimal digits, most significant first.</summary>
    public void AddWord(string word)
    {
        Words.Add((End, word));
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, uint.Parse(word, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture));
        _code.AddRange(bytes[..(word.Length / 2)]);
    }

    /// <summary>Adds data that the line describes.</summary>
    public void AddData(string line, long address, byte[] content)
    {
        Data.Add(line);
        _data.Add((address, content));
    }

    /// <inheritdoc/>
    public bool TryDecode(long address, out RiscVInstruction instruction, out long? absent)
    {
        instruction = default;
        absent = address >= Start && address < End ? null : address;
        return absent is null && RiscVDecoder.TryDecode(_code.ToArray().AsSpan((int)(address - Start)), address, isa, out instruction);
    }

    /// <inheritdoc/>
    public bool TryRead(long address, Span<byte> destination)
    {
        foreach (var (from, content) in _data)
        {
            if (address < from || address + destination.Length > from + content.Length)
                continue;
            content.AsSpan((int)(address - from), destination.Length).CopyTo(destination);
            return true;
        }

        return false;
    }
}
