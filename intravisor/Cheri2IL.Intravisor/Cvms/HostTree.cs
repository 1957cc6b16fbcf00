using System.Text;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime;
using Microsoft.Win32.SafeHandles;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>A directory of the host, read-only: part of the host interface, with <see cref="IHostInterface"/>.</summary>
/// <remarks>
/// Paths are made of names that <see cref="List"/> or <see cref="Find"/> returned as directories, so neither ".." nor a link occurs in them. Names
/// that are not UTF-8 cannot be expressed through .NET and are left out.
/// </remarks>
public sealed class HostTree : IHostTree
{
    private readonly string _root;

    /// <summary>The tree under <paramref name="root"/>.</summary>
    /// <exception cref="DirectoryNotFoundException">It is not a directory.</exception>
    public HostTree(string root)
    {
        _root = Path.GetFullPath(root);
        if (!Directory.Exists(_root))
            throw new DirectoryNotFoundException($"{root}: not a directory");
    }

    /// <inheritdoc/>
    public IReadOnlyList<HostEntry> List(IReadOnlyList<string> path)
    {
        var entries = new List<HostEntry>();
        try
        {
            foreach (var info in new DirectoryInfo(HostPath(path)).EnumerateFileSystemInfos("*", new EnumerationOptions { AttributesToSkip = 0, IgnoreInaccessible = true }))
            {
                if (Describe(info) is { } entry)
                    entries.Add(entry);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A directory that went or cannot be read is empty to the guest.
        }

        return entries;
    }

    /// <inheritdoc/>
    public HostEntry? Find(IReadOnlyList<string> path, string name)
    {
        // One name as the host has it, which must be the guest's again: replaced characters would name another file.
        var hostName = Utf8(name);
        if (name is "" or "." or ".." || name.AsSpan().ContainsAny('/', '\0') || Latin1(hostName) != name)
            return null;
        try
        {
            var host = $"{HostPath(path)}/{hostName}";
            var file = new FileInfo(host);
            if (file.Attributes == (FileAttributes)(-1))
                return null;
            return Describe((file.Attributes & FileAttributes.Directory) != 0 ? new DirectoryInfo(host) : file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public IHostFile? Open(IReadOnlyList<string> path)
    {
        try
        {
            var host = HostPath(path);
            if (new FileInfo(host).LinkTarget is not null)
                return null;
            return new HostFile(File.OpenHandle(host, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static HostEntry? Describe(FileSystemInfo info)
    {
        var name = Latin1(info.Name);
        var time = (info.LastWriteTimeUtc - DateTime.UnixEpoch).Ticks * 100;
        if (info.LinkTarget is { } target)
            return new HostEntry(name, HostEntryKind.SymbolicLink, 0x1ff, time, Latin1(target));
        if (info is DirectoryInfo)
            return new HostEntry(name, HostEntryKind.Directory, (int)info.UnixFileMode, time, null);
        // Devices, sockets and FIFOs of the host are not shown.
        return (info.Attributes & FileAttributes.Device) != 0 ? null : new HostEntry(name, HostEntryKind.File, (int)info.UnixFileMode, time, null);
    }

    private static string Latin1(string text) => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text));

    private static string Utf8(string name) => Encoding.UTF8.GetString(Encoding.Latin1.GetBytes(name));

    private string HostPath(IReadOnlyList<string> path)
    {
        var result = new StringBuilder(_root);
        foreach (var name in path)
            result.Append('/').Append(Utf8(name));
        return result.ToString();
    }

    /// <summary>An open host file; closed when the guest's file is collected.</summary>
    private sealed class HostFile(SafeFileHandle handle) : IHostFile
    {
        public long Length { get; } = RandomAccess.GetLength(handle);

        // By its descriptor: the path may lead elsewhere by now.
        public FileIdentity? Identity => Runtime.HostFile.IdentityOf($"/proc/self/fd/{(int)handle.DangerousGetHandle()}");

        public int Read(long offset, Span<byte> destination)
        {
            var done = 0;
            while (done < destination.Length)
            {
                var count = RandomAccess.Read(handle, destination[done..], offset + done);
                if (count == 0)
                    break;
                done += count;
            }

            return done;
        }
    }
}
