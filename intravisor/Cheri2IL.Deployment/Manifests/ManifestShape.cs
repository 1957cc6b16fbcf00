using System.Reflection;

namespace Cheri2IL.Deployment.Manifests;

/// <summary>The keys of a type of mapping, in the order of its declaration.</summary>
internal static class ManifestShape
{
    /// <summary>Keys and their properties.</summary>
    public static IEnumerable<(ManifestKeyAttribute Key, PropertyInfo Property)> KeysOf(Type type)
    {
        foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance).OrderBy(p => p.MetadataToken))
        {
            if (property.GetCustomAttribute<ManifestKeyAttribute>() is { } key)
                yield return (key, property);
        }
    }

    /// <summary>The type of a list's items, or null.</summary>
    public static Type? ItemOf(Type type)
        => type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>) ? type.GetGenericArguments()[0] : null;

    /// <summary>Whether values are mappings with keys of their own.</summary>
    public static bool IsEntry(Type type) => type.IsSubclassOf(typeof(ManifestEntry));

    /// <summary>Whether values are names with values, which the author chooses.</summary>
    public static bool IsVariables(Type type) => type == typeof(IReadOnlyDictionary<string, string>);
}
