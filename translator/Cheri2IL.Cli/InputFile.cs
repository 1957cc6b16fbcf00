using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime;

namespace Cheri2IL.Cli;

/// <summary>Reads input files and names what is wrong with them.</summary>
internal static class InputFile
{
    /// <summary>Largest file that is read: 2 GiB less a page, the bound of a .NET array.</summary>
    private const long MaxLength = int.MaxValue - 4096;

    /// <summary>The bytes of <paramref name="path"/>.</summary>
    /// <exception cref="ToolException">It is missing, not a regular file, unreadable or too large.</exception>
    public static byte[] Read(string path)
    {
        using var file = Open(path);
        return Read(file, path);
    }

    /// <summary>Opens <paramref name="path"/> without reading it.</summary>
    /// <exception cref="ToolException">It is missing, not a regular file, or unreadable.</exception>
    public static HostFile Open(string path)
        => HostFile.TryOpen(path, out var error) ?? throw (error switch
        {
            HostFile.NoEntry or HostFile.NotDirectory => new ToolException(ExitCode.NoInput, $"{path}: no such file"),
            HostFile.AccessDenied => new ToolException(ExitCode.NoInput, $"{path}: permission denied"),
            HostFile.IsDirectory => new ToolException(ExitCode.NoInput, $"{path}: is a directory"),
            HostFile.Invalid => new ToolException(ExitCode.NoInput, $"{path}: not a regular file"),
            _ => new ToolException(ExitCode.NoInput, $"{path}: {new System.ComponentModel.Win32Exception(error).Message}"),
        });

    /// <summary>The bytes of a file of a root.</summary>
    /// <exception cref="ToolException">It is too large, or cannot be read.</exception>
    public static byte[] Read(IHostFile file, string path)
    {
        if (file.Length > MaxLength)
            throw new ToolException(ExitCode.BadInput, $"{path}: larger than 2 GiB");
        var bytes = GC.AllocateUninitializedArray<byte>((int)file.Length);
        return file.Read(0, bytes) == bytes.Length ? bytes : throw new ToolException(ExitCode.InputOutput, $"{path}: cannot be read");
    }

    /// <summary>The bytes of a file that was opened.</summary>
    /// <exception cref="ToolException">It is too large, or changed meanwhile.</exception>
    public static byte[] Read(HostFile file, string path)
    {
        if (file.Length > MaxLength)
            throw new ToolException(ExitCode.BadInput, $"{path}: larger than 2 GiB");
        try
        {
            return file.ReadAll();
        }
        catch (IOException failure)
        {
            throw new ToolException(ExitCode.InputOutput, $"{path}: {failure.Message}");
        }
    }
}
