using System.Runtime.CompilerServices;
using Cheri2IL.Intravisor.Cvms;

namespace Cheri2IL.Intravisor.LibOs.Futexes;

/// <summary>What tells futexes apart (kernel/futex/core.c, get_futex_key): the word, wherever it is mapped.</summary>
/// <param name="Owner">The image, or what shared memory is of.</param>
/// <param name="Address">Guest address in the image, or offset in that.</param>
internal readonly record struct FutexKey(object Owner, long Address)
{
    /// <summary>The futex at a guest address of a thread.</summary>
    /// <param name="thread">Whose memory it is in.</param>
    /// <param name="address">Guest address.</param>
    /// <param name="isPrivate">The guest says that no other image has the word (FUTEX_PRIVATE_FLAG).</param>
    public static FutexKey Of(CvmThread thread, long address, bool isPrivate)
        => !isPrivate && thread.Space.TryFind(address, out var mapping) && mapping is { IsShared: true, Source: { } source }
            ? new FutexKey(source.SharedIdentity, mapping.Offset + (address - (long)mapping.Start))
            : new FutexKey(thread.Image, address);

    /// <inheritdoc/>
    public bool Equals(FutexKey other) => Address == other.Address && ReferenceEquals(Owner, other.Owner);

    /// <inheritdoc/>
    public override int GetHashCode() => (int)(((ulong)Address >> 2) + (ulong)RuntimeHelpers.GetHashCode(Owner));
}
