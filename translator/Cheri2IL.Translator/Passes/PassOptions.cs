using Cheri2IL.Runtime;
using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>What the passes may assume and how they are watched.</summary>
public sealed record PassOptions
{
    /// <summary>Which checks are emitted.</summary>
    public CheckMode Checks { get; init; } = CheckMode.Optimized;

    /// <summary>
    /// Bytes that every slot is guaranteed to have: an address below it needs no check. 0 when nothing is guaranteed.
    /// </summary>
    public long GuaranteedSlotBytes { get; init; } = (long)GuestLayout.MinimumSlotSize;

    /// <summary>Whether registers are exact also at faults that the hardware finds (<see cref="Passes.PreciseFaults"/>).</summary>
    public bool PreciseFaults { get; init; }

    /// <summary>Whether small loops are unrolled; blocks then are no longer unique by pc.</summary>
    public bool UnrollLoops { get; init; } = true;

    /// <summary>Whether the verifier runs on the input and after every pass. On in Debug builds and in tests.</summary>
    public bool Verify { get; init; }
#if DEBUG
        = true;
#endif

    /// <summary>Called after every pass with its name and the function, and first with "input".</summary>
    public Action<string, IrFunction>? Dump { get; init; }
}
