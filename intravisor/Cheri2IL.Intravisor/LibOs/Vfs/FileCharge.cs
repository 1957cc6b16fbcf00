namespace Cheri2IL.Intravisor.LibOs.Vfs;

/// <summary>What something has taken from the budget of a file system.</summary>
internal sealed class FileCharge(FileSystem fileSystem)
{
    private long _bytes;

    /// <summary>Bytes.</summary>
    public long Bytes => Volatile.Read(ref _bytes);

    /// <summary>Takes more, or gives some back, so that it is so many bytes; false where the budget has no room.</summary>
    public bool Set(long bytes)
    {
        if (bytes > _bytes && !fileSystem.Charge(bytes - _bytes))
            return false;
        if (bytes < _bytes)
            fileSystem.Release(_bytes - bytes);
        Volatile.Write(ref _bytes, bytes);
        return true;
    }

    /// <summary>Gives all back.</summary>
    public void Release() => fileSystem.Release(Interlocked.Exchange(ref _bytes, 0));
}
