using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using Cheri2IL.Intravisor.Cvms;

namespace Cheri2IL.Cli;

/// <summary>
/// The terminal that the tool was started on, raw while a guest has it. It gets its modes back when the guest ends, when a signal ends the tool, and,
/// by a process that waits for that, when the tool crashes or is killed.
/// </summary>
internal sealed unsafe partial class HostTerminal : IHostTerminal, IDisposable
{
    private const ulong TCGETS = 0x5401;
    private const ulong TCSETSW = 0x5403;
    private const ulong TIOCGPGRP = 0x540f;
    private const ulong TIOCGWINSZ = 0x5413;

    /// <summary>struct termios of the kernel: four words of modes, the discipline, 19 characters.</summary>
    private const int ModeBytes = 36;
    private const int CharactersAt = 17;
    private const int Characters = 19;

    /// <summary>NCCS of C libraries, which stty shows.</summary>
    private const int LibraryCharacters = 32;

    private readonly byte[] _saved;
    private readonly byte[] _raw;
    private readonly bool[] _is = new bool[3];
    private readonly List<PosixSignalRegistration> _signals = [];
    private readonly Lock _gate = new();
    private readonly string _newLine = Console.Error.NewLine;
    private readonly Process? _guard;
    private bool _isRestored;

    [UnsupportedOSPlatform("windows")]
    private HostTerminal(byte[] modes)
    {
        _saved = modes;
        _raw = Raw(modes);
        for (var stream = 0; stream < _is.Length; stream++)
            _is[stream] = TryGetModes(stream) is not null;
        _guard = StartGuard();
        AppDomain.CurrentDomain.ProcessExit += OnExit;
        foreach (var signal in (PosixSignal[])[PosixSignal.SIGHUP, PosixSignal.SIGINT, PosixSignal.SIGQUIT, PosixSignal.SIGTERM])
            _signals.Add(PosixSignalRegistration.Create(signal, _ => SetModes(_saved)));
        _signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGTSTP, Stop));
        _signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGCONT, Continue));
        _signals.Add(PosixSignalRegistration.Create(PosixSignal.SIGWINCH, _ => Resized?.Invoke()));
        SetModes(_raw);

        // What the tool itself prints is not converted any more, either.
        if (_is[2])
            Console.Error.NewLine = "\r\n";
    }

    /// <inheritdoc/>
    public (ushort Rows, ushort Columns, ushort Width, ushort Height) Size
    {
        get
        {
            var size = stackalloc ushort[4];
            return NativeIoctl(0, TIOCGWINSZ, size) == 0 ? (size[0], size[1], size[2], size[3]) : default;
        }
    }

    /// <inheritdoc/>
    public Action? Resized { get; set; }

    /// <summary>Whether standard input and output are a terminal, and no other job has it.</summary>
    public static bool IsOurs
    {
        get
        {
            int group;
            return TryGetModes(0) is not null && TryGetModes(1) is not null && NativeIoctl(0, TIOCGPGRP, &group) == 0 && group == NativeGroup();
        }
    }

    /// <summary>Takes the terminal; null: it is not <see cref="IsOurs">ours</see>.</summary>
    public static HostTerminal? Open() => !OperatingSystem.IsWindows() && IsOurs && TryGetModes(0) is { } modes ? new HostTerminal(modes) : null;

    /// <inheritdoc/>
    public bool Is(int stream) => _is[stream];

    /// <inheritdoc/>
    public void Suspend()
    {
        const int sigtstp = 20;
        _ = NativeKill(0, sigtstp);
    }

    /// <inheritdoc/>
    public int Read(Span<byte> buffer)
    {
        fixed (byte* bytes = buffer)
        {
            while (true)
            {
                var count = NativeRead(0, bytes, (nuint)buffer.Length);
                if (count >= 0 || !IsTransient(0, PollIn))
                    return (int)count;
            }
        }
    }

    /// <inheritdoc/>
    public bool Write(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* from = bytes)
        {
            for (var done = 0; done < bytes.Length;)
            {
                var count = NativeWrite(1, from + done, (nuint)(bytes.Length - done));
                if (count < 0 && !IsTransient(1, PollOut))
                    return false;
                done += (int)Math.Max(count, 0);
            }
        }

        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Restore();
        AppDomain.CurrentDomain.ProcessExit -= OnExit;
        foreach (var signal in _signals)
            signal.Dispose();
        _guard?.Dispose();
    }

    /// <summary>The job is to stop. That it does, also where no shell of its session could continue it, as another might.</summary>
    private void Stop(PosixSignalContext context)
    {
        const int sigstop = 19;
        context.Cancel = true;
        SetModes(_saved);
        _ = NativeKill(Environment.ProcessId, sigstop);
    }

    /// <summary>The job has the terminal again, which another may have resized meanwhile. .NET would give it the modes that it had at the start.</summary>
    private void Continue(PosixSignalContext context)
    {
        context.Cancel = true;
        SetModes(_raw);
        Resized?.Invoke();
    }

    private void OnExit(object? sender, EventArgs arguments) => Restore();

    private void Restore()
    {
        lock (_gate)
        {
            if (_isRestored)
                return;
            SetModes(_saved);
            _isRestored = true;
        }

        Console.Error.NewLine = _newLine;
        try
        {
            _guard?.StandardInput.WriteLine();
        }
        catch (IOException)
        {
            // It has ended before.
        }
    }

    private void SetModes(byte[] modes)
    {
        lock (_gate)
        {
            if (_isRestored)
                return;
            fixed (byte* bytes = modes)
                _ = NativeIoctl(0, TCSETSW, bytes);
        }
    }

    /// <summary>What cfmakeraw(3) makes of modes.</summary>
    private static byte[] Raw(byte[] modes)
    {
        ReadOnlySpan<uint> cleared = [0x5eb, 1, 0x130, 0x804b];
        ReadOnlySpan<uint> set = [0, 0, 0x30, 0];
        var raw = (byte[])modes.Clone();
        for (var k = 0; k < cleared.Length; k++)
        {
            var word = raw.AsSpan(4 * k);
            BinaryPrimitives.WriteUInt32LittleEndian(word, (BinaryPrimitives.ReadUInt32LittleEndian(word) & ~cleared[k]) | set[k]);
        }

        const int vtime = 5, vmin = 6;
        (raw[CharactersAt + vtime], raw[CharactersAt + vmin]) = (0, 1);
        return raw;
    }

    /// <summary>
    /// A shell that waits for the end of this process: if that does not say before that all is well, it restores the modes, unless somebody else has
    /// changed them already.
    /// </summary>
    private Process? StartGuard()
    {
        const string script = """
            trap '' HUP INT QUIT TERM TSTP TTIN TTOU
            read -r _ || case $(stty -g <"$1") in "$2"*) stty "$3" <"$1" || stty sane <"$1" ;; esac
            """;
        if (File.ResolveLinkTarget("/proc/self/fd/0", returnFinalTarget: false)?.FullName is not { } path)
            return null;
        var start = new ProcessStartInfo("/bin/sh", ["-c", script, "sh", path, Describe(_raw, 0), Describe(_saved, LibraryCharacters)])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            return Process.Start(start);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    /// <summary>Modes as `stty -g` prints them, with so many characters.</summary>
    private static string Describe(byte[] modes, int characters)
    {
        var words = Enumerable.Range(0, 4).Select(k => BinaryPrimitives.ReadUInt32LittleEndian(modes.AsSpan(4 * k)));
        var bytes = Enumerable.Range(0, characters).Select(k => k < Characters ? modes[CharactersAt + k] : 0U);
        return string.Join(':', words.Concat(bytes).Select(v => v.ToString("x", CultureInfo.InvariantCulture)));
    }

    private static byte[]? TryGetModes(int stream)
    {
        var modes = new byte[ModeBytes];
        fixed (byte* bytes = modes)
            return NativeIoctl(stream, TCGETS, bytes) == 0 ? modes : null;
    }

    /// <summary>Whether the call that failed is to be made again, perhaps when a stream that somebody made non-blocking is ready.</summary>
    private static bool IsTransient(int stream, short events)
    {
        const int eintr = 4, eagain = 11;
        var error = Marshal.GetLastPInvokeError();
        if (error == eagain)
        {
            var poll = new PollDescriptor { Descriptor = stream, Events = events };
            _ = NativePoll(&poll, 1, -1);
        }

        return error is eintr or eagain;
    }

    private const short PollIn = 1;
    private const short PollOut = 4;

    [LibraryImport("libc", EntryPoint = "poll")]
    private static partial int NativePoll(PollDescriptor* descriptors, nuint count, int timeout);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint NativeRead(int descriptor, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint NativeWrite(int descriptor, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int NativeIoctl(int descriptor, ulong request, void* argument);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int NativeKill(int process, int signal);

    [LibraryImport("libc", EntryPoint = "getpgrp")]
    private static partial int NativeGroup();

    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Returned;
    }
}
