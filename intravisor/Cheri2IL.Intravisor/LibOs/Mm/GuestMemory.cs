using System.Runtime.CompilerServices;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.LibOs.Mm;

/// <summary>
/// The only way by which the library OS touches memory of its guest. Every address and length is hostile: a range outside the
/// slot, or a page that is unmapped or lacks the right, gives false (EFAULT), whatever other threads of the guest unmap meanwhile.
/// </summary>
/// <remarks>
/// The range is compared with the slot; inside it the hardware checks the page, as for the guest itself, and the fault trap
/// makes a <see cref="NullReferenceException"/> of it. Copies are made by managed loops, because a trap inside the host's native
/// memmove would end the process: never make a span over guest memory. Usable on every guest thread; other threads
/// register with <see cref="FaultTrap.EnterThread"/>. When an operation fails, part of it may have been done. With capabilities,
/// what is written loses its tags, and the thread's <see cref="GuestAuthority"/> has to allow every access.
/// </remarks>
public sealed unsafe class GuestMemory
{
    private readonly byte* _base;
    private readonly ulong _size;
    private readonly TagTable? _tags;
    private readonly GuestAuthority? _authority;

    /// <summary>The memory of <paramref name="slot"/>.</summary>
    /// <param name="slot">The slot.</param>
    /// <param name="tags">Its tags; null where the program has no capabilities.</param>
    /// <param name="authority">What limits accesses besides; null: nothing.</param>
    public GuestMemory(Slot slot, TagTable? tags = null, GuestAuthority? authority = null)
    {
        _base = slot.Base;
        _size = slot.Size;
        _tags = tags;
        _authority = authority;
    }

    /// <summary>
    /// Whether [address, address + length) may be read, or written: lies inside the slot, and its capability allows it; says nothing
    /// about pages.
    /// </summary>
    public bool Permits(long address, ulong length, bool isWrite)
        => IsInside(address, length) && IsAllowed(address, length, isWrite ? CapabilityPermissions.Store : CapabilityPermissions.Load);

    private bool IsInside(long address, ulong length) => (ulong)address <= _size && length <= _size - (ulong)address;

    private bool IsAllowed(long address, ulong length, CapabilityPermissions permissions)
        => _authority is null || length == 0 || _authority.Extent((ulong)address, permissions) >= length;

    private bool MayRead(long address, ulong length) => Permits(address, length, isWrite: false);

    /// <summary>Whether it may be written; what is there stops being capabilities then.</summary>
    private bool PrepareWrite(long address, ulong length)
    {
        if (!Permits(address, length, isWrite: true))
            return false;
        _tags?.Clear((ulong)address, length);
        return true;
    }

    /// <summary>Whether there are capabilities in it: then nobody but this may write, because what is written stops being one before.</summary>
    internal bool HasTags => _tags is not null;

    /// <summary>
    /// Where a range lies for a call of the host's kernel, which checks its pages and says EFAULT itself; null if it is outside the slot, or not allowed.
    /// Not for writing where there are tags.
    /// </summary>
    internal byte* ForKernel(long address, ulong length, bool isWrite)
        => Permits(address, length, isWrite) && !(isWrite && HasTags) ? _base + address : null;

    /// <summary>Copies guest memory out.</summary>
    public bool TryRead(long address, Span<byte> destination)
    {
        if (!MayRead(address, (ulong)destination.Length))
            return false;
        fixed (byte* to = destination)
            return GuestCopy.TryCopyPlainly(_base + address, to, (ulong)destination.Length);
    }

    /// <summary>Copies into guest memory.</summary>
    public bool TryWrite(long address, ReadOnlySpan<byte> source)
    {
        if (!PrepareWrite(address, (ulong)source.Length))
            return false;
        fixed (byte* from = source)
            return GuestCopy.TryCopyPlainly(from, _base + address, (ulong)source.Length);
    }

    /// <summary>
    /// Copies into guest memory from a place that may trap like it: another cVM's slot, whose pages their guest may unmap at any time.
    /// </summary>
    internal bool TryCopyIn(long address, byte* source, ulong length, bool isStreaming = false)
        => PrepareWrite(address, length) && GuestCopy.TryCopy(source, _base + address, length, isStreaming);

    /// <summary>Copies guest memory to such a place.</summary>
    internal bool TryCopyOut(long address, byte* destination, ulong length, bool isStreaming = false)
        => MayRead(address, length) && GuestCopy.TryCopy(_base + address, destination, length, isStreaming);

    /// <summary>Reads a structure; no alignment is needed.</summary>
    public bool TryRead<T>(long address, out T value)
        where T : unmanaged
    {
        T local = default;
        var done = TryRead(address, new Span<byte>(&local, sizeof(T)));
        value = local;
        return done;
    }

    /// <summary>Writes a structure; no alignment is needed.</summary>
    public bool TryWrite<T>(long address, in T value)
        where T : unmanaged
    {
        var local = value;
        return TryWrite(address, new ReadOnlySpan<byte>(&local, sizeof(T)));
    }

    // Integers have methods of their own: instances of the generic ones for types of another assembly are not compiled ahead of
    // time, and every guest would wait for the JIT compiler.

    /// <inheritdoc cref="TryRead{T}(long, out T)"/>
    public bool TryRead(long address, out int value)
    {
        int local = 0;
        var done = TryRead(address, new Span<byte>(&local, sizeof(int)));
        value = local;
        return done;
    }

    /// <inheritdoc cref="TryWrite{T}(long, in T)"/>
    public bool TryWrite(long address, int value) => TryWrite(address, new ReadOnlySpan<byte>(&value, sizeof(int)));

