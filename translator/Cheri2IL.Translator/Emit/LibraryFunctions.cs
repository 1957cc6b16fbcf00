using System.Buffers.Binary;
using System.Security.Cryptography;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Translator.Emit;

/// <summary>What a function of the guest is known to do.</summary>
public enum LibraryFunction : byte
{
    /// <summary>Not known.</summary>
    None,

    /// <summary>memcpy: <see cref="BlockOps.TryCopy"/> does the same where the ranges are apart.</summary>
    Copy,

    /// <summary>memmove: <see cref="BlockOps.TryMove"/>.</summary>
    Move,

    /// <summary>memset: <see cref="BlockOps.TryFill"/>.</summary>
    Fill,
}

/// <summary>
/// Functions of C libraries that are recognised by their code, as disassemblers do by signatures: byte for byte, so that what is
/// recognised does exactly what is expected, whatever it is called. Another build of a library is not recognised, and merely slower.
/// </summary>
public static class LibraryFunctions
{
    /// <summary>Bytes of SHA-256 that are compared.</summary>
    private const int HashBytes = 16;

    // Bytes in front of the entry and from it on that are compared, and the first eight from it on. memmove calls others: what stands between them, as in
    // the order of the library, is compared, too.
    private static readonly (int Before, int Length, ulong Start, string Hash, LibraryFunction Function)[] Known =
    [
        // memcpy, memmove, memset of corpus/lib, clang 19.
        (0, 274, 0xca8d_8a9d_00a5_c6b3, "20251066d529abd482829bac051b3717", LibraryFunction.Copy),
        (274, 186, 0x06b3_e022_e406_1141, "ee8f31eefd1f801f9a452356ac85c5e9", LibraryFunction.Move),
        (0, 112, 0xc28d_0075_7693_c23d, "1b6c5201a430d82cf3e8122c1fed9e2d", LibraryFunction.Fill),

        // The same of musl 1.2.5 in Debian 13.
        (0, 960, 0xcf09_87aa_0035_f713, "204e880e9d7c11f2aa8ca176b81f22e1", LibraryFunction.Copy),
        (960, 278, 0x0563_8732_882a_87ae, "75b6679bff498a8c79f6c96d05e89c2c", LibraryFunction.Move),
        (0, 202, 0x0023_0ff5_f793_c661, "9ba996a0503c38938f095d4c80788ab8", LibraryFunction.Fill),

        // memcpy for processors with fast unaligned accesses, memmove with the functions that it calls, and memset of glibc 2.41 in Debian 13.
        (0, 342, 0x882a_479d_1406_0663, "6a146be1db09ffd98fee1d922b4d7dc4", LibraryFunction.Copy),
        (0, 20_318, 0xec26_f406_e84a_7179, "87d29b79836b0f5cac440a0dfdbcd75a", LibraryFunction.Move),
        (0, 164, 0x06c7_7863_87aa_471d, "69ed7c1c3605202a0d3dfa4816cd34f7", LibraryFunction.Fill),
    ];

    /// <summary>What the function at <paramref name="pc"/> does.</summary>
    public static LibraryFunction Recognise(GuestImage image, long pc)
    {
        var start = image.CodeAt(pc);
        if (start.Length < sizeof(ulong))
            return LibraryFunction.None;
        var word = BinaryPrimitives.ReadUInt64LittleEndian(start);
        foreach (var known in Known)
        {
            if (word != known.Start)
                continue;
            var code = image.CodeAt(pc - known.Before);
            if (code.Length < known.Before + known.Length)
                continue;
            if (Convert.ToHexStringLower(SHA256.HashData(code[..(known.Before + known.Length)]).AsSpan(0, HashBytes)) == known.Hash)
                return known.Function;
        }

        return LibraryFunction.None;
    }
}
