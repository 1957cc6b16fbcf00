using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Translator.Emit;
using Cheri2IL.Translator.Ir;

namespace Cheri2IL.FileTests;

/// <summary>Functions emitted into one assembly, which is loaded and compiled.</summary>
internal static class TranslatedFunctions
{
    private static int s_count;

    /// <summary>Emits functions whose entry pcs differ; each can call the others directly.</summary>
    public static byte[] Emit(string name, IReadOnlyList<IrFunction> functions, EmitOptions options = default)
    {
        var writer = new AssemblyWriter(name, hasCapabilities: false);
        var ordered = functions.OrderBy(f => f.EntryPc).ToArray();
        var entries = new Dictionary<long, MethodEntry>();
        for (var k = 0; k < ordered.Length; k++)
            entries.Add(ordered[k].EntryPc, new MethodEntry(AssemblyWriter.MethodToken(k), 0, IsInside: false));
        MethodEntry? Entry(IrInstruction call) => entries.TryGetValue(call.Immediate, out var entry) ? entry : null;
        var methods = ordered.Select(f => new MethodImage(f.EntryPc, $"f_{f.EntryPc:x}", MethodEmitter.Emit(f, writer.Members, Entry, options))).ToArray();
        var rows = ordered.Select((f, k) => (f.EntryPc, k + 1)).ToArray();
        return writer.Write(
            methods,
            [
                (ModuleFormat.ImageResource, []),
                (ModuleFormat.EntryResource, ModuleFormat.EncodeEntries(0, rows)),
                (ModuleFormat.MapResource, ModuleFormat.EncodeMaps([.. methods.Select(m => m.Body.Map)])),
            ]);
    }

    /// <summary>Emits, loads and compiles.</summary>
    public static TranslatedModule Load(IReadOnlyList<IrFunction> functions, EmitOptions options = default)
    {
        var name = $"filetest{Interlocked.Increment(ref s_count)}";
        using var stream = new MemoryStream(Emit(name, functions, options));
        var module = new TranslatedModule(AssemblyLoadContext.Default.LoadFromStream(stream));
        foreach (var type in module.Assembly.GetTypes())
        {
            foreach (var method in type.GetMethods(BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly))
                RuntimeHelpers.PrepareMethod(method.MethodHandle);
        }

        return module;
    }
}
