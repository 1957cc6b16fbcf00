namespace Cheri2IL.Translator;

/// <summary>Output files that appear whole or not at all.</summary>
public static class AtomicFile
{
    /// <summary>Writes <paramref name="content"/> beside <paramref name="path"/> and renames it; creates the directory.</summary>
    /// <exception cref="IOException">The file system refused; nothing half-written is left.</exception>
    public static void Write(string path, byte[] content) => Write([(path, content)]);

    /// <summary>Writes several files: none is renamed before all are written. The last appears last.</summary>
    /// <exception cref="IOException">The file system refused; nothing half-written is left.</exception>
    public static void Write(ReadOnlySpan<(string Path, byte[] Content)> files)
    {
        var moves = new List<(string From, string To)>(files.Length);
        try
        {
            foreach (var (path, content) in files)
            {
                var target = Path.GetFullPath(path);
                Directory.CreateDirectory(Path.GetDirectoryName(target)!);
                var temporary = $"{target}.{Environment.ProcessId}.{Environment.CurrentManagedThreadId}.tmp";
                moves.Add((temporary, target));
                using var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write);
                stream.Write(content);
            }

            foreach (var (from, to) in moves)
                File.Move(from, to, overwrite: true);
        }
        catch
        {
            foreach (var (from, _) in moves)
                File.Delete(from);
            throw;
        }
    }
}
