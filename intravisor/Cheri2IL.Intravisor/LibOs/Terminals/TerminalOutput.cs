using Cheri2IL.Intravisor.LibOs.Abi;

namespace Cheri2IL.Intravisor.LibOs.Terminals;

/// <summary>What goes out of a terminal, as its modes want it: programs' output, and the echo of what comes in (drivers/tty/n_tty.c).</summary>
/// <remarks>Not thread-safe: <see cref="PseudoTerminal.Gate"/> guards it.</remarks>
/// <param name="terminal">The terminal, whose modes hold.</param>
/// <param name="pass">Passes on what is complete.</param>
internal sealed class TerminalOutput(PseudoTerminal terminal, Action<Span<byte>> pass)
{
    /// <summary>Most bytes that one becomes: a tab of spaces.</summary>
    public const int MostExpansion = 8;

    private const byte Backspace = 8;

    private readonly byte[] _ready = new byte[4096];
    private int _count;
    private int _column;
    private int _startColumn;

    /// <summary>Whether a character of Latin-1 is a control character, to the kernel (lib/ctype.c).</summary>
    public static bool IsControl(byte c) => c is < 32 or 127;

    private ref readonly TerminalSettings Settings => ref terminal.Settings;

    /// <summary>Output of a program; <see cref="Flush"/> follows.</summary>
    public void Write(ReadOnlySpan<byte> bytes)
    {
        if (!Settings.HasOutput(TerminalAbi.OPOST))
        {
            foreach (var c in bytes)
                Put(c);
            return;
        }

        foreach (var c in bytes)
            Process(c);
    }

    /// <summary>Echoes a character as it is.</summary>
    public void EchoRaw(byte c)
    {
        if (Settings.HasOutput(TerminalAbi.OPOST))
            Process(c);
        else
            Put(c);
    }

    /// <summary>Echoes a character, a control character in letters if the modes say so.</summary>
    public void Echo(byte c)
    {
        if (!Settings.HasLocal(TerminalAbi.ECHOCTL) || !IsControl(c) || c == '\t')
        {
            EchoRaw(c);
            return;
        }

        Put((byte)'^');
        Put((byte)(c ^ 0x40));
        _column += 2;
    }

    /// <summary>The line that is edited begins at this column.</summary>
    public void BeginLine() => _startColumn = _column;

    /// <summary>What was echoed last took no column.</summary>
    public void MoveBack() => _column = Math.Max(0, _column - 1);

    /// <summary>Takes a tab back that stands behind so many columns since the beginning of the line or, if so, since another tab.</summary>
    public void EraseTab(int columns, bool isAfterTab)
    {
        for (var left = 8 - ((columns + (isAfterTab ? 0 : _startColumn)) & 7); left > 0; left--)
        {
            Put(Backspace);
            MoveBack();
        }
    }

    /// <summary>Takes the last character back.</summary>
    public void EraseCharacter()
    {
        EchoRaw(Backspace);
        EchoRaw((byte)' ');
        EchoRaw(Backspace);
    }

    /// <summary>Passes on what was written.</summary>
    public void Flush()
    {
        if (_count > 0)
            pass(_ready.AsSpan(0, _count));
        _count = 0;
    }

    /// <summary>Forgets echo that was not passed on.</summary>
    public void Discard() => _count = 0;

    private void Put(byte c)
    {
        if (_count == _ready.Length)
            Flush();
        _ready[_count++] = c;
    }

    /// <summary>do_output_char.</summary>
    private void Process(byte c)
    {
        switch (c)
        {
            case (byte)'\n':
                if (Settings.HasOutput(TerminalAbi.ONLRET))
                    _column = 0;
                if (Settings.HasOutput(TerminalAbi.ONLCR))
                {
                    _column = 0;
                    Put((byte)'\r');
                }

                _startColumn = _column;
                break;
            case (byte)'\r':
                if (Settings.HasOutput(TerminalAbi.ONOCR) && _column == 0)
                    return;
                if (Settings.HasOutput(TerminalAbi.OCRNL))
                    c = (byte)'\n';
                if (c == '\r' || Settings.HasOutput(TerminalAbi.ONLRET))
                    _startColumn = _column = 0;
                break;
            case (byte)'\t':
                var spaces = 8 - (_column & 7);
                _column += spaces;
                if ((Settings.Output & TerminalAbi.TABDLY) == TerminalAbi.XTABS)
                {
                    for (; spaces > 1; spaces--)
                        Put((byte)' ');
                    c = (byte)' ';
                }

                break;
            case Backspace:
                MoveBack();
                break;
            default:
                if (IsControl(c))
                    break;
                if (Settings.HasOutput(TerminalAbi.OLCUC) && c is >= (byte)'a' and <= (byte)'z')
                    c -= 32;
                if (!Settings.HasInput(TerminalAbi.IUTF8) || (c & 0xc0) != 0x80)
                    _column++;
                break;
        }

        Put(c);
    }
}
