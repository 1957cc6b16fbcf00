using System.CommandLine;
using Cheri2IL.Cli.Deploy;
using Cheri2IL.Deployment.Manifests;

namespace Cheri2IL.Cli.Commands;

/// <summary><c>manifest</c>: checks manifests, and prints their JSON schema.</summary>
internal static class ManifestCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create() => new ToolCommand("manifest", "Checks manifests, and prints the JSON schema for editors.", "cheri2il manifest check cvms.yaml", "cheri2il manifest schema >manifest.schema.json")
    {
        Check(),
        Schema(),
    };

    private static ToolCommand Check()
    {
        var path = new Argument<string>("manifest") { Description = "Manifest (YAML)." };
        var command = new ToolCommand("check", "Checks a manifest without running anything: every problem is a line FILE:LINE:COLUMN: KEY: what is wrong and what is accepted.", "cheri2il manifest check cvms.yaml") { path };
        command.SetAction(parsed =>
        {
            try
            {
                var manifest = ManifestFile.Read(parsed.GetRequiredValue(path));
                Console.WriteLine($"{manifest.File}: {manifest.Cvms.Count} cVMs, {manifest.CapFiles.Count} capfiles");
                return ExitCode.Success;
            }
            catch (ManifestException error)
            {
                throw ManifestFile.Refuse(error);
            }
        });
        return command;
    }

    private static ToolCommand Schema()
    {
        var command = new ToolCommand("schema", "Prints the JSON schema of manifests (draft 2020-12).", "cheri2il manifest schema >manifest.schema.json");
        command.SetAction(_ =>
        {
            Console.Out.Write(ManifestSchema.Make());
            return ExitCode.Success;
        });
        return command;
    }
}
