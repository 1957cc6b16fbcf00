using Wasmtime;

namespace Cheri2IL.Cli.Bench;

/// <summary>Runs a wasm32-wasi command under the Wasmtime package: the peer that a .NET program would embed.</summary>
internal static class WasmRun
{
    /// <summary>Runs <paramref name="path"/> with the host's standard streams and returns its exit status.</summary>
    public static int Execute(string path)
    {
        try
        {
            using var configuration = new Config().WithOptimizationLevel(OptimizationLevel.Speed);
            using var engine = new Engine(configuration);
            using var module = Module.FromFile(engine, path);
            using var linker = new Linker(engine);
            using var store = new Store(engine);
            linker.DefineWasi();
            store.SetWasiConfiguration(new WasiConfiguration()
                .WithInheritedStandardInput().WithInheritedStandardOutput().WithInheritedStandardError().WithArg(Path.GetFileName(path)));
            var start = linker.Instantiate(store, module).GetAction("_start")
                ?? throw new ToolException(ExitCode.BadInput, $"{path}: exports no _start");
            start();
            return ExitCode.Success;
        }
        catch (WasmtimeException error) when (error.ExitCode is { } status)
        {
            return status;
        }
        catch (WasmtimeException error)
        {
            throw new ToolException(ExitCode.BadInput, $"{path}: {error.Message}");
        }
    }
}
