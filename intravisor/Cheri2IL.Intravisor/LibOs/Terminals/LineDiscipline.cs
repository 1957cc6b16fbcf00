using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;

namespace Cheri2IL.Intravisor.LibOs.Terminals;

/// <summary>What comes into a terminal, until it is read: edited line by line, or raw (drivers/tty/n_tty.c, termios(3)).</summary>
/// <remarks>Not thread-safe: <see cref="PseudoTerminal.Gate"/> guards it.</remarks>
internal sealed class LineDiscipline(PseudoTerminal terminal, TerminalOutput output)
{
    /// <summary>Bytes that it holds; a line has at most one less, and its end.</summary>
    private const int Capacity = 4096;

    private readonly byte[] _buffer = new byte[Capacity];
    private readonly bool[] _isEnd = new bool[Capacity];
    private uint _head;
    private uint _tail;
    private uint _lineHead;
    private bool _isLiteral;
    private bool _isErasing;

    private enum Erasure
    {
        Character,
        Word,
        Line,
    }

    /// <summary>Bytes that a program can read now (FIONREAD): of lines that are complete where there are lines.</summary>
    public int Readable
    {
        get
        {
            if (!Settings.IsCanonical)
                return (int)(_head - _tail);
            var count = 0;
            for (var at = _tail; at != _lineHead; at++)
                count += _isEnd[at % Capacity] && _buffer[at % Capacity] == 0 ? 0 : 1;
            return count;
        }
    }

    /// <summary>Whether a read would find so many bytes, or a line.</summary>
    public bool HasInput(int least) => Settings.IsCanonical ? _lineHead != _tail : _head - _tail >= (uint)least;

    /// <summary>Whether another byte can come in. Behind a line that is too long the last byte is replaced, so that it can still be ended.</summary>
    public bool HasRoom => _head - _tail < Capacity - 1 || (Settings.IsCanonical && _lineHead == _tail);

    private ref readonly TerminalSettings Settings => ref terminal.Settings;

    /// <summary>Takes a byte; the caller has looked at <see cref="HasRoom"/>, and flushes the output afterwards.</summary>
    public void Receive(byte c)
    {
        if (_head - _tail == Capacity)
            _head--;
        if (Settings.HasInput(TerminalAbi.ISTRIP))
            c &= 0x7f;
        if (Settings.HasInput(TerminalAbi.IUCLC) && Settings.HasLocal(TerminalAbi.IEXTEN) && c is >= (byte)'A' and <= (byte)'Z')
            c += 32;
        if (Settings.HasLocal(TerminalAbi.EXTPROC))
        {
            Put(c);
        }
        else if (_isLiteral)
        {
            _isLiteral = false;
            ReceivePlain(c);
        }
        else if (!IsSpecial(c))
        {
            ReceivePlain(c);
        }
        else
        {
            ReceiveSpecial(c);
        }
    }

    /// <summary>Reads raw bytes, or of one line as much as fits; 0 is the end of a file, -EAGAIN if there is nothing.</summary>
    public long Read(ref IoVector to)
    {
        if (!HasInput(1))
            return -Errno.EAGAIN;
        var isCanonical = Settings.IsCanonical;
        var (most, found) = (_head - _tail, false);
        if (isCanonical)
        {
            most = 0;
            while (_tail + most != _lineHead && !found)
                found = _isEnd[(_tail + most++) % Capacity];
        }

        most = (uint)Math.Min(most, to.Left);
        var isWhole = found && _isEnd[(_tail + most - 1) % Capacity];
        var isEndOfFile = isWhole && _buffer[(_tail + most - 1) % Capacity] == 0;
        var wanted = (int)most - (isEndOfFile ? 1 : 0);
        for (var done = 0; done < wanted;)
        {
            var at = (int)((_tail + (uint)done) % Capacity);
            var part = Math.Min(wanted - done, Capacity - at);
            if (!to.TryPut(_buffer.AsSpan(at, part)))
                return -Errno.EFAULT;
            done += part;
        }

        Pass((int)most);

        // A read that ends exactly before the end of a file takes that as well.
        if (isCanonical && !isWhole && to.Left == 0 && _tail != _lineHead && _isEnd[_tail % Capacity] && _buffer[_tail % Capacity] == 0)
            Pass(1);
        return wanted;
    }

