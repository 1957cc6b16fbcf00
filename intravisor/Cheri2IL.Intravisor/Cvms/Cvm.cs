using System.Globalization;
using System.Text;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Net;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Terminals;
using Cheri2IL.Intravisor.LibOs.Tracing;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>
/// A compartment: one guest program and the processes that it starts, with their slots and a private library OS. Nothing in it is shared
/// with another cVM, except translated code, which is immutable.
/// </summary>
/// <remarks>
/// Life: made, loaded, started once, ended; when its last process has ended, slots and tables are given back and
/// <see cref="Completion"/> is set. The end of the first process ends the others. Public members are thread-safe.
/// </remarks>
public sealed partial class Cvm : IDisposable
{
    /// <summary>Process id of the guest's program, the same in every run; the ids of what it starts follow.</summary>
    public const int FirstProcessId = 100;

    /// <summary>Most bytes of what uname calls it (__NEW_UTS_LEN).</summary>
    private const int MostHostName = 64;

    /// <summary>Held while its program is loaded, so that its memory does not go meanwhile.</summary>
    private readonly Lock _starting = new();
    private readonly object _completed = new();

    /// <summary>How it ended; null before. Guarded by <see cref="_completed"/>, as is the task of who waits by one.</summary>
    private CvmExit? _completedWith;
    private TaskCompletionSource<CvmExit>? _completion;
    private readonly IHostUpper? _upper;
    private CallEntries? _entries; // made at first use: a start without it compiles less
    private bool _started;
    private bool _launched;
    private bool _released;

    /// <summary>Makes a cVM with an empty address space.</summary>
    /// <param name="id">Number, for reports.</param>
    /// <param name="options">What it starts with.</param>
    /// <param name="exchange">Where it finds what others share; null: there are no others.</param>
    /// <exception cref="CvmLoadException">Its upper layer cannot be opened.</exception>
    public Cvm(int id, CvmOptions options, Exchange? exchange = null)
    {
        Id = id;
        Name = options.Name ?? DefaultName(id);
        HostName = options.Name is { Length: > 0 and <= MostHostName } name && Ascii.IsValid(name) ? Encoding.ASCII.GetBytes(name) : "cheri2il"u8.ToArray();
        Options = options;
        Exchange = exchange ?? new Exchange();
        MemoryBudget = new MemoryBudget(options.Limits.MemoryBytes);
        _upper = OpenUpper(options);
        if (options.Outer is not null)
            Outer = new OuterLayer(this, options.Outer);
        Outer?.Nesting.Enter();
        try
        {
            FileSystem = new FileSystem(() => options.Host.RealtimeNanoseconds, options.Root, options.Limits.FileBytes);
            Network = new NetworkStack(Exchange.Network, Name, FileSystem, options.Limits.OpenFiles, HostBridge.For(options), OpenSockets);
            Terminals = new TerminalTable(this);
            SharedSegments = new SharedSegments(this);
            _nextId = FirstProcessId;
            var files = new ProcessFiles(FileSystem);
            Init = new GuestProcess(this, FirstProcessId, new ProcessImage(this), files);
            files.Descriptors.Limit = Init.Attributes.SoftFileLimit;
            _processes.Add(Init);
            Terminal = options.Terminal is { } terminal ? new TerminalBridge(this, terminal) : null;
            StandardTree.Populate(this, files);
            if (_upper is not null)
                FileSystem.KeepIn(_upper);
            Enter(files, FileSystem.FromText(options.WorkingDirectory));
        }
        finally
        {
            Outer?.Nesting.Exit();
        }

        if (Telemetry is not null)
            IntravisorTelemetry.Created(this);
    }

    /// <summary>Number, for reports.</summary>
    public int Id { get; }

    /// <summary>Name, by which others grant it rights.</summary>
    public string Name { get; }

    /// <summary>What uname calls it (sethostname(2)): at first its name, if it was given one that is not too long.</summary>
    internal byte[] HostName { get; set; }

    /// <summary>Its domain of NIS (setdomainname(2)).</summary>
    internal byte[] DomainName { get; set; } = "(none)"u8.ToArray();

    /// <summary>What it was started with.</summary>
    public CvmOptions Options { get; }

    /// <summary>The host.</summary>
    public IHostInterface Host => Options.Host;

    /// <summary>The process of the program that was started.</summary>
    public GuestProcess Init { get; }

