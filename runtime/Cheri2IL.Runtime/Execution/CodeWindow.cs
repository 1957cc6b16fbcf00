namespace Cheri2IL.Runtime.Execution;

/// <summary>Addresses of which every byte may be fetched.</summary>
public struct CodeWindow
{
    /// <summary>The lowest.</summary>
    public ulong Base;

    /// <summary>How many.</summary>
    public ulong Length;
}
