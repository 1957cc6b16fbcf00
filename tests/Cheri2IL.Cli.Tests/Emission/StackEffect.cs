using Mono.Cecil;
using Mono.Cecil.Cil;

namespace Cheri2IL.Cli.Tests.Emission;

/// <summary>How many values an IL instruction takes from the stack and puts on it (ECMA-335, III).</summary>
internal static class StackEffect
{
    /// <summary>Values popped and pushed by <paramref name="i"/> of <paramref name="method"/>.</summary>
    public static (int Pops, int Pushes) Of(Instruction i, MethodDefinition method) => i.OpCode.Code switch
    {
        Code.Ret => (method.ReturnType.FullName == "System.Void" ? 0 : 1, 0),
        Code.Call => OfCall((IMethodSignature)i.Operand, 0),
        Code.Calli => OfCall((IMethodSignature)i.Operand, 1),
        _ => (Count(i.OpCode.StackBehaviourPop), Count(i.OpCode.StackBehaviourPush)),
    };

    private static (int Pops, int Pushes) OfCall(IMethodSignature signature, int function)
        => (signature.Parameters.Count + function + (signature.HasThis ? 1 : 0), signature.ReturnType.FullName == "System.Void" ? 0 : 1);

    /// <summary>The names of the behaviours list what is popped or pushed: Popi_popi_popr8.</summary>
    private static int Count(StackBehaviour behaviour)
        => behaviour is StackBehaviour.Pop0 or StackBehaviour.Push0 ? 0 : behaviour.ToString().Split('_').Length;
}
