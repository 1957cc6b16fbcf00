using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Futexes;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Processes;
using Cheri2IL.Intravisor.LibOs.Signals;
using Cheri2IL.Intravisor.LibOs.Syscalls;
using Cheri2IL.Intravisor.LibOs.Vfs;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.Cvms;

/// <summary>
/// A compartment: one guest program with its slot, its threads and its private library OS. Nothing in it is shared with
/// another cVM, except translated code, which is immutable.
/// </summary>
/// <remarks>
/// Life: made, loaded, started once, ended; when its last thread has ended, slot and tables are given back and
/// <see cref="Completion"/> is set. Public members are thread-safe.
/// </remarks>
public sealed unsafe partial class Cvm : IDisposable
{
    /// <summary>Process id of the guest's program, the same in every run; its threads' ids follow.</summary>
    public const int FirstProcessId = 100;

    private readonly Lock _gate = new();
    private readonly List<CvmThread> _threads = [];
    private readonly TaskCompletionSource<CvmExit> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Slot _slot;
    private long _finishedCpu;
    private CheckCounts _checks;
    private CvmExit? _exit;
    private int _leaderStatus;
    private bool _ending;
    private bool _started;
    private bool _launched;
    private bool _released;
    private int _nextThreadId;

    /// <summary>Makes a cVM with an empty address space.</summary>
    /// <param name="id">Number, for reports.</param>
    /// <param name="options">What it starts with.</param>
    /// <param name="exchange">Where it finds what others share; null: there are no others.</param>
    public Cvm(int id, CvmOptions options, Exchange? exchange = null)
    {
        Id = id;
        Name = options.Name ?? DefaultName(id);
        Options = options;
        Exchange = exchange ?? new Exchange();
        _nextThreadId = FirstProcessId;
        _slot = Arena.OfProcess.Allocate(options.Limits.SlotSize);
        Space = new AddressSpace(_slot, options.Limits.MemoryBytes, options.Limits.Mappings);
        Dispatch = new DispatchTable(_slot.Size);
        try
        {
            Code = options.CodeFactory(Space, Dispatch);
        }
        catch
        {
            Release();
            throw;
        }

        Space.CodeChanged = (start, length) =>
        {
            // Translated frames may go on to code that has changed: every thread looks again.
            Code.Invalidate(start, length);
            ForEachThread(t => t.LeaveTranslatedCode());
        };
        Process = new ProcessState(options);
        Files = new ProcessFiles(new FileSystem(() => options.Host.RealtimeNanoseconds, options.Root, options.Limits.FileBytes));
        Files.Descriptors.Limit = Process.SoftFileLimit;
        StandardTree.Populate(this, Files);
        Exchange.Join(this);
        if (Telemetry is not null)
            IntravisorTelemetry.Created(this);
    }

    /// <summary>Number, for reports.</summary>
    public int Id { get; }

    /// <summary>Name, by which others grant it rights.</summary>
    public string Name { get; }

    /// <summary>What it shares with other cVMs.</summary>
    internal Exchange Exchange { get; }

    /// <summary>What is told about it; null where it belongs to no Intravisor.</summary>
    internal IntravisorTelemetry? Telemetry => Exchange.Telemetry;

    /// <summary>Process id as the guest sees it.</summary>
    public int ProcessId { get; } = FirstProcessId;

    /// <summary>What it was started with.</summary>
    public CvmOptions Options { get; }

    /// <summary>The host.</summary>
    public IHostInterface Host => Options.Host;

    /// <summary>Memory.</summary>
    public AddressSpace Space { get; }

    /// <summary>Code.</summary>
    public IGuestCode Code { get; }

    /// <summary>Dispatch table.</summary>
    public DispatchTable Dispatch { get; }

    /// <summary>The program that was started; null before.</summary>
    public ElfExecutable? Program { get; private set; }

    /// <summary>The program's dynamic linker, where there is one.</summary>
    public ElfExecutable? Interpreter { get; private set; }

    /// <summary>What the capabilities of its program are derived from; null if that has none.</summary>
    internal ProcessCapabilities? Capabilities { get; private set; }

    /// <summary>Signal actions and process-wide pending signals.</summary>
    public ProcessSignals Signals { get; } = new();

    /// <summary>Futexes.</summary>
    public FutexTable Futexes { get; } = new();

    /// <summary>Files of the process.</summary>
    public ProcessFiles Files { get; }

    /// <summary>Attributes of the process.</summary>
    public ProcessState Process { get; }

    /// <summary>Completes when the last thread has ended and everything is given back.</summary>
    public Task<CvmExit> Completion => _completion.Task;

    /// <summary>Whether exit_group, a fatal signal or the end of the main program has been decided.</summary>
    public bool IsEnding => Volatile.Read(ref _ending);

