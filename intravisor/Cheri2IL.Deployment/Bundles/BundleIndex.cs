using Cheri2IL.Deployment.Archives;

namespace Cheri2IL.Deployment.Bundles;

/// <summary>Which parts of a bundle belong to what.</summary>
internal sealed record BundleIndex
{
    /// <summary>Names of entries of translated assemblies, by cVM.</summary>
    public SortedDictionary<string, string> Programs { get; init; } = new(StringComparer.Ordinal);

    /// <summary>Folders of roots, by cVM; absent: an empty root.</summary>
    public SortedDictionary<string, string> Roots { get; init; } = new(StringComparer.Ordinal);

    /// <summary>How the images that roots come from want to be run, by cVM; absent: the root is no image.</summary>
    public SortedDictionary<string, ImageConfiguration> Images { get; init; } = new(StringComparer.Ordinal);

    /// <summary>Names of entries of contents, by buffer.</summary>
    public SortedDictionary<string, string> Files { get; init; } = new(StringComparer.Ordinal);
}
