using System.Runtime.CompilerServices;

namespace Cheri2IL.Runtime.Execution;

/// <summary>A word for each capability register, at <see cref="CapabilityState.Index"/>.</summary>
[InlineArray(CapabilityState.Registers)]
public struct CapabilityWords
{
    private ulong _first;
}