    /// <summary>CPU time of all threads, also ended ones, in nanoseconds.</summary>
    public long CpuNanoseconds
    {
        get
        {
            lock (_gate)
            {
                var sum = _finishedCpu;
                foreach (var thread in _threads)
                    sum += thread.HostThread == 0 ? 0 : Host.CpuNanoseconds(thread.HostThread);
                return sum;
            }
        }
    }

    /// <summary>Checks that the threads that have ended executed, where their code counts them.</summary>
    public CheckCounts Checks
    {
        get
        {
            lock (_gate)
                return _checks;
        }
    }

    /// <summary>Threads that have not ended.</summary>
    public int ThreadCount
    {
        get
        {
            lock (_gate)
                return _threads.Count;
        }
    }

    /// <summary>Loads a program and starts it on a host thread of its own.</summary>
    /// <param name="program">The ELF file.</param>
    /// <param name="interpreter">Its dynamic linker, when it names one.</param>
    /// <exception cref="CvmLoadException">It does not fit.</exception>
    public void Start(ElfExecutable program, ElfExecutable? interpreter = null)
    {
        lock (_gate)
        {
            if (_started)
                throw new InvalidOperationException("a cVM runs one program");
            _started = true;
            (Program, Interpreter) = (program, interpreter);
        }

        if (program.Capabilities != CapabilityAbi.None)
        {
            Space.EnableTags();
            Capabilities = new ProcessCapabilities(program.Capabilities, Space.Size);
        }

        var image = CvmLoader.Map(Space, program, Options.ProgramPath, GuestLayout.PieBase, Capabilities);
        var linker = interpreter is null ? null : CvmLoader.Map(Space, interpreter, program.Interpreter ?? "interpreter", GuestLayout.InterpreterBase, Capabilities);
        Space.SetBreakStart(image.End);
        CvmLoader.MapTrampoline(Space);
        var stack = CvmLoader.MapStack(Space, Options, image, linker, Capabilities);
        var thread = NewThread() ?? throw new CvmLoadException("the thread limit is 0");
        thread.State->X2 = stack.Pointer;
        thread.State->Pc = linker?.Entry ?? image.Entry;
        if (Capabilities is not null)
            thread.SetInitialCapabilities(linker ?? image, stack);
        lock (_gate)
            _launched = true;
        if (!TryLaunch(thread, Options.Limits.MainHostStack))
        {
            lock (_gate)
                _launched = false;
            throw new CvmLoadException("the host cannot start a thread");
        }

        if (Telemetry is not null)
            IntravisorTelemetry.Started(this);
        _cpuLimit = Options.Limits.CpuTime is { } limit ? new CpuLimit(this, limit) : null;
    }

    /// <summary>Name of a cVM that is given none.</summary>
    internal static string DefaultName(int id) => $"cvm{id}";

    /// <summary>Waits for the end.</summary>
    public CvmExit Wait() => Completion.GetAwaiter().GetResult();

    /// <summary>exit_group: ends every thread. The first decision stands.</summary>
    public void Exit(int status) => Decide(new CvmExit(status & 0xff, 0));

    /// <summary>Ends every thread as a fatal signal does. The first decision stands.</summary>
    public void Kill(int signal) => Decide(new CvmExit(0, signal));

    /// <summary>Kills the cVM if it still runs, and waits for it. A cVM that runs nothing gives back its memory here.</summary>
    public void Dispose()
    {
        bool launched;
        lock (_gate)
            launched = _launched;
        Kill(Signal.SIGKILL);
        if (!launched)
        {
            Release();
            _completion.TrySetResult(_exit!);
        }

        Wait();
    }

    /// <summary>Sends a signal to the process (kill): some thread that does not block it takes it.</summary>
    public bool Send(in SignalInfo info)
    {
        CvmThread? target = null;
        lock (_gate)
        {
            lock (Signals.Gate)
            {
                var bit = Signal.Bit(info.Number);
                foreach (var thread in _threads)
                {
                    if ((thread.AwaitedSignals & bit) != 0 || (target is null && (thread.Mask & bit) == 0))
                        target = thread;
                }

                if (Discards(info.Number, target))
                    return true;
                if (!Signals.Pending.Add(info))
                    return false;
            }
        }

        Notify(target, info.Number);
        return true;
    }

    /// <summary>Sends a signal to one thread (tgkill).</summary>
    public bool Send(CvmThread thread, in SignalInfo info)
    {
        lock (Signals.Gate)
        {
            if (Discards(info.Number, thread))
                return true;
            if (!thread.Pending.Add(info))
                return false;
        }

        Notify(thread, info.Number);
        return true;
    }

