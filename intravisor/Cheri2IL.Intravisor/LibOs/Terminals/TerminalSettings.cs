using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Terminals;

/// <summary>struct termios2; struct termios is what comes before the speeds.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct TerminalSettings
{
    /// <summary>Bytes of struct termios.</summary>
    public const int OldBytes = 36;

    /// <summary>c_iflag.</summary>
    public uint Input;

    /// <summary>c_oflag.</summary>
    public uint Output;

    /// <summary>c_cflag.</summary>
    public uint Control;

    /// <summary>c_lflag.</summary>
    public uint Local;

    /// <summary>c_line.</summary>
    public byte Discipline;

    /// <summary>c_cc.</summary>
    public ControlCharacters Characters;

    /// <summary>c_ispeed.</summary>
    public uint InputSpeed;

    /// <summary>c_ospeed.</summary>
    public uint OutputSpeed;

    /// <summary>Those of a new terminal (drivers/tty/tty_io.c, tty_std_termios; INIT_C_CC).</summary>
    public static TerminalSettings Default
    {
        get
        {
            var settings = new TerminalSettings
            {
                Input = TerminalAbi.ICRNL | TerminalAbi.IXON,
                Output = TerminalAbi.OPOST | TerminalAbi.ONLCR,
                Control = TerminalAbi.B38400 | TerminalAbi.CS8 | TerminalAbi.CREAD,
                Local = TerminalAbi.ISIG | TerminalAbi.ICANON | TerminalAbi.ECHO | TerminalAbi.ECHOE | TerminalAbi.ECHOK | TerminalAbi.ECHOCTL | TerminalAbi.ECHOKE | TerminalAbi.IEXTEN,
                InputSpeed = 38400,
                OutputSpeed = 38400,
            };
            ((ReadOnlySpan<byte>)[3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0]).CopyTo(settings.Characters);
            return settings;
        }
    }

    private static ReadOnlySpan<uint> Speeds =>
    [
        0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400,
        57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000,
    ];

    /// <summary>Whether lines are edited and read as such.</summary>
    public readonly bool IsCanonical => (Local & TerminalAbi.ICANON) != 0;

    /// <summary>Whether a character is that of the function <paramref name="index"/>; 0 is nobody's.</summary>
    public readonly bool Is(byte c, int index) => c != 0 && Characters[index] == c;

    /// <summary>Whether <see cref="Input"/> has one of the modes.</summary>
    public readonly bool HasInput(uint modes) => (Input & modes) != 0;

    /// <summary>Whether <see cref="Output"/> has one of the modes.</summary>
    public readonly bool HasOutput(uint modes) => (Output & modes) != 0;

    /// <summary>Whether <see cref="Local"/> has one of the modes.</summary>
    public readonly bool HasLocal(uint modes) => (Local & modes) != 0;

    /// <summary>What a pseudo-terminal makes of settings that are asked for: eight bits, and speeds that fit the old bits for them.</summary>
    public readonly TerminalSettings Adjusted()
    {
        var adjusted = this;
        adjusted.OutputSpeed = Speed(Control & TerminalAbi.CBAUD, OutputSpeed) ?? OutputSpeed;
        var input = (Control >> TerminalAbi.IBSHIFT) & TerminalAbi.CBAUD;
        adjusted.InputSpeed = input == 0 ? adjusted.OutputSpeed : Speed(input, InputSpeed) ?? InputSpeed;
        adjusted.Control = (Control & ~(TerminalAbi.CSIZE | TerminalAbi.PARENB)) | TerminalAbi.CS8 | TerminalAbi.CREAD;
        return adjusted;
    }

    /// <summary>drivers/tty/tty_baudrate.c: the bits' speed, or the one that is given where they say so (BOTHER).</summary>
    private static uint? Speed(uint bits, uint given)
    {
        if (bits == TerminalAbi.CBAUDEX)
            return given;
        var index = (bits & TerminalAbi.CBAUDEX) != 0 ? (bits & ~TerminalAbi.CBAUDEX) + 15 : bits;
        return index < Speeds.Length ? Speeds[(int)index] : null;
    }

    /// <summary>c_cc (NCCS).</summary>
    [InlineArray(19)]
    internal struct ControlCharacters
    {
        private byte _first;
    }
}

/// <summary>struct winsize.</summary>
[StructLayout(LayoutKind.Sequential)]
internal record struct TerminalSize(ushort Rows, ushort Columns, ushort Width, ushort Height);
