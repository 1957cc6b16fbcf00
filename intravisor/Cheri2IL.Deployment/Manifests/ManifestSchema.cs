using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;

namespace Cheri2IL.Deployment.Manifests;

/// <summary>The manifest's JSON schema (draft 2020-12) for editors, made from the types that the reader fills.</summary>
public static class ManifestSchema
{
    private const string SizePattern = "^(0[xX][0-9a-fA-F]+|[0-9]+[KMGTkmgt]?)$";
    private const string DurationPattern = "^[0-9.]+(ms|s|m|h)?$";

    /// <summary>The schema as text that ends with a line break; the same for the same types.</summary>
    public static string Make()
    {
        var schema = new JsonObject
        {
            ["$schema"] = "https://json-schema.org/draft/2020-12/schema",
            ["title"] = "Cheri2IL manifest",
        };
        foreach (var (name, value) in Mapping(typeof(Manifest)).ToArray())
            schema[name] = value?.DeepClone();
        // Several documents of one file have the keys between them.
        schema.Remove("required");
        var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
            schema.WriteTo(writer);
        return Encoding.UTF8.GetString(buffer.ToArray()) + "\n";
    }

    private static JsonObject Mapping(Type type)
    {
        var properties = new JsonObject();
        var required = new JsonArray();
        JsonNode? shorthand = null;
        foreach (var (key, property) in ManifestShape.KeysOf(type))
        {
            var value = Value(property.PropertyType, key);
            value["description"] = key.Description;
            properties[key.Name] = value;
            if (key.IsRequired)
                required.Add(key.Name);
            if (key.IsShorthand)
                shorthand = Value(property.PropertyType, key);
        }

        var mapping = new JsonObject { ["type"] = "object", ["properties"] = properties, ["additionalProperties"] = false };
        if (required.Count > 0)
            mapping["required"] = required;
        return shorthand is null ? mapping : AnyOf(shorthand, mapping);
    }

    private static JsonObject Value(Type type, ManifestKeyAttribute key)
    {
        if (ManifestShape.IsVariables(type))
        {
            return AnyOf(
                new JsonObject { ["type"] = "object", ["additionalProperties"] = new JsonObject { ["type"] = Types("string", "number", "boolean") } },
                List(new JsonObject { ["type"] = "string", ["pattern"] = "^[^=]+=" }));
        }

        if (ManifestShape.ItemOf(type) is { } item)
            return AnyOf(List(Value(item, key)), item == typeof(string) ? Text() : Value(item, key));
        if (ManifestShape.IsEntry(type))
            return Mapping(type);
        return Scalar(Nullable.GetUnderlyingType(type) ?? type, key);
    }

    private static JsonObject Scalar(Type type, ManifestKeyAttribute key)
    {
        if (type == typeof(bool))
            return new JsonObject { ["enum"] = new JsonArray(0, 1, true, false) };
        if (type == typeof(int))
            return Bounded(new JsonObject { ["type"] = "integer" }, key);
        if (type == typeof(ulong))
            return AnyOf(Bounded(new JsonObject { ["type"] = "integer" }, key), new JsonObject { ["type"] = "string", ["pattern"] = SizePattern });
        if (type == typeof(TimeSpan))
            return AnyOf(Bounded(new JsonObject { ["type"] = "number" }, key), new JsonObject { ["type"] = "string", ["pattern"] = DurationPattern });
        if (type == typeof(CpRights))
        {
            var names = ManifestScalar.Names(type).ToArray();
            return AnyOf(
                new JsonObject { ["type"] = "string", ["pattern"] = $"^({string.Join('|', names)})( *, *({string.Join('|', names)}))*$" },
                List(OneOf(names)));
        }

        return type == typeof(PublishedPort) ? new JsonObject { ["type"] = "string", ["pattern"] = "^(.+:)?[0-9]+->[0-9]+(/tcp|/udp)?$" }
            : type == typeof(ReachableHost) ? new JsonObject { ["type"] = "string", ["pattern"] = "^.+:[0-9]+(/tcp|/udp)?$" }
            : type.IsEnum ? OneOf(ManifestScalar.Names(type))
            : Text();
    }

    private static JsonObject Text() => new() { ["type"] = Types("string", "number", "boolean") };

    private static JsonArray Types(params string[] types) => [.. types.Select(t => (JsonNode)t)];

    private static JsonObject List(JsonNode item) => new() { ["type"] = "array", ["items"] = item };

    private static JsonObject OneOf(IEnumerable<string> values) => new() { ["enum"] = new JsonArray([.. values.Select(v => (JsonNode)v)]) };

    private static JsonObject AnyOf(params JsonNode[] choices) => new() { ["anyOf"] = new JsonArray(choices) };

    private static JsonObject Bounded(JsonObject number, ManifestKeyAttribute key)
    {
        if (key.Minimum != 0)
            number["minimum"] = Exact(key.Minimum);
        if (key.Maximum < ulong.MaxValue)
            number["maximum"] = Exact(key.Maximum);
        return number;
    }

    private static JsonNode Exact(double value) => value == Math.Floor(value) ? (JsonNode)(long)value : value;
}
