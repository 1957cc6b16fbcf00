using System.Numerics;
using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Elf;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.LibOs.Processes;

/// <summary>
/// A process image: memory and the code in it. A process has one at a time; execve gives it another, fork a copy, and vfork lends the
/// parent's to the child.
/// </summary>
/// <remarks>Thread-safe. Given back when nobody holds it any more.</remarks>
public sealed unsafe partial class ProcessImage
{
    private readonly Slot _slot;
    private int _holders = 1;
    private long _windows;

    /// <summary>Makes an empty image, held once.</summary>
    /// <param name="cvm">Whose.</param>
    /// <exception cref="InsufficientMemoryException">The arena has no slot left.</exception>
    internal ProcessImage(Cvm cvm)
    {
        Cvm = cvm;
        _slot = cvm.Outer?.NewSlot() ?? Arena.OfProcess.Allocate(cvm.Options.Limits.SlotSize);
        Space = new AddressSpace(_slot, cvm.MemoryBudget, cvm.Options.Limits.Mappings);
        Dispatch = new DispatchTable(_slot.Size);
        try
        {
            Code = cvm.Options.CodeFactory(Space, Dispatch);
        }
        catch
        {
            GiveBack();
            throw;
        }

        Space.CodeChanged = (start, length, isCode) =>
        {
            // Translated frames may go on to code that has changed: every thread looks again. A library that appears where nothing was
            // concerns none.
            if (Code.Invalidate(start, length, isCode))
                ForEachThread(t => t.LeaveTranslatedCode());
        };
        cvm.Exchange.Join(this);
    }

    /// <summary>
    /// An address for so many bytes that others lend: in the second quarter of the slot, aligned so that bounds can say them, and never one that was given
    /// before, for capabilities may have been kept; negative: there is none left.
    /// </summary>
    internal long TakeWindow(ulong length)
    {
        var start = (long)(Space.Size / 4);
        if (length > (ulong)start)
            return -1;
        var alignment = (long)Math.Max(BitOperations.RoundUpToPowerOf2(length) >> 8, HostMemory.PageSize);
        while (true)
        {
            var taken = Volatile.Read(ref _windows);
            var address = (start + taken + alignment - 1) & -alignment;
            var end = (address + (long)length + HostMemory.PageSize - 1) & -HostMemory.PageSize;
            if (end > 2 * start)
                return -1;
            if (Interlocked.CompareExchange(ref _windows, end - start, taken) == taken)
                return address;
        }
    }

    /// <summary>The cVM.</summary>
    public Cvm Cvm { get; }

    /// <summary>Memory.</summary>
    public AddressSpace Space { get; }

    /// <summary>Code.</summary>
    public IGuestCode Code { get; }

    /// <summary>Dispatch table.</summary>
    public DispatchTable Dispatch { get; }

    /// <summary>The program; null while nothing is loaded.</summary>
    public ElfExecutable? Program { get; private set; }

    /// <summary>What it was started with: arguments, environment and path; null while nothing is loaded.</summary>
    public ProgramStart? Start { get; private set; }

    /// <summary>What the capabilities of its program are derived from; null if that has none.</summary>
    internal ProcessCapabilities? Capabilities { get; private set; }

    /// <summary>Maps a program and its dynamic linker, and a stack with what <paramref name="start"/> says.</summary>
    /// <exception cref="CvmLoadException">It does not fit, or has capabilities where there are inner cVMs.</exception>
    internal LoadedProgram Load(ProgramStart start, ProgramFile program, ProgramFile? interpreter)
    {
        (Program, Start) = (program.Elf, start);
        if (program.Elf.Capabilities != CapabilityAbi.None)
        {
            EnableTags();
            Capabilities = new ProcessCapabilities(program.Elf.Capabilities, Space.Size);
        }

        var image = CvmLoader.Map(Space, program, GuestLayout.PieBase, Capabilities);
        var linker = interpreter is null ? null : CvmLoader.Map(Space, interpreter, GuestLayout.InterpreterBase, Capabilities);
        Space.SetBreakStart(image.End);
        CvmLoader.MapVdso(Space);
        var stack = CvmLoader.MapStack(Space, Cvm, start, image, linker, Capabilities);
        return new LoadedProgram(linker ?? image, stack);
    }

    /// <summary>A copy of it, held once; null when memory is used up, or when the thread that wants it is to end.</summary>
    internal ProcessImage? Fork(CvmThread thread)
    {
        ProcessImage child;
        try
        {
            child = new ProcessImage(Cvm);
        }
        catch (Exception exception) when (exception is InsufficientMemoryException or OutOfMemoryException or System.ComponentModel.Win32Exception)
        {
            return null;
        }

        (child.Program, child.Start, child.Capabilities) = (Program, Start, Capabilities);
        child._windows = Volatile.Read(ref _windows);
        if (Space.TryForkTo(child.Space, () => thread.IsToEnd))
        {
            // What was revoked while it was copied.
            child.Space.Withdraw(static source => source.IsGone);
            return child;
        }

        child.Release();
        return null;
    }

    /// <summary>One more holds it: a child that borrows it.</summary>
    internal void Hold() => Interlocked.Increment(ref _holders);

    /// <summary>One holder less. The last one's threads have ended.</summary>
    internal void Release()
    {
        if (Interlocked.Decrement(ref _holders) != 0)
            return;

        // First of all: nobody may be at this memory when it becomes another's.
        EndInner();
        Cvm.Exchange.Leave(this);
        GiveBack();
    }

    /// <summary>Does something with every thread that runs in it and has not ended.</summary>
    internal void ForEachThread(Action<CvmThread> action)
        => Cvm.ForEachThread(thread =>
        {
            if (thread.Image == this)
                action(thread);
        });

    /// <summary>
    /// From now on others than one thread of the guest use its memory: its capability accesses are made for that. The guest has not started,
    /// or its only thread is the caller, or it has more.
    /// </summary>
    internal void ShareMemory()
    {
        if (Space.Tags is not { } tags)
            return;
        lock (Cvm.Tasks)
        {
            Space.ShareTags();
            ForEachThread(t => t.ShareMemory(tags.Copies));
        }
    }

    /// <summary>The guest is to handle memory faults itself, with registers that are exact: makes its code such.</summary>
    internal void RequirePreciseFaults()
    {
        if (Code.RequirePreciseFaults())
            ForEachThread(t => t.LeaveTranslatedCode());
    }

    private void GiveBack()
    {
        Space.Close();
        _slot.Dispose();
        Cvm.Outer?.GiveBack();
        Space.Tags?.Dispose();
        Dispatch.Dispose();
    }
}
