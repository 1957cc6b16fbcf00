using Cheri2IL.Translator.Ir;

namespace Cheri2IL.Translator.Passes;

/// <summary>A transformation of one function.</summary>
/// <param name="Name">Lower-case, with hyphens; names the pass in listings, dumps and errors.</param>
/// <param name="Run">Changes the function in place. Keeps no state between calls, so that functions can be done in parallel.</param>
public sealed record IrPass(string Name, Action<IrFunction, PassOptions> Run);
