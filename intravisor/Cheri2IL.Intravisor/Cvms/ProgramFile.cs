using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime.Elf;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>A program, or its dynamic linker, that is to be mapped and run.</summary>
/// <param name="Elf">The file, parsed.</param>
/// <param name="Source">The same, to be mapped.</param>
internal sealed record ProgramFile(ElfExecutable Elf, IMappingSource Source)
{
    /// <summary>Longest file that is taken for a program: 512 MiB. Its headers are parsed from a copy.</summary>
    private const long MaxLength = 512L << 20;

    /// <summary>A program that is in no file system.</summary>
    public static ProgramFile InMemory(string path, ElfExecutable elf) => new(elf, new MemorySource(path, elf.Data));

    /// <summary>Opens a file of the guest's tree for execution.</summary>
    /// <param name="tree">The tree.</param>
    /// <param name="caller">Who asks.</param>
    /// <param name="start">Directory that relative paths start at.</param>
    /// <param name="path">Latin-1 characters.</param>
    /// <param name="error">0, or the negated errno that execve has for it.</param>
    /// <exception cref="ElfFormatException">It is no ELF file that can be run.</exception>
    public static ProgramFile? Open(FileSystem tree, FileCaller caller, DirectoryNode start, string path, out int error)
    {
        RegularFile? file;
        lock (tree.Gate)
        {
            error = tree.Walk(caller, start, path, followLast: true, out var found);
            file = found.Inode as RegularFile;
            if (error == 0)
                error = file is not { IsExecutable: true } ? -Errno.EACCES : caller.Credentials.Check(file, 1);
        }

        return error == 0 ? Of(file!, path, out error) : null;
    }

    /// <summary>A file that may be executed.</summary>
    /// <exception cref="ElfFormatException">It is no ELF file that can be run.</exception>
    public static ProgramFile? Of(RegularFile file, string path, out int error)
    {
        var source = new FileMapping(file, path, canWrite: false);
        error = source.Length > MaxLength ? -Errno.ENOMEM : 0;
        return error == 0 ? new ProgramFile(ElfExecutable.Parse(source.Bytes ?? Copy(source), path), source) : null;
    }

    private static byte[] Copy(FileMapping source)
    {
        var bytes = GC.AllocateUninitializedArray<byte>((int)Math.Min(source.Length, MaxLength));
        var done = 0;
        while (done < bytes.Length && source.ReadAt(done, bytes.AsSpan(done)) is var count and > 0)
            done += count;
        return done == bytes.Length ? bytes : bytes[..done];
    }
}