    /// <summary>The program that was started; null before.</summary>
    public ElfExecutable? Program { get; private set; }

    /// <summary>Its place in the network of the Intravisor.</summary>
    internal NetworkStack Network { get; }

    /// <summary>What it has of the cVM that it is nested in; null: it is nested in none.</summary>
    internal OuterLayer? Outer { get; }

    /// <summary>What it shares with other cVMs.</summary>
    internal Exchange Exchange { get; }

    /// <summary>Functions of others that its programs enter by CInvoke.</summary>
    internal CallEntries Entries => LazyInitializer.EnsureInitialized(ref _entries, () => new CallEntries());

    /// <summary>What is told about it; null where it belongs to no Intravisor.</summary>
    internal IntravisorTelemetry? Telemetry => Exchange.Telemetry;

    /// <summary>Memory that its processes may have mapped.</summary>
    internal MemoryBudget MemoryBudget { get; }

    /// <summary>System V shared memory of its processes.</summary>
    internal SharedSegments SharedSegments { get; }

    /// <summary>The file tree.</summary>
    internal FileSystem FileSystem { get; }

    /// <summary>The terminal of the host that it has; null: none.</summary>
    internal TerminalBridge? Terminal { get; }

    /// <summary>Its terminals.</summary>
    internal TerminalTable Terminals { get; }

    /// <summary>Completes when the last process has ended and everything is given back.</summary>
    /// <remarks>Made at first use: tasks take longer to load than many guests run.</remarks>
    public Task<CvmExit> Completion
    {
        get
        {
            lock (_completed)
            {
                if (_completion is null)
                {
                    _completion = new TaskCompletionSource<CvmExit>(TaskCreationOptions.RunContinuationsAsynchronously);
                    if (_completedWith is { } exit)
                        _completion.SetResult(exit);
                }

                return _completion.Task;
            }
        }
    }

    /// <summary>
    /// Loads the program at <see cref="CvmOptions.ProgramPath"/> in the guest's file system, and its dynamic linker, and starts it on a host
    /// thread of its own.
    /// </summary>
    /// <exception cref="CvmLoadException">One of them is missing, or does not fit.</exception>
    /// <exception cref="ElfFormatException">One of them is no ELF file that can be run.</exception>
    public void Start()
    {
        PathResult at;
        int error;
        lock (FileSystem.Gate)
            error = FileSystem.Walk(Init.FileCaller, FileSystem.Root, FileSystem.FromText(Options.ProgramPath), followLast: true, out at);
        var search = error == 0 ? ProgramSearch.Follow(Init, at, ProgramStart.Of(Options), out error) : null;
        var program = search is null ? null : ProgramFile.Of(search.File, search.Start.ExecutablePath, out error);
        Start(program ?? throw CannotExecute(Options.ProgramPath, error), search!.Start);
    }

    /// <summary>The same with a program that need not be in the guest's file system.</summary>
    /// <param name="program">The ELF file.</param>
    /// <exception cref="CvmLoadException">It does not fit, or its dynamic linker is missing.</exception>
    /// <exception cref="ElfFormatException">Its dynamic linker is no ELF file that can be run.</exception>
    public void Start(ElfExecutable program) => Start(ProgramFile.InMemory(Options.ProgramPath, program), ProgramStart.Of(Options));

    private void Start(ProgramFile program, ProgramStart start)
    {
        using var starting = _starting.EnterScope();
        lock (Tasks)
        {
            if (_started)
                throw new InvalidOperationException("a cVM runs one program");
            if (_released)
                throw new CvmLoadException("it has been killed");
            _started = true;
            Program = program.Elf;
        }

        var interpreter = program.Elf.Interpreter is { } path ? OpenProgram(path) : null;
        if (Network.Bridge is { } bridge)
            Open(bridge);
        var loaded = Init.Image.Load(start with { Credentials = Init.Attributes.Credentials }, program, interpreter);
        var thread = Init.FirstThread() ?? throw new CvmLoadException("it has been killed");
        thread.Enter(loaded);
        Terminal?.Start();
        lock (Tasks)
            _launched = true;
        if (!Init.TryLaunch(thread, Options.Limits.MainHostStack))
        {
            lock (Tasks)
                _launched = false;
            throw new CvmLoadException("the host cannot start a thread");
        }

        if (Telemetry is not null)
            IntravisorTelemetry.Started(this);
        _cpuLimit = Options.Limits.CpuTime is { } limit ? new CpuLimit(this, limit) : null;
    }

