using System.Buffers.Binary;
using System.Globalization;
using Cheri2IL.Cli.Cache;
using Cheri2IL.Cli.Commands;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Cli;

/// <summary>Translates every RV64 ELF file of a root ahead of time, each for the address where processes have it.</summary>
/// <remarks>Files are translated in parallel, the largest first. What is wrong with one does not keep others from being translated.</remarks>
internal sealed class TreeTranslation
{
    private const int ElfTypeExecutable = 2;
    private const int ElfTypeShared = 3;
    private const int MachineRiscV = 243;

    private readonly string _root;
    private readonly TranslatedFiles _files;
    private readonly Lock _gate = new();
    private int _total;
    private int _done;
    private int _made;
    private int _failed;

    private TreeTranslation(string root, TranslatedFiles files)
    {
        _root = Path.GetFullPath(root);
        _files = files;
    }

    /// <summary>Translates a tree into the user's cache and returns the tool's exit status: that of a failure if some file is wrong.</summary>
    /// <exception cref="ToolException">There is no such directory.</exception>
    public static int Run(string root, string checks)
    {
        if (!Directory.Exists(root))
            throw new ToolException(ExitCode.NoInput, $"--root: {root}: no such directory");
        return new TreeTranslation(root, new TranslatedFiles(RunArguments.Parse(["--checks", checks, "--", root])!)).Run();
    }

    private int Run()
    {
        var found = Find();
        var linkers = found.Select(f => InterpreterOf(f.FullName)).OfType<string>().Select(Resolve).OfType<string>().ToHashSet(StringComparer.Ordinal);
        _total = found.Length;
        var options = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount };
        Parallel.ForEach(found, options, file => Translate(file.FullName, linkers));
        Console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"cheri2il: {_root}: {_made} files translated, {_total - _made - _failed} were there already, {_failed} failed"));
        return _failed == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    private FileInfo[] Find()
        => [.. new DirectoryInfo(_root)
            .EnumerateFiles("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.ReparsePoint, IgnoreInaccessible = true })
            .Where(f => IsCandidate(f.FullName)).OrderByDescending(f => f.Length).ThenBy(f => f.FullName, StringComparer.Ordinal)];

    private static bool IsCandidate(string path)
    {
        using var file = HostFile.TryOpen(path, out _);
        Span<byte> header = stackalloc byte[20];
        return file is not null && file.Read(0, header) == header.Length && header.StartsWith("\u007fELF"u8) && header[4] == 2 && header[5] == 1
            && BinaryPrimitives.ReadUInt16LittleEndian(header[16..]) is ElfTypeExecutable or ElfTypeShared
            && BinaryPrimitives.ReadUInt16LittleEndian(header[18..]) == MachineRiscV;
    }

    private static string? InterpreterOf(string path)
    {
        try
        {
            return ElfExecutable.Parse(InputFile.Read(path), path).Interpreter;
        }
        catch (Exception error) when (error is ElfFormatException or ToolException)
        {
            // Said when it is its turn.
            return null;
        }
    }

    /// <summary>The host's path of a file of the root; links in it lead inside the root.</summary>
    private string? Resolve(string path)
    {
        var tree = new Intravisor.LibOs.Vfs.FileSystem(() => 0, new Intravisor.Cvms.HostTree(_root), memoryLimit: 0);
        lock (tree.Gate)
        {
            return tree.Walk(0, tree.Root, path, followLast: true, out var at) == 0 ? string.Concat(_root, tree.PathOf(at.Parent).TrimEnd('/'), "/", at.Name) : null;
        }
    }

    private void Translate(string path, HashSet<string> linkers)
    {
        string outcome;
        try
        {
            using var file = InputFile.Open(path);
            var content = InputFile.Read(file, path);
            var elf = ElfExecutable.Parse(content, path);
            var isMade = _files.Prepare(file.Identity, path, content, BiasOf(elf, file, path, linkers));
            if (!isMade)
            {
                Interlocked.Increment(ref _done);
                return;
            }

            Interlocked.Increment(ref _made);
            outcome = "";
        }
        catch (Exception error) when (error is ElfFormatException or ToolException or IOException or UnauthorizedAccessException)
        {
            Interlocked.Increment(ref _failed);
            outcome = $": {error.Message.ReplaceLineEndings(" ")}";
        }

        lock (_gate)
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"cheri2il: [{Interlocked.Increment(ref _done)}/{_total}] {Path.GetRelativePath(_root, path)}{outcome}"));
    }

    /// <summary>Where processes have a file: programs, their dynamic linker and libraries each have places of their own.</summary>
    private static long BiasOf(ElfExecutable elf, HostFile file, string path, HashSet<string> linkers)
    {
        if (!elf.IsPositionIndependent)
            return 0;
        if (linkers.Contains(path))
            return GuestLayout.InterpreterBase;
        if (elf.Entry != 0 && !Path.GetFileName(path).Contains(".so", StringComparison.Ordinal))
            return GuestLayout.PieBase;

        // What the dynamic linker maps first: from the first segment's page to the last one's end.
        var start = elf.LowestAddress & -HostMemory.PageSize;
        var length = (elf.HighestAddress - start + HostMemory.PageSize - 1) & -HostMemory.PageSize;
        return LibraryPlacement.TrySeed(new OpenedFile(path, file), out var seed) && LibraryPlacement.Candidate(seed, 0, (ulong)length) is var address and not 0
            ? address - start
            : throw new ToolException(ExitCode.BadInput, $"{path}: too large for a shared library");
    }

    private sealed class OpenedFile(string path, HostFile file) : ICodeFile
    {
        public string Name => path;

        public FileIdentity? Identity => file.Identity;

        public long Length => file.Length;

        public ReadOnlyMemory<byte>? Bytes => null;

        public int ReadAt(long offset, Span<byte> destination) => file.Read(offset, destination);
    }
}
