using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Intravisor.LibOs.Mm;
using Cheri2IL.Intravisor.LibOs.Signals;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Capabilities;
using Cheri2IL.Runtime.Execution;

namespace Cheri2IL.Intravisor.Cvms;

/// <content>Capability registers of programs that have them, and what the library OS may do on their behalf (docs/capabilities.md).</content>
public sealed unsafe partial class CvmThread
{
    private const int Ra = 1;
    private const int Sp = 2;
    private const int Gp = 3;
    private const int Tp = 4;
    private const int A0 = 10;
    private const int LastArgument = 17;
    private const int InvokedData = 31;

    /// <summary>c1 to c31, PCC, DDC.</summary>
    private const int CapabilityFrameBytes = 33 * CapabilityState.Granule;

    /// <summary>Disarmed stacks remembered: as deep as handlers nest, perhaps.</summary>
    private const int MostDisarmed = 16;

    private readonly GuestAuthority? _authority;
    private Capability _firstArgument;
    private Capability _result;
    private Capability _clearChildId;
    private Capability _alternateStack;

    /// <summary>Alternate stacks that are disarmed until the handler with that frame returns; one that is left by longjmp stays.</summary>
    private List<DisarmedStack> Disarmed => field ??= [];

    /// <summary>Whether pointers of the program are capabilities.</summary>
    public bool IsPure => Image.Capabilities is { IsPure: true };

    /// <summary>It begins, alone in its memory (<see cref="CapabilityState.IsAlone"/>) or not. Hold <see cref="Cvm.Tasks"/>.</summary>
    internal void UseMemory(bool isAlone)
    {
        if (Space.Tags is not { } tags)
            return;
        if (isAlone && tags.Copies == null)
            State->Capabilities.IsAlone = true;
        else
            Image.ShareMemory();
    }

    /// <summary>Others use the slot, too.</summary>
    internal void ShareMemory(byte* copies)
    {
        State->Capabilities.MemoryCopies = copies;
        State->Capabilities.IsAlone = false;
    }

    /// <summary>Bytes of a pointer in structures that the program passes.</summary>
    public int PointerBytes => IsPure ? CapabilityState.Granule : sizeof(long);

    /// <summary>
    /// The registers that a program starts with: of a hybrid one, PCC and DDC for everything; of a pure one, PCC and cra for the
    /// image, csp for the stack, ca0 for the auxiliary vector, and no DDC (CheriBSD).
    /// </summary>
    internal void SetInitialCapabilities(LoadedImage image, InitialStack stack)
    {
        var process = Image.Capabilities!;
        CapabilityState.Write(State, CapabilityState.Pcc, process.Code);
        CapabilityState.Write(State, CapabilityState.Ddc, process.Data);
        if (!process.IsPure)
            return;
        var code = process.CodeOf(image.Start, image.End).SetAddress((ulong)image.Entry);
        CapabilityState.Write(State, CapabilityState.Pcc, code);
        CapabilityState.Write(State, CapabilityState.Ddc, Capability.Null);
        CapabilityState.Write(State, Ra, code);
        CapabilityState.Write(State, Sp, stack.Stack.SetAddress((ulong)stack.Pointer));
        CapabilityState.Write(State, A0, process.DataOf(stack.AuxiliaryVector, stack.AuxiliaryVector + stack.AuxiliaryVectorBytes));
    }

    /// <summary>Reads a pointer from a structure: one without tag where pointers are integers.</summary>
    internal bool TryReadPointer(long address, out Capability pointer)
    {
        if (IsPure)
            return Memory.TryRead(address, out pointer);
        var isRead = Memory.TryRead(address, out long value);
        pointer = Capability.FromInteger((ulong)value);
        return isRead;
    }

    /// <summary>With pure capabilities: from now on memory is touched with the authority of such a pointer alone, or, for null, of the arguments again.</summary>
    internal void ActFor(Capability? pointer)
    {
        if (IsPure)
            _authority!.Nested = pointer;
    }

