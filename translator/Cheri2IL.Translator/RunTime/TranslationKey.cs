using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Translator.RunTime;

/// <summary>
/// Names a translation by what it is made from: the ELF file's content, its load bias, the builds of translator and runtime, and the
/// options that change the output.
/// </summary>
public static class TranslationKey
{
    /// <summary>
    /// Tells builds of translator and runtime from each other. Machine code is for one alone: .NET ends a process that loads what was compiled against another.
    /// </summary>
    public static long Build { get; } = Low(typeof(TranslationKey)) * 31 + Low(typeof(GuestState));

    /// <summary><see cref="Build"/> in hexadecimal digits.</summary>
    public static string BuildName => Build.ToString("x16", CultureInfo.InvariantCulture);

    /// <summary>32 hexadecimal digits: half of a SHA-256.</summary>
    public static string Of(ReadOnlySpan<byte> file, long loadBias, TranslationOptions options)
    {
        Span<byte> bias = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64LittleEndian(bias, loadBias);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(typeof(TranslationKey).Module.ModuleVersionId.ToByteArray());
        hash.AppendData(typeof(GuestState).Module.ModuleVersionId.ToByteArray());
        hash.AppendData([(byte)options.Checks, options.CountChecks ? (byte)1 : (byte)0, options.PreciseFaults ? (byte)1 : (byte)0, (byte)options.Omitted]);
        hash.AppendData(bias);
        hash.AppendData(file);
        return Convert.ToHexStringLower(hash.GetHashAndReset())[..32];
    }

    private static long Low(Type type) => BinaryPrimitives.ReadInt64LittleEndian(type.Module.ModuleVersionId.ToByteArray());
}
