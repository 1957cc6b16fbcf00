namespace Cheri2IL.Deployment.Manifests;

/// <summary>Which program a cVM of a manifest runs, and with which arguments.</summary>
/// <param name="Path">Path on the host, relative to the manifest; or inside the cVM's root.</param>
/// <param name="IsInside">Whether it is inside the root.</param>
/// <param name="Arguments">argv, the program's name included.</param>
public sealed record ProgramChoice(string Path, bool IsInside, IReadOnlyList<string> Arguments)
{
    private const string OriginalLinker = "/ld.so";

    /// <summary>Path as the guest sees it.</summary>
    public string GuestPath => IsInside ? Path : "/" + System.IO.Path.GetFileName(Path);

    /// <summary>What an entry says; null if it says nothing.</summary>
    public static ProgramChoice? Of(CvmEntry cvm)
    {
        ArgumentNullException.ThrowIfNull(cvm);
        if (cvm.Runtime is { Length: > 0 } runtime && !IsLibraryOs(runtime))
            return new ProgramChoice(runtime, IsInside: false, [System.IO.Path.GetFileName(runtime), .. cvm.Arguments]);

        // In the original the dynamic linker is the program, and the program its argument.
        var words = cvm.Arguments is [OriginalLinker, _, ..] ? cvm.Arguments.Skip(1).ToArray() : [.. cvm.Arguments];
        return words is [{ Length: > 0 } first, ..] ? new ProgramChoice(first.StartsWith('/') ? first : "/" + first, IsInside: true, words) : null;
    }

    /// <summary>Whether a runtime is the original's library OS, which is built in here.</summary>
    internal static bool IsLibraryOs(string runtime)
        => System.IO.Path.GetFileName(runtime).StartsWith("libmusl-lkl", StringComparison.Ordinal);
}
