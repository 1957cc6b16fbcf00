using System.Runtime.CompilerServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>A bit for each capability register, at <see cref="CapabilityState.Index"/>.</summary>
[InlineArray(CapabilityState.Registers)]
public struct CapabilityBits
{
    private bool _first;
}
