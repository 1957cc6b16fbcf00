using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <summary>What execve leads to: the file whose code is to run, after the scripts on the way to it (fs/exec.c, fs/binfmt_script.c).</summary>
/// <param name="File">The file, which may be executed.</param>
/// <param name="Start">What its program starts with.</param>
internal sealed record ProgramSearch(RegularFile File, ProgramStart Start)
{
    /// <summary>Bytes of a file that are looked at for its kind (BINPRM_BUF_SIZE).</summary>
    private const int HeadBytes = 256;

    private const int MostScripts = 5;

    /// <summary>Follows a path, and the interpreters of scripts.</summary>
    /// <param name="process">Who asks.</param>
    /// <param name="at">Where the path leads.</param>
    /// <param name="start">What execve was given; its <see cref="ProgramStart.ExecutablePath"/> is not looked at.</param>
    /// <param name="error">0 or a negated errno.</param>
    public static ProgramSearch? Follow(GuestProcess process, PathResult at, ProgramStart start, out int error)
    {
        var tree = process.Files.FileSystem;
        Span<byte> head = stackalloc byte[HeadBytes];
        for (var scripts = 0; ; scripts++)
        {
            if (at.Inode is not RegularFile { IsExecutable: true } file || process.Attributes.Credentials.Check(file, 1) != 0)
            {
                error = -Errno.EACCES;
                return null;
            }

            start = start with { ExecutablePath = process.Files.PathOf(at) };
            var to = new IoVector(head);
            var line = head[..(int)file.Content.Read(0, ref to)];
            if (!line.StartsWith("#!"u8))
            {
                error = 0;
                return new ProgramSearch(file, start);
            }

            if (scripts == MostScripts)
            {
                error = -Errno.ELOOP;
                return null;
            }

            if (!TryParse(line, out var interpreter, out var argument))
            {
                error = -Errno.ENOEXEC;
                return null;
            }

            var arguments = new List<byte[]> { interpreter };
            if (argument.Length > 0)
                arguments.Add(argument);
            arguments.Add(start.Path);
            for (var k = 1; k < start.Arguments.Count; k++)
                arguments.Add(start.Arguments[k]);
            start = start with { Path = interpreter, Arguments = arguments };
            lock (tree.Gate)
                error = tree.Walk(process.FileCaller, process.Files.WorkingDirectory, FileSystem.FromBytes(interpreter), followLast: true, out at);
            if (error != 0)
                return null;
        }
    }

    /// <summary>The interpreter and the one argument that the first line of a script names; false when it names none, or does not end.</summary>
    private static bool TryParse(ReadOnlySpan<byte> head, out byte[] interpreter, out byte[] argument)
    {
        (interpreter, argument) = ([], []);
        var end = head.IndexOf((byte)'\n');
        var line = (end < 0 ? head : head[..end])[2..].Trim(" \t"u8);
        if (end < 0 && head.Length == HeadBytes && line.IndexOfAny((byte)' ', (byte)'\t') < 0)
            return false;
        var space = line.IndexOfAny((byte)' ', (byte)'\t');
        interpreter = (space < 0 ? line : line[..space]).ToArray();
        argument = space < 0 ? [] : line[space..].Trim(" \t"u8).ToArray();
        return interpreter.Length > 0 && !interpreter.Contains((byte)0);
    }
}
