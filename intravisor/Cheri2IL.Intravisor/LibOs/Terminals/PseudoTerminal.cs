using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.LibOs.Terminals;

/// <summary>
/// A pseudo-terminal: what is written to its master comes in as if it were typed, and the master reads what goes out (pty(7)). There are no
/// other terminals: that of the host is one whose master the Intravisor has.
/// </summary>
/// <remarks>
/// Thread-safe. <see cref="Gate"/> is taken before <see cref="Cvm.Tasks"/>, which guards what session and which group it belongs to.
/// </remarks>
internal sealed class PseudoTerminal
{
    /// <summary>Bytes of host memory that one takes at most.</summary>
    public const int Bytes = 64 * 1024;

    /// <summary>Bytes on their way in either direction.</summary>
    private const int RingBytes = 16 * 1024;

    /// <summary>Bytes that programs' output leaves for the echo.</summary>
    private const int EchoBytes = 4096;

    /// <summary>Bytes that come in at a time.</summary>
    private const int MostTyped = 256;

    /// <summary>Bytes that have arrived at the master, for the kernel, and are not taken back.</summary>
    private const int ArrivedBytes = 4095;

    private readonly TerminalTable _table;
    private readonly TerminalOutput _output;
    private readonly LineDiscipline _input;
    private readonly ByteRing _arriving = new(RingBytes);
    private readonly ByteRing _leaving = new(RingBytes);

    /// <summary>Echo while the output is stopped.</summary>
    private readonly ByteRing _held = new(EchoBytes);
    private TerminalSettings _settings = TerminalSettings.Default;
    private TerminalSize _size;
    private byte _packetStatus;
    private bool _isStopped;
    private bool _isStoppedByProgram;
    private bool _isMasterOpen = true;
    private bool _hasSlaveLeft;
    private int _slaves;

    /// <summary>Makes a pair, of which the master is open.</summary>
    public PseudoTerminal(TerminalTable table, int number)
    {
        (_table, Number) = (table, number);
        _output = new TerminalOutput(this, PassOutput);
        _input = new LineDiscipline(this, _output);
    }

    /// <summary>Its number in /dev/pts.</summary>
    public int Number { get; }

    /// <summary>The lock.</summary>
    public Lock Gate { get; } = new();

    /// <summary>Where those wait who have it open as a terminal.</summary>
    public WaitQueue Waiters { get; } = new();

    /// <summary>Where those wait who have the master open.</summary>
    public WaitQueue MasterWaiters { get; } = new();

    /// <summary>Modes. Hold <see cref="Gate"/>.</summary>
    public ref readonly TerminalSettings Settings => ref _settings;

    /// <summary>Session that it is the controlling terminal of; 0: none. <see cref="Cvm.Tasks"/> guards it.</summary>
    public int Session { get; set; }

    /// <summary>Process group in the foreground; 0: none. <see cref="Cvm.Tasks"/> guards it.</summary>
    public int ForegroundGroup { get; set; }

    /// <summary>Whether it cannot be opened yet (TIOCSPTLCK).</summary>
    public bool IsLocked { get; set; } = true;

    /// <summary>Whether only root can open it once more (TIOCEXCL).</summary>
    public bool IsExclusive { get; set; }

    /// <summary>Counts hang-ups: files that were open at one are of no use afterwards.</summary>
    public int HangUps { get; private set; }

    /// <summary>Whether what the master reads is preceded by a byte that says what it is (TIOCPKT).</summary>
    public bool IsPacketMode
    {
        get;
        set
        {
            lock (Gate)
                (field, _packetStatus) = (value, field == value ? _packetStatus : (byte)0);
        }
    }

    /// <summary>Number of its device (makedev): Unix98 terminals have majors from 136 on.</summary>
    public long Device => ((136L + (Number >> 8)) << 8) | ((long)Number & 0xff);

    /// <summary>Whether somebody has the master open.</summary>
    public bool IsMasterOpen => Volatile.Read(ref _isMasterOpen);

    /// <summary>Bytes that a program can read.</summary>
    public int Readable
    {
        get
        {
            lock (Gate)
                return _input.Readable;
        }
    }

