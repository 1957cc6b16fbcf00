using Cheri2IL.Translator;
using Cheri2IL.Translator.Lifting;

namespace Cheri2IL.Cli.Objdump;

/// <summary>Finds the functions that a user names, or says which ones come near.</summary>
/// <param name="image">The program.</param>
/// <param name="regions">Its functions in order of address.</param>
internal sealed class FunctionChoice(GuestImage image, IReadOnlyCollection<RegionBuilder> regions)
{
    private const int MostSuggestions = 3;

    /// <summary>All functions with that name.</summary>
    /// <exception cref="ToolException">There is none.</exception>
    public IReadOnlyList<RegionBuilder> Named(string name)
    {
        var matches = regions.Where(r => r.Function.Name == name).ToArray();
        return matches.Length > 0 ? matches : throw NotFound($"no function '{name}'", Nearest(name));
    }

    /// <summary>The functions whose code a guest address is, those that only share a tail with another one included.</summary>
    /// <exception cref="ToolException">There is none.</exception>
    public IReadOnlyList<RegionBuilder> Containing(long address)
    {
        var matches = regions.Where(r => r.Function.EntryPc == address).ToArray();
        if (matches.Length == 0)
            matches = [.. regions.Where(r => r.Function.Blocks.Exists(b => b.Instructions.Exists(i => i.Pc == address)))];
        if (matches.Length > 0)
            return matches;
        if (!image.IsExecutable(address & ~1L) && image.LoadBias != 0 && image.IsExecutable((address + image.LoadBias) & ~1L))
            throw new ToolException(ExitCode.BadInput, $"no code at 0x{address:x}: the program is loaded at 0x{image.LoadBias:x}, so that this may be 0x{address + image.LoadBias:x}");
        throw NotFound($"no instruction at 0x{address:x}", regions.OrderBy(r => Math.Abs((decimal)r.Function.EntryPc - address)).Take(MostSuggestions));
    }

    private IEnumerable<RegionBuilder> Nearest(string name)
        => regions.Where(r => r.Function.Name is not null).DistinctBy(r => r.Function.Name).OrderBy(r => Distance(name, r.Function.Name!)).Take(MostSuggestions);

    private static ToolException NotFound(string what, IEnumerable<RegionBuilder> nearest)
    {
        var names = nearest.Select(r => $"{r.Function.Name ?? "?"} (0x{r.Function.EntryPc:x})").ToArray();
        return new ToolException(ExitCode.BadInput, names.Length == 0 ? $"{what}: the program has no functions" : $"{what}; nearest: {string.Join(", ", names)}");
    }

    /// <summary>Insertions, deletions and replacements that make one word of the other, whatever their case; a part of a word costs nothing more.</summary>
    private static int Distance(string wanted, string name)
    {
        if (name.Contains(wanted, StringComparison.OrdinalIgnoreCase))
            return 1;
        var row = Enumerable.Range(0, name.Length + 1).ToArray();
        for (var k = 1; k <= wanted.Length; k++)
        {
            var diagonal = row[0];
            row[0] = k;
            for (var n = 1; n <= name.Length; n++)
            {
                var replaced = diagonal + (char.ToUpperInvariant(wanted[k - 1]) == char.ToUpperInvariant(name[n - 1]) ? 0 : 1);
                diagonal = row[n];
                row[n] = Math.Min(replaced, 1 + Math.Min(row[n], row[n - 1]));
            }
        }

        return 1 + row[name.Length];
    }
}
