using System.Globalization;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Events;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Net;

/// <summary>Names of a cVM's Unix sockets: files, and names behind a zero that are in no directory.</summary>
/// <remarks>Thread-safe.</remarks>
internal sealed class UnixNames : ISocketNames
{
    private readonly Lock _gate = new();
    private Dictionary<string, Socket> Abstract => field ??= new(StringComparer.Ordinal);
    private uint _nextName;

    /// <inheritdoc/>
    public int Bind(CvmThread thread, Socket socket, in SocketAddress address)
    {
        if (socket.IsBound && address.Path is null or ['\0', ..])
            return -Errno.EINVAL;
        if (address.Path is not { } path)
            return BindAutomatically(socket);
        var error = path[0] == 0 ? Enter(socket, path) : Create(thread, socket, path);
        if (error == 0)
            (socket.LocalAddress, socket.IsBound) = (address, true);
        return error;
    }

    /// <inheritdoc/>
    public int BindFor(Socket socket, in SocketAddress destination) => 0;

    /// <inheritdoc/>
    public int Find(CvmThread? thread, Socket from, in SocketAddress to, out Socket? found)
    {
        found = null;
        if (to.Path is not { } path || thread is null)
            return -Errno.EINVAL;
        if (path[0] == 0)
        {
            lock (_gate)
                found = Abstract.GetValueOrDefault(path);
        }
        else
        {
            lock (thread.Files.FileSystem.Gate)
            {
                var error = thread.Files.FileSystem.Walk(thread.FileCaller, thread.Files.WorkingDirectory, path, followLast: true, out var at);
                if (error != 0)
                    return error;
                found = (at.Inode as SocketNode)?.Socket;
                if (thread.Process.Attributes.Credentials.Check(at.Inode!, 2) != 0)
                {
                    found = null;
                    return -Errno.EACCES;
                }
            }
        }

        if (found is null)
            return -Errno.ECONNREFUSED;
        if (found.Type == from.Type)
            return 0;
        found = null;
        return -Errno.EPROTOTYPE;
    }

    /// <inheritdoc/>
    public void Unbind(Socket socket)
    {
        if (!socket.IsBound)
            return;
        socket.Node?.Forget();
        lock (_gate)
        {
            if (socket.LocalAddress.Path is { } path && Abstract.GetValueOrDefault(path) == socket)
                Abstract.Remove(path);
        }
    }

    private int BindAutomatically(Socket socket)
    {
        while (true)
        {
            var name = "\0" + (Interlocked.Increment(ref _nextName) & 0xfffff).ToString("x5", CultureInfo.InvariantCulture);
            if (Enter(socket, name) != 0)
                continue;
            (socket.LocalAddress, socket.IsBound) = (SocketAddress.Nameless with { Path = name }, true);
            return 0;
        }
    }

    private int Enter(Socket socket, string name)
    {
        lock (_gate)
            return Abstract.TryAdd(name, socket) ? 0 : -Errno.EADDRINUSE;
    }

    private static int Create(CvmThread thread, Socket socket, string path)
    {
        var files = thread.Files;
        lock (files.FileSystem.Gate)
        {
            var error = files.FileSystem.Walk(thread.FileCaller, files.WorkingDirectory, path, followLast: false, out var at);
            if (error == 0)
                return -Errno.EADDRINUSE;
            if (error != -Errno.ENOENT || at.Parent is null)
                return error;
            if (at.HasTrailingSlash)
                return -Errno.ENOENT;
            if (socket.IsBound)
                return -Errno.EINVAL;
            var credentials = thread.Process.Attributes.Credentials;
            error = credentials.CheckCreate(at.Parent);
            if (error != 0)
                return error;
            var node = new SocketNode(files.FileSystem, 0x1ff & ~files.Umask, socket);
            credentials.Own(node, at.Parent);
            if (!at.Parent.TryLink(at.Name, () => node))
                return -Errno.ENOSPC;
            socket.Node = node;
            files.FileSystem.NoticeEntry(at.Parent, at.Name, node, Inotify.IN_CREATE);
            return 0;
        }
    }
}

/// <summary>The file that a Unix socket is bound to; it stays when the socket is closed.</summary>
internal sealed class SocketNode(FileSystem fileSystem, int permissions, Socket? socket) : Inode(fileSystem, FileAbi.S_IFSOCK | permissions)
{
    /// <summary>The socket; null when it is closed.</summary>
    public Socket? Socket { get; private set; } = socket;

    /// <summary>The socket is closed.</summary>
    public void Forget() => Socket = null;

    /// <inheritdoc/>
    public override OpenFile? Open(int flags, out int error)
    {
        error = -Errno.ENXIO;
        return null;
    }
}
