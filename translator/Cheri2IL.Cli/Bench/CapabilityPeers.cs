namespace Cheri2IL.Cli.Bench;

/// <summary>The kernels of corpus/cheri/kernels, which are built twice from one source: with integers and with capabilities as pointers.</summary>
internal static class CapabilityPeers
{
    private const string PlainSuffix = "-plain.elf";

    /// <summary>Multiple of a kernel's work: tenths of a second and more, so that the JIT compiler's part is small.</summary>
    private const string Work = "50";

    /// <summary>Names of the kernels.</summary>
    public static IReadOnlyList<string> Kernels(string repository)
        => Directory.Exists(Folder(repository))
            ? [.. Directory.GetFiles(Folder(repository), "*" + PlainSuffix).Select(p => Path.GetFileName(p)[..^PlainSuffix.Length]).Order(StringComparer.Ordinal)]
            : [];

    /// <summary>Both builds under this tool; the plain one is the reference.</summary>
    public static IReadOnlyList<Peer> Peers(string repository)
    {
        Peer Translated(string name, string description, string suffix)
            => new(name, description, kernel => [.. HostProgram.Self(), "run", Path.Combine(Folder(repository), kernel + suffix), Work]);

        return
        [
            Translated("plain", "pointers are integers, translated", PlainSuffix),
            Translated("purecap", "pointers are capabilities, every access checked to the byte, translated", ".elf"),
        ];
    }

    private static string Folder(string repository) => Path.Combine(repository, "corpus", "cheri", "kernels", "bin");
}