    /// <summary>Forgets what nobody has read.</summary>
    public void Discard()
    {
        (_head, _tail, _lineHead) = (0, 0, 0);
        Array.Clear(_isEnd);
        (_isLiteral, _isErasing) = (false, false);
    }

    /// <summary>The modes have changed: what is there becomes a line, or raw.</summary>
    public void ChangeModes(in TerminalSettings before)
    {
        if (((before.Local ^ Settings.Local) & (TerminalAbi.ICANON | TerminalAbi.EXTPROC)) == 0)
            return;
        Array.Clear(_isEnd);
        if (!Settings.IsCanonical || _head == _tail)
        {
            _lineHead = _tail;
        }
        else
        {
            _isEnd[(_head - 1) % Capacity] = true;
            _lineHead = _head;
        }

        (_isLiteral, _isErasing) = (false, false);
    }

    private void Pass(int count)
    {
        for (; count > 0; count--)
            _isEnd[_tail++ % Capacity] = false;
    }

    /// <summary>Whether the modes give a character a meaning (n_tty_set_termios, char_map).</summary>
    private bool IsSpecial(byte c)
    {
        ref readonly var s = ref Settings;
        if (c == 0)
            return false;
        if (s.HasInput(TerminalAbi.IXON) && (s.Is(c, TerminalAbi.VSTART) || s.Is(c, TerminalAbi.VSTOP)))
            return true;
        if (s.HasLocal(TerminalAbi.ISIG) && (s.Is(c, TerminalAbi.VINTR) || s.Is(c, TerminalAbi.VQUIT) || s.Is(c, TerminalAbi.VSUSP)))
            return true;
        if ((c == '\r' && s.HasInput(TerminalAbi.IGNCR | TerminalAbi.ICRNL)) || (c == '\n' && (s.HasInput(TerminalAbi.INLCR) || s.IsCanonical)))
            return true;
        if (!s.IsCanonical)
            return false;
        return s.Is(c, TerminalAbi.VERASE) || s.Is(c, TerminalAbi.VKILL) || s.Is(c, TerminalAbi.VEOF) || s.Is(c, TerminalAbi.VEOL)
            || (s.HasLocal(TerminalAbi.IEXTEN)
                && (s.Is(c, TerminalAbi.VWERASE) || s.Is(c, TerminalAbi.VLNEXT) || s.Is(c, TerminalAbi.VEOL2) || (s.HasLocal(TerminalAbi.ECHO) && s.Is(c, TerminalAbi.VREPRINT))));
    }

    private void ReceivePlain(byte c)
    {
        if (Settings.HasInput(TerminalAbi.IXANY) && Settings.HasInput(TerminalAbi.IXON))
            terminal.Restart();
        if (Settings.HasLocal(TerminalAbi.ECHO))
            EchoInLine(c);
        PutMarked(c);
    }