    /// <inheritdoc cref="TryRead{T}(long, out T)"/>
    public bool TryRead(long address, out long value)
    {
        long local = 0;
        var done = TryRead(address, new Span<byte>(&local, sizeof(long)));
        value = local;
        return done;
    }

    /// <inheritdoc cref="TryWrite{T}(long, in T)"/>
    public bool TryWrite(long address, long value) => TryWrite(address, new ReadOnlySpan<byte>(&value, sizeof(long)));

    /// <inheritdoc cref="TryRead{T}(long, out T)"/>
    public bool TryRead(long address, out ulong value)
    {
        ulong local = 0;
        var done = TryRead(address, new Span<byte>(&local, sizeof(ulong)));
        value = local;
        return done;
    }

    /// <inheritdoc cref="TryWrite{T}(long, in T)"/>
    public bool TryWrite(long address, ulong value) => TryWrite(address, new ReadOnlySpan<byte>(&value, sizeof(ulong)));

    /// <summary>Zeroes guest memory.</summary>
    public bool TryClear(long address, ulong length)
    {
        if (!PrepareWrite(address, length))
            return false;
        try
        {
            Fill(_base + address, (nuint)length);
            return true;
        }
        catch (NullReferenceException)
        {
            return false;
        }
    }

    /// <summary>
    /// Reads a zero-terminated string into <paramref name="buffer"/>. Returns its length without the zero, or -1 when memory
    /// could not be read, or the buffer's length when no zero was found within it.
    /// </summary>
    public int ReadString(long address, Span<byte> buffer)
    {
        if ((ulong)address >= _size)
            return -1;
        var limit = Math.Min((ulong)buffer.Length, _size - (ulong)address);
        var allowed = _authority?.Extent((ulong)address, CapabilityPermissions.Load) ?? limit;
        fixed (byte* to = buffer)
        {
            try
            {
                var length = CopyString(_base + address, to, (int)Math.Min(limit, allowed));
                return (ulong)length == allowed && allowed < limit ? -1 : length;
            }
            catch (NullReferenceException)
            {
                return -1;
            }
        }
    }

    /// <summary>Reads an aligned 32-bit word atomically.</summary>
    public bool TryLoad32(long address, out int value)
    {
        value = 0;
        if ((address & 3) != 0 || !MayRead(address, sizeof(int)))
            return false;
        try
        {
            value = LoadWord((int*)(_base + address));
            return true;
        }
        catch (NullReferenceException)
        {
            return false;
        }
    }

    /// <summary>Compares and exchanges an aligned 32-bit word; <paramref name="found"/> is what was there.</summary>
    public bool TryCompareExchange32(long address, int value, int comparand, out int found)
    {
        found = 0;
        if ((address & 3) != 0 || !MayRead(address, sizeof(int)) || !PrepareWrite(address, sizeof(int)))
            return false;
        try
        {
            found = ExchangeWord((int*)(_base + address), value, comparand);
            return true;
        }
        catch (NullReferenceException)
        {
            return false;
        }
    }

    /// <summary>
    /// Reads a capability; untagged if the authority lacks Permit_Load_Capability. False also where the address is not aligned.
    /// </summary>
    public bool TryRead(long address, out Capability value)
    {
        value = default;
        if (_tags is null || address % CapabilityState.Granule != 0 || !MayRead(address, CapabilityState.Granule))
            return false;
        try
        {
            var keepsTag = IsAllowed(address, CapabilityState.Granule, CapabilityPermissions.Load | CapabilityPermissions.LoadCapability);
            value = CapabilityMemory.Load(_tags.At(_base, address), keepsTag);
            return true;
        }
        catch (NullReferenceException)
        {
            return false;
        }
    }

    /// <summary>
    /// Writes a capability. False also where the address is not aligned, or where the authority lacks what storing it needs.
    /// </summary>
    public bool TryWrite(long address, in Capability value)
    {
        var needed = CapabilityPermissions.Store | value.NeededToStore;
        if (_tags is null || address % CapabilityState.Granule != 0 || !IsInside(address, CapabilityState.Granule)
            || !IsAllowed(address, CapabilityState.Granule, needed))
            return false;
        try
        {
            CapabilityMemory.Store(_tags.At(_base, address), value);
            return true;
        }
        catch (NullReferenceException)
        {
            return false;
        }
    }

    /// <summary>
    /// Copies one page between host addresses in the slot, if it differs: a page that was never touched stays uncommitted. A page
    /// that cannot be read (a file mapping beyond the end of its file) is left out.
    /// </summary>
    internal static void CopyPage(byte* from, byte* to)
    {
        try
        {
            // Spans, because comparing them is managed code: a trap in it is caught.
            if (!new ReadOnlySpan<byte>(from, HostMemory.PageSize).SequenceEqual(new ReadOnlySpan<byte>(to, HostMemory.PageSize)))
                GuestCopy.Copy(from, to, HostMemory.PageSize);
        }
        catch (NullReferenceException)
        {
            // The guest finds the same unreadable page at the new place.
        }
    }

    // The loops stand in methods of their own, so that their locals stay in registers (locals that live across a try do not).
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Fill(byte* to, nuint length)
    {
        for (; length >= (nuint)sizeof(GuestCopy.Block); length -= (nuint)sizeof(GuestCopy.Block), to += sizeof(GuestCopy.Block))
            Unsafe.WriteUnaligned(to, default(GuestCopy.Block));
        for (; length > 0; length--)
            *to++ = 0;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int CopyString(byte* from, byte* to, int limit)
    {
        for (var length = 0; length < limit; length++)
        {
            var c = from[length];
            if (c == 0)
                return length;
            to[length] = c;
        }

        return limit;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int LoadWord(int* word) => Volatile.Read(ref *word);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int ExchangeWord(int* word, int value, int comparand) => Interlocked.CompareExchange(ref *word, value, comparand);
}
