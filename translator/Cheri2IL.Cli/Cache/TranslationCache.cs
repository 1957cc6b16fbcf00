using System.Buffers.Binary;
using System.Reflection;
using System.Runtime.Loader;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;

namespace Cheri2IL.Cli.Cache;

/// <summary>A translation that was loaded from the cache.</summary>
/// <param name="Name">Name of the entry.</param>
/// <param name="Module">The module.</param>
/// <param name="IsNative">Whether it comes with machine code of all methods.</param>
internal sealed record CachedModule(string Name, TranslatedModule Module, bool IsNative);

/// <summary>
/// Translations on disk. Each is a file called after what it was made from (<see cref="Translator.RunTime.TranslationKey"/>):
/// NAME.dll is IL, NAME.CPU.dll has machine code for that kind of processor besides, NAME.CPU.some.dll that of the methods that runs have used, NAME_PC.dll
/// is a region that was translated at run time. <see cref="StartRecord"/>s lead from program files to names.
/// </summary>
/// <remarks>
/// Safe for concurrent use by several processes: files are written under a temporary name and renamed, equal names hold equal
/// code, and a file that is deleted while it is in use stays readable. A file ends with its own length, so that one that was
/// cut off is noticed; damaged files are deleted with a warning and made anew.
/// </remarks>
internal sealed class TranslationCache
{
    private const int TrailerLength = 16;

    /// <summary>Nanoseconds after which the use of an entry is noted again: an hour.</summary>
    private const long UsePrecision = 3_600_000_000_000;

    /// <summary>Bytes written since the cache was looked through; the first are always too many.</summary>
    private long _untrimmed = long.MaxValue / 2;

    /// <summary>A cache in <paramref name="directory"/>, which is created when first written to.</summary>
    public TranslationCache(string directory) => Directory = directory;

    /// <summary>Where it lives.</summary>
    public string Directory { get; }

    /// <summary>The user's cache: <c>$XDG_CACHE_HOME/cheri2il/translations</c>, or below <c>~/.cache</c>.</summary>
    public static TranslationCache OfUser => new(UserDirectory + "/translations");

    /// <summary>What this tool keeps for the user: <c>$XDG_CACHE_HOME/cheri2il</c>, or below <c>~/.cache</c>.</summary>
    /// <exception cref="ToolException">Neither is there. A folder that others could have made before would do for none, because what it holds is executed.</exception>
    public static string UserDirectory
    {
        get
        {
            var root = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
            // Relative ones are to be ignored (XDG Base Directory Specification).
            if (root is { Length: > 0 } && root[0] == '/')
                return root + "/cheri2il";
            var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            return home.Length > 0
                ? home + "/.cache/cheri2il"
                : throw new ToolException(ExitCode.CannotCreate, "there is no home directory to keep translations in: set HOME, or XDG_CACHE_HOME to an absolute path");
        }
    }

    private static ReadOnlySpan<byte> TrailerMagic => "C2ILend\n"u8;

    /// <summary>The translation that <paramref name="program"/> was known to have when it was the same; null if there is none.</summary>
    public CachedModule? TryStart(FileIdentity program, string variant)
        => StartRecord.Find(PathOf(StartRecord.FileName(program, variant)), program) is { } name ? TryLoad(name) : null;

    /// <summary>Remembers the name of a program's translation for the next start; a failure costs time only.</summary>
    public void RecordStart(FileIdentity program, string programPath, string variant, string name)
    {
        if (StartRecord.Make(program, programPath, name) is not { } record)
            return;
        try
        {
            AtomicFile.Write(PathOf(StartRecord.FileName(program, variant)), record);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The next start finds the translation by the file's content.
        }
    }

    /// <summary>Loads an entry; null if there is none that is whole.</summary>
    public CachedModule? TryLoad(string name)
    {
        if (!NativeCode.IsEnabled)
            return TryLoad(name, PathOf(name + ".dll"), isNative: false);

        // Machine code replaces IL, possibly between the first look and the last.
        return TryLoad(name, NativePathOf(name), isNative: true)
            ?? TryLoad(name, PartlyNativePathOf(name), isNative: false)
            ?? TryLoad(name, PathOf(name + ".dll"), isNative: false)
            ?? TryLoad(name, NativePathOf(name), isNative: true);
    }

    /// <summary>Loads an entry, made by <paramref name="make"/> if there is none.</summary>
    /// <exception cref="IOException">The cache cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The cache cannot be written.</exception>
    public CachedModule Load(string name, Func<byte[]> make)
    {
        if (TryLoad(name) is { } found)
            return found;
        var assembly = make();
        Add(name, assembly);

        // Another process may have needed the room already.
        return TryLoad(name) ?? new CachedModule(name, LoadUncached(assembly), IsNative: false);
    }

    /// <summary>Loads a translation from memory.</summary>
    public static TranslatedModule LoadUncached(byte[] assembly) => new(new AssemblyLoadContext("guest").LoadFromStream(new MemoryStream(assembly)));

    /// <summary>Whether there is an entry, with machine code or without.</summary>
    public bool Has(string name) => (NativeCode.IsEnabled && HasNative(name)) || File.Exists(PathOf(name + ".dll"));

    /// <summary>Names of the parts and regions of an entry.</summary>
    public HashSet<string> NamesOf(string name)
    {
        try
        {
            return [.. System.IO.Directory.EnumerateFiles(Directory, name + "_*.dll").Select(f => Path.GetFileName(f).Split('.')[0])];
        }
        catch (DirectoryNotFoundException)
        {
            return [];
        }
    }

