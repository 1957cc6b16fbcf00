using BenchmarkDotNet.Reports;

namespace Cheri2IL.Benchmarks;

/// <summary>No primitive may allocate: translated code calls them between any two guest instructions.</summary>
internal static class AllocationGate
{
    /// <summary>Names every benchmark that failed or allocated; false if there is one.</summary>
    public static bool Check(IEnumerable<Summary> summaries, TextWriter errors)
    {
        var passed = true;
        foreach (var summary in summaries)
        {
            if (summary.HasCriticalValidationErrors)
            {
                passed = false;
                errors.WriteLine($"{summary.Title}: not run");
            }

            foreach (var report in summary.Reports)
            {
                var allocated = report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase);
                if (report.Success && allocated == 0)
                    continue;
                passed = false;
                errors.WriteLine(report.Success
                    ? $"{report.BenchmarkCase.DisplayInfo}: allocates {allocated?.ToString() ?? "an unknown number of"} bytes"
                    : $"{report.BenchmarkCase.DisplayInfo}: failed");
            }
        }

        return passed;
    }
}
