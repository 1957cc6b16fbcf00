namespace Cheri2IL.Cli.Bench;

/// <summary>A cell of a benchmark's table.</summary>
internal static class Cell
{
    /// <summary>A measured number in a .NET format, or a dash where nothing was measured.</summary>
    public static string Of(double? value, string format) => value?.ToString(format) ?? "-";
}