    /// <summary>Bytes that the master can read.</summary>
    public int MasterReadable
    {
        get
        {
            lock (Gate)
                return _leaving.Count;
        }
    }

    /// <summary>The cVM.</summary>
    private Cvm Cvm => _table.Cvm;

    /// <summary>A program opens it; 0 or a negated errno.</summary>
    /// <param name="isPrivileged">Whether root does.</param>
    /// <param name="hangUps"><see cref="HangUps"/> at that moment.</param>
    public int Open(bool isPrivileged, out int hangUps)
    {
        lock (Gate)
        {
            hangUps = HangUps;
            if (!_isMasterOpen || IsLocked)
                return -Errno.EIO;
            if (IsExclusive && !isPrivileged)
                return -Errno.EBUSY;
            _slaves++;
            _hasSlaveLeft = false;
            return 0;
        }
    }

    /// <summary>A program closes it.</summary>
    public void Close()
    {
        bool isOver;
        lock (Gate)
        {
            _hasSlaveLeft = --_slaves == 0;
            isOver = _hasSlaveLeft && !_isMasterOpen;
        }

        MasterWaiters.Wake();
        if (isOver)
            _table.Remove(this);
    }

    /// <summary>The last descriptor of the master is closed: the line is cut.</summary>
    public void CloseMaster()
    {
        bool isOver;
        lock (Gate)
        {
            _isMasterOpen = false;
            isOver = _slaves == 0;
        }

        _table.Unlink(this);
        HangUp();
        if (isOver)
            _table.Remove(this);
    }

    /// <summary>Whoever has it open finds it hung up, and its session's leader is told.</summary>
    public void HangUp()
    {
        lock (Gate)
        {
            HangUps++;
            _hasSlaveLeft |= _slaves > 0;
            _input.Discard();
            _settings = TerminalSettings.Default;
        }

        Cvm.HangUp(this);
        Waiters.Wake();
        MasterWaiters.Wake();
    }

    /// <summary>Reads what was typed; -EAGAIN if there is nothing.</summary>
    public long Read(ref IoVector to)
    {
        long count;
        lock (Gate)
        {
            count = _input.Read(ref to);
            Advance();
        }

        MasterWaiters.Wake(FileAbi.POLLOUT);
        return count;
    }

    /// <summary>Whether a read would find so many bytes, or a line.</summary>
    public bool HasInput(int least)
    {
        lock (Gate)
            return _input.HasInput(least);
    }

    /// <summary>Writes what there is room for; -EAGAIN if that is nothing.</summary>
    public long Write(ref IoVector from)
    {
        Span<byte> piece = stackalloc byte[512];
        var done = 0L;
        lock (Gate)
        {
            while (from.Left > 0)
            {
                var part = piece[..(int)Math.Min(Math.Min(from.Left, piece.Length), Room)];
                if (part.IsEmpty)
                    break;
                if (!from.TryTake(part))
                {
                    done = done > 0 ? done : -Errno.EFAULT;
                    break;
                }

                _output.Write(part);
                _output.Flush();
                done += part.Length;
            }
        }

        MasterWaiters.Wake(FileAbi.POLLIN);
        return done == 0 && from.Left > 0 ? -Errno.EAGAIN : done;
    }

    /// <summary>Events for programs that have it open.</summary>
    public int Poll()
    {
        lock (Gate)
        {
            var least = _settings.IsCanonical || _settings.Characters[TerminalAbi.VTIME] != 0 ? 1 : Math.Max((int)_settings.Characters[TerminalAbi.VMIN], 1);
            return (_input.HasInput(least) ? FileAbi.POLLIN : 0) | (Room > 0 ? FileAbi.POLLOUT : 0);
        }
    }

    /// <summary>Reads for the master; -EAGAIN if there is nothing, -EIO if there is no program any more that could write something.</summary>
    public long ReadMaster(ref IoVector to)
    {
        long count;
        lock (Gate)
        {
            if (IsPacketMode && _packetStatus != 0)
            {
                var status = _packetStatus;
                _packetStatus = 0;
                return to.TryPut([status]) ? 1 : -Errno.EFAULT;
            }

            if (_leaving.Count == 0)
                return _hasSlaveLeft ? -Errno.EIO : -Errno.EAGAIN;
            if (IsPacketMode && !to.TryPut([0]))
                return -Errno.EFAULT;
            count = to.Left == 0 ? 0 : _leaving.Read(ref to);
            if (IsPacketMode && count >= 0)
                count++;
        }

        Waiters.Wake(FileAbi.POLLOUT);
        return count;
    }

