namespace Cheri2IL.TableGen;

/// <summary>A named set of operands that decoding fills in, with the values that make an encoding illegal.</summary>
/// <param name="Name">Name without the '@'.</param>
/// <param name="Operands">Names of the operands other than the immediate: rd rs1 rs2 rs3 rm aq rl pred succ.</param>
/// <param name="Immediate">The immediate, or null if there is none.</param>
/// <param name="Conditions">Excluded values.</param>
public sealed record OperandFormat(
    string Name, IReadOnlyList<string> Operands, ImmediateLayout? Immediate, IReadOnlyList<Condition> Conditions);

/// <summary>An encoding is illegal if <paramref name="Field"/> has one of <paramref name="Excluded"/>.</summary>
/// <param name="Field">Operand name, or "imm".</param>
/// <param name="Excluded">Raw field values; only 0 for "imm".</param>
public sealed record Condition(string Field, IReadOnlyList<int> Excluded);