    /// <summary>Bytes of an entry without machine code; 0: there is none.</summary>
    public long BytesOf(string name) => new FileInfo(PathOf(name + ".dll")) is { Exists: true } file ? file.Length : 0;

    /// <summary>Adds an entry.</summary>
    /// <exception cref="IOException">The cache cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The cache cannot be written.</exception>
    public void Add(string name, byte[] assembly) => Store(PathOf(name + ".dll"), assembly);

    /// <summary>Adds an entry's machine code, and removes the files with less.</summary>
    public void StoreNative(string name, byte[] assembly)
    {
        Store(NativePathOf(name), assembly);
        File.Delete(PathOf(name + ".dll"));
        File.Delete(PartlyNativePathOf(name));
        File.Delete(PathOf(name + EntryNotes.UsedExtension));
    }

    /// <summary>Adds machine code of some of an entry's methods; the file without is what more of it is made from.</summary>
    public void StorePartlyNative(string name, byte[] assembly) => Store(PartlyNativePathOf(name), assembly);

    /// <summary>Content of a file of the cache; null if there is none.</summary>
    public static byte[]? TryRead(string path)
    {
        using var file = HostFile.TryOpen(path, out _);
        if (file is null)
            return null;
        var content = GC.AllocateUninitializedArray<byte>(checked((int)file.Length));
        return file.Read(0, content) == content.Length ? content : null;
    }

    /// <summary>Whether an entry with machine code for this processor exists.</summary>
    public bool HasNative(string name) => File.Exists(NativePathOf(name));

    /// <summary>Whether a text is the name of an entry: of a whole translation or of a region.</summary>
    public static bool IsName(string text)
        => text.Length >= StartRecord.NameLength && StartRecord.IsName(text.AsSpan(0, StartRecord.NameLength))
            && (text.Length == StartRecord.NameLength || text[StartRecord.NameLength] == '_') && text.All(c => char.IsAsciiLetterOrDigit(c) || c == '_');

    /// <summary>Path of a file of the cache.</summary>
    public string PathOf(string fileName) => string.Concat(Directory, "/", fileName);

    /// <summary>Path of an entry's file with machine code of some methods.</summary>
    public string PartlyNativePathOf(string name) => string.Concat(Directory, "/", name, "." + NativeCode.Processor + ".some.dll");

    private static CachedModule? TryLoad(string name, string path, bool isNative) => TryLoadFile(path) is { } module ? new CachedModule(name, module, isNative) : null;

    private string NativePathOf(string name) => string.Concat(Directory, "/", name, "." + NativeCode.Processor + ".dll");

    private void Store(string path, byte[] assembly)
    {
        var length = assembly.Length + TrailerLength;
        var content = new byte[length];
        assembly.CopyTo(content, 0);
        TrailerMagic.CopyTo(content.AsSpan(assembly.Length));
        BinaryPrimitives.WriteInt64LittleEndian(content.AsSpan(length - sizeof(long)), length);
        AtomicFile.Write(path, content);

        // Looking through the whole cache takes longer than writing a small entry: not for each of thousands.
        if (Interlocked.Add(ref _untrimmed, length) < CacheContents.Limit / 64)
            return;
        Volatile.Write(ref _untrimmed, 0);
        new CacheContents(this).Trim(Path.GetFileName(path));
    }

    private static TranslatedModule? TryLoadFile(string path)
    {
        using (var file = HostFile.TryOpen(path, out _))
        {
            if (file is null)
                return null;
            if (!IsWhole(file))
                return Drop(path, "it is cut off");
            NoteUse(path, file.Identity);
        }

        try
        {
            return new TranslatedModule(LoadAssembly(path));
        }
        catch (FileNotFoundException)
        {
            // Another process needed the room.
            return null;
        }
        catch (Exception error) when (error is BadImageFormatException or IOException)
        {
            return Drop(path, error.Message.ReplaceLineEndings(" "));
        }
    }

    /// <summary>
    /// In the default context, where the runtime finds what the assembly needs without asking managed code. A process that has another file of that
    /// name there makes a context for it.
    /// </summary>
    private static Assembly LoadAssembly(string path)
    {
        try
        {
            return AssemblyLoadContext.Default.LoadFromAssemblyPath(path);
        }
        catch (FileLoadException)
        {
            return new AssemblyLoadContext("guest").LoadFromAssemblyPath(path);
        }
    }

    private static bool IsWhole(HostFile file)
    {
        Span<byte> trailer = stackalloc byte[TrailerLength];
        return file.Length > TrailerLength && file.Read(file.Length - TrailerLength, trailer) == TrailerLength
            && trailer[..8].SequenceEqual(TrailerMagic) && BinaryPrimitives.ReadInt64LittleEndian(trailer[8..]) == file.Length;
    }

    /// <summary>The time of a file's last change tells when it was last used: the least recently used go first.</summary>
    private static void NoteUse(string path, FileIdentity identity)
    {
        var now = DateTime.UtcNow;
        if ((now - DateTime.UnixEpoch).Ticks * 100 - identity.ModifyTime < UsePrecision)
            return;
        try
        {
            File.SetLastWriteTimeUtc(path, now);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A cache that cannot be written can be read all the same.
        }
    }

    private static TranslatedModule? Drop(string path, string reason)
    {
        Console.Error.WriteLine($"cheri2il: warning: {path} is damaged ({reason}) and is made anew");
        File.Delete(path);
        return null;
    }
}
