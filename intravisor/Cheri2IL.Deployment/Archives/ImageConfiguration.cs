namespace Cheri2IL.Deployment.Archives;

/// <summary>How an image of a container wants to be run (OCI Image Format Specification, config.md).</summary>
/// <param name="Environment">Environment as NAME=VALUE.</param>
/// <param name="Command">Entrypoint, and its arguments (Cmd); may be empty.</param>
/// <param name="WorkingDirectory">Working directory; null: the root.</param>
/// <param name="User">user, uid, user:group or uid:gid; null: root.</param>
public sealed record ImageConfiguration(IReadOnlyList<string> Environment, IReadOnlyList<string> Command, string? WorkingDirectory, string? User)
{
    /// <summary>What a root says that is no image.</summary>
    public static ImageConfiguration None { get; } = new([], [], null, null);
}
