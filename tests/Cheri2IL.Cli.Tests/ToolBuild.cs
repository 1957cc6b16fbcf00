using System.Diagnostics;
using System.Runtime.InteropServices;
using Cheri2IL.Cli.Cache;
using Cheri2IL.Cli.Tests.Cache;

namespace Cheri2IL.Cli.Tests;

/// <summary>
/// The tool that was built for these tests, compiled ahead of time as tools/cheri2il does it for users: hundreds of processes start it, and would spend most of
/// their time in the JIT compiler. Where there is no crossgen2 it is run as it was built.
/// </summary>
internal static class ToolBuild
{
    private static readonly string[] _compiled = ["cheri2il", "Cheri2IL.Runtime", "Cheri2IL.Translator", "Cheri2IL.Intravisor", "Cheri2IL.Deployment", "System.CommandLine", "YamlDotNet"];
    private static readonly Lazy<string> _program = new(() => Path.Combine(Crossgen2.Path is { } compiler ? Compile(compiler) : AppContext.BaseDirectory, "cheri2il"));

    /// <summary>Path of the program.</summary>
    public static string Program => _program.Value;

    /// <summary>Makes the folder, unless an earlier run has made it from the same files; its path.</summary>
    private static string Compile(string compiler)
    {
        var built = AppContext.BaseDirectory;
        var folder = Path.Combine(built, "compiled");
        using var gate = Lock(folder + ".lock");
        if (_compiled.All(name => File.GetLastWriteTimeUtc(Path.Combine(folder, name + ".dll")) > File.GetLastWriteTimeUtc(Path.Combine(built, name + ".dll"))))
            return folder;
        var made = Directory.CreateDirectory($"{folder}.{Environment.ProcessId}").FullName;
        foreach (var entry in Directory.GetFileSystemEntries(built))
        {
            var name = Path.GetFileName(entry);
            // The host looks for the tool's assembly where the program really lies.
            if (name == "cheri2il")
                File.Copy(entry, Path.Combine(made, name));
            else if (!name.StartsWith("compiled", StringComparison.Ordinal) && !_compiled.Contains(Path.GetFileNameWithoutExtension(name)))
                File.CreateSymbolicLink(Path.Combine(made, name), entry);
            else if (Path.GetExtension(name) is ".pdb" or ".json")
                File.CreateSymbolicLink(Path.Combine(made, name), entry);
        }

        Parallel.ForEach(_compiled, name => Compile(compiler, Path.Combine(built, name + ".dll"), Path.Combine(made, name + ".dll")));
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        Directory.Move(made, folder);
        return folder;
    }

    /// <summary>Other processes may run tests of the same build.</summary>
    private static FileStream Lock(string path)
    {
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException)
            {
                Thread.Sleep(50);
            }
        }
    }

    private static void Compile(string compiler, string input, string output)
    {
        var start = new ProcessStartInfo(
            compiler,
            [
                input, "--out", output, "--optimize", "--targetos:linux", "--targetarch:x64", "--instruction-set:" + NativeCode.Processor,
                "--reference", Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "*.dll"), "--reference", Path.Combine(AppContext.BaseDirectory, "*.dll"),
            ]);
        var (status, _, error) = ToolProcess.Run(start);
        if (status != 0)
            throw new InvalidOperationException($"crossgen2 cannot compile {input}: {error}");
    }
}