    private void ReceiveSpecial(byte c)
    {
        ref readonly var s = ref Settings;
        if (s.HasInput(TerminalAbi.IXON) && (s.Is(c, TerminalAbi.VSTART) || s.Is(c, TerminalAbi.VSTOP)))
        {
            if (s.Is(c, TerminalAbi.VSTART))
                terminal.Restart();
            else
                terminal.Stop();
            return;
        }

        if (s.HasLocal(TerminalAbi.ISIG) && SignalOf(c) is var signal and not 0)
        {
            terminal.Interrupt(signal, discards: !s.HasLocal(TerminalAbi.NOFLSH));
            if (s.HasInput(TerminalAbi.IXON))
                terminal.Restart();
            if (s.HasLocal(TerminalAbi.ECHO))
                output.Echo(c);
            return;
        }

        if (s.HasInput(TerminalAbi.IXANY) && s.HasInput(TerminalAbi.IXON))
            terminal.Restart();
        if (c == '\r')
        {
            if (s.HasInput(TerminalAbi.IGNCR))
                return;
            if (s.HasInput(TerminalAbi.ICRNL))
                c = (byte)'\n';
        }
        else if (c == '\n' && s.HasInput(TerminalAbi.INLCR))
        {
            c = (byte)'\r';
        }

        if (s.IsCanonical && Edit(c))
            return;
        if (s.HasLocal(TerminalAbi.ECHO))
        {
            if (c == '\n')
            {
                FinishErasing();
                output.EchoRaw(c);
            }
            else
            {
                EchoInLine(c);
            }
        }

        PutMarked(c);
    }

    private int SignalOf(byte c)
        => Settings.Is(c, TerminalAbi.VINTR) ? Signal.SIGINT : Settings.Is(c, TerminalAbi.VQUIT) ? Signal.SIGQUIT : Settings.Is(c, TerminalAbi.VSUSP) ? Signal.SIGTSTP : 0;

    /// <summary>A character of a line that is edited; false if it is an ordinary one.</summary>
    private bool Edit(byte c)
    {
        ref readonly var s = ref Settings;
        var isExtended = s.HasLocal(TerminalAbi.IEXTEN);
        var echoes = s.HasLocal(TerminalAbi.ECHO);
        if (s.Is(c, TerminalAbi.VERASE))
        {
            Erase(Erasure.Character);
        }
        else if (s.Is(c, TerminalAbi.VKILL))
        {
            Erase(Erasure.Line);
        }
        else if (isExtended && s.Is(c, TerminalAbi.VWERASE))
        {
            Erase(Erasure.Word);
        }
        else if (isExtended && s.Is(c, TerminalAbi.VLNEXT))
        {
            _isLiteral = true;
            if (echoes)
            {
                FinishErasing();
                if (s.HasLocal(TerminalAbi.ECHOCTL))
                {
                    output.EchoRaw((byte)'^');
                    output.EchoRaw((byte)'\b');
                }
            }
        }
        else if (isExtended && echoes && s.Is(c, TerminalAbi.VREPRINT))
        {
            FinishErasing();
            output.Echo(c);
            output.EchoRaw((byte)'\n');
            for (var at = _lineHead; at != _head; at++)
                output.Echo(_buffer[at % Capacity]);
        }
        else if (c == '\n')
        {
            if (s.HasLocal(TerminalAbi.ECHO | TerminalAbi.ECHONL))
                output.EchoRaw(c);
            EndLine(c);
        }
        else if (s.Is(c, TerminalAbi.VEOF))
        {
            EndLine(0);
        }
        else if (s.Is(c, TerminalAbi.VEOL) || (isExtended && s.Is(c, TerminalAbi.VEOL2)))
        {
            if (echoes)
            {
                MarkLine();
                output.Echo(c);
            }

            if (c == 0xff && s.HasInput(TerminalAbi.PARMRK))
                Put(c);
            EndLine(c);
        }
        else
        {
            return false;
        }

        return true;
    }

    private void EndLine(byte c)
    {
        if (_head - _tail < Capacity)
            _isEnd[_head % Capacity] = true;
        Put(c);
        _lineHead = _head;
    }

