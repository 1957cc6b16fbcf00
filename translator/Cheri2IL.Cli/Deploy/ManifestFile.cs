using Cheri2IL.Deployment.Manifests;

namespace Cheri2IL.Cli.Deploy;

/// <summary>Manifests on the command line.</summary>
internal static class ManifestFile
{
    /// <summary>Reads a manifest; its warnings go to stderr.</summary>
    /// <exception cref="ToolException">It is missing.</exception>
    /// <exception cref="ManifestException">It is wrong.</exception>
    public static Manifest Read(string path) => Warn(ManifestReader.Read(InputFile.Read(path), path));

    /// <summary>Prints the warnings of a manifest.</summary>
    public static Manifest Warn(Manifest manifest)
    {
        foreach (var warning in manifest.Warnings)
            Console.Error.WriteLine($"cheri2il: warning: {warning}");
        return manifest;
    }

    /// <summary>Turns every problem but the last into a line on stderr, and the last into the tool's error.</summary>
    public static ToolException Refuse(ManifestException error)
    {
        foreach (var problem in error.Problems.SkipLast(1))
            Console.Error.WriteLine($"cheri2il: {problem}");
        return new ToolException(ExitCode.BadInput, error.Problems[^1].ToString());
    }
}
