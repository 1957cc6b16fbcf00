using System.Buffers.Binary;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Mm;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>System V shared memory (ipc/shm.c).</summary>
internal static class SharedMemorySyscalls
{
    private const long Page = 4096;
    private const int IPC_CREAT = 0x200, IPC_EXCL = 0x400, SHM_HUGETLB = 0x800;
    private const int SHM_RDONLY = 0x1000, SHM_RND = 0x2000, SHM_REMAP = 0x4000, SHM_EXEC = 0x8000;

    public static long Shmget(CvmThread thread, in SyscallArguments a)
    {
        var (key, size, flags) = ((int)a.A0, a.A1, (int)a.A2);
        var segments = thread.Cvm.SharedSegments;
        lock (segments.Gate)
        {
            if (segments.FindKey(key) is { } found)
            {
                if ((flags & (IPC_CREAT | IPC_EXCL)) == (IPC_CREAT | IPC_EXCL))
                    return -Errno.EEXIST;
                if ((ulong)size > (ulong)found.Size)
                    return -Errno.EINVAL;
                return found.Denies(thread.Process.Attributes.Credentials, (flags >> 6) | (flags >> 3) | flags) ? -Errno.EACCES : found.Id;
            }

            if (key != 0 && (flags & IPC_CREAT) == 0)
                return -Errno.ENOENT;

            // There are no huge pages.
            return (flags & SHM_HUGETLB) != 0 ? -Errno.ENOMEM : segments.Create(thread, key, size, flags & 0x1ff);
        }
    }

    public static long Shmat(CvmThread thread, in SyscallArguments a)
    {
        var (id, address, flags) = ((int)a.A0, a.A1, (int)a.A2);

        // No capability is for what it maps.
        if (thread.IsPure)
            return -Errno.ENOSYS;
        if (id < 0)
            return -Errno.EINVAL;
        var mapFlags = MemoryFlags.MAP_SHARED;
        if (address != 0)
        {
            if ((address & (Page - 1)) != 0 && (flags & SHM_RND) != 0)
                address &= -Page;
            if ((address & (Page - 1)) != 0 || (address == 0 && (flags & SHM_REMAP) != 0))
                return -Errno.EINVAL;
            mapFlags |= (flags & SHM_REMAP) != 0 ? MemoryFlags.MAP_FIXED : MemoryFlags.MAP_FIXED_NOREPLACE;
        }
        else if ((flags & SHM_REMAP) != 0)
        {
            return -Errno.EINVAL;
        }

        var canWrite = (flags & SHM_RDONLY) == 0;
        var (protection, wanted) = canWrite ? (MemoryFlags.PROT_READ | MemoryFlags.PROT_WRITE, 6) : (MemoryFlags.PROT_READ, 4);
        if ((flags & SHM_EXEC) != 0)
            (protection, wanted) = (protection | MemoryFlags.PROT_EXEC, wanted | 1);
        var segments = thread.Cvm.SharedSegments;
        lock (segments.Gate)
        {
            if (segments.Find(id) is not { } segment)
                return -Errno.EINVAL;
            if (segment.Denies(thread.Process.Attributes.Credentials, wanted))
                return -Errno.EACCES;
            if ((flags & SHM_REMAP) != 0 && !thread.MayChangeMappings(address, (ulong)segment.Size))
                return -Errno.EFAULT;
            var result = thread.Space.Map(address, (ulong)segment.Size, protection, mapFlags, segment.Attach(canWrite), 0);
            if (result < 0)
                return result == -Errno.EEXIST ? -Errno.EINVAL : result;
            (segment.AttachTime, segment.LastProcess) = (segments.Now, thread.Process.Id);
            return result;
        }
    }

    public static long Shmdt(CvmThread thread, in SyscallArguments a)
    {
        if ((a.A0 & (Page - 1)) != 0)
            return -Errno.EINVAL;
        var segments = thread.Cvm.SharedSegments;
        lock (segments.Gate)
        {
            if (SharedSegment.AttachedAt(thread.Space, a.A0) is not var (segment, source))
                return -Errno.EINVAL;
            if (!thread.MayChangeMappings(a.A0, (ulong)segment.Size))
                return -Errno.EFAULT;
            var end = a.A0 + segment.Size;
            foreach (var mapping in thread.Space.Snapshot())
            {
                // What is left of this attachment, perhaps with other rights in the middle.
                if (mapping.Source == source && (long)mapping.Start >= a.A0 && (long)mapping.Start < end && (long)mapping.Start - a.A0 == mapping.Offset)
                    thread.Space.Unmap((long)mapping.Start, mapping.Length);
            }

            (segment.DetachTime, segment.LastProcess) = (segments.Now, thread.Process.Id);

            // The last one out of a segment that was removed takes it along.
            segments.Find(segment.Id);
            return 0;
        }
    }

