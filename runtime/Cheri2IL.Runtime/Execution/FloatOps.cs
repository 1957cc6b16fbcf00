namespace Cheri2IL.Runtime.Execution;

/// <summary>RISC-V floating-point operations that are not one host instruction.</summary>
public static class FloatOps
{
}
