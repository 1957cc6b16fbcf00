using System.ComponentModel;
using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>The host interface on linux-x64, through libc.</summary>
/// <param name="console">What guests have as standard streams.</param>
public sealed unsafe partial class LinuxHost(IGuestConsole console) : IHostInterface
{
    private const int ClockRealtime = 0;
    private const int ClockMonotonic = 1;
    private const long SyscallFutex = 202;
    private const int FutexWaitPrivate = 128;
    private const int FutexWakePrivate = 129;

    /// <summary>The host with the standard streams of this process as the guest's.</summary>
    public static LinuxHost Instance { get; } = new(StandardConsole.Instance);

    /// <inheritdoc/>
    public int ProcessorCount => Environment.ProcessorCount;

    /// <inheritdoc/>
    public long MonotonicNanoseconds => Clock(ClockMonotonic);

    /// <inheritdoc/>
    public long RealtimeNanoseconds => Clock(ClockRealtime);

    /// <inheritdoc/>
    public int CurrentThread => NativeThreadId();

    /// <inheritdoc/>
    // Clock ids of threads: include/linux/posix-timers_types.h, MAKE_THREAD_CPUCLOCK(tid, CPUCLOCK_SCHED).
    public long CpuNanoseconds(int thread) => Clock((~thread << 3) | 4 | 2);

    /// <inheritdoc/>
    // The kernel's generator itself: .NET's loads OpenSSL, which takes longer than many guests run.
    public void FillRandom(Span<byte> buffer)
    {
        while (!buffer.IsEmpty)
        {
            fixed (byte* bytes = buffer)
            {
                var count = NativeRandom(bytes, (nuint)buffer.Length, 0);
                if (count < 0 && Marshal.GetLastPInvokeError() != Errno.EINTR)
                    throw new Win32Exception(Marshal.GetLastPInvokeError());
                buffer = buffer[(int)Math.Max(count, 0)..];
            }
        }
    }

    /// <inheritdoc/>
    public void Park(int* word, int expected, long nanoseconds)
    {
        var timeout = new Timespec { Seconds = nanoseconds / 1_000_000_000, Nanoseconds = nanoseconds % 1_000_000_000 };
        _ = NativeFutex(SyscallFutex, word, FutexWaitPrivate, expected, nanoseconds < 0 ? null : &timeout);
    }

    /// <inheritdoc/>
    public void Unpark(int* word) => _ = NativeFutex(SyscallFutex, word, FutexWakePrivate, 1, null);

    /// <inheritdoc/>
    public bool IsConsoleReadable => console.IsConsoleReadable;

    /// <inheritdoc/>
    public int ReadConsole(Span<byte> buffer) => console.ReadConsole(buffer);

    /// <inheritdoc/>
    public void AwaitConsole(Action readable) => console.AwaitConsole(readable);

    /// <inheritdoc/>
    public int WriteConsole(int stream, ReadOnlySpan<byte> bytes) => console.WriteConsole(stream, bytes);

    /// <inheritdoc/>
    public bool IsTerminal(int stream, out int columns, out int rows) => console.IsTerminal(stream, out columns, out rows);

    private static long Clock(int id)
    {
        Timespec time;
        return NativeClock(id, &time) == 0 ? (time.Seconds * 1_000_000_000) + time.Nanoseconds : 0;
    }

    // A few nanoseconds in the vDSO: skips the transition to unmanaged code.
    [LibraryImport("libc", EntryPoint = "clock_gettime")]
    [SuppressGCTransition]
    private static partial int NativeClock(int id, Timespec* time);

    [LibraryImport("libc", EntryPoint = "gettid")]
    private static partial int NativeThreadId();

    [LibraryImport("libc", EntryPoint = "syscall")]
    private static partial long NativeFutex(long number, int* word, int operation, int value, Timespec* timeout);

    [LibraryImport("libc", EntryPoint = "getrandom", SetLastError = true)]
    private static partial nint NativeRandom(byte* buffer, nuint count, uint flags);

    private struct Timespec
    {
        public long Seconds;
        public long Nanoseconds;
    }
}
