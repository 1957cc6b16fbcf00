using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Exporters.Json;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;

namespace Cheri2IL.Benchmarks;

/// <summary>The configuration of every benchmark: grouped by category, allocations counted, Markdown and JSON written.</summary>
internal sealed class SharedConfig : ManualConfig
{
    public SharedConfig()
    {
        // Profile-guided optimisation would specialise a primitive for the benchmark's operands.
        AddJob(Job.Default.WithEnvironmentVariable("DOTNET_TieredPGO", "0").AsMutator());
        AddDiagnoser(MemoryDiagnoser.Default);
        AddColumnProvider(DefaultColumnProviders.Instance);
        AddColumn(CategoriesColumn.Default);
        AddLogicalGroupRules(BenchmarkLogicalGroupRule.ByCategory);
        AddExporter(MarkdownExporter.GitHub, JsonExporter.Full);
        AddLogger(ConsoleLogger.Default);
    }
}