    public static long Shmctl(CvmThread thread, in SyscallArguments a)
    {
        const int IPC_RMID = 0, IPC_SET = 1, IPC_STAT = 2, IPC_INFO = 3, SHM_LOCK = 11, SHM_UNLOCK = 12, SHM_STAT = 13, SHM_INFO = 14, SHM_STAT_ANY = 15;
        var (id, command) = ((int)a.A0, (int)a.A1);
        if (id < 0 || command < 0)
            return -Errno.EINVAL;
        var segments = thread.Cvm.SharedSegments;
        var credentials = thread.Process.Attributes.Credentials;
        lock (segments.Gate)
        {
            if (command is IPC_INFO or SHM_INFO)
                return WriteInfo(thread, segments, command == IPC_INFO, a.A2);
            if (command is not (IPC_RMID or IPC_SET or IPC_STAT or SHM_LOCK or SHM_UNLOCK or SHM_STAT or SHM_STAT_ANY))
                return -Errno.EINVAL;
            Span<byte> changes = stackalloc byte[24];
            if (command == IPC_SET && !thread.Memory.TryRead(a.A2, changes))
                return -Errno.EFAULT;
            var segment = segments.Find(id);
            if (command is SHM_STAT or SHM_STAT_ANY)
                segment = segments.At(id);
            if (segment is null)
                return -Errno.EINVAL;
            switch (command)
            {
                case IPC_STAT or SHM_STAT or SHM_STAT_ANY:
                    if (command != SHM_STAT_ANY && segment.Denies(credentials, 4))
                        return -Errno.EACCES;
                    return !WriteState(thread, segments, segment, a.A2) ? -Errno.EFAULT : command == IPC_STAT ? 0 : segment.Id;
                case SHM_LOCK or SHM_UNLOCK:
                    if (!segment.IsControlledBy(credentials))
                        return -Errno.EPERM;

                    // Nothing is ever swapped out: that it was asked for is all there is.
                    segment.Mode = (segment.Mode & ~SharedSegment.SHM_LOCKED) | (command == SHM_LOCK ? SharedSegment.SHM_LOCKED : 0);
                    return 0;
                default:
                    if (!segment.IsControlledBy(credentials))
                        return -Errno.EPERM;
                    if (command == IPC_RMID)
                    {
                        segments.Remove(segment);
                        return 0;
                    }

                    var (user, group) = (BinaryPrimitives.ReadInt32LittleEndian(changes[4..]), BinaryPrimitives.ReadInt32LittleEndian(changes[8..]));
                    if (user == -1 || group == -1)
                        return -Errno.EINVAL;
                    segment.Owner = (user, group);
                    segment.Mode = (segment.Mode & ~0x1ff) | (BinaryPrimitives.ReadInt32LittleEndian(changes[20..]) & 0x1ff);
                    segment.ChangeTime = segments.Now;
                    return 0;
            }
        }
    }

    /// <summary>struct shmid64_ds of asm-generic: 112 bytes.</summary>
    private static bool WriteState(CvmThread thread, SharedSegments segments, SharedSegment segment, long address)
    {
        Span<byte> buffer = stackalloc byte[112];
        buffer.Clear();
        Span<int> head = stackalloc int[] { segment.Key, segment.Owner.User, segment.Owner.Group, segment.Creator.User, segment.Creator.Group, segment.Mode, segment.Id >> 15 };
        Words.AsBytes(head).CopyTo(buffer);
        Span<long> numbers = stackalloc long[] { segment.Size, segment.AttachTime, segment.DetachTime, segment.ChangeTime };
        Words.AsBytes(numbers).CopyTo(buffer[48..]);
        BinaryPrimitives.WriteInt32LittleEndian(buffer[80..], segment.CreatorProcess);
        BinaryPrimitives.WriteInt32LittleEndian(buffer[84..], segment.LastProcess);
        BinaryPrimitives.WriteInt64LittleEndian(buffer[88..], segments.AttachmentsOf(segment));
        return thread.Memory.TryWrite(address, buffer);
    }

    /// <summary>struct shminfo64, of limits, or struct shm_info, of what is in use; the result is the highest place in use.</summary>
    private static long WriteInfo(CvmThread thread, SharedSegments segments, bool isLimits, long address)
    {
        Span<long> numbers = isLimits
            ? [SharedSegments.LargestSize, 1, SharedSegments.Most, SharedSegments.Most, SharedSegments.LargestSize, 0, 0, 0, 0]
            : [segments.Count, segments.Bytes / Page, segments.Bytes / Page, 0, 0, 0];
        return thread.Memory.TryWrite(address, Words.AsBytes(numbers)) ? Math.Max(0, segments.HighestIndex) : -Errno.EFAULT;
    }
}
