using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Xunit;

namespace Cheri2IL.Cli.Tests.Guests;

/// <summary>The tool on a pseudo-terminal of this machine, in a session of its own, as somebody at a keyboard has it.</summary>
internal sealed unsafe partial class TerminalSession : IDisposable
{
    private const int ReadWriteNoControl = 0x102;
    private const ulong TCGETS = 0x5401;
    private const ulong TIOCSWINSZ = 0x5414;
    private const ulong TIOCGPTN = 0x80045430;
    private const ulong TIOCSPTLCK = 0x40045431;
    private const int ModeBytes = 36;
    private static readonly TimeSpan _limit = TimeSpan.FromMinutes(10);

    private readonly int _master;
    private readonly int _slave;
    private readonly StringBuilder _shown = new();
    private readonly Thread _reader;
    private int _read;
    private bool _isOver;

    /// <summary>Starts the tool.</summary>
    /// <param name="command">How it is started elsewhere; see <see cref="ToolProcess.Command"/>.</param>
    /// <param name="rows">Height.</param>
    /// <param name="columns">Width.</param>
    public TerminalSession(ProcessStartInfo command, ushort rows, ushort columns)
    {
        _master = NativeOpen("/dev/ptmx", ReadWriteNoControl);
        int zero = 0, number = 0;
        Assert.True(_master >= 0 && NativeIoctl(_master, TIOCSPTLCK, &zero) == 0 && NativeIoctl(_master, TIOCGPTN, &number) == 0, "no pseudo-terminal");
        var path = $"/dev/pts/{number.ToString(CultureInfo.InvariantCulture)}";

        // Open here, too: what is left of the session's end shows after it.
        _slave = NativeOpen(path, ReadWriteNoControl);
        Resize(rows, columns);
        InitialModes = Modes;
        // Who started the tests may ignore signals of the keyboard, as shells do for what runs in the background, and the tool would inherit that.
        var start = new ProcessStartInfo("setsid", ["-w", "sh", "-c", "exec <>\"$0\" >&0 2>&1; exec \"$@\"", path, "env", "--default-signal=INT,QUIT,TSTP", command.FileName, .. command.ArgumentList]) { WorkingDirectory = command.WorkingDirectory };
        foreach (var (name, value) in command.Environment)
            start.Environment[name] = value;
        start.Environment["TERM"] = "dumb";
        start.RedirectStandardInput = start.RedirectStandardOutput = start.RedirectStandardError = true;
        Process = Process.Start(start)!;
        _reader = new Thread(Read) { IsBackground = true };
        _reader.Start();
    }

    /// <summary>The tool.</summary>
    public Process Process { get; }

    /// <summary>Modes of the terminal before the tool had it.</summary>
    public byte[] InitialModes { get; }

    /// <summary>Modes of the terminal now.</summary>
    public byte[] Modes
    {
        get
        {
            var modes = new byte[ModeBytes];
            fixed (byte* bytes = modes)
                Assert.Equal(0, NativeIoctl(_slave, TCGETS, bytes));
            return modes;
        }
    }

    /// <summary>Types, with \r for Enter.</summary>
    public void Type(string text)
    {
        var bytes = Encoding.Latin1.GetBytes(text);
        fixed (byte* from = bytes)
            Assert.Equal(bytes.Length, NativeWrite(_master, from, (nuint)bytes.Length));
    }

    /// <summary>Waits until a text is shown behind what was waited for before; what stands between the two.</summary>
    public string Expect(string text)
    {
        var clock = Stopwatch.StartNew();
        lock (_shown)
        {
            while (true)
            {
                var all = _shown.ToString();
                var at = all.IndexOf(text, _read, StringComparison.Ordinal);
                if (at >= 0)
                {
                    var between = all[_read..at];
                    _read = at + text.Length;
                    return between;
                }

                Assert.True(!_isOver && clock.Elapsed < _limit, $"'{text}' is not shown behind '{all[.._read]}', but '{all[_read..]}'");
                Monitor.Wait(_shown, 1000);
            }
        }
    }

    /// <summary>Changes the size.</summary>
    public void Resize(ushort rows, ushort columns)
    {
        var size = stackalloc ushort[] { rows, columns, 0, 0 };
        Assert.Equal(0, NativeIoctl(_master, TIOCSWINSZ, size));
    }

    /// <summary>Waits for the end of the tool; its status.</summary>
    public int Wait()
    {
        Assert.True(Process.WaitForExit(_limit), "the tool does not end");
        return Process.ExitCode;
    }

    /// <summary>Waits until a signal has stopped the tool.</summary>
    public void AwaitStop()
    {
        for (var clock = Stopwatch.StartNew(); !File.ReadAllText($"/proc/{Process.Id}/stat").Contains(") T ", StringComparison.Ordinal); Thread.Sleep(20))
            Assert.True(clock.Elapsed < _limit, "the tool does not stop");
    }

    /// <summary>Waits until the terminal has these modes.</summary>
    public void ExpectModes(byte[] modes)
    {
        for (var clock = Stopwatch.StartNew(); !Modes.AsSpan().SequenceEqual(modes); Thread.Sleep(20))
            Assert.True(clock.Elapsed < _limit, "the terminal does not get its modes back");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!Process.HasExited)
            Process.Kill(entireProcessTree: true);
        Process.Dispose();
        _ = NativeClose(_slave);
        _reader.Join();
        _ = NativeClose(_master);
    }

    private void Read()
    {
        var buffer = new byte[4096];
        while (true)
        {
            nint count;
            fixed (byte* bytes = buffer)
                count = NativeRead(_master, bytes, (nuint)buffer.Length);
            lock (_shown)
            {
                if (count > 0)
                    _shown.Append(Encoding.Latin1.GetString(buffer, 0, (int)count));
                _isOver = count <= 0;
                Monitor.PulseAll(_shown);
            }

            if (count <= 0)
                return;
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeOpen(string path, int flags);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int NativeClose(int descriptor);

    [LibraryImport("libc", EntryPoint = "read")]
    private static partial nint NativeRead(int descriptor, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "write")]
    private static partial nint NativeWrite(int descriptor, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int NativeIoctl(int descriptor, ulong request, void* argument);
}
