using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>Who sent something, or is at the other end (struct ucred).</summary>
internal readonly record struct Credentials(int Process, int User, int Group);

/// <summary>What travels with the bytes of a Unix socket: files (SCM_RIGHTS) and the sender (SCM_CREDENTIALS).</summary>
/// <remarks>It holds references to the files. Exactly one of <see cref="Take"/> and <see cref="Dispose"/> gives them up.</remarks>
internal sealed class Ancillary(OpenFile[] files, Credentials? sender, NetworkStack stack) : IDisposable
{
    private OpenFile[]? _files = files;

    /// <summary>The sender; null: not told.</summary>
    public Credentials? Sender => sender;

    /// <summary>Files on their way; empty when they were taken.</summary>
    public ReadOnlySpan<OpenFile> Files => Volatile.Read(ref _files);

    /// <summary>Takes over the references to the files.</summary>
    public OpenFile[] Take()
    {
        var taken = Interlocked.Exchange(ref _files, null) ?? [];
        stack.LandFiles(taken.Length);
        return taken;
    }

    /// <summary>Nobody receives them.</summary>
    public void Dispose()
    {
        foreach (var file in Take())
            file.Release();
    }
}
