using System.Buffers.Binary;
using System.Security.Cryptography;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Translator.RunTime;

/// <summary>
/// Names a translation by what it is made from: the ELF file's content, its load bias, the builds of translator and runtime, and the
/// options that change the output.
/// </summary>
public static class TranslationKey
{
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
}
