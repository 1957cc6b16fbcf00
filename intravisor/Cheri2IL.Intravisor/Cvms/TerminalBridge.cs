using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Terminals;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Intravisor.LibOs.Waiting;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>
/// The controlling terminal of a cVM's first session where that is one of the host: a pseudo-terminal like any other, whose master two threads have,
/// each of which passes bytes on in one direction.
/// </summary>
internal sealed class TerminalBridge : IDisposable
{
    private const int PieceBytes = 4096;

    private readonly IHostTerminal _host;
    private readonly MasterFile _master;
    private readonly PseudoTerminal _terminal;
    private Thread? _output;
    private int _isCut;
    private bool _isOver;

    /// <summary>Makes the terminal.</summary>
    /// <exception cref="CvmLoadException">There is no memory for it.</exception>
    public TerminalBridge(Cvm cvm, IHostTerminal host)
    {
        _host = host;
        Node = cvm.Terminals.Make(cvm.Options.UserId) ?? throw new CvmLoadException("it may not have the memory that a terminal takes");
        _terminal = Node.Terminal;
        _terminal.IsLocked = false;
        _master = new MasterFile(Node, FileAbi.O_RDWR, _terminal);
        _master.AddReference();
        Resize();
    }

    /// <summary>Its file.</summary>
    public TerminalNode Node { get; }

    /// <summary>Opens it for the first process, whose session's it becomes.</summary>
    public OpenFile Open(GuestProcess process)
    {
        lock (process.Cvm.Tasks)
            process.TakeTerminal(_terminal);
        return Node.Open(FileAbi.O_RDWR, out _)!;
    }

    /// <summary>Whether a standard stream is that terminal.</summary>
    public bool Is(int stream) => _host.Is(stream);

    /// <summary>The first process is to stop, though nobody could continue it: what it was started by can.</summary>
    public void Suspend() => _host.Suspend();

    /// <summary>Begins to pass bytes on.</summary>
    public void Start()
    {
        _host.Resized = Resize;
        Resize();
        _output = new Thread(PassOutput) { IsBackground = true, Name = "terminal output" };
        _output.Start();
        new Thread(PassInput) { IsBackground = true, Name = "terminal input" }.Start();
    }

    /// <summary>Passes on what is left to be shown, and ends.</summary>
    public void Dispose()
    {
        _host.Resized = null;
        Volatile.Write(ref _isOver, true);
        _terminal.MasterWaiters.Wake();
        _output?.Join();
        Cut();
    }

    private void Resize()
    {
        var (rows, columns, width, height) = _host.Size;
        _terminal.Size = new TerminalSize(rows, columns, width, height);
    }

    private void PassOutput()
    {
        var buffer = new byte[PieceBytes];
        while (true)
        {
            var vector = new IoVector(buffer);
            var count = _terminal.ReadMaster(ref vector);
            if (count > 0)
            {
                if (_host.Write(buffer.AsSpan(0, (int)count)))
                    continue;
                Cut();
                return;
            }

            // That no process has it open need not remain so, as long as there are processes.
            if (Volatile.Read(ref _isOver))
                return;
            _terminal.MasterWaiters.Wait(HostWaiter.OfThread, long.MaxValue, static b => b._terminal.MasterReadable > 0 || Volatile.Read(ref b._isOver), this, FileAbi.POLLIN);
        }
    }

    private void PassInput()
    {
        var buffer = new byte[PieceBytes];
        int count;
        while ((count = _host.Read(buffer)) > 0 && !Volatile.Read(ref _isOver))
        {
            for (var left = buffer.AsSpan(0, count); !left.IsEmpty;)
            {
                var vector = new IoVector(left);
                var taken = _terminal.WriteMaster(ref vector);
                if (taken > 0)
                    left = left[(int)taken..];
                else
                    _terminal.MasterWaiters.Wait(HostWaiter.OfThread, long.MaxValue, static b => (b._terminal.PollMaster() & FileAbi.POLLOUT) != 0 || Volatile.Read(ref b._isOver), this, FileAbi.POLLOUT);
                if (Volatile.Read(ref _isOver))
                    return;
            }
        }

        Cut();
    }

    /// <summary>The line is cut: the session's leader gets SIGHUP.</summary>
    private void Cut()
    {
        if (Interlocked.Exchange(ref _isCut, 1) == 0)
            _master.Release();
    }
}
