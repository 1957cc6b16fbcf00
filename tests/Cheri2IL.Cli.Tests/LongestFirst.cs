using Cheri2IL.Cli.Tests;
using Cheri2IL.Cli.Tests.Emission;
using Cheri2IL.Cli.Tests.Guests;
using Xunit;
using Xunit.Sdk;
using Xunit.v3;

[assembly: TestCollectionOrderer(typeof(LongestFirst))]

namespace Cheri2IL.Cli.Tests;

/// <summary>Begins with the classes that take minutes, so that at the end no processor waits for the last of them.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly string[] _long = [.. ((Type[])
    [
        typeof(BusyboxTests), typeof(DebianTests), typeof(PythonTests), typeof(ServiceTests), typeof(EmissionTests), typeof(CorpusTranslationTests), typeof(SymbolsTests), typeof(TerminalTests),
        typeof(CorpusProgramTests),
    ]).Select(t => t.FullName + " ")];

    /// <inheritdoc/>
    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : ITestCollection
        => [.. testCollections.OrderBy(Rank).ThenBy(c => c.TestCollectionDisplayName, StringComparer.Ordinal)];

    private static int Rank<TTestCollection>(TTestCollection collection)
        where TTestCollection : ITestCollection
    {
        var rank = Array.FindIndex(_long, name => collection.TestCollectionDisplayName.Contains(name, StringComparison.Ordinal));
        return rank < 0 ? _long.Length : rank;
    }
}
