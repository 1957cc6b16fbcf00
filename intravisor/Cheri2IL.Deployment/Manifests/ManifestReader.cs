using System.Text;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;

namespace Cheri2IL.Deployment.Manifests;

/// <summary>Reads manifests: YAML of one or several documents.</summary>
public static class ManifestReader
{
    /// <summary>Most bytes of a manifest.</summary>
    public const int MostBytes = 1 << 20;

    private const int MostNesting = 16;
    private static readonly ManifestLocation Start = new(1, 1);

    /// <summary>Reads a manifest's text.</summary>
    /// <param name="text">UTF-8.</param>
    /// <param name="file">The file as it was named, for problems.</param>
    /// <exception cref="ManifestException">It is no manifest, or its content contradicts itself.</exception>
    public static Manifest Read(ReadOnlySpan<byte> text, string file)
    {
        if (text.Length > MostBytes)
            throw new ManifestException([new ManifestProblem(file, Start, $"larger than {MostBytes >> 20} MiB: not a manifest")]);
        var binder = new ManifestBinder(file);
        var manifest = new Manifest { File = file };
        foreach (var document in Parse(text, file).Documents)
            binder.Bind(manifest, document.RootNode, "");
        if (manifest.Location == default)
            manifest.Location = Start;
        binder.RequireKeys(manifest);
        var problems = binder.Problems.ToList();
        var warnings = new List<ManifestProblem>();

        // Rules speak of values that are there.
        if (problems.Count == 0)
            new ManifestRules(manifest, problems, warnings).Check();
        if (problems.Count > 0)
            throw new ManifestException([.. problems.OrderBy(p => p.Location.Line).ThenBy(p => p.Location.Column)]);
        manifest.Warnings = warnings;
        return manifest;
    }

    private static YamlStream Parse(ReadOnlySpan<byte> text, string file)
    {
        try
        {
            var yaml = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(text);
            Inspect(yaml, file);
            var stream = new YamlStream();
            stream.Load(new StringReader(yaml));
            return stream;
        }
        catch (DecoderFallbackException)
        {
            throw new ManifestException([new ManifestProblem(file, Start, "not a text in UTF-8")]);
        }
        catch (YamlException error)
        {
            throw new ManifestException([new ManifestProblem(file, new ManifestLocation(error.Start.Line, error.Start.Column), "malformed YAML: " + error.Message.ReplaceLineEndings(" "))]);
        }
        catch (Exception error) when (error is InvalidOperationException or ArgumentException)
        {
            // The library's way to say so in rare cases; it names no place then.
            throw new ManifestException([new ManifestProblem(file, Start, "malformed YAML: " + error.Message.ReplaceLineEndings(" "))]);
        }
    }

    /// <summary>Refuses what would cost a reader its stack or its time: no manifest needs deep nesting or aliases.</summary>
    private static void Inspect(string yaml, string file)
    {
        var parser = new Parser(new StringReader(yaml));
        var depth = 0;
        while (parser.MoveNext())
        {
            var at = parser.Current!;
            depth += at.NestingIncrease;
            if (depth > MostNesting)
                throw new ManifestException([new ManifestProblem(file, new ManifestLocation(at.Start.Line, at.Start.Column), "nested too deeply")]);
            if (at is AnchorAlias)
                throw new ManifestException([new ManifestProblem(file, new ManifestLocation(at.Start.Line, at.Start.Column), "aliases (*NAME) are not supported: write the value")]);
        }
    }
}