    /// <summary>Takes back the last character, word or all of the line, and what shows of it (eraser).</summary>
    private void Erase(Erasure erasure)
    {
        if (_head == _lineHead)
            return;
        ref readonly var s = ref Settings;
        if (erasure == Erasure.Line && (s.Local & (TerminalAbi.ECHO | TerminalAbi.ECHOK | TerminalAbi.ECHOKE | TerminalAbi.ECHOE)) is var modes
            && modes != (TerminalAbi.ECHO | TerminalAbi.ECHOK | TerminalAbi.ECHOKE | TerminalAbi.ECHOE))
        {
            _head = _lineHead;
            if ((modes & TerminalAbi.ECHO) == 0)
                return;
            FinishErasing();
            output.Echo(s.Characters[TerminalAbi.VKILL]);
            if ((modes & TerminalAbi.ECHOK) != 0)
                output.EchoRaw((byte)'\n');
            return;
        }

        var isInWord = false;
        while (_head != _lineHead)
        {
            var at = _head;
            byte c;
            do
                c = _buffer[--at % Capacity];
            while (IsContinuation(c) && at != _lineHead);
            if (IsContinuation(c))
                break;
            if (erasure == Erasure.Word)
            {
                if (IsOfWord(c))
                    isInWord = true;
                else if (isInWord)
                    break;
            }

            var count = _head - at;
            _head = at;
            if (s.HasLocal(TerminalAbi.ECHO))
                ShowErased(c, count, erasure);
            if (erasure == Erasure.Character)
                break;
        }

        if (_head == _lineHead && s.HasLocal(TerminalAbi.ECHO))
            FinishErasing();
    }

    private void ShowErased(byte c, uint count, Erasure erasure)
    {
        ref readonly var s = ref Settings;
        if (s.HasLocal(TerminalAbi.ECHOPRT))
        {
            if (!_isErasing)
                output.EchoRaw((byte)'\\');
            _isErasing = true;
            output.Echo(c);
            for (var k = 1U; k < count; k++)
            {
                output.EchoRaw(_buffer[(_head + k) % Capacity]);
                output.MoveBack();
            }
        }
        else if (erasure == Erasure.Character && !s.HasLocal(TerminalAbi.ECHOE))
        {
            output.Echo(s.Characters[TerminalAbi.VERASE]);
        }
        else if (c == '\t')
        {
            EraseTab();
        }
        else
        {
            var isControl = TerminalOutput.IsControl(c);
            if (isControl && s.HasLocal(TerminalAbi.ECHOCTL))
                output.EraseCharacter();
            if (!isControl || s.HasLocal(TerminalAbi.ECHOCTL))
                output.EraseCharacter();
        }
    }

    private void EraseTab()
    {
        var columns = 0;
        for (var at = _head; at != _lineHead;)
        {
            var c = _buffer[--at % Capacity];
            if (c == '\t')
            {
                output.EraseTab(columns, isAfterTab: true);
                return;
            }

            if (TerminalOutput.IsControl(c))
                columns += Settings.HasLocal(TerminalAbi.ECHOCTL) ? 2 : 0;
            else if (!IsContinuation(c))
                columns++;
        }

        output.EraseTab(columns, isAfterTab: false);
    }

    private bool IsContinuation(byte c) => Settings.HasInput(TerminalAbi.IUTF8) && (c & 0xc0) == 0x80;

    /// <summary>A letter, digit or underscore; letters of Latin-1 are (lib/ctype.c).</summary>
    private static bool IsOfWord(byte c) => char.IsAsciiLetterOrDigit((char)c) || c == '_' || (c >= 0xc0 && c is not (0xd7 or 0xf7));

    private void EchoInLine(byte c)
    {
        FinishErasing();
        MarkLine();
        output.Echo(c);
    }

    /// <summary>The first character of a line is to be echoed.</summary>
    private void MarkLine()
    {
        if (_lineHead == _head)
            output.BeginLine();
    }

    private void FinishErasing()
    {
        if (_isErasing)
            output.EchoRaw((byte)'/');
        _isErasing = false;
    }

    private void PutMarked(byte c)
    {
        if (c == 0xff && Settings.HasInput(TerminalAbi.PARMRK))
            Put(c);
        Put(c);
    }

    private void Put(byte c)
    {
        if (_head - _tail < Capacity)
            _buffer[_head++ % Capacity] = c;
    }
}
