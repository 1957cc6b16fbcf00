using System.Buffers.Binary;
using System.Globalization;
using Cheri2IL.Cli.Cache;
using Cheri2IL.Cli.Commands;
using Cheri2IL.Deployment.Archives;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Vfs;
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

    private readonly string _path;
    private readonly IHostTree _tree;
    private readonly TranslatedFiles _files;
    private readonly Lock _gate = new();
    private int _total;
    private int _done;
    private int _made;
    private int _failed;

    private TreeTranslation(string path, IHostTree tree, TranslatedFiles files) => (_path, _tree, _files) = (path, tree, files);

    /// <summary>Translates a root into the user's cache and returns the tool's exit status: that of a failure if some file is wrong.</summary>
    /// <exception cref="ToolException">There is no such root, or it is malformed.</exception>
    public static int Run(string root, string checks)
        => new TreeTranslation(root, RootInput.Open(root, "--root").Tree, new TranslatedFiles(RunArguments.Parse(["--checks", checks, "--", root])!)).Run();

    private int Run()
    {
        var found = Find();
        var linkers = found.Select(InterpreterOf).OfType<string>().Select(i => TreeFile.Find(_tree, i)?.Path).OfType<string>().ToHashSet(StringComparer.Ordinal);
        _total = found.Length;
        var options = new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount };
        Parallel.ForEach(found, options, file => Translate(file, linkers));
        Console.Error.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"cheri2il: {_path}: {_made} files translated, {_total - _made - _failed} were there already, {_failed} failed"));
        return _failed == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    /// <summary>The largest first. A file with several names is one.</summary>
    private TreeFile[] Find()
        => [.. TreeFile.All(_tree).DistinctBy(f => f.Entry.Identity ?? f).Select(f => (File: f, Content: _tree.Open(f.Names))).Where(f => f.Content is not null && IsCandidate(f.Content))
            .OrderByDescending(f => f.Content!.Length).ThenBy(f => f.File.Path, StringComparer.Ordinal).Select(f => f.File)];

    private static bool IsCandidate(IHostFile file)
    {
        Span<byte> header = stackalloc byte[20];
        return file.Read(0, header) == header.Length && header.StartsWith("\u007fELF"u8) && header[4] == 2 && header[5] == 1
            && BinaryPrimitives.ReadUInt16LittleEndian(header[16..]) is ElfTypeExecutable or ElfTypeShared
            && BinaryPrimitives.ReadUInt16LittleEndian(header[18..]) == MachineRiscV;
    }

    private string? InterpreterOf(TreeFile file)
    {
        try
        {
            return _tree.Open(file.Names) is { } content ? ElfExecutable.Parse(InputFile.Read(content, file.Path), file.Path).Interpreter : null;
        }
        catch (Exception error) when (error is ElfFormatException or ToolException)
        {
            // Said when it is its turn.
            return null;
        }
    }

    private void Translate(TreeFile found, HashSet<string> linkers)
    {
        var path = found.Path;
        string outcome;
        try
        {
            var file = _tree.Open(found.Names) ?? throw new ToolException(ExitCode.InputOutput, $"{path}: cannot be read");
            var content = InputFile.Read(file, path);
            var elf = ElfExecutable.Parse(content, path);
            var isMade = _files.Prepare(file.Identity!, path, content, BiasOf(elf, file, path, linkers));
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
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"cheri2il: [{Interlocked.Increment(ref _done)}/{_total}] {path[1..]}{outcome}"));
    }

    /// <summary>Where processes have a file: programs, their dynamic linker and libraries each have places of their own.</summary>
    private static long BiasOf(ElfExecutable elf, IHostFile file, string path, HashSet<string> linkers)
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

    private sealed class OpenedFile(string path, IHostFile file) : ICodeFile
    {
        public string Name => path;

        public FileIdentity? Identity => file.Identity;

        public long Length => file.Length;

        public ReadOnlyMemory<byte>? Bytes => null;

        public int ReadAt(long offset, Span<byte> destination) => file.Read(offset, destination);
    }
}