    /// <summary>
    /// Writes for the master, as if it were typed: at most <see cref="MostTyped"/> bytes, of which each may mean much work, such as to signal all processes.
    /// </summary>
    public long WriteMaster(ref IoVector from)
    {
        if (from.Left == 0)
            return 0;
        long count;
        lock (Gate)
        {
            if (_arriving.Room == 0)
                return -Errno.EAGAIN;
            count = _arriving.Write(ref from, MostTyped);
            Advance();
        }

        return count;
    }

    /// <summary>Events for the master.</summary>
    public int PollMaster()
    {
        lock (Gate)
        {
            return (_leaving.Count > 0 ? FileAbi.POLLIN : 0) | (_arriving.Room > 0 ? FileAbi.POLLOUT : 0) | (_hasSlaveLeft ? FileAbi.POLLHUP : 0)
                | (IsPacketMode && _packetStatus != 0 ? FileAbi.POLLPRI | FileAbi.POLLIN : 0);
        }
    }

    /// <summary>Modes and speeds.</summary>
    public TerminalSettings GetSettings()
    {
        lock (Gate)
            return _settings;
    }

    /// <summary>Sets them.</summary>
    /// <param name="settings">What is asked for.</param>
    /// <param name="discardsInput">What nobody has read is forgotten (TCSETSF).</param>
    public void SetSettings(in TerminalSettings settings, bool discardsInput)
    {
        lock (Gate)
        {
            if (discardsInput)
                DiscardInput();
            var before = _settings;
            _settings = settings.Adjusted();
            _input.ChangeModes(before);
            var (had, has) = (ControlsFlow(before), ControlsFlow(_settings));
            if (had != has)
                _packetStatus = (byte)((_packetStatus & ~(TerminalAbi.TIOCPKT_DOSTOP | TerminalAbi.TIOCPKT_NOSTOP)) | (has ? TerminalAbi.TIOCPKT_DOSTOP : TerminalAbi.TIOCPKT_NOSTOP));
            if (((before.Local | _settings.Local) & TerminalAbi.EXTPROC) != 0)
                _packetStatus |= TerminalAbi.TIOCPKT_IOCTL;
            if (before.HasInput(TerminalAbi.IXON) && !_settings.HasInput(TerminalAbi.IXON))
                Restart();
            Advance();
        }

        Waiters.Wake();
        MasterWaiters.Wake();

        static bool ControlsFlow(in TerminalSettings s)
            => s.HasInput(TerminalAbi.IXON) && s.Characters[TerminalAbi.VSTOP] == 19 && s.Characters[TerminalAbi.VSTART] == 17;
    }

    /// <summary>Size in characters.</summary>
    public TerminalSize Size
    {
        get
        {
            lock (Gate)
                return _size;
        }

        set
        {
            lock (Gate)
            {
                if (_size == value)
                    return;
                _size = value;
            }

            SignalForeground(Signal.SIGWINCH);
        }
    }

    /// <summary>Forgets what was typed, what goes out, or both (TCFLSH).</summary>
    public void Discard(bool input, bool output)
    {
        lock (Gate)
        {
            if (input)
                DiscardInput();
            if (output)
                DiscardOutput();
            Advance();
        }

        MasterWaiters.Wake();
    }

    /// <summary>The master forgets what it has not read.</summary>
    public void DiscardForMaster()
    {
        lock (Gate)
            _leaving.Drop(_leaving.Count);
        Waiters.Wake(FileAbi.POLLOUT);
    }

    /// <summary>A program stops its output, or lets it go on (TCXONC).</summary>
    public void Suspend(bool stops)
    {
        lock (Gate)
        {
            if (stops)
            {
                _isStoppedByProgram = true;
                Stop();
            }
            else if (_isStoppedByProgram)
            {
                _isStoppedByProgram = false;
                Restart();
            }
        }
    }