    /// <summary>Writes a pointer to a structure; with pure capabilities, the alternate stack's is the only one there is.</summary>
    internal bool TryWritePointer(long address, long value)
        => IsPure
            ? Memory.TryWrite(address, _alternateStack.Address == (ulong)value ? _alternateStack : Capability.FromInteger((ulong)value))
            : Memory.TryWrite(address, value);

    /// <summary>Whether the caller may change mappings of the pages of [address, address + length): always, without capabilities.</summary>
    internal bool MayChangeMappings(long address, ulong length)
    {
        if (_authority is null)
            return true;
        const ulong page = HostMemory.PageSize;
        return length <= Space.Size && _authority.Extent((ulong)address, ProcessCapabilities.ChangeMappings) >= ((length + page - 1) & ~(page - 1));
    }

    /// <summary>What the running system call returns instead of the integer, with pure capabilities.</summary>
    internal void ReturnCapability(in Capability capability) => _result = capability;

    /// <summary>An argument of the running system call, 0 to 5, as a capability.</summary>
    internal Capability Argument(int index) => CapabilityState.Read(State, A0 + index);

    /// <summary>
    /// What PCC and DDC are in a function that an argument points to: of a pure program, that pointer, which may be a sentry, and nothing; of a hybrid one,
    /// those of the caller.
    /// </summary>
    /// <returns>False: the pointer allows nothing to be executed.</returns>
    internal bool TryGetFunction(int index, out Capability code, out Capability data)
    {
        var pointer = Argument(index);
        data = CapabilityState.Read(State, CapabilityState.Ddc);
        code = IsPure ? pointer : CapabilityState.Read(State, CapabilityState.Pcc).SetAddress(pointer.Address);
        if (code.IsSentry)
            code = code.WithoutSeal();
        return code.IsUsable && code.Permits(CapabilityPermissions.Execute) && code.Bounds.Covers(code.Address, 2);
    }

    /// <summary>
    /// Gives a function that another cVM calls the capabilities that it starts with: PCC and DDC as published, stack, global and thread pointer of this
    /// thread's system call, arguments without tags, and a sentry to return by.
    /// </summary>
    internal void EnterFunction(CpCall call, GuestState* own, long returnPc)
    {
        for (var register = A0; register <= LastArgument; register++)
            CapabilityState.ClearMetadata(State, register);
        foreach (var register in (ReadOnlySpan<int>)[Sp, Gp, Tp])
            CapabilityState.Write(State, register, CapabilityState.Read(own, register));
        CapabilityState.Write(State, Ra, Image.Capabilities!.CodeOf(returnPc, returnPc + HostMemory.PageSize).SealEntry());
        CapabilityState.Write(State, CapabilityState.Ddc, call.Data);
        CapabilityState.Write(State, CapabilityState.Pcc, call.Code);
    }

    /// <summary>Capability registers as they were before functions were called.</summary>
    internal void RestoreAfterCalls(GuestState* own)
    {
        if (_authority is not null)
            CopyCapabilities(own);
    }

    /// <summary>Remembers by what authority <see cref="ClearChildId"/> is written when the thread ends.</summary>
    internal void SetClearChildId(long address, in Capability authority)
    {
        ClearChildId = address;
        _clearChildId = authority;
    }

    /// <summary>CLONE_CHILD_SETTID: writes this thread's id to its own memory, by the authority of a pointer of the thread that made it.</summary>
    internal void WriteChildId(long address, in Capability authority)
    {
        _authority?.Set(IsPure ? authority : CapabilityState.Read(State, CapabilityState.Ddc));
        _ = Memory.TryWrite(address, Id);
    }

    /// <summary>A pointer that a new thread starts with.</summary>
    internal void SetRegister(int register, in Capability pointer)
        => CapabilityState.Write(State, register, IsPure ? pointer : Capability.FromInteger(pointer.Address));

