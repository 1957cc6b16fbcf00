using System.Globalization;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>A directory of the host that keeps what a guest writes: the file journal, and contents as numbered files in data.</summary>
public sealed class HostUpper : IHostUpper
{
    private readonly string _data;
    private readonly BackingFile _journal;
    private readonly Lock _gate = new();
    private long _length;

    /// <summary>Opens a directory, and makes it where there is none.</summary>
    /// <exception cref="IOException">It cannot be used, or another cVM uses it.</exception>
    public HostUpper(string directory)
    {
        _data = Path.Combine(Path.GetFullPath(directory), "data");
        try
        {
            Directory.CreateDirectory(_data);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException(error.Message, error);
        }

        var journal = Path.Combine(directory, "journal");
        _journal = BackingFile.TryOpen(journal) ?? throw new IOException($"{journal}: cannot be opened");
        if (!_journal.TryLock())
        {
            _journal.Dispose();
            throw new IOException($"{directory}: another cVM uses it");
        }

        _length = new FileInfo(journal).Length;
    }

    /// <inheritdoc/>
    public IReadOnlyList<(long Id, long Length)> Contents
    {
        get
        {
            var contents = new List<(long, long)>();
            foreach (var file in new DirectoryInfo(_data).EnumerateFiles())
            {
                if (long.TryParse(file.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
                    contents.Add((id, file.Length));
            }

            return contents;
        }
    }

    /// <inheritdoc/>
    public byte[] ReadJournal()
    {
        var bytes = new byte[_length];
        return bytes[.._journal.Read(0, bytes)];
    }

    /// <inheritdoc/>
    public void TruncateJournal(long length)
    {
        lock (_gate)
        {
            _journal.SetLength(length);
            _length = length;
        }
    }

    /// <inheritdoc/>
    public bool AppendJournal(ReadOnlySpan<byte> record)
    {
        lock (_gate)
        {
            if (_journal.Write(_length, record) != record.Length)
                return false;
            _length += record.Length;
            return true;
        }
    }

    /// <inheritdoc/>
    public BackingFile? OpenContent(long id) => BackingFile.TryOpen(PathOf(id));

    /// <inheritdoc/>
    public void DeleteContent(long id)
    {
        try
        {
            File.Delete(PathOf(id));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The next start tries again.
        }
    }

    /// <inheritdoc/>
    public void Sync(bool all)
    {
        if (all)
            _journal.SyncAll();
        else
            _journal.Sync();
    }

    /// <inheritdoc/>
    public void Dispose() => _journal.Dispose();

    private string PathOf(long id) => Path.Combine(_data, id.ToString(CultureInfo.InvariantCulture));
}
