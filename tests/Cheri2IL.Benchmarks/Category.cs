namespace Cheri2IL.Benchmarks;

/// <summary>Names of the benchmark categories, for <c>--anyCategories</c>.</summary>
internal static class Category
{
    /// <summary>Integer primitives.</summary>
    public const string Integer = "Integer";

    /// <summary>Atomic memory operations.</summary>
    public const string Atomic = "Atomic";

    /// <summary>Floating-point arithmetic, comparison and selection.</summary>
    public const string Float = "Float";

    /// <summary>Conversions between floats and integers.</summary>
    public const string Conversion = "Conversion";

    /// <summary>Capabilities.</summary>
    public const string Capability = "Capability";

    /// <summary>What cVMs and hosts share.</summary>
    public const string Ipc = "Ipc";

    /// <summary>Floating-point status: what a system call or a CSR instruction pays.</summary>
    public const string Status = "Status";
}