    /// <summary>The alternate stack's memory is written on delivery of a signal: by the authority of who registered it.</summary>
    internal void SetAlternateStackAuthority(in Capability pointer)
        => _alternateStack = IsPure ? pointer : CapabilityState.Read(State, CapabilityState.Ddc);

    /// <summary>SS_AUTODISARM: while a handler runs there is no alternate stack.</summary>
    private void DisarmAlternateStack(long frame)
    {
        if (_authority is not null)
        {
            Disarmed.RemoveAll(d => d.Frame == frame);
            if (Disarmed.Count == MostDisarmed)
                Disarmed.RemoveAt(0);
            Disarmed.Add(new(frame, AlternateStack, _alternateStack));
        }

        AlternateStack = new SignalStack { Flags = Signal.SS_DISABLE };
    }

    /// <summary>
    /// When the handler of a program with capabilities returns: the stack that was disarmed for it, with the authority of who registered it,
    /// if its frame still names that stack. No other: a frame is memory, which has no authority.
    /// </summary>
    private void RearmAlternateStack(long frame, in SignalStack named)
    {
        var index = Disarmed.FindIndex(d => d.Frame == frame);
        if (index < 0)
            return;
        var (_, stack, authority) = Disarmed[index];
        Disarmed.RemoveAt(index);
        if ((named.Pointer, named.Size, named.Flags & Signal.SS_AUTODISARM) != (stack.Pointer, stack.Size, Signal.SS_AUTODISARM))
            return;
        (AlternateStack, _alternateStack) = (stack, authority);
    }

    /// <summary>
    /// Before a system call: memory is accessed with DDC's authority for a hybrid program, with that of the pointers among the
    /// arguments for a pure one.
    /// </summary>
    private void TakeAuthority(GuestState* state, int pointerArguments)
    {
        _firstArgument = CapabilityState.Read(state, A0);
        _result = default;
        if (!IsPure)
        {
            _authority!.Set(CapabilityState.Read(state, CapabilityState.Ddc));
            return;
        }

        _authority!.Clear();
        for (var k = 0; pointerArguments >> k != 0; k++)
        {
            if ((pointerArguments >> k & 1) != 0)
                _authority.Add(CapabilityState.Read(state, A0 + k));
        }
    }

    /// <summary>Whether the running code may make system calls: PCC says so, and without capabilities all may.</summary>
    private bool MayMakeSystemCalls(GuestState* state)
        => _authority is null || CapabilityState.Read(state, CapabilityState.Pcc).Permits(ProcessCapabilities.MakeSystemCalls);

    private void SetResult(GuestState* state, long result)
    {
        state->X10 = result;
        if (_authority is null)
            return;
        CapabilityState.ClearMetadata(state, A0);
        if (_result.IsTagged && (ulong)result == _result.Address)
            CapabilityState.Write(state, A0, _result);
    }

    private void CopyCapabilities(GuestState* from)
    {
        for (var k = 1; k < 32; k++)
            CapabilityState.Write(State, k, CapabilityState.Read(from, k));
        CapabilityState.Write(State, CapabilityState.Pcc, CapabilityState.Read(from, CapabilityState.Pcc));
        CapabilityState.Write(State, CapabilityState.Ddc, CapabilityState.Read(from, CapabilityState.Ddc));
    }

    /// <summary>What a signal frame at the interrupted sp is written and read with.</summary>
    private Capability StackAuthority(GuestState* state) => CapabilityState.Read(state, IsPure ? Sp : CapabilityState.Ddc);

    private static int FrameRegister(int index) => index switch
    {
        31 => CapabilityState.Pcc,
        32 => CapabilityState.Ddc,
        _ => index + 1,
    };

    /// <summary>Stores every capability register behind the frame, with its tag, where the guest can move but not forge it.</summary>
    private bool SaveCapabilities(GuestState* state, long address)
    {
        for (var k = 0; k < CapabilityFrameBytes / CapabilityState.Granule; k++)
        {
            if (!Memory.TryWrite(address + (k * CapabilityState.Granule), CapabilityState.Read(state, FrameRegister(k))))
                return false;
        }

        return true;
    }

