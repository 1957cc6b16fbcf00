namespace Cheri2IL.Deployment.Manifests;

/// <summary>Makes a property a key of the manifest: reader, JSON schema and documentation are made from these.</summary>
/// <param name="name">The key.</param>
/// <param name="description">What it means, one or two sentences.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class ManifestKeyAttribute(string name, string description) : Attribute
{
    /// <summary>The key.</summary>
    public string Name { get; } = name;

    /// <summary>What it means.</summary>
    public string Description { get; } = description;

    /// <summary>Whether it has to be there.</summary>
    public bool IsRequired { get; init; }

    /// <summary>Whether a single value in place of the whole mapping is this key's.</summary>
    public bool IsShorthand { get; init; }

    /// <summary>Least value of a number; of a duration, in seconds.</summary>
    public double Minimum { get; init; }

    /// <summary>Greatest value of a number; of a duration, in seconds.</summary>
    public double Maximum { get; init; } = ulong.MaxValue;
}