    private ProgramFile OpenProgram(string path)
        => ProgramFile.Open(FileSystem, Init.FileCaller, FileSystem.Root, FileSystem.FromText(path), out var error)
            ?? throw CannotExecute(path, error);

    private static CvmLoadException CannotExecute(string path, int error) => new($"{path}: cannot be executed: {ErrnoText.Message(error)}");

    /// <summary>Name of a cVM that is given none.</summary>
    internal static string DefaultName(int id) => string.Concat("cvm", id.ToString(CultureInfo.InvariantCulture)); // interpolation would bring a pool and its event source up

    /// <summary>Waits for the end.</summary>
    /// <remarks>Not by the task: its way to wait brings up the thread pool, which the run of one program does without.</remarks>
    public CvmExit Wait()
    {
        lock (_completed)
        {
            while (_completedWith is null)
                Monitor.Wait(_completed);
            return _completedWith;
        }
    }

    /// <summary>Ends every process; the first one with that status, if its end has not been decided yet.</summary>
    public void Exit(int status) => EndProcesses(p => p.Exit(status));

    /// <summary>Ends every process as a fatal signal does.</summary>
    public void Kill(int signal) => EndProcesses(p => p.Kill(signal));

    /// <summary>Sends a signal to the first process.</summary>
    /// <returns>False when its queue is full.</returns>
    public bool Send(in SignalInfo info) => Init.Send(info);

    /// <summary>Kills the cVM if it still runs, and waits for it. A cVM that runs nothing gives back its memory here.</summary>
    public void Dispose()
    {
        Kill(Signal.SIGKILL);
        lock (_starting)
        {
            if (!_launched)
            {
                Release();
                Complete(new CvmExit(0, Signal.SIGKILL));
            }
        }

        Wait();
    }

    /// <summary>The library OS or the translator has a defect: reports it and kills this cVM alone.</summary>
    internal void Fail(Exception exception, string during)
    {
        Options.Report?.Invoke($"cvm {Id}: internal error during {during}: {exception}\n");
        Kill(Signal.SIGABRT);
    }

    /// <summary>Passes on the report of a fatal fault.</summary>
    internal void ReportFault(int signal, string text)
    {
        Telemetry?.Faulted(this, signal, text);
        Options.Report?.Invoke(text);
    }

    /// <summary>A cVM that never ran gives back what its first process has.</summary>
    private void Release()
    {
        lock (Tasks)
        {
            if (_released)
                return;
            _released = true;
        }

        Init.Files.Close();
        Init.Image.Release();
        Terminal?.Dispose();
        Disconnect();
    }

    private void Complete(CvmExit exit)
    {
        lock (_completed)
        {
            _completedWith ??= exit;
            _completion?.TrySetResult(exit);
            Monitor.PulseAll(_completed);
        }
    }

    /// <summary>Gives back what it has of the network and of the host.</summary>
    private void Disconnect()
    {
        Network.Dispose();
        _upper?.Dispose();
    }

    /// <summary>Makes a directory the working directory, and makes what is missing of it.</summary>
    private void Enter(ProcessFiles files, string path)
    {
        lock (FileSystem.Gate)
        {
            var at = FileSystem.Root;
            foreach (var name in FileSystem.NamesOf(path))
            {
                var error = FileSystem.Walk(FirstProcessId, at, name, followLast: true, out var found);
                if (error == -Errno.ENOENT && found.Parent is { IsWritable: true } parent)
                {
                    var made = new DirectoryNode(FileSystem, parent, 0x1ed);
                    error = parent.TryLink(found.Name, () => made) ? 0 : -Errno.ENOSPC;
                    found = found with { Inode = made };
                }

                at = found.Inode as DirectoryNode ?? throw new CvmLoadException($"{path}: no working directory: {ErrnoText.Message(error != 0 ? error : -Errno.ENOTDIR)}");
            }

            files.WorkingDirectory = at;
        }
    }

    private static IHostUpper? OpenUpper(CvmOptions options)
    {
        try
        {
            return options.Upper?.Invoke();
        }
        catch (IOException error)
        {
            throw new CvmLoadException($"its upper layer cannot be opened: {error.Message}");
        }
    }
}