    private bool HasCapabilityFrame(long frame) => Memory.Permits(frame + SignalFrame.Bytes, CapabilityFrameBytes, isWrite: false)
        && Memory.TryRead(frame + SignalFrame.Bytes, out Capability _)
        && Memory.TryRead(frame + SignalFrame.Bytes + CapabilityFrameBytes - CapabilityState.Granule, out Capability _);

    /// <summary>
    /// Loads the capability registers. Where the frame's integer registers say something else, the handler has changed those: an
    /// integer then is the register's value, and a pc the address of PCC.
    /// </summary>
    private void RestoreCapabilities(GuestState* state, long address)
    {
        for (var k = 0; k < CapabilityFrameBytes / CapabilityState.Granule; k++)
        {
            _ = Memory.TryRead(address + (k * CapabilityState.Granule), out Capability saved);
            var register = FrameRegister(k);
            if (register == CapabilityState.Pcc)
                CapabilityState.Write(state, register, saved.Address == (ulong)state->Pc ? saved : saved.SetAddress((ulong)state->Pc));
            else if (register == CapabilityState.Ddc || saved.Address == (ulong)GuestState.X(state, register))
                CapabilityState.Write(state, register, saved);
            else
                CapabilityState.ClearMetadata(state, register);
        }
    }

    /// <summary>
    /// What a handler finds in the registers beyond their integers: of a hybrid program, PCC and DDC that the process started with,
    /// whatever compartment was interrupted; of a pure one, capabilities to its frame alone and to the trampoline.
    /// </summary>
    private void EnterHandler(GuestState* state, int signal, in Capability stack)
    {
        var process = Image.Capabilities!;
        foreach (var register in (ReadOnlySpan<int>)[Ra, Sp, A0, A0 + 1, A0 + 2])
            CapabilityState.ClearMetadata(state, register);

        CapabilityState.Write(state, CapabilityState.Ddc, process.IsPure ? Capability.Null : process.Data);
        if (!process.IsPure)
        {
            CapabilityState.Write(state, CapabilityState.Pcc, process.Code);
            return;
        }

        Capability handler;
        lock (Process.Signals.Gate)
            handler = Process.Signals.Handler(signal);
        var frame = state->X2;
        var trampoline = GuestLayout.SignalReturn;
        state->Pc = (long)handler.Address & ~1L;
        CapabilityState.Write(state, CapabilityState.Pcc, handler.IsSentry ? handler.WithoutSeal() : handler);
        CapabilityState.Write(state, Ra, process.CodeOf(trampoline, trampoline + HostMemory.PageSize).SealEntry());
        CapabilityState.Write(state, Sp, stack.SetAddress((ulong)frame));
        CapabilityState.Write(state, A0 + 1, stack.SetAddress((ulong)frame).SetBounds(SignalFrame.UserContext));
        CapabilityState.Write(
            state, A0 + 2, stack.SetAddress((ulong)frame + SignalFrame.UserContext).SetBounds(SignalFrame.Bytes - SignalFrame.UserContext + CapabilityFrameBytes));
    }

    /// <summary>si_code of a fault: one of tag, seal, bounds and permissions.</summary>
    private static int CodeOf(CapabilityFaultCause cause) => cause switch
    {
        CapabilityFaultCause.TagViolation => Signal.SEGV_CAPTAGERR,
        CapabilityFaultCause.SealViolation or CapabilityFaultCause.TypeViolation => Signal.SEGV_CAPSEALEDERR,
        CapabilityFaultCause.LengthViolation => Signal.SEGV_CAPBOUNDSERR,
        _ => Signal.SEGV_CAPPERMERR,
    };

    /// <summary>An alternate stack that is set aside while a handler runs on it.</summary>
    private sealed record DisarmedStack(long Frame, SignalStack Stack, Capability Authority);
}
