using Cheri2IL.Intravisor.LibOs.Mm;

namespace Cheri2IL.Intravisor.Ipc;

/// <summary>
/// What a caller has lent, as pages of the callee that a capability leads to while the function runs: a copy, made when the callee asks for it, and
/// copied back when the function returns, if that asked to write.
/// </summary>
/// <remarks>
/// No address is a window twice, so that a capability that was kept leads nowhere, rather than to what the next caller lends. As the
/// source of its mapping it is found wherever the callee may have moved the pages.
/// </remarks>
/// <param name="server">Whose call it is for.</param>
/// <param name="address">Where it is in the callee's slot.</param>
/// <param name="length">Bytes.</param>
internal sealed class LentWindow(CallServer server, long address, ulong length) : IMappingSource
{
    /// <summary>Most bytes: nothing interrupts the copies.</summary>
    public const int Largest = 64 << 20;

    private bool _isGone;

    /// <summary>Guest address of the first byte.</summary>
    public long Address => address;

    /// <summary>Bytes.</summary>
    public ulong Length => length;

    /// <summary>Whether the callee got a capability to write.</summary>
    public bool IsWritten { get; set; }

    /// <inheritdoc/>
    public string Name => "[lent]";

    /// <inheritdoc/>
    public bool CanWriteShared => false;

    /// <inheritdoc/>
    public int HostDescriptor => -1;

    /// <inheritdoc/>
    public bool IsGone => Volatile.Read(ref _isGone);

    /// <inheritdoc/>
    public int ReadAt(long offset, Span<byte> destination) => server.ReadLent(this, (ulong)offset, destination);

    /// <summary>
    /// Nothing is read through it any more: pages of it that the callee has elsewhere, such as in a child, are not filled from what the next caller lends.
    /// Before the next one may lend.
    /// </summary>
    public void End() => Volatile.Write(ref _isGone, true);

    /// <summary>After <see cref="End"/>: when this returns, the pages are without access.</summary>
    public void Close(AddressSpace space)
    {
        space.Withdraw(source => source == this);
        space.Unmap(address, length);
    }
}
