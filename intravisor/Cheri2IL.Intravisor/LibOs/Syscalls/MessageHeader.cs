using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Net;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>struct msghdr of a guest, and what its pointers lead to. Results are 0 or a negated errno.</summary>
internal readonly ref struct MessageHeader
{
    /// <summary>Most bytes of control data (net.core.optmem_max).</summary>
    private const int MostControl = 20480;

    private const int ControlHeader = ControlWriter.Header;
    private const int CredentialsBytes = 12;

    private readonly long _address;
    private readonly Capability _name;
    private readonly Capability _vector;
    private readonly Capability _control;
    private readonly int _nameLength;
    private readonly long _controlLength;

    private MessageHeader(long address, Capability name, int nameLength, Capability vector, long vectorCount, Capability control, long controlLength)
    {
        (_address, _name, _nameLength, _vector, VectorCount) = (address, name, nameLength, vector, vectorCount);
        (_control, _controlLength) = (control, controlLength);
    }

    /// <summary>Entries of the array of struct iovec.</summary>
    public long VectorCount { get; }

    /// <summary>Bytes of the structure.</summary>
    public static int SizeOf(CvmThread thread) => thread.PointerBytes == sizeof(long) ? 56 : 96;

    /// <summary>Bytes of struct mmsghdr, which has the number of bytes behind it.</summary>
    public static int SizeOfMany(CvmThread thread) => thread.PointerBytes == sizeof(long) ? 64 : 112;

    /// <summary>Reads it.</summary>
    public static int Read(CvmThread thread, long address, out MessageHeader header)
    {
        header = default;
        var field = thread.PointerBytes;
        if (!thread.TryReadPointer(address, out var name) || !thread.Memory.TryRead(address + field, out int nameLength)
            || !thread.TryReadPointer(address + (2 * field), out var vector) || !thread.Memory.TryRead(address + (3 * field), out long vectorCount)
            || !thread.TryReadPointer(address + (4 * field), out var control) || !thread.Memory.TryRead(address + (5 * field), out long controlLength))
            return -Errno.EFAULT;
        if (nameLength < 0)
            return -Errno.EINVAL;
        if ((ulong)vectorCount > 1024)
            return -Errno.EMSGSIZE;
        header = new MessageHeader(address, name, Math.Min(nameLength, SocketAddress.MostBytes), vector, vectorCount, control, controlLength);
        return 0;
    }

    /// <summary>Address of the array of struct iovec, which is touched with its own authority until the thread acts for another.</summary>
    public long VectorFor(CvmThread thread)
    {
        thread.ActFor(_vector);
        return (long)_vector.Address;
    }

    /// <summary>Reads the destination; family AF_UNSPEC if there is none.</summary>
    public int ReadName(CvmThread thread, Socket socket, out SocketAddress to)
    {
        to = default;
        if (_name.Address == 0 || _nameLength == 0)
            return 0;
        thread.ActFor(_name);
        var error = SocketSyscalls.ReadAddress(thread, (long)_name.Address, _nameLength, socket, AddressUse.Send, out to);
        thread.ActFor(null);
        return error;
    }

    /// <summary>Writes the sender, where there is room for it, and its length.</summary>
    public int WriteName(CvmThread thread, in SocketAddress name)
    {
        if (_name.Address == 0)
            return 0;
        Span<byte> bytes = stackalloc byte[SocketAddress.MostBytes];
        var length = name.Write(bytes);
        thread.ActFor(_name);
        var isWritten = thread.Memory.TryWrite((long)_name.Address, bytes[..Math.Min(length, _nameLength)]);
        thread.ActFor(null);
        return isWritten && thread.Memory.TryWrite(_address + thread.PointerBytes, length) ? 0 : -Errno.EFAULT;
    }

    /// <summary>Writes msg_flags.</summary>
    public bool WriteFlags(CvmThread thread, int flags) => thread.Memory.TryWrite(_address + (5 * thread.PointerBytes) + sizeof(long), flags);

    /// <summary>Reads what goes along: files and credentials of a Unix socket; null: nothing. Of a datagram of IP: how it is to be sent.</summary>
    public int ReadControl(CvmThread thread, Socket socket, out Ancillary? ancillary, out Posting posting)
    {
        (ancillary, posting) = (null, default);
        if (_controlLength == 0 || _control.Address == 0)
            return 0;
        if ((ulong)_controlLength > MostControl)
            return -Errno.ENOBUFS;
        var bytes = new byte[_controlLength];
        thread.ActFor(_control);
        var isRead = thread.Memory.TryRead((long)_control.Address, bytes);
        thread.ActFor(null);
        if (!isRead)
            return -Errno.EFAULT;
        return socket.Family == SocketAbi.AF_UNIX ? Parse(thread, bytes, out ancillary)
            : socket is DatagramSocket ? IpControl.Parse(bytes, socket, out posting)
            : 0;
    }

    /// <summary>Writes what came along, and how many bytes that are; files get descriptors. Sets MSG_CTRUNC in the flags where something does not fit.</summary>
    public int WriteControl(CvmThread thread, Socket socket, in Received received, int flags, ref int returned)
    {
        var room = _control.Address == 0 ? 0 : Math.Min(_controlLength, MostControl);
        Span<byte> bytes = stackalloc byte[ControlHeader * 2 + 16 + ((SocketAbi.SCM_MAX_FD + 1) * sizeof(int))];
        var writer = new ControlWriter(bytes, room);
        if (received.Ancillary is { } ancillary)
        {
            if (socket.Options.PassesCredentials && ancillary.Sender is { } sender)
            {
                Span<int> fields = stackalloc int[] { sender.Process, sender.User, sender.Group };
                writer.Put(SocketAbi.SOL_SOCKET, SocketAbi.SCM_CREDENTIALS, Words.AsBytes(fields));
            }

            if ((flags & SocketAbi.MSG_PEEK) == 0)
                PutFiles(thread, ref writer, ancillary, flags);
        }

        if (received.Delivery.To != InternetAddress.Any6)
            IpControl.Put(ref writer, socket, received.Delivery);
        if (received.IsError)
            IpControl.PutError(ref writer, socket.Family, received.Source);
        returned |= writer.Flags;
        thread.ActFor(_control);
        var isWritten = writer.Length == 0 || thread.Memory.TryWrite((long)_control.Address, bytes[..writer.Length]);
        thread.ActFor(null);
        return isWritten && thread.Memory.TryWrite(_address + (5 * thread.PointerBytes), (long)writer.Length) ? 0 : -Errno.EFAULT;
    }

    /// <summary>Gives received files descriptors, as many as there is room for; those that get none are closed.</summary>
    private static void PutFiles(CvmThread thread, ref ControlWriter writer, Ancillary ancillary, int flags)
    {
        var files = ancillary.Take();
        if (files.Length == 0)
            return;
        var fits = (int)Math.Clamp(writer.Room / sizeof(int), 0, files.Length);
        Span<int> descriptors = stackalloc int[SocketAbi.SCM_MAX_FD];
        var count = 0;
        foreach (var file in files)
        {
            var descriptor = count < fits ? thread.Files.Descriptors.Add(file, (flags & SocketAbi.MSG_CMSG_CLOEXEC) != 0) : -1;
            if (descriptor >= 0)
                descriptors[count++] = (int)descriptor;
            else
                fits = count;
            file.Release();
        }

        if (count < files.Length)
            writer.Flags |= SocketAbi.MSG_CTRUNC;
        if (count > 0)
            writer.Put(SocketAbi.SOL_SOCKET, SocketAbi.SCM_RIGHTS, Words.AsBytes(descriptors[..count]));
    }

    private static int Parse(CvmThread thread, ReadOnlySpan<byte> bytes, out Ancillary? ancillary)
    {
        ancillary = null;
        var files = new List<OpenFile>();
        Credentials? sender = null;
        while (bytes.Length >= ControlHeader)
        {
            var size = BinaryPrimitives.ReadInt64LittleEndian(bytes);
            if (size < ControlHeader || size > bytes.Length)
                return -Errno.EINVAL;
            var data = bytes[ControlHeader..(int)size];
            if (BinaryPrimitives.ReadInt32LittleEndian(bytes[8..]) == SocketAbi.SOL_SOCKET)
            {
                var error = BinaryPrimitives.ReadInt32LittleEndian(bytes[12..]) switch
                {
                    SocketAbi.SCM_RIGHTS => ParseFiles(thread, data, files),
                    SocketAbi.SCM_CREDENTIALS => ParseSender(data, out sender),
                    _ => -Errno.EINVAL,
                };
                if (error != 0)
                    return error;
            }

            bytes = bytes[(int)Math.Min(bytes.Length, (size + 7) & ~7)..];
        }

        var stack = thread.Cvm.Network;
        if (files.Count > 0 && !stack.SendFiles(files.Count))
            return -Errno.ETOOMANYREFS;
        foreach (var file in files)
            file.AddReference();
        if (files.Count > 0 || sender is not null)
            ancillary = new Ancillary([.. files], sender ?? SocketSyscalls.CredentialsOf(thread), stack);
        return 0;
    }

    private static int ParseFiles(CvmThread thread, ReadOnlySpan<byte> data, List<OpenFile> files)
    {
        if (files.Count + (data.Length / sizeof(int)) > SocketAbi.SCM_MAX_FD)
            return -Errno.EINVAL;
        for (; data.Length >= sizeof(int); data = data[sizeof(int)..])
        {
            if (thread.Files.Descriptors[BinaryPrimitives.ReadInt32LittleEndian(data)] is not { } file)
                return -Errno.EBADF;
            files.Add(file);
        }

        return 0;
    }

    private static int ParseSender(ReadOnlySpan<byte> data, out Credentials? sender)
    {
        sender = null;
        if (data.Length != CredentialsBytes)
            return -Errno.EINVAL;
        sender = new Credentials(BinaryPrimitives.ReadInt32LittleEndian(data), BinaryPrimitives.ReadInt32LittleEndian(data[4..]), BinaryPrimitives.ReadInt32LittleEndian(data[8..]));
        return 0;
    }
}
