using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using Cheri2IL.Cli.Objdump;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator;
using Cheri2IL.Translator.Passes;
using Mono.Cecil;
using Xunit;
using MethodAttributes = System.Reflection.MethodAttributes;
using MethodImplAttributes = System.Reflection.MethodImplAttributes;

namespace Cheri2IL.Cli.Tests;

/// <summary>Every committed guest, translated, read back by an independent reader, and compiled by the JIT compiler.</summary>
public sealed class CorpusTranslationTests
{
    private const string Optimized = "Optimized";

    /// <summary>Committed guests.</summary>
    public static TheoryData<string> Files => CorpusFiles.All();

    [Theory]
    [MemberData(nameof(Files))]
    public void Translation_Repeated_IsByteIdentical(string file)
    {
        var first = CorpusTranslations.Make(file, new TranslationOptions { Checks = CheckMode.Optimized, Parallelism = 1 });
        var second = CorpusTranslations.Of(file, CheckMode.Optimized);
        Assert.True(first.Assembly.AsSpan().SequenceEqual(second.Assembly), "two translations of the same file differ");
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Translation_ReadByCecil_IsWellFormed(string file)
    {
        var translation = CorpusTranslations.Of(file, CheckMode.Optimized);
        using var module = ModuleDefinition.ReadModule(new MemoryStream(translation.Assembly));
        var methods = module.Types.SelectMany(t => t.Methods).ToArray();
        Assert.Equal(translation.Statistics.Methods + translation.Statistics.WholeFunctions, methods.Length);
        foreach (var method in methods)
        {
            Assert.True(method.IsStatic && method.HasBody, method.FullName);
            Assert.Empty(method.Body.ExceptionHandlers);
            var boundaries = method.Body.Instructions.ToHashSet();
            foreach (var instruction in method.Body.Instructions)
            {
                // Cecil leaves a null or dangling target where a branch does not hit an instruction.
                if (instruction.Operand is Mono.Cecil.Cil.Instruction target)
                    Assert.Contains(target, boundaries);
                else if (instruction.Operand is Mono.Cecil.Cil.Instruction[] targets)
                    Assert.All(targets, t => Assert.Contains(t, boundaries));
                else if (instruction.OpCode.FlowControl is Mono.Cecil.Cil.FlowControl.Branch or Mono.Cecil.Cil.FlowControl.Cond_Branch)
                    Assert.Fail($"{method.Name} {instruction}: a branch without target");
            }

            var last = method.Body.Instructions[^1].OpCode.FlowControl;
            Assert.True(
                last is Mono.Cecil.Cil.FlowControl.Return or Mono.Cecil.Cil.FlowControl.Throw or Mono.Cecil.Cil.FlowControl.Branch,
                $"{method.Name} runs off its end");
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Translation_Compiled_IsOptimizedWithFastTailCalls(string file)
    {
        foreach (var checks in Enum.GetValues<CheckMode>())
        {
            var translation = CorpusTranslations.Of(file, checks);
            var module = new TranslatedModule(new AssemblyLoadContext(file).LoadFromStream(new MemoryStream(translation.Assembly)));
            using var observer = new JitObserver();
            for (var row = 1; row <= translation.Statistics.Methods; row++)
                RuntimeHelpers.PrepareMethod(module.Method(row));
            var jitted = observer.Complete();
            for (var row = 1; row <= translation.Statistics.Methods; row++)
            {
                var handle = module.Method(row);
                Assert.True(jitted.TryGetValue(handle.Value, out var code), $"no event for method {row}");
                Assert.True(code.Tier == Optimized, $"{checks}: method {row} is {code.Tier}");
            }

            Assert.Empty(observer.SlowTailCalls);
        }
    }

    [Fact]
    public void Translation_EveryMemberItMayUse_Resolves()
    {
        // A member that no committed guest needs would otherwise be missed only when some program uses it.
        const int MemberReferences = 0x0a000000;
        var translation = CorpusTranslations.Of("corpus/hello/bin/hello.elf", CheckMode.Optimized);
        using var definition = ModuleDefinition.ReadModule(new MemoryStream(translation.Assembly));
        var module = new AssemblyLoadContext("members").LoadFromStream(new MemoryStream(translation.Assembly)).ManifestModule;
        var count = definition.GetMemberReferences().Count();
        Assert.True(count > 50, $"only {count} member references");
        for (var row = 1; row <= count; row++)
            Assert.NotNull(module.ResolveMember(MemberReferences | row));
    }

    [Fact]
    public void JitObserver_MethodWithoutOptimization_IsReported()
    {
        // The assertion above would be worth nothing if the runtime did not tell the difference.
        var method = typeof(CorpusTranslationTests).GetMethod(nameof(Unoptimized), BindingFlags.NonPublic | BindingFlags.Static)!;
        using var observer = new JitObserver();
        RuntimeHelpers.PrepareMethod(method.MethodHandle);
        var jitted = observer.Complete();
        Assert.Equal("MinOptJitted", jitted[method.MethodHandle.Value].Tier);
    }

    [Theory]
    [InlineData(6, 0, 1)]
    [InlineData(12, 1, 0)]
    public void JitObserver_TailCall_IsReportedAsFastOrSlow(int parameters, int slow, int fast)
    {
        // Beyond what six registers hold, arguments need stack that the caller, who has none, cannot give.
        var type = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName("tailcalls"), AssemblyBuilderAccess.Run).DefineDynamicModule("m").DefineType("T");
        MethodBuilder Define(string name, int count)
            => type.DefineMethod(name, MethodAttributes.Public | MethodAttributes.Static, typeof(long), [.. Enumerable.Repeat(typeof(long), count)]);
        var callee = Define("callee", parameters);
        var body = callee.GetILGenerator();
        body.Emit(OpCodes.Ldarg_0);
        body.Emit(OpCodes.Ret);
        callee.SetImplementationFlags(MethodImplAttributes.NoInlining);
        var caller = Define("caller", 1);
        body = caller.GetILGenerator();
        for (var k = 0; k < parameters; k++)
            body.Emit(OpCodes.Ldarg_0);
        body.Emit(OpCodes.Tailcall);
        body.Emit(OpCodes.Call, callee);
        body.Emit(OpCodes.Ret);
        var method = type.CreateType().GetMethod("caller")!;
        using var observer = new JitObserver();
        RuntimeHelpers.PrepareMethod(method.MethodHandle);
        observer.Complete();
        Assert.Equal((slow, fast), (observer.SlowTailCalls.Count, observer.FastTailCalls));
    }

    [MethodImpl(MethodImplOptions.NoOptimization)]
    private static int Unoptimized(int value) => value + 1;
}
