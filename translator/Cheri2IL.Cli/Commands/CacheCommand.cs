using System.CommandLine;
using System.Globalization;
using Cheri2IL.Cli.Cache;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Translator;
using Cheri2IL.Translator.RunTime;

namespace Cheri2IL.Cli.Commands;

/// <summary><c>cache</c>: shows, clears and fills the cache of translations.</summary>
internal static class CacheCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var json = CommonOptions.Json();
        var command = new ToolCommand(
            "cache",
            "Shows the cache of translations that 'run' keeps: place, size and limit, and the bytes that compressed roots were unpacked to. The least recently used are deleted beyond "
            + "CHERI2IL_CACHE_SIZE (bytes, or with K, M, G; default 16G). Programs that took long to compile get machine code in the "
            + "background, by crossgen2; CHERI2IL_NATIVE=off prevents that, CHERI2IL_NATIVE=wait makes a run wait for it.",
            "cheri2il cache",
            "cheri2il cache list --json",
            "cheri2il cache compile ./busybox",
            "cheri2il cache clear") { json, List(), Clear(), Compile(), CompileEntry() };
        command.SetAction(parsed => Show(parsed.GetValue(json)));
        return command;
    }

    private static int Show(bool json)
    {
        var cache = TranslationCache.OfUser;
        var contents = new CacheContents(cache);
        if (!json)
        {
            Console.WriteLine($"""
                path     {cache.Directory}
                bytes    {contents.Bytes}
                limit    {CacheContents.Limit}
                entries  {contents.Entries.Count}
                roots    {RootInput.Store.Bytes}
                """);
            return ExitCode.Success;
        }

        using var output = new JsonOutput();
        output.Writer.WriteStartObject();
        output.Writer.WriteString("path", cache.Directory);
        output.Writer.WriteNumber("bytes", contents.Bytes);
        output.Writer.WriteNumber("limit", CacheContents.Limit);
        output.Writer.WriteNumber("entries", contents.Entries.Count);
        output.Writer.WriteNumber("roots", RootInput.Store.Bytes);
        output.Writer.WriteEndObject();
        return ExitCode.Success;
    }

    private static ToolCommand List()
    {
        var json = CommonOptions.Json();
        var command = new ToolCommand(
            "list",
            "Lists the translations, the most recently used first: name, bytes, kind, hour of the last use, and the programs that were started from it.",
            "cheri2il cache list") { json };
        command.SetAction(parsed =>
        {
            var contents = new CacheContents(TranslationCache.OfUser);
            if (parsed.GetValue(json))
                WriteJson(contents);
            else
                WriteText(contents);
            return ExitCode.Success;
        });
        return command;
    }

    private static void WriteText(CacheContents contents)
    {
        foreach (var entry in contents.Entries)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{entry.Name}  {entry.Bytes,11}  {(entry.IsNative ? "native" : "IL    ")}  {entry.LastUse:yyyy-MM-dd HH}h  {string.Join(' ', entry.Programs)}").TrimEnd());
        }
    }

    private static void WriteJson(CacheContents contents)
    {
        using var output = new JsonOutput();
        var writer = output.Writer;
        writer.WriteStartArray();
        foreach (var entry in contents.Entries)
        {
            writer.WriteStartObject();
            writer.WriteString("name", entry.Name);
            writer.WriteNumber("bytes", entry.Bytes);
            writer.WriteBoolean("native", entry.IsNative);
            writer.WriteNumber("files", entry.Files.Count);
            writer.WriteString("lastUse", entry.LastUse);
            writer.WriteStartArray("programs");
            foreach (var program in entry.Programs)
                writer.WriteStringValue(program);
            writer.WriteEndArray();
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
    }

    private static ToolCommand Clear()
    {
        var command = new ToolCommand("clear", "Deletes every translation, and what roots were unpacked to.", "cheri2il cache clear");
        command.SetAction(_ =>
        {
            Console.WriteLine($"{new CacheContents(TranslationCache.OfUser).Clear() + RootInput.Store.Clear()} bytes deleted");
            return ExitCode.Success;
        });
        return command;
    }

    private static ToolCommand Compile()
    {
        var program = new Argument<string>("program") { Description = "ELF program." };
        var checks = CommonOptions.Checks();
        var command = new ToolCommand(
            "compile",
            "Translates a program into the cache if it is not there, and compiles it to machine code with crossgen2, so that it starts at once.",
            "cheri2il cache compile ./busybox") { program, checks };
        command.SetAction(parsed =>
        {
            if (!NativeCode.IsEnabled)
                throw new ToolException(ExitCode.Usage, "CHERI2IL_NATIVE=off forbids machine code");
            Fill(parsed.GetRequiredValue(program), parsed.GetRequiredValue(checks));
            return ExitCode.Success;
        });
        return command;
    }

    private static void Fill(string path, string checks)
    {
        if (RunArguments.Parse(["--checks", checks, "--", path]) is not { } arguments)
            throw new ToolException(ExitCode.Usage, "no program given");
        var content = InputFile.Read(path);
        if (GuestProgram.IsAssembly(content))
            throw new ToolException(ExitCode.BadInput, $"{path}: is a translated assembly; only ELF programs are cached");
        string name;
        try
        {
            var image = new TranslatedFiles(arguments).Load(path);
            name = TranslationKey.Of(content, image.Module.LoadBias, new TranslationOptions { Checks = CommonOptions.ParseChecks(checks) });
        }
        catch (ElfFormatException error)
        {
            throw new ToolException(ExitCode.BadInput, error.Message);
        }

        NativeCompiler.Compile(TranslationCache.OfUser, name);
        if (!TranslationCache.OfUser.HasNative(name))
            throw new ToolException(ExitCode.CannotCreate, $"{path}: not compiled: the cache cannot be written, or another process is at it");
    }

    /// <summary>What a run starts in the background.</summary>
    private static ToolCommand CompileEntry()
    {
        var names = new Argument<string[]>("names") { Arity = ArgumentArity.ZeroOrMore };
        var build = new Option<string>("--build") { Description = "The build that names are of; another than this one does nothing.", DefaultValueFactory = _ => TranslationKey.BuildName };
        var command = new ToolCommand("compile-entry", "Compiles what runs have used, and entries of the cache to machine code, with the lowest priority, unless another process does.") { names, build };
        command.Hidden = true;
        command.SetAction(parsed =>
        {
            var entries = parsed.GetValue(names) ?? [];
            if (Array.Find(entries, e => !TranslationCache.IsName(e)) is { } wrong)
                throw new ToolException(ExitCode.Usage, $"'{wrong}' is not the name of an entry");
            // The tool may have been replaced since the run.
            if (parsed.GetValue(build) == TranslationKey.BuildName)
                NativeCompiler.CompileAlone(TranslationCache.OfUser, entries);
            return ExitCode.Success;
        });
        return command;
    }
}
