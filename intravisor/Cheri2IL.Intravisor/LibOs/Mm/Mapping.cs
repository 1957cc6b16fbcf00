namespace Cheri2IL.Intravisor.LibOs.Mm;

/// <summary>A range of pages with the same properties: one line of /proc/self/maps.</summary>
/// <param name="Start">First guest address; a multiple of the page size.</param>
/// <param name="End">First address after it.</param>
/// <param name="Protection">PROT_READ, PROT_WRITE and PROT_EXEC bits as the guest asked.</param>
/// <param name="IsShared">MAP_SHARED.</param>
/// <param name="Source">File behind it; null for anonymous memory.</param>
/// <param name="Offset">File offset of <paramref name="Start"/>; 0 for anonymous memory.</param>
/// <param name="Name">What /proc/self/maps shows for anonymous memory ("[heap]", "[stack]", or empty).</param>
public sealed record Mapping(ulong Start, ulong End, int Protection, bool IsShared, IMappingSource? Source, long Offset, string Name)
{
    /// <summary>
    /// Whether the guest may not change it, as a mapping sealed by mseal(2): what is there is another's, the slot of an inner cVM.
    /// </summary>
    public bool IsSealed { get; init; }

    /// <summary>Bytes.</summary>
    public ulong Length => End - Start;

    /// <summary>The part of this mapping inside [start, end), which must overlap it.</summary>
    public Mapping Clip(ulong start, ulong end)
    {
        var from = Math.Max(Start, start);
        return this with { Start = from, End = Math.Min(End, end), Offset = Source is null ? 0 : Offset + (long)(from - Start) };
    }

    /// <summary>Whether <paramref name="next"/> continues this mapping, so that both are one.</summary>
    public bool Continues(Mapping next)
        => End == next.Start && Protection == next.Protection && IsShared == next.IsShared && !IsSealed && !next.IsSealed && ReferenceEquals(Source, next.Source)
            && Name == next.Name && (Source is null || Offset + (long)Length == next.Offset);
}
