using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Intravisor.LibOs.Mm;

/// <summary>
/// What the library OS may do to memory on behalf of a thread that has capabilities: what one of the capabilities allows that the
/// thread gave it. For the carrying host thread.
/// </summary>
public sealed class GuestAuthority
{
    /// <summary>a0 to a5.</summary>
    private const int MostCapabilities = 6;

    private readonly Capability[] _capabilities = new Capability[MostCapabilities];
    private int _count;

    /// <summary>A pointer that was read from the thread's memory: while there is one, it alone counts.</summary>
    public Capability? Nested { get; set; }

    /// <summary>Gives up all and takes one.</summary>
    public void Set(in Capability capability)
    {
        Clear();
        Add(capability);
    }

    /// <summary>Gives up all.</summary>
    public void Clear()
    {
        _count = 0;
        Nested = null;
    }

    /// <summary>Takes one more; what is untagged or sealed is none.</summary>
    public void Add(in Capability capability)
    {
        if (capability.IsUsable)
            _capabilities[_count++] = capability;
    }

    /// <summary>How many bytes from a guest address on may be accessed with all of <paramref name="permissions"/>.</summary>
    public ulong Extent(ulong address, CapabilityPermissions permissions)
    {
        if (Nested is { } nested)
            return nested.IsUsable ? Extent(nested, address, permissions) : 0;
        var extent = 0UL;
        for (var k = 0; k < _count; k++)
            extent = Math.Max(extent, Extent(_capabilities[k], address, permissions));
        return extent;
    }

    private static ulong Extent(in Capability capability, ulong address, CapabilityPermissions permissions)
    {
        var bounds = capability.Bounds;
        return capability.Permits(permissions) && bounds.Covers(address, 1) ? bounds.SaturatedTop - address : 0;
    }
}
