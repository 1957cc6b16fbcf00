namespace Cheri2IL.Deployment.Manifests;

/// <summary>Something about a manifest that its author should know.</summary>
/// <param name="File">File as it was named.</param>
/// <param name="Location">Place in it.</param>
/// <param name="Message">Key, what is wrong, and what would be right; one line.</param>
public sealed record ManifestProblem(string File, ManifestLocation Location, string Message)
{
    /// <summary>FILE:LINE:COLUMN: MESSAGE.</summary>
    public override string ToString() => $"{File}:{Location.Line}:{Location.Column}: {Message}";
}

/// <summary>A manifest that cannot be used; nothing of it was done.</summary>
/// <param name="problems">Everything that is wrong with it, at least one problem, in the order of the file.</param>
public sealed class ManifestException(IReadOnlyList<ManifestProblem> problems) : Exception(string.Join('\n', problems))
{
    /// <summary>Everything that is wrong with it.</summary>
    public IReadOnlyList<ManifestProblem> Problems { get; } = problems;
}
