using System.Globalization;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Ir;
using Cheri2IL.Translator.Isa.RiscV;

namespace Cheri2IL.Cli.Objdump;

/// <summary>Says of a guest instruction which checks are emitted for it and which are elided, and why.</summary>
internal static class CheckListing
{
    /// <summary>Lines for the IR of one guest instruction; copies of it that unrolled loops have share a line if they are alike.</summary>
    public static IEnumerable<string> Describe(IEnumerable<IrInstruction> instructions) => instructions
        .Select(Describe).OfType<string>()
        .GroupBy(line => line)
        .Select(g => g.Count() == 1 ? g.Key : string.Create(CultureInfo.InvariantCulture, $"{g.Key} (in {g.Count()} copies)"));

    /// <summary>The line of a function whose instructions are fetched under one check at its entry.</summary>
    public static string? DescribeFetch(IrFunction function) => function.FetchedCode is var (start, last)
        ? string.Create(CultureInfo.InvariantCulture, $"PCC is checked once, at the entry, for the fetch of 0x{start:x} to 0x{last:x}")
        : null;

    private static string? Describe(IrInstruction i) => i.Op switch
    {
        IrOp.Check => $"slot, {(i.IsStore ? "store" : "load")}: {Verdict(i)}{(i.Polls ? ", as the loop's poll, too" : "")}",
        IrOp.CheckAlignment or IrOp.CapCheckAlignment => string.Create(CultureInfo.InvariantCulture, $"alignment to {i.Immediate}: {Verdict(i)}"),
        IrOp.CapCheck => $"{Authority(i)}: {Verdict(i)}",
        IrOp.CapCheckValue => $"{Authority(i)}; StoreCapability and StoreLocalCapability if what is stored needs them: {Verdict(i)}",
        IrOp.CapAllows => $"guard of the loop: {Authority(i)}",
        IrOp.Untagged => string.Create(CultureInfo.InvariantCulture, $"guard of the loop: no tags in {i.B!.Immediate} bytes to be stored to at {i.Immediate:+0;-0;+0}"),
        IrOp.ClearTags => $"tags of what is stored to are cleared: {Verdict(i)}",
        IrOp.CapIncrement => $"tag kept if the new address is representable: {Verdict(i)}",
        IrOp.CapCheckTarget => $"pcc: bounds of the target: {Verdict(i)}",
        IrOp.CapCheckJump => $"{NameOf(i.Register)}: tag, seal, Execute, bounds of the target: {Verdict(i)}",
        IrOp.CapCheckInvoke => $"{NameOf(i.Register)}, {NameOf((int)i.Immediate)}: tags, seals, types, Invoke, Execute, bounds of the target: {Verdict(i)}",
        IrOp.CapCheckSystem => $"pcc: AccessSystemRegisters: {Verdict(i)}",
        _ => null,
    };

    private static string Authority(IrInstruction i)
        => string.Create(CultureInfo.InvariantCulture, $"{NameOf(i.Register)}: tag, seal, {AccessNeeds.Permissions(i)}, bounds of {AccessNeeds.Size(i)} bytes at {i.Immediate:+0;-0;+0}");

    private static string Verdict(IrInstruction i) => i.Elided is { } reason ? $"elided, {reason}" : "emitted";

    private static string NameOf(int register) => register < GuestRegister.F0 ? RiscVDisassembler.CapabilityRegister(register) : GuestRegister.Name(register);
}
