using System.Text;

namespace Cheri2IL.Deployment.Manifests;

/// <summary>The manifest's keys as a document (docs/manifest-keys.md), made from the types that the reader fills.</summary>
public static class ManifestKeys
{
    /// <summary>The document; the same for the same types.</summary>
    public static string ToMarkdown()
    {
        var text = new StringBuilder("# Keys of manifests\n\nGenerated from the types that read them by `tools/dev gen`; docs/manifest.md explains them.\n");
        Append(text, typeof(Manifest), "The file");
        return text.ToString();
    }

    private static void Append(StringBuilder text, Type type, string title)
    {
        text.Append($"\n## {title}\n\n| key | value | meaning |\n|---|---|---|\n");
        var inner = new List<(Type Type, string Title)>();
        foreach (var (key, property) in ManifestShape.KeysOf(type))
        {
            var item = ManifestShape.ItemOf(property.PropertyType) ?? property.PropertyType;
            var isList = item != property.PropertyType;
            var value = ManifestShape.IsVariables(item) ? "mapping, or list of NAME=VALUE"
                : ManifestShape.IsEntry(item) ? isList ? "list of mappings" : "mapping"
                : (isList ? "list of: " : "") + ManifestScalar.Accepts(item, key);
            text.Append($"| `{key.Name}`{(key.IsRequired ? " (required)" : "")} | {value.Replace("|", "\\|", StringComparison.Ordinal)} | {key.Description.Replace("|", "\\|", StringComparison.Ordinal)} |\n");
            if (ManifestShape.IsEntry(item))
                inner.Add((item, title == "The file" ? $"`{key.Name}`" : $"{title[..^1]}.{key.Name}`"));
        }

        foreach (var (entry, heading) in inner)
            Append(text, entry, heading);
    }
}
