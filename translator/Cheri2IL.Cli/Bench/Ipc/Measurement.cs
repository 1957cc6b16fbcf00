namespace Cheri2IL.Cli.Bench.Ipc;

/// <summary>Throughput of a primitive for messages of one size, the best of several rounds.</summary>
/// <param name="Primitive">Stable name.</param>
/// <param name="Bytes">Size of a message.</param>
/// <param name="MegabytesPerSecond">Millions of bytes a second.</param>
internal readonly record struct Throughput(string Primitive, long Bytes, double MegabytesPerSecond);

/// <summary>Time of a call, or of a message and its answer, the best of several rounds.</summary>
/// <param name="Primitive">Stable name.</param>
/// <param name="Nanoseconds">The time.</param>
internal readonly record struct Latency(string Primitive, double Nanoseconds);
