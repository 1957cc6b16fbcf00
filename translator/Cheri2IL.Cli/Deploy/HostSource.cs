using Cheri2IL.Deployment;
using Cheri2IL.Deployment.Archives;
using Cheri2IL.Deployment.Manifests;
using Cheri2IL.Deployment.Running;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Cli.Deploy;

/// <summary>Programs, roots and contents from files of the host, relative to the manifest's folder. Each program is translated once.</summary>
/// <param name="manifest">The manifest.</param>
internal sealed class HostSource(Manifest manifest) : IDeploymentSource
{
    private readonly string _folder = Path.GetDirectoryName(Path.GetFullPath(manifest.File))!;
    private readonly Dictionary<string, CvmProgram> _programs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, IHostTree> _roots = new(StringComparer.Ordinal);

    /// <summary>Path on the host of what the manifest names.</summary>
    public string PathOf(string name) => Path.Combine(_folder, name);

    /// <inheritdoc/>
    public CvmProgram Program(CvmEntry cvm)
    {
        var path = ProgramPath(cvm);
        if (!_programs.TryGetValue(path, out var program))
            _programs.Add(path, program = Located(cvm, cvm.Has("runtime") ? "runtime" : "args", () => SharedProgram.Load(path)));
        return program;
    }

    /// <summary>Path on the host of a cVM's program.</summary>
    /// <exception cref="ManifestException">It is inside an archive, or leads out of the root.</exception>
    public string ProgramPath(CvmEntry cvm)
    {
        var choice = ProgramChoice.Of(cvm)!;
        if (!choice.IsInside)
            return PathOf(choice.Path);
        var root = Path.GetFullPath(PathOf(cvm.RootPath!));
        var path = Path.GetFullPath(root + choice.Path);
        if (!Directory.Exists(root))
            throw Problem(cvm, "args", "a program inside an archive is not supported yet: give runtime");
        return path.StartsWith(root + "/", StringComparison.Ordinal) ? path : throw Problem(cvm, "args", $"{choice.Path} leads out of the root");
    }

    /// <inheritdoc/>
    public IHostTree? Root(CvmEntry cvm)
    {
        if (cvm.RootPath is not { } name)
            return null;
        var path = PathOf(name);
        if (!_roots.TryGetValue(path, out var root))
            _roots.Add(path, root = Located(cvm, cvm.Root is null ? "disk" : "root", () => OpenRoot(path)));
        return root;
    }

    /// <inheritdoc/>
    public byte[] Content(CapFileEntry buffer) => Located(buffer, "file", () => InputFile.Read(PathOf(buffer.File!)));

    private static IHostTree OpenRoot(string path)
    {
        if (Directory.Exists(path))
            return new HostTree(path);
        using var file = InputFile.Open(path);
        return TarTree.TryOpen(path) ?? throw new ToolException(ExitCode.BadInput, $"{path}: neither a folder nor a tar archive (file-system images and compressed archives are not supported yet)");
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
