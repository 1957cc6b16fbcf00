namespace Cheri2IL.Cli;

/// <summary>Reads input files and names what is wrong with them.</summary>
internal static class InputFile
{
    /// <summary>Largest file that is read: 2 GiB less a page, the bound of a .NET array.</summary>
    private const long MaxLength = int.MaxValue - 4096;

    /// <summary>The bytes of <paramref name="path"/>.</summary>
    /// <exception cref="ToolException">It is missing, a directory, unreadable or too large.</exception>
    public static byte[] Read(string path)
    {
        if (Directory.Exists(path))
            throw new ToolException(ExitCode.NoInput, $"{path}: is a directory");
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            if (stream.Length > MaxLength)
                throw new ToolException(ExitCode.BadInput, $"{path}: larger than 2 GiB");
            var bytes = GC.AllocateUninitializedArray<byte>((int)stream.Length);
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ToolException(ExitCode.NoInput, $"{path}: no such file");
        }
        catch (UnauthorizedAccessException)
        {
            throw new ToolException(ExitCode.NoInput, $"{path}: permission denied");
        }
        catch (IOException error)
        {
            throw new ToolException(ExitCode.InputOutput, $"{path}: {error.Message}");
        }
    }
}
