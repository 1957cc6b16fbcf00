namespace Cheri2IL.Deployment.Manifests;

/// <summary>A mapping of the manifest, and where in the file it and its keys stand.</summary>
public abstract class ManifestEntry
{
    private readonly Dictionary<string, ManifestLocation> _keys = new(StringComparer.Ordinal);

    /// <summary>Path of keys that leads to it, such as <c>cVMs[0].limits</c>; empty at the top.</summary>
    public string Path { get; internal set; } = "";

    /// <summary>Where it begins.</summary>
    public ManifestLocation Location { get; internal set; }

    /// <summary>Where the value of a key stands; of a key that is absent, where the mapping begins.</summary>
    public ManifestLocation LocationOf(string key) => _keys.GetValueOrDefault(key, Location);

    /// <summary>Whether the file has the key.</summary>
    public bool Has(string key) => _keys.ContainsKey(key);

    /// <summary>Whether the file has something else in its place.</summary>
    internal bool IsMisplaced { get; set; }

    internal void Record(string key, ManifestLocation location) => _keys[key] = location;
}

/// <summary>A place in the manifest's file.</summary>
/// <param name="Line">Line, from 1.</param>
/// <param name="Column">Column, from 1.</param>
public readonly record struct ManifestLocation(long Line, long Column);
