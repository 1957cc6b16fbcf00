using System.Buffers.Binary;
using System.Text;
using Cheri2IL.Runtime;

namespace Cheri2IL.Cli.Cache;

/// <summary>
/// What a program file was translated to, found by the file's identity instead of its content: a warm start need not hash it.
/// </summary>
/// <remarks>
/// A record holds only for the same states of the program file and of the assemblies that translate and run it. It is not
/// written for a file that changed within the last seconds: what a file system with coarse time stamps changes once more in
/// the same tick would look the same. Layout: magic, three identities of five int64 each, the name, the program's path.
/// </remarks>
internal static class StartRecord
{
    /// <summary>Extension of a record's file name.</summary>
    public const string Extension = ".start";

    /// <summary>Characters of a translation's name.</summary>
    public const int NameLength = 32;

    private const int PrefixLength = 8 + (3 * 5 * sizeof(long));
    private const int MaxLength = PrefixLength + NameLength + 4096;

    /// <summary>Nanoseconds that must have passed since the file's last change: above the 2 s of the coarsest file system.</summary>
    private const long Settled = 3_000_000_000;

    /// <summary>File name of the record of a program translated with the options called <paramref name="variant"/>.</summary>
    public static string FileName(FileIdentity program, string variant)
        => string.Concat(program.Device.ToString("x"), "-", program.Inode.ToString("x"), string.Concat("-", variant, Extension));

    /// <summary>The translation's name if the record in <paramref name="path"/> holds for <paramref name="program"/>, else null.</summary>
    public static string? Find(string path, FileIdentity program)
    {
        using var file = HostFile.TryOpen(path, out _);
        if (file is null)
            return null;
        Span<byte> expected = stackalloc byte[PrefixLength];
        Span<byte> content = stackalloc byte[PrefixLength + NameLength];
        return file.Read(0, content) == content.Length && TryWritePrefix(expected, program) && content[..PrefixLength].SequenceEqual(expected)
            ? Name(content[PrefixLength..])
            : null;
    }

    /// <summary>The bytes of a record; null if none can be trusted yet.</summary>
    public static byte[]? Make(FileIdentity program, string programPath, string name)
    {
        var now = (DateTime.UtcNow - DateTime.UnixEpoch).Ticks * 100;
        var content = new byte[PrefixLength];
        if (now - Math.Max(program.ModifyTime, program.ChangeTime) is < Settled || !TryWritePrefix(content, program))
            return null;
        return [.. content, .. Encoding.ASCII.GetBytes(name), .. Encoding.UTF8.GetBytes(Path.GetFullPath(programPath))];
    }

    /// <summary>Name and program path in a record, for listing; null if it is malformed.</summary>
    public static (string Name, string ProgramPath)? Read(string path)
    {
        using var file = HostFile.TryOpen(path, out _);
        if (file is null || file.Length is < PrefixLength + NameLength or > MaxLength)
            return null;
        var content = new byte[file.Length];
        return file.Read(0, content) == content.Length && Name(content.AsSpan(PrefixLength, NameLength)) is { } name
            ? (name, Encoding.UTF8.GetString(content.AsSpan(PrefixLength + NameLength)))
            : null;
    }

    /// <summary>Whether text is a translation's name, and so leads to no other folder.</summary>
    public static bool IsName(ReadOnlySpan<char> text)
    {
        if (text.Length != NameLength)
            return false;
        foreach (var digit in text)
        {
            if (!char.IsAsciiHexDigitLower(digit))
                return false;
        }

        return true;
    }

    private static string? Name(ReadOnlySpan<byte> bytes)
    {
        Span<char> name = stackalloc char[NameLength];
        for (var k = 0; k < NameLength; k++)
            name[k] = (char)bytes[k];
        return IsName(name) ? new string(name) : null;
    }

    private static bool TryWritePrefix(Span<byte> content, FileIdentity program)
    {
        "C2ILst1\n"u8.CopyTo(content);
        var at = 8;
        Write(content, ref at, program);
        foreach (var assembly in (string[])["Cheri2IL.Translator.dll", "Cheri2IL.Runtime.dll"])
        {
            if (HostFile.IdentityOf(AppContext.BaseDirectory + assembly) is not { } identity)
                return false;
            Write(content, ref at, identity);
        }

        return true;
    }

    private static void Write(Span<byte> content, ref int at, FileIdentity identity)
    {
        Write(content, ref at, (long)identity.Device);
        Write(content, ref at, (long)identity.Inode);
        Write(content, ref at, identity.Size);
        Write(content, ref at, identity.ModifyTime);
        Write(content, ref at, identity.ChangeTime);
    }

    private static void Write(Span<byte> content, ref int at, long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(content[at..], value);
        at += sizeof(long);
    }
}
