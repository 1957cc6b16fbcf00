namespace Cheri2IL.Intravisor.LibOs.Mm;

/// <summary>What code may have been derived from in a range of memory.</summary>
internal enum CodeUse
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Constants that it relies on.</summary>
    Constants,

    /// <summary>Instructions.</summary>
    Code,
}
