using System.Buffers;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Elf;

namespace Cheri2IL.Intravisor.LibOs.Syscalls;

/// <summary>execve and execveat (fs/exec.c).</summary>
internal static class ExecSyscalls
{
    /// <summary>Longest argument or environment string with its zero (MAX_ARG_STRLEN).</summary>
    private const int LongestString = 32 * HostMemory.PageSize;

    /// <summary>Bytes that strings and their pointers may take: a quarter of the stack, as on Linux.</summary>
    private const long MostBytes = GuestLayout.StackSize / 4;

    public static long Execve(CvmThread thread, in SyscallArguments a) => Execute(thread, FileAbi.AT_FDCWD, a.A0, a.A1, a.A2, flags: 0);

    public static long Execveat(CvmThread thread, in SyscallArguments a)
        => ((int)a.A4 & ~(FileAbi.AT_EMPTY_PATH | FileAbi.AT_SYMLINK_NOFOLLOW)) != 0 ? -Errno.EINVAL : Execute(thread, a.A0, a.A1, a.A2, a.A3, (int)a.A4);

    private static long Execute(CvmThread thread, long directory, long path, long arguments, long environment, int flags)
    {
        var process = thread.Process;
        var error = PathSyscalls.ReadPath(thread, path, out var name);
        if (error != 0)
            return error;
        PathResult at;
        lock (process.Files.FileSystem.Gate)
        {
            error = PathSyscalls.Resolve(thread, directory, path, (flags & FileAbi.AT_SYMLINK_NOFOLLOW) == 0, (flags & FileAbi.AT_EMPTY_PATH) != 0, out at);
            if (error == 0 && at.Inode is SymbolicLink)
                error = -Errno.ELOOP;
        }

        if (error != 0)
            return error;
        var given = (int)directory == FileAbi.AT_FDCWD || name.StartsWith('/') ? name
            : name.Length == 0 ? $"/dev/fd/{(int)directory}" : $"/dev/fd/{(int)directory}/{name}";
        var room = MostBytes - name.Length;
        if (ReadStrings(thread, arguments, ref room, out error) is not { } argv || ReadStrings(thread, environment, ref room, out error) is not { } envp)
            return error;

        // Since Linux 5.18, argv[0] always exists.
        if (argv.Count == 0)
            argv.Add([]);
        var start = new ProgramStart(FileSystem.ToBytes(given), "", argv, envp);
        if (ProgramSearch.Follow(process, at, start, out error) is not { } search)
            return error;
        var credentials = process.Attributes.Credentials.ForExecute(search.File, process.Attributes.NoNewPrivileges);
        return Run(thread, search with { Start = search.Start with { Credentials = credentials } });
    }

    /// <summary>Makes the new image, and gives it to the process once nothing can go wrong any more.</summary>
    private static long Run(CvmThread thread, ProgramSearch search)
    {
        ProcessImage? image = null;
        try
        {
            if (ProgramFile.Of(search.File, search.Start.ExecutablePath, out var error) is not { } program)
                return error;
            ProgramFile? interpreter = null;
            if (program.Elf.Interpreter is { } path
                && (interpreter = ProgramFile.Open(thread.Files.FileSystem, thread.FileCaller, thread.Files.WorkingDirectory, path, out error)) is null)
                return error;
            image = new ProcessImage(thread.Cvm);
            var loaded = image.Load(search.Start, program, interpreter);
            if (thread.Process.Replace(thread, image) is { } next)
            {
                next.Enter(loaded);
                lock (thread.Process.Attributes.Gate)
                {
                    // fs/exec.c, begin_new_exec.
                    thread.Process.Attributes.Dumpable = thread.Process.Attributes.Credentials.IsSetId ? 0 : 1;
                    thread.Process.Attributes.Credentials = search.Start.Credentials;
                }

                thread.Files.Execute();
                image = null;
            }

            // Otherwise the process is ending: the result is seen by nobody.
            return 0;
        }
        catch (ElfFormatException)
        {
            return -Errno.ENOEXEC;
        }
        catch (Exception exception) when (exception is CvmLoadException or InsufficientMemoryException or System.ComponentModel.Win32Exception)
        {
            return -Errno.ENOMEM;
        }
        finally
        {
            image?.Release();
        }
    }

    /// <summary>Reads a table of strings that ends with a null pointer; null with a negated errno.</summary>
    /// <param name="thread">Whose memory it is in.</param>
    /// <param name="table">Its address; 0 stands for an empty one.</param>
    /// <param name="room">Bytes that strings and pointers may take; what is left of it.</param>
    /// <param name="error">0, -EFAULT or -E2BIG.</param>
    private static List<byte[]>? ReadStrings(CvmThread thread, long table, ref long room, out int error)
    {
        error = 0;
        var strings = new List<byte[]>();
        if (table == 0)
            return strings;
        var buffer = ArrayPool<byte>.Shared.Rent(LongestString);
        try
        {
            for (var at = table; ; at += thread.PointerBytes)
            {
                error = -Errno.EFAULT;
                if (!thread.TryReadPointer(at, out var pointer))
                    return null;
                if (pointer.Address == 0)
                {
                    error = 0;
                    return strings;
                }

                thread.ActFor(pointer);
                var length = thread.Memory.ReadString((long)pointer.Address, buffer.AsSpan(0, LongestString));
                thread.ActFor(null);
                if (length < 0)
                    return null;
                error = -Errno.E2BIG;
                room -= length + 1 + sizeof(long);
                if (length == LongestString || room < 0)
                    return null;
                strings.Add(buffer.AsSpan(0, length).ToArray());
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
