using System.Buffers.Binary;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.LibOs.Mm;

/// <summary>
/// Where shared libraries go that do not ask for an address: where each file goes in every process, if possible, because translations are
/// made for one address. Below 2 GiB, as the addresses of <see cref="GuestLayout"/> are.
/// </summary>
public static class LibraryPlacement
{
    /// <summary>Addresses that are tried, in order.</summary>
    public const int Candidates = 8;

    private const long Granularity = 64 << 10;
    private const int Prefix = 4096;

    private static ReadOnlySpan<byte> Magic => [0x7f, (byte)'E', (byte)'L', (byte)'F'];

    /// <summary>What the addresses of a file are derived from: its first page, which has headers and build id, and its length.</summary>
    /// <returns>False if it is no ELF file.</returns>
    public static bool TrySeed(ICodeFile file, out ulong seed)
    {
        ArgumentNullException.ThrowIfNull(file);
        Span<byte> start = stackalloc byte[Prefix];
        seed = (ulong)file.Length;
        if (file.ReadAt(0, start) is not (var count and > 0) || !start.StartsWith(Magic))
            return false;
        start[count..].Clear();
        // FNV-1a, by words.
        for (var at = 0; at < Prefix; at += sizeof(ulong))
            seed = unchecked((seed ^ BinaryPrimitives.ReadUInt64LittleEndian(start[at..])) * 0x0000_0100_0000_01b3UL);
        return true;
    }

    /// <summary>The address to try as number <paramref name="number"/>; 0 if none has so much room.</summary>
    /// <param name="seed">What <see cref="TrySeed"/> gave.</param>
    /// <param name="number">From 0.</param>
    /// <param name="length">Bytes.</param>
    public static long Candidate(ulong seed, int number, ulong length)
    {
        const long Room = GuestLayout.VdsoBase - GuestLayout.LibraryBase;
        if (length > Room)
            return 0;
        // Steps of splitmix64, whose output is spread evenly.
        var mixed = unchecked(seed + (0x9e37_79b9_7f4a_7c15UL * (ulong)number));
        mixed = unchecked((mixed ^ (mixed >> 30)) * 0xbf58_476d_1ce4_e5b9UL);
        mixed = unchecked((mixed ^ (mixed >> 27)) * 0x94d0_49bb_1331_11ebUL);
        return GuestLayout.LibraryBase + ((long)((mixed ^ (mixed >> 31)) % ((Room - length) / (ulong)Granularity + 1)) * Granularity);
    }
}
