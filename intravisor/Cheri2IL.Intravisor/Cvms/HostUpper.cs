using System.Globalization;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>A directory of the host that keeps what a guest writes: the file journal, and contents as numbered files in data.</summary>
public sealed class HostUpper : IHostUpper
{
    private readonly string _directory;
    private readonly string _data;
    private readonly string _path;
    private readonly BackingFile _lock;
    private BackingFile _journal;

    /// <summary>Whether the journal's name is on the disk.</summary>
    private bool _isNamed;
    private readonly Lock _gate = new();
    private long _length;

    /// <summary>Opens a directory, and makes it where there is none.</summary>
    /// <exception cref="IOException">It cannot be used, or another cVM uses it.</exception>
    public HostUpper(string directory)
    {
        _directory = Path.GetFullPath(directory);
        _data = Path.Combine(_directory, "data");
        _path = Path.Combine(_directory, "journal");
        try
        {
            Directory.CreateDirectory(_data);
        }
        catch (UnauthorizedAccessException error)
        {
            throw new IOException(error.Message, error);
        }

        // Not the journal is locked, which another takes the place of.
        _lock = Open(Path.Combine(_directory, "lock"));
        try
        {
            if (!_lock.TryLock())
                throw new IOException($"{directory}: another cVM uses it");
            _journal = Open(_path);
            _length = new FileInfo(_path).Length;
        }
        catch (IOException)
        {
            _lock.Dispose();
            throw;
        }
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
    public bool ReplaceJournal(ReadOnlySpan<byte> journal)
    {
        var path = _path + ".new";
        if (BackingFile.TryOpen(path) is not { } next)
            return false;
        // What was interrupted may have left one.
        if (!next.SetLength(0) || next.Write(0, journal) != journal.Length || !next.Sync() || !Rename(path))
        {
            next.Dispose();
            return false;
        }

        lock (_gate)
        {
            _journal.Dispose();
            (_journal, _length, _isNamed) = (next, journal.Length, BackingFile.SyncDirectory(_directory));
        }

        return true;
    }

    private bool Rename(string path)
    {
        try
        {
            File.Move(path, _path, overwrite: true);
            return true;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static BackingFile Open(string path) => BackingFile.TryOpen(path) ?? throw new IOException($"{path}: cannot be opened");

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
        BackingFile journal;
        lock (_gate)
        {
            journal = _journal;
            _isNamed = _isNamed || BackingFile.SyncDirectory(_directory);
        }

        // One that has been replaced meanwhile is part of another, which is on the disk.
        if (all)
            _lock.SyncAll();
        else
            journal.Sync();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _journal.Dispose();
        _lock.Dispose();
    }

    private string PathOf(long id) => Path.Combine(_data, id.ToString(CultureInfo.InvariantCulture));
}
