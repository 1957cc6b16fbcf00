using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Cheri2IL.Deployment.Control;

/// <summary>
/// The folder of control sockets of this user's Intravisors: <c>$XDG_RUNTIME_DIR/cheri2il</c>, or else <c>/tmp/cheri2il-UID</c>. It belongs to the
/// user, who alone can enter it; a socket is called after its process.
/// </summary>
public static unsafe partial class ControlDirectory
{
    private const string Extension = ".sock";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Effective user id of this process.</summary>
    public static uint UserId => NativeUser();

    /// <summary>Its path.</summary>
    public static string Path
    {
        get
        {
            var runtime = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
            return string.IsNullOrEmpty(runtime) ? $"/tmp/cheri2il-{UserId}" : runtime + "/cheri2il";
        }
    }

    /// <summary>Path of a process's socket.</summary>
    public static string SocketOf(int process) => string.Create(CultureInfo.InvariantCulture, $"{Path}/{process}{Extension}");

    /// <summary>Makes the folder where it is missing, and makes sure that it is what it should be.</summary>
    /// <exception cref="ControlException">Somebody else could enter it, or it cannot be made.</exception>
    public static void Prepare()
    {
        if (OperatingSystem.IsWindows())
            throw new PlatformNotSupportedException();
        try
        {
            Directory.CreateDirectory(Path, OwnerOnly);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ControlException($"{Path}: {error.Message}");
        }

        Verify();
    }

    /// <summary>Process ids of the Intravisors that run now, ascending. Sockets that nobody listens at are deleted.</summary>
    /// <exception cref="ControlException">Somebody else could enter the folder.</exception>
    public static IReadOnlyList<int> FindRunning()
    {
        if (!Directory.Exists(Path))
            return [];
        Verify();
        var found = new List<int>();
        foreach (var file in Directory.GetFiles(Path, "*" + Extension))
        {
            if (!int.TryParse(System.IO.Path.GetFileNameWithoutExtension(file), NumberStyles.None, CultureInfo.InvariantCulture, out var process))
                continue;
            if (IsListening(file))
                found.Add(process);
            else
                File.Delete(file);
        }

        found.Sort();
        return found;
    }

    private static bool IsListening(string file)
    {
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        try
        {
            socket.Connect(new UnixDomainSocketEndPoint(file));
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    /// <summary>Not by the mode alone: the folder of another user in /tmp would be his to change.</summary>
    private static void Verify()
    {
        Status status;
        fixed (byte* name = System.Text.Encoding.UTF8.GetBytes(Path + "\0"))
        {
            const int workingDirectory = -100;
            const int noFollow = 0x100;
            const uint typeModeOwner = 1 | 2 | 8;
            if (NativeStatus(workingDirectory, name, noFollow, typeModeOwner, &status) != 0)
                throw new ControlException($"{Path}: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        const int directoryOfOwnerOnly = 0x4000 | 0x1c0;
        if (status.Mode != directoryOfOwnerOnly || status.Owner != UserId)
            throw new ControlException($"{Path} must be a folder of yours that nobody else can enter (mode 0700); remove it, or set XDG_RUNTIME_DIR");
    }

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint NativeUser();

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static partial int NativeStatus(int directory, byte* path, int flags, uint mask, Status* status);

    /// <summary>struct statx (include/uapi/linux/stat.h): the fields that are used.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 256)]
    private struct Status
    {
        [FieldOffset(20)]
        public uint Owner;
        [FieldOffset(28)]
        public ushort Mode;
    }
}

/// <summary>The control socket cannot be used; the message says why and what to do.</summary>
public sealed class ControlException(string message) : Exception(message);
