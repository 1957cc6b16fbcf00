using System.CommandLine;
using Cheri2IL.Cli.Deploy;
using Cheri2IL.Deployment.Bundles;
using Cheri2IL.Deployment.Manifests;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Translator;
using Cheri2IL.Translator.RunTime;

namespace Cheri2IL.Cli.Commands;

/// <summary><c>bundle</c>: a manifest with everything that it takes to run it, in one file.</summary>
internal static class BundleCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var path = new Argument<string>("manifest") { Description = "Manifest (YAML)." };
        var output = new Option<string>("--output", "-o") { Description = "The bundle to write.", HelpName = "file", Required = true };
        var command = new ToolCommand(
            "bundle",
            "Packs a manifest, the translated assemblies of its programs, its roots and buffers into one file, which 'up' runs without translating, also where the tool comes "
            + "without the translator, if they are statically linked: libraries are translated where they run. Equal input gives equal bytes; 'up' refuses a file that was damaged or altered. A bundle contains code: run only those from people whose programs you would run. "
            + "It is a tar archive: 'tar tf' lists it.",
            "cheri2il bundle cvms.yaml -o app.cvm",
            "cheri2il up app.cvm") { path, output };
        command.SetAction(parsed =>
        {
            try
            {
                Write(ManifestFile.Read(parsed.GetRequiredValue(path)), parsed.GetRequiredValue(output));
                return ExitCode.Success;
            }
            catch (ManifestException error)
            {
                throw ManifestFile.Refuse(error);
            }
            catch (BundleException error)
            {
                throw new ToolException(ExitCode.BadInput, error.Message);
            }
        });
        return command;
    }

    private static void Write(Manifest manifest, string output)
    {
        var source = new HostSource(manifest);
        var assemblies = new Dictionary<string, byte[]>(StringComparer.Ordinal);
        byte[] Assembly(CvmEntry cvm)
        {
            // Checks the program as running it would.
            _ = source.Program(cvm);
            var key = source.KeyOf(cvm);
            if (!assemblies.TryGetValue(key, out var assembly))
            {
                var program = source.Input(cvm);
                assemblies.Add(key, assembly = Translate(program));
                if (program.Elf.Executable.Interpreter is not null)
                    Console.Error.WriteLine($"cheri2il: warning: {program.Path} is dynamically linked: its libraries are not translated here, but where the bundle runs");
            }

            return assembly;
        }

        var text = InputFile.Read(manifest.File);
        var temporary = $"{output}.{Environment.ProcessId}";
        try
        {
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.ReadWrite))
                BundleWriter.Write(file, manifest, text, Assembly, source.Root, source.Content);
            File.Move(temporary, output, overwrite: true);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ToolException(ExitCode.CannotCreate, $"{output}: {error.Message}");
        }
        finally
        {
            if (File.Exists(temporary))
                File.Delete(temporary);
        }

        Console.Error.WriteLine($"cheri2il: {output}: {manifest.Cvms.Count} cVMs, {assemblies.Count} programs, {new FileInfo(output).Length} bytes");
    }

    private static byte[] Translate(GuestProgram program)
    {
        if (program.Assembly is { } assembly)
            return assembly;
        var options = new TranslationOptions();
        var progress = new TranslationProgress(Path.GetFileName(program.Path));
        var translation = ModuleTranslator.Translate(program.Image, options with { Progress = progress.Report }, "g_" + TranslationKey.Of(program.Image.File, program.Image.LoadBias, options));
        progress.Finish(translation.Statistics.Instructions, translation.Statistics.Elapsed);
        return translation.Assembly;
    }
}
