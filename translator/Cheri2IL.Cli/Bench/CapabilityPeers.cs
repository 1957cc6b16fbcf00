using Cheri2IL.Translator.Emit;

namespace Cheri2IL.Cli.Bench;

/// <summary>The kernels of corpus/cheri/kernels, which are built twice from one source: with integers and with capabilities as pointers.</summary>
internal static class CapabilityPeers
{
    /// <summary>Pointers are integers.</summary>
    public const string Plain = "plain";

    /// <summary>Pointers are capabilities.</summary>
    public const string Checked = "purecap";

    private const string PlainSuffix = "-plain.elf";

    /// <summary>
    /// Multiples of the kernels' work, which make each of them take some tenths of a second, so that the JIT compiler's part, which is larger
    /// for code with capabilities, is small.
    /// </summary>
    private static readonly Dictionary<string, string> Work = new()
    {
        ["hash"] = "800",
        ["list"] = "60",
        ["matmul"] = "200",
        ["memcpy"] = "800",
        ["quicksort"] = "200",
        ["strlen"] = "300",
        ["sum"] = "300",
    };

    /// <summary>That of kernels that are not named.</summary>
    private const string OtherWork = "200";

    /// <summary>
    /// What is left out, each besides those before it, from the outside in: decoding cannot be left out with the tests of what it decodes.
    /// </summary>
    public static IReadOnlyList<CapabilityCost> Steps { get; } = [CapabilityCost.Permission, CapabilityCost.Tag, CapabilityCost.Decode, CapabilityCost.Bounds];

    /// <summary>Names of the kernels.</summary>
    public static IReadOnlyList<string> Kernels(string repository)
        => Directory.Exists(Folder(repository))
            ? [.. Directory.GetFiles(Folder(repository), "*" + PlainSuffix).Select(p => Path.GetFileName(p)[..^PlainSuffix.Length]).Order(StringComparer.Ordinal)]
            : [];

    /// <summary>Both builds under this tool, the plain one first; behind them the other one without one kind of cost after another.</summary>
    public static IReadOnlyList<Peer> Peers(string repository)
    {
        string Build(string kernel, string suffix) => Path.Combine(Folder(repository), kernel + suffix);
        var peers = new List<Peer>
        {
            new(Plain, "pointers are integers, translated", kernel => [.. HostProgram.Self(), "run", Build(kernel, PlainSuffix), WorkOf(kernel)]),
            new(Checked, "pointers are capabilities, every access checked to the byte, translated", kernel => [.. HostProgram.Self(), "run", Build(kernel, ".elf"), WorkOf(kernel)]),
        };
        var omitted = CapabilityCost.None;
        foreach (var step in Steps)
        {
            omitted |= step;
            var bits = (int)omitted;
            peers.Add(new(
                Without(step),
                $"purecap without {omitted.ToString().ToLowerInvariant()} (not checked as it should be; prices the checks)",
                kernel => [.. HostProgram.Self(), "bench", "caps-run", $"{bits}", Build(kernel, ".elf"), WorkOf(kernel)]));
        }

        return peers;
    }

    /// <summary>Name of the peer that does without a kind of cost and those before it.</summary>
    public static string Without(CapabilityCost step) => "without-" + step.ToString().ToLowerInvariant();

    private static string WorkOf(string kernel) => Work.GetValueOrDefault(kernel, OtherWork);

    private static string Folder(string repository) => Path.Combine(repository, "corpus", "cheri", "kernels", "bin");
}
