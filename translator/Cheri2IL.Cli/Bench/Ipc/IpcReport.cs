using Spectre.Console;

namespace Cheri2IL.Cli.Bench.Ipc;

/// <summary>Prints a finished <see cref="IpcBenchmark"/>.</summary>
internal static class IpcReport
{
    /// <summary>Tables of throughput and latency on stdout.</summary>
    public static void WriteTable(IpcBenchmark benchmark)
    {
        var table = ReportTable.New("bytes", [.. IpcBenchmark.Primitives, "cp_file / memcpy", "cp_stream / unix"]);
        foreach (var bytes in IpcBenchmark.Sizes)
        {
            table.AddRow([
                $"{bytes}",
                .. IpcBenchmark.Primitives.Select(p => Cell.Of(benchmark.Of(p, bytes), "F0")),
                Cell.Of(benchmark.Of("cp_file", bytes) / benchmark.Of("memcpy", bytes), "F2"),
                Cell.Of(benchmark.Of("cp_stream", bytes) / benchmark.Of("unix", bytes), "F1"),
            ]);
        }

        ReportTable.Write(table);
        Console.WriteLine("MB/s (millions of bytes a second), best of several rounds. cp_*: two cVMs of this process; memcpy, mmap_memcpy: one native process; others: two, on one processor or two, whichever is faster.");
        Console.WriteLine("cp_file: mapped.");
        Console.WriteLine();
        table = ReportTable.New("call or round trip", "ns");
        foreach (var latency in benchmark.Latencies)
            table.AddRow(latency.Primitive, Cell.Of(latency.Nanoseconds, "F0"));
        ReportTable.Write(table);
        Console.WriteLine("cp_call: on the caller's thread; cp_call_thread: on one of the callee's; syscall: getpid of a guest; native_getppid: a system call of a native process.");
    }

    /// <summary>The same as one JSON object on stdout.</summary>
    public static void WriteJson(IpcBenchmark benchmark)
    {
        using var output = new JsonOutput();
        var json = output.Writer;
        json.WriteStartObject();
        json.WriteNumber("processors", Environment.ProcessorCount);
        json.WriteStartArray("throughput");
        foreach (var throughput in benchmark.Throughputs)
        {
            json.WriteStartObject();
            json.WriteString("primitive", throughput.Primitive);
            json.WriteNumber("bytes", throughput.Bytes);
            output.WriteNumber("mbPerS", throughput.MegabytesPerSecond);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("latency");
        foreach (var latency in benchmark.Latencies)
        {
            json.WriteStartObject();
            json.WriteString("primitive", latency.Primitive);
            output.WriteNumber("ns", latency.Nanoseconds);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
