using System.Collections.Concurrent;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Runtime;
using Xunit;

namespace Cheri2IL.Intravisor.Tests.Attacks;

/// <summary>Three neighbouring slots: a witness, a place for attacks, another witness.</summary>
/// <remarks>Tests that use it run alone in their process, so that the free slot between the witnesses stays free.</remarks>
[CollectionDefinition(nameof(AttackSite), DisableParallelization = true)]
public sealed class AttackSite : ICollectionFixture<AttackSite>, IDisposable
{
    private readonly ConcurrentDictionary<string, CorpusGuest> _guests = [];
    private readonly Witness _below;
    private readonly Witness _above;
    private int _nextId = 10;

    /// <summary>Starts the witnesses.</summary>
    public AttackSite()
    {
        var witness = Guest("witness");
        _below = new Witness(witness, 1, "b");
        using (witness.Create(2, [], _ => { }))
            _above = new Witness(witness, 3, "a");
        using var between = Place(witness, [], _ => { });
    }

    /// <summary>The translated program of that name.</summary>
    internal CorpusGuest Guest(string name)
        => _guests.GetOrAdd(name, n => new CorpusGuest(n, File.ReadAllBytes(Path.Combine(AttackCase.Folder, "bin", n + ".elf"))));

    /// <summary>Makes a cVM between the witnesses.</summary>
    internal unsafe Cvm Place(CorpusGuest guest, IReadOnlyList<string> arguments, Action<string> report)
    {
        var cvm = guest.Create(_nextId++, arguments, report);
        Assert.True(_below.Cvm.Init.Image.Space.Base + GuestLayout.DefaultSlotSize == cvm.Init.Image.Space.Base && cvm.Init.Image.Space.Base + GuestLayout.DefaultSlotSize == _above.Cvm.Init.Image.Space.Base, "the slots are not neighbours");
        return cvm;
    }

    /// <summary>Asserts that the neighbours run on and are unchanged.</summary>
    internal void AssertWitnessesUnharmed()
    {
        _below.AssertUnharmed();
        _above.AssertUnharmed();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _below.Dispose();
        _above.Dispose();
    }
}
