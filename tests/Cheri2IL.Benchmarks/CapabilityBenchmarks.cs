using BenchmarkDotNet.Attributes;
using Cheri2IL.Runtime.Capabilities;

namespace Cheri2IL.Benchmarks;

/// <summary>Operations on capabilities; one operation is one guest instruction.</summary>
[BenchmarkCategory(Category.Capability)]
public class CapabilityBenchmarks
{
    private readonly Capability[] _capabilities = MakeCapabilities();
    private readonly long[] _words = Operands.Integers(3);

    /// <summary>The loop alone: what the other numbers contain.</summary>
    [Benchmark(Baseline = true, OperationsPerInvoke = Operands.Count)]
    public ulong Address()
    {
        var sum = 0UL;
        foreach (var c in _capabilities)
            sum += c.Address + c.Metadata;
        return sum;
    }

    /// <summary>Base and top from the encoding.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public ulong Bounds()
    {
        var sum = 0UL;
        foreach (var c in _capabilities)
        {
            var bounds = c.Bounds;
            sum += bounds.Base + bounds.TopLow + bounds.TopHigh;
        }

        return sum;
    }

    /// <summary>Tag, seal, permission and bounds of an 8-byte load, everything decoded anew.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public int CheckedLoad()
    {
        var count = 0;
        foreach (var c in _capabilities)
            count += AccessWindow.Of(c, CapabilityPermissions.Load, 8).Allows(c.Address) ? 1 : 0;
        return count;
    }

    /// <summary>The same as a loop over a buffer does it: the bounds stay decoded, the address moves.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public int CheckedLoadDecoded()
    {
        var count = 0;
        var window = AccessWindow.Of(_capabilities[0], CapabilityPermissions.Load, 8);
        foreach (var word in _words)
            count += window.Allows((ulong)word) ? 1 : 0;
        return count;
    }

    /// <summary>CIncOffset.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public ulong IncrementOffset()
    {
        var sum = 0UL;
        foreach (var c in _capabilities)
            sum += c.IncrementOffset(8).IsTagged ? 1UL : 0;
        return sum;
    }

    /// <summary>CSetAddr.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public ulong SetAddress()
    {
        var sum = 0UL;
        foreach (var c in _capabilities)
            sum += c.SetAddress(c.Address + 8).IsTagged ? 1UL : 0;
        return sum;
    }

    /// <summary>CSetBounds.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public ulong SetBounds()
    {
        var sum = 0UL;
        foreach (var c in _capabilities)
            sum += c.SetBounds(16).Metadata;
        return sum;
    }

    /// <summary>CBuildCap.</summary>
    [Benchmark(OperationsPerInvoke = Operands.Count)]
    public ulong Build()
    {
        var sum = 0UL;
        var authority = Capability.Omnipotent;
        foreach (var c in _capabilities)
            sum += c.Build(authority).IsTagged ? 1UL : 0;
        return sum;
    }

    private static Capability[] MakeCapabilities()
    {
        var random = new Random(4);
        var result = new Capability[Operands.Count];
        for (var i = 0; i < result.Length; i++)
        {
            var length = 1UL << random.Next(4, 30);
            result[i] = Capability.Omnipotent.SetAddress((ulong)random.NextInt64(1L << 36)).SetBounds(length + (ulong)random.Next(16));
        }

        return result;
    }
}
