using BenchmarkDotNet.Running;
using Cheri2IL.Benchmarks;

// Arguments are BenchmarkDotNet's (--filter, --anyCategories, --job short, --list flat). Exit 1: a benchmark failed, or allocated.
var summaries = BenchmarkSwitcher.FromAssembly(typeof(SharedConfig).Assembly).Run(args, new SharedConfig());
return AllocationGate.Check(summaries, Console.Error) ? 0 : 1;
