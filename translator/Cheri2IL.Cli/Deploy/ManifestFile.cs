using Cheri2IL.Deployment.Bundles;
using Cheri2IL.Deployment.Manifests;
using Cheri2IL.Deployment.Running;

namespace Cheri2IL.Cli.Deploy;

/// <summary>Manifests on the command line.</summary>
internal static class ManifestFile
{
    /// <summary>Reads a manifest; its warnings go to stderr.</summary>
    /// <exception cref="ToolException">It is missing.</exception>
    /// <exception cref="ManifestException">It is wrong.</exception>
    public static Manifest Read(string path) => Warn(ManifestReader.Read(InputFile.Read(path), path));

    /// <summary>Reads a manifest, or opens a bundle, with what it takes to run it.</summary>
    /// <exception cref="ToolException">It is missing, or a bundle that is damaged.</exception>
    /// <exception cref="ManifestException">It is wrong.</exception>
    public static (Manifest Manifest, IDeploymentSource Source) Open(string path)
    {
        using (InputFile.Open(path))
        {
            // Says what is wrong with a file that cannot be opened.
        }

        try
        {
            if (!Bundle.IsBundle(path))
            {
                var manifest = Read(path);
                return (manifest, new HostSource(manifest));
            }

            var bundle = Bundle.Open(path, SharedProgram.Of);
            return (Warn(bundle.Manifest), bundle);
        }
        catch (BundleException error)
        {
            throw new ToolException(ExitCode.BadInput, error.Message);
        }
        catch (IOException error)
        {
            throw new ToolException(ExitCode.InputOutput, $"{path}: {error.Message}");
        }
    }

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
