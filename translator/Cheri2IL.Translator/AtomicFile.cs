namespace Cheri2IL.Translator;

/// <summary>Output files that appear whole or not at all.</summary>
public static class AtomicFile
{
    /// <summary>Writes <paramref name="content"/> beside <paramref name="path"/> and renames it; creates the directory.</summary>
    /// <exception cref="IOException">The file system refused; nothing half-written is left.</exception>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        path = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        var temporary = $"{path}.{Environment.ProcessId}.{Environment.CurrentManagedThreadId}.tmp";
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write))
                stream.Write(content);
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}
