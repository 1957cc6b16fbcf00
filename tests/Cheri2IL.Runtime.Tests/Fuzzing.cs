using System.Diagnostics;
using System.Globalization;

namespace Cheri2IL.Runtime.Tests;

/// <summary>How long tests of the category Fuzz go on: as long as the suite has time for, or as long as <c>tools/dev fuzz</c> says.</summary>
internal sealed class Fuzzing
{
    private static readonly double _seconds = double.Parse(Environment.GetEnvironmentVariable("CHERI2IL_FUZZ_SECONDS") ?? "0", CultureInfo.InvariantCulture);

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly double _share;

    /// <summary>Begins now.</summary>
    /// <param name="tests">Tests that share the time of their project.</param>
    public Fuzzing(int tests) => _share = _seconds / tests;

    /// <summary>Whether the time is not over; never, in the suite.</summary>
    public bool GoesOn => _clock.Elapsed.TotalSeconds < _share;

    /// <summary>The seed that the suite has, or in a longer run another each time.</summary>
    public static int Seed(int usual) => _seconds > 0 ? unchecked(usual + Environment.TickCount) : usual;
}
