using System.CommandLine;
using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using Cheri2IL.Cli.Objdump;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Mono.Cecil;

namespace Cheri2IL.Cli.Commands;

/// <summary><c>objdump</c>: guest instructions, IR, IL and machine code, interleaved.</summary>
internal static class ObjdumpCommand
{
    private const int MethodTable = 0x06000000;

    /// <summary>Makes the command.</summary>
    public static Command Create()
    {
        var program = CommonOptions.Program();
        var function = new Option<string[]>("--function", "-f") { Description = "Only the functions with this name; repeatable.", HelpName = "name" };
        var address = new Option<string[]>("--address", "-a") { Description = "Only the functions that contain this guest address (hexadecimal), which is marked; repeatable.", HelpName = "address" };
        var guest = new Option<bool>("--guest") { Description = "Show guest instructions." };
        var ir = new Option<bool>("--ir") { Description = "Show the IR after all passes." };
        var il = new Option<bool>("--il") { Description = "Show the IL of the assembly." };
        var native = new Option<bool>("--native") { Description = "Show the machine code that the JIT compiler makes on this machine." };
        var why = new Option<bool>("--why") { Description = "Show for each instruction which checks are emitted and which are elided, and why." };
        var checks = CommonOptions.Checks();
        checks.Description += " For an assembly: the mode that it was translated with.";
        var precise = CommonOptions.PreciseFaults();
        var command = new ToolCommand(
            "objdump",
            "Shows functions as guest instructions, IR, IL and machine code, sorted by guest address; all of it, and the checks, unless some are chosen.",
            "cheri2il objdump --function main corpus/hello/bin/hello.elf",
            "cheri2il objdump --guest --why corpus/cheri/kernels/bin/list.elf",
            "cheri2il objdump --guest --native --address 0x10001740 corpus/hello/bin/hello.elf") { program, function, address, guest, why, ir, il, native, checks, precise };
        command.SetAction(parsed =>
        {
            var parts = (parsed.GetValue(guest) ? ListingParts.Guest : 0) | (parsed.GetValue(why) ? ListingParts.Checks : 0) | (parsed.GetValue(ir) ? ListingParts.Ir : 0)
                | (parsed.GetValue(il) ? ListingParts.Il : 0) | (parsed.GetValue(native) ? ListingParts.Native : 0);
            var addresses = (parsed.GetValue(address) ?? []).Select(ParseAddress).ToHashSet();
            var options = new TranslationOptions { Checks = CommonOptions.ParseChecks(parsed.GetRequiredValue(checks)), PreciseFaults = parsed.GetValue(precise) };
            Run(parsed.GetRequiredValue(program), parsed.GetValue(function) ?? [], addresses, parts == 0 ? ListingParts.All : parts, options);
            return ExitCode.Success;
        });
        return command;
    }

    private static void Run(string path, string[] names, HashSet<long> addresses, ListingParts parts, TranslationOptions options)
    {
        var program = GuestProgram.Load(path);
        var progress = new TranslationProgress(Path.GetFileName(path));
        options = options with { Progress = progress.Report };
        var translator = ModuleTranslator.Discover(program.Image, options);
        var choice = new FunctionChoice(translator.Image, translator.Regions);
        var regions = names.Length + addresses.Count == 0 ? translator.Regions : [.. names.SelectMany(choice.Named).Concat(addresses.SelectMany(choice.Containing)).Distinct()];
        var needsAssembly = (parts & (ListingParts.Il | ListingParts.Native)) != 0;
        var assembly = !needsAssembly ? null : program.Assembly ?? ModuleTranslator.Translate(program.Image, options, "objdump").Assembly;
        using var module = assembly is null ? null : ModuleDefinition.ReadModule(new MemoryStream(assembly));
        var loaded = assembly is null ? null : new TranslatedModule(new AssemblyLoadContext("objdump").LoadFromStream(new MemoryStream(assembly)));
        foreach (var region in regions)
        {
            translator.Optimize(region);
            var listing = new FunctionListing(translator.Image, region.Function, addresses);
            if (loaded is not null)
                AddCode(listing, region.Function.EntryPc, loaded, module!, parts);
            listing.Write(Console.Out, parts);
        }
    }

    /// <summary>A guest address in hexadecimal, with or without 0x.</summary>
    private static long ParseAddress(string text)
    {
        var digits = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) ? text.AsSpan(2) : text;
        return long.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var address) && address >= 0
            ? address
            : throw new ToolException(ExitCode.Usage, $"--address wants a guest address in hexadecimal, not '{text}'");
    }

    private static void AddCode(FunctionListing listing, long entryPc, TranslatedModule loaded, ModuleDefinition module, ListingParts parts)
    {
        var pcs = listing.Pcs.ToHashSet();
        var rows = MethodRows(loaded, module, entryPc, pcs);
        if (parts.HasFlag(ListingParts.Il))
        {
            foreach (var row in rows)
                listing.AddIl((MethodDefinition)module.LookupToken(MethodTable | row), offset => loaded.GuestPc(MethodTable | row, offset));
        }

        if (!parts.HasFlag(ListingParts.Native))
            return;
        using var observer = new JitObserver();
        foreach (var row in rows)
            RuntimeHelpers.PrepareMethod(loaded.Method(row));
        var jitted = observer.Complete();
        foreach (var row in rows)
        {
            var handle = loaded.Method(row);
            var name = MethodBase.GetMethodFromHandle(handle)?.Name ?? "?";
            if (!jitted.TryGetValue(handle.Value, out var code))
                throw new ToolException(ExitCode.Internal, $"the runtime did not report the machine code of {name}");
            listing.AddNative(name, code, offset => loaded.GuestPc(MethodTable | row, offset));
        }
    }

    /// <summary>The method of an entry, and the parts that it was split into: methods without an entry of their own whose code is the function's.</summary>
    private static List<int> MethodRows(TranslatedModule loaded, ModuleDefinition module, long entryPc, HashSet<long> pcs)
    {
        var rows = new List<int>();
        if (loaded.FindRow(entryPc) is var first and > 0)
            rows.Add(first);
        var methods = module.Types.Sum(t => t.Methods.Count);
        for (var row = loaded.EntryCount + 1; row <= methods; row++)
        {
            if (pcs.Contains(loaded.GuestPc(MethodTable | row, 0)))
                rows.Add(row);
        }

        return rows;
    }
}
