using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Cheri2IL.Cli.Bench;

/// <summary>One run of a process that ended with status 0.</summary>
/// <param name="Seconds">Wall-clock time from before it is started until its end is known.</param>
/// <param name="CpuSeconds">Processor time, user's and system's, of it and of those of its children that it waited for.</param>
/// <param name="Bytes">What it printed on stdout.</param>
/// <param name="Errors">What it printed on stderr.</param>
internal readonly partial record struct ProcessRun(double Seconds, double CpuSeconds, byte[] Bytes, string Errors)
{
    private const int OfChildren = -1;
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(5);

    /// <summary><see cref="Bytes"/> as text.</summary>
    public string Output => Encoding.UTF8.GetString(Bytes);

    /// <summary>Runs a command line with nothing on its standard input. Processor time is exact if nothing else is run meanwhile.</summary>
    /// <param name="command">Program and arguments.</param>
    /// <param name="environment">Variables besides this process's.</param>
    /// <exception cref="ToolException">It failed, or took more than five minutes.</exception>
    /// <exception cref="System.ComponentModel.Win32Exception">There is no such program.</exception>
    public static ProcessRun Execute(IReadOnlyList<string> command, params ReadOnlySpan<(string Name, string Value)> environment)
    {
        var start = new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        _ = start.Environment; // made before the clock starts
        var cpu = ChildrenSeconds();
        var begin = Stopwatch.GetTimestamp();
        using var process = Process.Start(start) ?? throw new ToolException(ExitCode.Unavailable, $"cannot start {command[0]}");
        process.StandardInput.Close();
        var errors = process.StandardError.ReadToEndAsync();
        var output = new MemoryStream();
        var reading = process.StandardOutput.BaseStream.CopyToAsync(output);
        if (!process.WaitForExit(Limit))
        {
            process.Kill(entireProcessTree: true);
            throw new ToolException(ExitCode.Failure, $"'{string.Join(' ', command)}' did not end within {Limit.TotalSeconds:F0} s");
        }

        var seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        cpu = ChildrenSeconds() - cpu;
        reading.Wait();
        return process.ExitCode == 0
            ? new ProcessRun(seconds, cpu, output.ToArray(), errors.Result)
            : throw new ToolException(ExitCode.Failure, $"'{string.Join(' ', command)}' failed (status {process.ExitCode}): {errors.Result.Trim()}");
    }

    /// <summary>Processor time of all children that have ended and were waited for.</summary>
    private static double ChildrenSeconds()
    {
        _ = GetUsage(OfChildren, out var usage);
        return usage.UserSeconds + usage.SystemSeconds + ((usage.UserMicroseconds + usage.SystemMicroseconds) / 1e6);
    }

    [LibraryImport("libc", EntryPoint = "getrusage")]
    private static partial int GetUsage(int who, out Usage usage);

    /// <summary>struct rusage of 64-bit Linux; the rest of it is not looked at.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 18 * sizeof(long))]
    private struct Usage
    {
        public long UserSeconds;
        public long UserMicroseconds;
        public long SystemSeconds;
        public long SystemMicroseconds;
    }
}
