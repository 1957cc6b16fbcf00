using System.Runtime.Intrinsics.X86;

namespace Cheri2IL.Cli.Cache;

/// <summary>Machine code of translations, made ahead of time by crossgen2 (ReadyToRun), so that a warm start compiles nothing.</summary>
internal static class NativeCode
{
    /// <summary>Variable of the environment that says how it is used.</summary>
    private const string Variable = "CHERI2IL_NATIVE";

    /// <summary>Setting of a process that neither makes nor uses it.</summary>
    public static (string Variable, string Value) Never => (Variable, "off");

    /// <summary>Setting of a process that ends only when it has made what the next run can use.</summary>
    public static (string Variable, string Value) Wait => (Variable, "wait");

    /// <summary>Whether it is made and used.</summary>
    public static bool IsEnabled { get; } = Environment.GetEnvironmentVariable(Variable) != Never.Value;

    /// <summary>Whether a run waits until it is made, which otherwise goes on in the background.</summary>
    public static bool IsAwaited { get; } = Environment.GetEnvironmentVariable(Variable) == Wait.Value;

    /// <summary>
    /// The level of x86-64 that this processor has, as crossgen2's --instruction-set knows it: code may use what the JIT
    /// compiler would, and the runtime refuses it where the processor lacks something.
    /// </summary>
    public static string Processor
        => Avx512F.VL.IsSupported && Avx512BW.IsSupported && Avx512DQ.IsSupported && Avx512CD.IsSupported ? "x86-64-v4"
            : Avx2.IsSupported && Bmi1.IsSupported && Bmi2.IsSupported && Fma.IsSupported && Lzcnt.IsSupported ? "x86-64-v3"
            : "x86-64-v2";
}