    /// <summary>The thread with that id, or null.</summary>
    public CvmThread? FindThread(int id)
    {
        lock (_gate)
            return _threads.Find(t => t.Id == id);
    }

    /// <summary>Does something with every thread that has not ended.</summary>
    internal void ForEachThread(Action<CvmThread> action)
    {
        CvmThread[] threads;
        lock (_gate)
            threads = [.. _threads];
        foreach (var thread in threads)
            action(thread);
    }

    /// <summary>A thread with an id of its own, in the list but not running; null at the limit or when the cVM ends.</summary>
    internal CvmThread? NewThread()
    {
        lock (_gate)
        {
            if (_exit is not null || _threads.Count >= Options.Limits.Threads)
                return null;
            var thread = new CvmThread(this, _nextThreadId++);
            _threads.Add(thread);

            // The only thread there was is the one that is making this one.
            if (_threads.Count > 1 || Space.Tags is { Copies: not null })
                ShareMemory();
            else
                thread.UseMemoryAlone();
            if (_isPaused)
                thread.LeaveTranslatedCode();
            return thread;
        }
    }

    /// <summary>
    /// From now on others than one thread of the guest use its memory: its capability accesses are made for that. The guest has not started,
    /// or its only thread is the caller, or it has more.
    /// </summary>
    internal void ShareMemory()
    {
        lock (_gate)
        {
            if (Space.Tags is not { } tags)
                return;
            Space.ShareTags();
            foreach (var thread in _threads)
                thread.ShareMemory(tags.Copies);
        }
    }

    /// <summary>Runs a new thread on a host thread of its own; false when the host has no more.</summary>
    internal bool TryLaunch(CvmThread thread, int hostStackBytes)
    {
        try
        {
            new Thread(() => Carry(thread, hostStackBytes), hostStackBytes)
            {
                IsBackground = true,
                Name = $"cvm {Id} thread {thread.Id}",
            }.Start();
            return true;
        }
        catch (Exception exception) when (exception is OutOfMemoryException or ThreadStartException)
        {
            Discard(thread);
            return false;
        }
    }

    /// <summary>Gives up a thread that was never launched.</summary>
    internal void Discard(CvmThread thread)
    {
        lock (_gate)
            _threads.Remove(thread);
        thread.Dispose();
    }

    /// <summary>The guest is to handle memory faults itself, with registers that are exact: makes its code such.</summary>
    internal void RequirePreciseFaults()
    {
        if (Code.RequirePreciseFaults())
            ForEachThread(t => t.LeaveTranslatedCode());
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

    private bool Discards(int signal, CvmThread? target)
        => Signals.IsIgnored(signal) && target is not null
            && (target.Mask & Signal.Bit(signal)) == 0 && (target.AwaitedSignals & Signal.Bit(signal)) == 0;

    private static void Notify(CvmThread? thread, int signal)
    {
        if (thread is null)
            return;
        if ((thread.Mask & Signal.Bit(signal)) == 0)
            thread.Interrupt();
        else
            thread.Unpark();
    }

    private void Decide(CvmExit exit)
    {
        lock (_gate)
        {
            _exit ??= exit;
            Volatile.Write(ref _ending, true);
        }

        ForEachThread(t => t.Interrupt());
        WakePaused();
    }

    private void Carry(CvmThread thread, int hostStackBytes)
    {
        try
        {
            thread.Run(hostStackBytes);
        }
        catch (Exception exception)
        {
            Fail(exception, "guest code");
        }

        try
        {
            thread.CleanUp();
        }
        finally
        {
            Finish(thread);
        }
    }

    private void Finish(CvmThread thread)
    {
        bool last;
        lock (_gate)
        {
            _finishedCpu += Host.CpuNanoseconds(thread.HostThread);
            _checks += thread.State->Counts;
            _threads.Remove(thread);
            last = _threads.Count == 0;
            if (thread.Id == ProcessId)
                _leaderStatus = thread.ExitStatus;
            if (last)
            {
                _exit ??= new CvmExit(_leaderStatus & 0xff, 0);
                Volatile.Write(ref _ending, true);
            }
        }

        thread.Dispose();
        if (!last)
            return;
        _cpuLimit?.Dispose();
        Release();
        Options.Trace?.Ended(_exit!);
        if (Telemetry is not null)
            IntravisorTelemetry.Ended(this, _exit!);
        _completion.SetResult(_exit!);
    }

    private void Release()
    {
        lock (_gate)
        {
            if (_released)
                return;
            _released = true;
        }

        // First of all: nobody may be at this memory when it becomes another's.
        Exchange.Leave(this);
        Files?.Descriptors.CloseAll();
        Space.Close();
        _slot.Dispose();
        Space.Tags?.Dispose();
        Dispatch.Dispose();
    }
}
