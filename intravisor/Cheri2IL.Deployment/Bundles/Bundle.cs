using System.Formats.Tar;
using System.Runtime.Loader;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Cheri2IL.Deployment.Archives;
using Cheri2IL.Deployment.Manifests;
using Cheri2IL.Deployment.Running;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;
using Microsoft.Win32.SafeHandles;

namespace Cheri2IL.Deployment.Bundles;

/// <summary>A bundle: manifest, translated assemblies and files in one archive that is read in place.</summary>
/// <remarks>
/// Opening one compares all of it with the SHA-256 at its end: no damage goes unnoticed. That says nothing about who made it, and the
/// assemblies in it are code: run only bundles from people whose programs you would run.
/// </remarks>
public sealed class Bundle : IDeploymentSource, IDisposable
{
    private readonly string _path;
    private readonly FileStream _file;
    private readonly Dictionary<string, (long Offset, int Length)> _parts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, CvmProgram> _programs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TarTree> _roots = new(StringComparer.Ordinal);
    private readonly BundleIndex _index;
    private readonly Func<TranslatedModule, CvmProgram> _programOf;

    private Bundle(string path, FileStream file, Func<TranslatedModule, CvmProgram>? programOf)
    {
        _path = path;
        _file = file;
        _programOf = programOf ?? AheadOfTimeOnly;
        Hash = Verify();
        ReadParts();
        if (Encoding.ASCII.GetString(Part(BundleFormat.Magic)) != BundleFormat.Version)
            throw new BundleException($"{_path}: made by another version of this tool");
        _index = JsonSerializer.Deserialize<BundleIndex>(Part(BundleFormat.Index)) ?? throw Malformed("its index is empty");
        Manifest = ManifestReader.Read(Part(BundleFormat.Manifest), path);
    }

    /// <summary>The manifest.</summary>
    public Manifest Manifest { get; }

    /// <summary>SHA-256 of the bundle, in hexadecimal digits: of all bytes but those of its last entry.</summary>
    public string Hash { get; }

    /// <summary>Whether a file begins as bundles do.</summary>
    public static bool IsBundle(string path)
    {
        using var file = File.OpenHandle(path);
        Span<byte> start = stackalloc byte[BundleFormat.Magic.Length + 1];
        return RandomAccess.Read(file, start, 0) == start.Length && start[^1] == 0 && start[..^1].SequenceEqual(Encoding.ASCII.GetBytes(BundleFormat.Magic));
    }

    /// <summary>Opens and verifies a bundle.</summary>
    /// <param name="path">Its file, which must not change as long as it is open.</param>
    /// <param name="programOf">
    /// Makes a program of a translated assembly, with what serves code that it lacks; null: it has none, and a guest that goes to such code is
    /// ended by SIGSEGV.
    /// </param>
    /// <exception cref="BundleException">It is damaged, or none.</exception>
    /// <exception cref="ManifestException">Its manifest is wrong.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static Bundle Open(string path, Func<TranslatedModule, CvmProgram>? programOf = null)
    {
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        try
        {
            return new Bundle(path, file, programOf);
        }
        catch (Exception error) when (error is InvalidDataException or EndOfStreamException or JsonException or FormatException)
        {
            file.Dispose();
            throw new BundleException($"{path}: not a bundle: {error.Message}");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The program without anything that could translate: what the assembly lacks cannot be run.</summary>
    public static CvmProgram AheadOfTimeOnly(TranslatedModule module)
    {
        var image = new FileImage(module, regions: null);
        return new CvmProgram(image.Elf, (space, dispatch) => new TranslatedCode(dispatch, space, new SingleImage(image), evaluator: null));
    }

    /// <inheritdoc/>
    public CvmProgram Program(CvmEntry cvm)
    {
        ArgumentNullException.ThrowIfNull(cvm);
        var name = _index.Programs.GetValueOrDefault(cvm.Name) ?? throw Malformed($"it has no program for {cvm.Name}");
        if (!_programs.TryGetValue(name, out var program))
        {
            try
            {
                var module = new TranslatedModule(new AssemblyLoadContext("guest").LoadFromStream(new MemoryStream(Part(name))));
                _programs.Add(name, program = _programOf(module));
            }
            catch (Exception error) when (error is BadImageFormatException or ElfFormatException)
            {
                throw Malformed($"{name}: {error.Message}");
            }
        }

        return program;
    }

    /// <inheritdoc/>
    public RootFile? Root(CvmEntry cvm)
    {
        ArgumentNullException.ThrowIfNull(cvm);
        if (!_index.Roots.TryGetValue(cvm.Name, out var folder))
            return null;
        if (!_roots.TryGetValue(folder, out var root))
            _roots.Add(folder, root = OpenRoot(folder));
        return new RootFile(root, _index.Images.GetValueOrDefault(cvm.Name) ?? ImageConfiguration.None);
    }

    private TarTree OpenRoot(string folder)
    {
        try
        {
            return TarTree.Open(_path, folder);
        }
        catch (RootFormatException error)
        {
            throw new BundleException(error.Message);
        }
    }

    /// <inheritdoc/>
    public byte[] Content(CapFileEntry buffer)
    {
        ArgumentNullException.ThrowIfNull(buffer);
        return Part(_index.Files.GetValueOrDefault(buffer.Name) ?? throw Malformed($"it has no content for {buffer.Name}"));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var root in _roots.Values)
            root.Dispose();
        _file.Dispose();
    }

    /// <summary>Compares the hash before anything of the file is interpreted.</summary>
    private string Verify()
    {
        var length = _file.Length - BundleFormat.EndLength;
        if (length <= 0)
            throw new BundleException($"{_path}: cut off");
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[1 << 20];
        for (long done = 0; done < length;)
        {
            var count = _file.Read(buffer, 0, (int)Math.Min(buffer.Length, length - done));
            if (count == 0)
                throw new BundleException($"{_path}: cut off");
            hash.AppendData(buffer, 0, count);
            done += count;
        }

        var digest = hash.GetHashAndReset();
        var end = new byte[BundleFormat.EndLength];
        _file.ReadExactly(end);
        return end.AsSpan().SequenceEqual(BundleFormat.End(digest))
            ? Convert.ToHexStringLower(digest)
            : throw new BundleException($"{_path}: damaged, cut off or altered: it is not what its SHA-256 says; copy or make it again");
    }

    private void ReadParts()
    {
        _file.Position = 0;
        using var reader = new System.Formats.Tar.TarReader(_file, leaveOpen: true);
        while (reader.GetNextEntry(copyData: false) is { } entry)
        {
            if (entry.EntryType == TarEntryType.RegularFile && !entry.Name.StartsWith(BundleFormat.Roots, StringComparison.Ordinal))
                _parts[entry.Name] = (entry.DataOffset, checked((int)entry.Length));
        }
    }

    private byte[] Part(string name)
    {
        if (!_parts.TryGetValue(name, out var part))
            throw Malformed($"{name} is missing");
        var bytes = new byte[part.Length];
        return RandomAccess.Read(_file.SafeFileHandle, bytes, Math.Max(part.Offset, 0)) == bytes.Length ? bytes : throw Malformed($"{name} is cut off");
    }

    private BundleException Malformed(string reason) => new($"{_path}: malformed bundle: {reason}");
}
