using Cheri2IL.Deployment;
using Cheri2IL.Deployment.Archives;
using Cheri2IL.Deployment.Manifests;
using Cheri2IL.Deployment.Running;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Cli.Deploy;

/// <summary>Programs, roots and contents from files of the host, relative to the manifest's folder. Each program is translated once.</summary>
/// <param name="manifest">The manifest.</param>
internal sealed class HostSource(Manifest manifest) : IDeploymentSource
{
    private readonly string _folder = Path.GetDirectoryName(Path.GetFullPath(manifest.File))!;
    private readonly Dictionary<string, CvmProgram> _programs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, RootFile> _roots = new(StringComparer.Ordinal);

    /// <summary>Path on the host of what the manifest names.</summary>
    public string PathOf(string name) => Path.Combine(_folder, name);

    /// <inheritdoc/>
    public CvmProgram Program(CvmEntry cvm)
    {
        var choice = ProgramChoice.Of(cvm)!;
        var key = KeyOf(cvm);
        if (!_programs.TryGetValue(key, out var program))
        {
            _programs.Add(key, program = choice.IsInside
                ? Located(cvm, "args", () => SharedProgram.Load(Inside(cvm, choice.Path), choice.Path))
                : Located(cvm, "runtime", () => SharedProgram.Load(key)));
        }

        return program;
    }

    /// <summary>The program that a cVM runs, to be translated; cVMs with equal keys run the same.</summary>
    public GuestProgram Input(CvmEntry cvm)
        => ProgramChoice.Of(cvm)! is { IsInside: true, Path: var path } ? GuestProgram.Of(path, InputFile.Read(Inside(cvm, path), path)) : GuestProgram.Load(KeyOf(cvm));

    /// <summary>What tells the program of a cVM from others.</summary>
    public string KeyOf(CvmEntry cvm) => ProgramChoice.Of(cvm)! is { IsInside: true, Path: var path } ? $"{PathOf(cvm.RootPath!)}\0{path}" : PathOf(ProgramChoice.Of(cvm)!.Path);

    /// <inheritdoc/>
    public RootFile? Root(CvmEntry cvm)
    {
        if (cvm.RootPath is not { } name)
            return null;
        var path = PathOf(name);
        if (!_roots.TryGetValue(path, out var root))
            _roots.Add(path, root = Located(cvm, cvm.Root is null ? "disk" : "root", () => RootInput.Open(path)));
        return root;
    }

    /// <inheritdoc/>
    public byte[] Content(CapFileEntry buffer) => Located(buffer, "file", () => InputFile.Read(PathOf(buffer.File!)));

    /// <summary>A program of the root; links lead inside the root alone.</summary>
    private IHostFile Inside(CvmEntry cvm, string path)
    {
        const string root = "/root";
        if (!Path.GetFullPath(root + path).StartsWith(root + "/", StringComparison.Ordinal))
            throw Problem(cvm, "args", $"{path} leads out of the root");
        var tree = Root(cvm)!.Tree;
        return TreeFile.Find(tree, path) is { } found && tree.Open(found.Names) is { } file ? file : throw Problem(cvm, "args", $"{path}: no such file in the root");
    }

    /// <summary>What went wrong with a file, at the place in the manifest that names it.</summary>
    private T Located<T>(ManifestEntry entry, string key, Func<T> load)
    {
        try
        {
            return load();
        }
        catch (ToolException error)
        {
            throw Problem(entry, key, error.Message);
        }
    }

    private ManifestException Problem(ManifestEntry entry, string key, string message)
        => new([new ManifestProblem(manifest.File, entry.LocationOf(key), $"{entry.Path}.{key}: {message}")]);
}
