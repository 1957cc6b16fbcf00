using System.Text.Json;

namespace Cheri2IL.Cli;

/// <summary>A JSON document on stdout, written when disposed.</summary>
internal sealed class JsonOutput : IDisposable
{
    private readonly MemoryStream _buffer = new();

    /// <summary>Starts a document.</summary>
    public JsonOutput() => Writer = new Utf8JsonWriter(_buffer, new JsonWriterOptions { Indented = true });

    /// <summary>Receives the document.</summary>
    public Utf8JsonWriter Writer { get; }

    /// <summary>Writes a measured number, six digits after the point, or null.</summary>
    public void WriteNumber(string name, double? value)
    {
        if (value is { } number)
            Writer.WriteNumber(name, Math.Round(number, 6));
        else
            Writer.WriteNull(name);
    }

    /// <summary>Writes an array of strings.</summary>
    public void WriteStrings(string name, IEnumerable<string> values)
    {
        Writer.WriteStartArray(name);
        foreach (var value in values)
            Writer.WriteStringValue(value);
        Writer.WriteEndArray();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Writer.Dispose();
        _buffer.WriteByte((byte)'\n');
        using var output = Console.OpenStandardOutput();
        _buffer.WriteTo(output);
        _buffer.Dispose();
    }
}