    /// <summary>Sends a character as it is, even if output is stopped (TCIOFF, TCION).</summary>
    public void SendCharacter(byte c)
    {
        lock (Gate)
        {
            Span<byte> one = [c];
            var vector = new IoVector(one);
            _ = _leaving.Write(ref vector);
        }

        MasterWaiters.Wake(FileAbi.POLLIN);
    }

    /// <summary>Signals the group in the foreground, if any.</summary>
    public void SignalForeground(int signal)
    {
        int group;
        lock (Cvm.Tasks)
            group = ForegroundGroup;
        if (group != 0)
            Cvm.SignalGroup(group, signal);
    }

    /// <summary>A signal was typed. Hold <see cref="Gate"/>.</summary>
    internal void Interrupt(int signal, bool discards)
    {
        SignalForeground(signal);
        if (!discards)
            return;
        _held.Drop(_held.Count);
        _output.Discard();
        DiscardOutput();
        DiscardInput();
        MasterWaiters.Wake();
    }

    /// <summary>Output waits. Hold <see cref="Gate"/>.</summary>
    internal void Stop()
    {
        if (_isStopped)
            return;
        _isStopped = true;
        _packetStatus = (byte)((_packetStatus & ~TerminalAbi.TIOCPKT_START) | TerminalAbi.TIOCPKT_STOP);
        MasterWaiters.Wake();
    }

    /// <summary>Output goes on, unless a program has stopped it. Hold <see cref="Gate"/>.</summary>
    internal void Restart()
    {
        if (!_isStopped || _isStoppedByProgram)
            return;
        _isStopped = false;
        _packetStatus = (byte)((_packetStatus & ~TerminalAbi.TIOCPKT_STOP) | TerminalAbi.TIOCPKT_START);
        Span<byte> held = stackalloc byte[EchoBytes];
        var vector = new IoVector(held);
        held = held[..(int)_held.Read(ref vector)];
        PassOutput(held);
        Waiters.Wake(FileAbi.POLLOUT);
        MasterWaiters.Wake();
    }

    /// <summary>Bytes that programs can write now, however many each of them becomes. Hold <see cref="Gate"/>.</summary>
    private int Room
    {
        get
        {
            if (_isStopped)
                return 0;
            var expansion = !_settings.HasOutput(TerminalAbi.OPOST) ? 1
                : (_settings.Output & TerminalAbi.TABDLY) == TerminalAbi.XTABS ? TerminalOutput.MostExpansion : 2;
            return Math.Max(0, _leaving.Room - EchoBytes) / expansion;
        }
    }

    private void DiscardInput()
    {
        _input.Discard();
        _packetStatus |= TerminalAbi.TIOCPKT_FLUSHREAD;
    }

    private void DiscardOutput()
    {
        _leaving.Retract(Math.Max(0, _leaving.Count - ArrivedBytes));
        _packetStatus |= TerminalAbi.TIOCPKT_FLUSHWRITE;
    }

    /// <summary>Lets bytes that the master wrote come in, as far as there is room. Hold <see cref="Gate"/>.</summary>
    private void Advance()
    {
        var any = false;
        var echoed = _leaving.Count;
        Span<byte> piece = stackalloc byte[256];
        while (_arriving.Count > 0 && _input.HasRoom)
        {
            var vector = new IoVector(piece);
            var count = (int)_arriving.Peek(ref vector, 0);
            var taken = 0;
            while (taken < count && _input.HasRoom)
                _input.Receive(piece[taken++]);
            _arriving.Drop(taken);
            any = true;
        }

        if (!any)
            return;
        if (_input.HasInput(1))
            Waiters.Wake(FileAbi.POLLIN);
        _output.Flush();
        MasterWaiters.Wake(_leaving.Count > echoed ? FileAbi.POLLIN | FileAbi.POLLOUT : FileAbi.POLLOUT);
    }

    /// <summary>What the output has made; echo that does not fit is lost.</summary>
    private void PassOutput(Span<byte> bytes)
    {
        var vector = new IoVector(bytes);
        _ = (_isStopped ? _held : _leaving).Write(ref vector);
    }
}
