namespace Cheri2IL.Cli.Tests.Deploy;

/// <summary>A cache of translations for the tests of a class, so that each guest is translated once.</summary>
public sealed class SharedCache : IDisposable
{
    private readonly TemporaryDirectory _directory = new();

    /// <summary>Its folder.</summary>
    public string Path => _directory.Path;

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();
}
