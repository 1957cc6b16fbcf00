using System.Collections;
using YamlDotNet.RepresentationModel;

namespace Cheri2IL.Deployment.Manifests;

/// <summary>Fills entries from YAML nodes, and collects everything that is wrong.</summary>
/// <param name="file">The file as it was named.</param>
internal sealed class ManifestBinder(string file)
{
    /// <summary>Furthest edit distance of a key that is suggested.</summary>
    private const int MostEdits = 3;

    private readonly List<ManifestProblem> _problems = [];

    /// <summary>What is wrong so far.</summary>
    public IReadOnlyList<ManifestProblem> Problems => _problems;

    /// <summary>Fills an entry from a mapping. May be called again with another mapping, whose keys must be others.</summary>
    public void Bind(ManifestEntry entry, YamlNode node, string path)
    {
        entry.Path = path;
        if (entry.Location == default)
            entry.Location = LocationOf(node);
        var keys = ManifestShape.KeysOf(entry.GetType()).ToList();
        if (node is not YamlMappingNode mapping)
        {
            if (node is YamlScalarNode && keys.Find(k => k.Key.IsShorthand) is { Key: not null } shorthand)
            {
                Set(entry, shorthand.Key, shorthand.Property, node, path);
                return;
            }

            entry.IsMisplaced = true;
            Report(node, path, $"must be a mapping of keys ({Names(keys.Select(k => k.Key))})");
            return;
        }

        foreach (var (keyNode, value) in mapping.Children)
        {
            var name = (keyNode as YamlScalarNode)?.Value ?? "";
            var (key, property) = keys.Find(k => k.Key.Name == name);
            if (key is null)
                Report(keyNode, path, $"unknown key '{name}'{Suggestion(name, keys.Select(k => k.Key.Name))} (keys: {Names(keys.Select(k => k.Key))})");
            else if (entry.Has(name))
                Report(keyNode, path, $"key '{name}' is given twice");
            else
                Set(entry, key, property, value, Join(path, name));
        }
    }

    /// <summary>Reports keys that have to be there and are not.</summary>
    public void RequireKeys(ManifestEntry entry)
    {
        if (entry.IsMisplaced)
            return;
        foreach (var (key, property) in ManifestShape.KeysOf(entry.GetType()))
        {
            if (key.IsRequired && !entry.Has(key.Name))
                _problems.Add(new ManifestProblem(file, entry.Location, Sentence(entry.Path, $"key '{key.Name}' is missing: {Lower(key.Description)}")));
            if (property.GetValue(entry) is ManifestEntry inner)
                RequireKeys(inner);
            else if (property.GetValue(entry) is IEnumerable items and not string)
                items.OfType<ManifestEntry>().ToList().ForEach(RequireKeys);
        }
    }

    /// <summary>Reports something.</summary>
    public void Report(YamlNode node, string path, string message)
        => _problems.Add(new ManifestProblem(file, LocationOf(node), Sentence(path, message)));

    /// <summary>Path and message.</summary>
    public static string Sentence(string path, string message) => path.Length == 0 ? message : $"{path}: {message}";

    private static ManifestLocation LocationOf(YamlNode node) => new(node.Start.Line, node.Start.Column);

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";

    private static string Names(IEnumerable<ManifestKeyAttribute> keys) => string.Join(", ", keys.Select(k => k.Name));

    private static string Lower(string text) => char.ToLowerInvariant(text[0]) + text[1..];

    private void Set(ManifestEntry entry, ManifestKeyAttribute key, System.Reflection.PropertyInfo property, YamlNode node, string path)
    {
        entry.Record(key.Name, LocationOf(node));
        if (Value(property.PropertyType, key, node, path) is { } value)
            property.SetValue(entry, value);
    }

    /// <summary>The value, or null after a report.</summary>
    private object? Value(Type type, ManifestKeyAttribute key, YamlNode node, string path)
    {
        if (ManifestShape.IsVariables(type))
            return Variables(node, path);
        if (ManifestShape.ItemOf(type) is { } item)
            return Items(item, key, node, path);
        if (ManifestShape.IsEntry(type))
        {
            var entry = (ManifestEntry)Activator.CreateInstance(type)!;
            Bind(entry, node, path);
            return entry;
        }

        // Several rights can be written as a list.
        var text = node is YamlSequenceNode list && (Nullable.GetUnderlyingType(type) ?? type).IsDefined(typeof(FlagsAttribute), inherit: false)
            ? string.Join(',', list.Children.Select(c => (c as YamlScalarNode)?.Value))
            : (node as YamlScalarNode)?.Value;
        if (text is null || ManifestScalar.Read(type, text, key) is not { } value)
        {
            Report(node, path, $"{(text is null ? "a list or mapping" : $"'{text}'")} is not accepted; it wants {ManifestScalar.Accepts(type, key)}");
            return null;
        }

        return value;
    }

    private IList Items(Type item, ManifestKeyAttribute key, YamlNode node, string path)
    {
        var result = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(item))!;
        if (node is YamlScalarNode { Value: { } text } && item == typeof(string))
        {
            foreach (var word in text.Split([' ', '\t', '\n'], StringSplitOptions.RemoveEmptyEntries))
                result.Add(word);
            return result;
        }

        // One item need not be written as a list.
        var nodes = node is YamlSequenceNode sequence ? sequence.Children : [node];
        for (var k = 0; k < nodes.Count; k++)
        {
            if (Value(item, key, nodes[k], $"{path}[{k}]") is { } value)
                result.Add(value);
        }

        return result;
    }

    private Dictionary<string, string>? Variables(YamlNode node, string path)
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        IEnumerable<(YamlNode Node, string? Name, string? Value)> pairs = node switch
        {
            YamlMappingNode mapping => mapping.Children.Select(c => (c.Key, (c.Key as YamlScalarNode)?.Value, (c.Value as YamlScalarNode)?.Value)),
            YamlSequenceNode list => list.Children.Select(c => (c, (c as YamlScalarNode)?.Value?.Split('=', 2) is [var name, _] ? name : null, (c as YamlScalarNode)?.Value?.Split('=', 2)[^1])),
            _ => [(node, null, null)],
        };
        foreach (var (at, name, value) in pairs)
        {
            if (string.IsNullOrEmpty(name) || value is null || name.Contains('=', StringComparison.Ordinal) || name.Contains('\0', StringComparison.Ordinal) || value.Contains('\0', StringComparison.Ordinal))
                Report(at, path, "wants a mapping of names to texts, or a list of NAME=VALUE");
            else if (!result.TryAdd(name, value))
                Report(at, path, $"'{name}' is given twice");
        }

        return result;
    }

    private static string Suggestion(string name, IEnumerable<string> known)
    {
        var (nearest, distance) = known.Select(k => (k, Edits(name, k))).MinBy(p => p.Item2);
        return distance <= Math.Min(MostEdits, Math.Max(name.Length - 1, 1)) ? $"; did you mean '{nearest}'?" : "";
    }

    /// <summary>Levenshtein's distance, case apart.</summary>
    private static int Edits(string left, string right)
    {
        // Nobody is helped by a suggestion for a text.
        if (left.Length > 64)
            return int.MaxValue;
        var row = Enumerable.Range(0, right.Length + 1).ToArray();
        for (var i = 1; i <= left.Length; i++)
        {
            var diagonal = row[0];
            row[0] = i;
            for (var j = 1; j <= right.Length; j++)
            {
                var change = diagonal + (char.ToLowerInvariant(left[i - 1]) == char.ToLowerInvariant(right[j - 1]) ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(change, Math.Min(row[j], row[j - 1]) + 1);
            }
        }

        return row[^1];
    }
}
