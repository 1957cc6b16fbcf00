using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime;
using Cheri2IL.Runtime.Execution;
using Xunit;
using static Cheri2IL.Intravisor.Tests.ScriptedGuest;

namespace Cheri2IL.Intravisor.Tests;

/// <summary>Handlers, masks, frames, restarts.</summary>
public sealed unsafe class SignalTests
{
    private const long Handler = Entry + 0x100;
    private const long Next = Entry + 0x200;
    private const long Action = Data + 0x100;
    private const long Set = Data + 0x180;
    private const long ExitGroup = 94;
    private const long Kill = 129;
    private const long SigAltStack = 132;
    private const long SigSuspend = 133;
    private const long SigAction = 134;
    private const long SigProcMask = 135;
    private const long SigPending = 136;
    private const long SigTimedWait = 137;
    private const long GetPid = 172;

    [Theory]
    [InlineData(GuestFaultKind.LoadAccess, 0x5000_0000L, Signal.SIGSEGV, Signal.SEGV_MAPERR)]
    [InlineData(GuestFaultKind.StoreAccess, Entry, Signal.SIGSEGV, Signal.SEGV_ACCERR)]
    [InlineData(GuestFaultKind.InstructionAccess, Data, Signal.SIGSEGV, Signal.SEGV_ACCERR)]
    [InlineData(GuestFaultKind.LoadAccess, -8L, Signal.SIGSEGV, Signal.SEGV_MAPERR)]
    [InlineData(GuestFaultKind.IllegalInstruction, Entry, Signal.SIGILL, Signal.ILL_ILLOPC)]
    [InlineData(GuestFaultKind.Breakpoint, Entry, Signal.SIGTRAP, Signal.TRAP_BRKPT)]
    [InlineData(GuestFaultKind.MisalignedAtomic, Entry, Signal.SIGBUS, Signal.BUS_ADRALN)]
    public void Fault_WithHandler_GetsExactFrameAndReturns(GuestFaultKind kind, long address, int signal, int code)
    {
        var info = default(SignalInfo);
        var registers = new long[32];
        var floats = new long[32];
        var control = 0;
        var after = new long[32];
        var (handlerMask, afterMask) = (0UL, 0UL);
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            Install(state, signal, Handler, Signal.SA_SIGINFO, 1UL << 40);
            for (var k = 3; k < 32; k++)
                GuestState.X(state, k) = 1000 + k;
            for (var k = 0; k < 32; k++)
                GuestState.F(state, k) = k + 0.5;
            state->X17 = 17;
            throw new GuestFault(kind, Entry, address);
        };
        guest[Handler] = state =>
        {
            var memory = Thread(state).Memory;
            memory.TryRead(state->X11, out info);
            Assert.Equal(state->X2, state->X11);
            Assert.Equal(0, state->X2 & 15);
            Assert.Equal(signal, state->X10);
            Assert.Equal(GuestLayout.SignalReturn, state->X1);

            // struct ucontext of riscv64: uc_mcontext at 176, registers first, then the D state and fcsr.
            var context = state->X12 + 176;
            for (var k = 0; k < 32; k++)
            {
                memory.TryRead(context + (8 * k), out registers[k]);
                memory.TryRead(context + 256 + (8 * k), out floats[k]);
            }

            memory.TryRead(context + 512, out control);
            handlerMask = Thread(state).Mask;
            memory.TryWrite(context, Next);
            memory.TryWrite(context + (8 * 20), 77L);
            state->Pc = state->X1;
        };
        guest[Next] = state =>
        {
            for (var k = 1; k < 32; k++)
                after[k] = GuestState.X(state, k);
            afterMask = Thread(state).Mask;
            Call(state, ExitGroup, 0);
        };
        Assert.Equal(0, guest.Run().ShellStatus);
        Assert.Equal((signal, code), (info.Number, info.Code));
        Assert.Equal(address, info.Address);
        Assert.Equal(Entry, registers[0]);
        Assert.Equal(1031, registers[31]);
        Assert.Equal(17, registers[17]);
        Assert.Equal(BitConverter.DoubleToInt64Bits(31.5), floats[31]);
        // The accrued flags are those of the C# that stands for guest code; the rounding mode is the guest's.
        Assert.Equal(0, control & ~31);
        Assert.Equal(77, after[20]);
        Assert.Equal(1031, after[31]);
        Assert.Equal(1UL << 40 | Signal.Bit(signal), handlerMask);
        Assert.Equal(0UL, afterMask);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Fault_IgnoredOrBlocked_KillsAnyway(bool blocked)
    {
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            Install(state, Signal.SIGSEGV, blocked ? Handler : Signal.SIG_IGN, 0, 0);
            if (blocked)
                Mask(state, 0, Signal.Bit(Signal.SIGSEGV));
            throw new GuestFault(GuestFaultKind.LoadAccess, Entry, 8);
        };
        Assert.Equal(128 + Signal.SIGSEGV, guest.Run([]).ShellStatus);
    }

    [Fact]
    public void Fault_StackExhausted_RunsHandlerOnAlternateStackOnly()
    {
        const long alternate = Data + 0x800;
        var (stackInHandler, flagsInHandler) = (0L, 0);
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            var memory = Thread(state).Memory;
            memory.TryWrite(Set, alternate);
            memory.TryWrite(Set + 8, 0L);
            memory.TryWrite(Set + 16, 4096L);
            Call(state, SigAltStack, Set);
            Assert.Equal(0, state->X10);
            Install(state, Signal.SIGSEGV, Handler, Signal.SA_ONSTACK, 0);
            state->X2 = 64;
            throw new GuestFault(GuestFaultKind.StoreAccess, Entry, 56);
        };
        guest[Handler] = state =>
        {
            stackInHandler = state->X2;
            Call(state, SigAltStack, 0, Set);
            Thread(state).Memory.TryRead(Set + 8, out flagsInHandler);
            Call(state, ExitGroup, 3);
        };
        Assert.Equal(3, guest.Run().ShellStatus);
        Assert.InRange(stackInHandler, alternate, alternate + 4096);
        Assert.Equal(Signal.SS_ONSTACK, flagsInHandler);

        // Without alternate stack the frame cannot be pushed, and SIGSEGV kills.
        guest[Entry] = state =>
        {
            Install(state, Signal.SIGSEGV, Handler, 0, 0);
            state->X2 = 64;
            throw new GuestFault(GuestFaultKind.StoreAccess, Entry, 56);
        };
        Assert.Equal(128 + Signal.SIGSEGV, guest.Run([]).ShellStatus);
    }

    /// <summary>As the host's kernel does, whether or not the handler runs on that stack.</summary>
    [Theory]
    [InlineData(0UL)]
    [InlineData(Signal.SA_ONSTACK)]
    public void AlternateStack_Autodisarm_IsDisabledInEveryHandler(ulong flags)
    {
        var flagsInHandler = 0;
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            var memory = Thread(state).Memory;
            memory.TryWrite(Set, Data + 0x800);
            memory.TryWrite(Set + 8, (long)Signal.SS_AUTODISARM);
            memory.TryWrite(Set + 16, 4096L);
            Call(state, SigAltStack, Set);
            Assert.Equal(0, state->X10);
            Install(state, Signal.SIGSEGV, Handler, flags, 0);
            throw new GuestFault(GuestFaultKind.StoreAccess, Entry, 56);
        };
        guest[Handler] = state =>
        {
            Call(state, SigAltStack, 0, Set);
            Thread(state).Memory.TryRead(Set + 8, out flagsInHandler);
            Call(state, ExitGroup, 3);
        };
        Assert.Equal(3, guest.Run().ShellStatus);
        Assert.Equal(Signal.SS_DISABLE, flagsInHandler);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Fault_WithInexactRegisters_MayBeLeftButNotReturnedFrom(bool returns)
    {
        var guest = new ScriptedGuest();
        var reports = new List<string>();
        var distance = 0L;
        guest[Entry] = state =>
        {
            Install(state, Signal.SIGSEGV, Handler, Signal.SA_SIGINFO, 0);
            state->X8 = state->X2;
            throw new GuestFault(GuestFaultKind.LoadAccess, Entry, 0x5000_0000) { AreRegistersExact = false };
        };
        guest[Handler] = state =>
        {
            // The frame keeps clear of what the function at the trap may have below the last known sp.
            distance = state->X8 - state->X2;
            state->Pc = returns ? state->X1 : Next;
        };
        guest[Next] = state => Call(state, ExitGroup, 6);
        Assert.Equal(returns ? 128 + Signal.SIGSEGV : 6, guest.Run(reports).ShellStatus);
        Assert.Equal(returns ? 1 : 0, reports.Count);
        Assert.InRange(distance, 64 * 1024, 70 * 1024);
    }

    [Fact]
    public void Kill_SelfWithHandler_RunsItBeforeTheNextInstruction()
    {
        var order = new List<string>();
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            Install(state, Signal.SIGUSR1, Handler, 0, 0);
            state->Pc = Entry + 0x20;
        };
        guest[Entry + 0x20] = state =>
        {
            Call(state, GetPid);
            Assert.False(Call(state, Kill, state->X10, Signal.SIGUSR1));
        };
        guest[Entry + 0x24] = state =>
        {
            order.Add($"after {state->X10}");
            Call(state, ExitGroup, 0);
        };
        guest[Handler] = state =>
        {
            order.Add($"handler {state->X10}");
            state->Pc = state->X1;
        };
        Assert.Equal(0, guest.Run().ShellStatus);
        Assert.Equal([$"handler {Signal.SIGUSR1}", "after 0"], order);
    }

    [Theory]
    [InlineData(Signal.SIGTERM, 128 + Signal.SIGTERM)]
    [InlineData(Signal.SIGUSR2, 128 + Signal.SIGUSR2)]
    [InlineData(Signal.SIGCHLD, 0)]
    [InlineData(Signal.SIGWINCH, 0)]
    [InlineData(Signal.SIGTSTP, 0)]
    [InlineData(40, 128 + 40)]
    public void Kill_DefaultAction_IsLinux(int signal, int expected)
    {
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            if (Call(state, Kill, 0, signal))
                state->Pc = Entry + 4;
        };
        guest[Entry + 4] = state => Call(state, ExitGroup, 0);
        Assert.Equal(expected, guest.Run().ShellStatus);
    }

    [Fact]
    public void BlockedSignal_StaysPendingUntilAwaited()
    {
        var guest = new ScriptedGuest();
        var (pending, taken, again) = (0UL, 0L, 0L);
        guest[Entry] = state =>
        {
            var memory = Thread(state).Memory;
            Mask(state, 0, Signal.Bit(Signal.SIGUSR1));
            Call(state, Kill, 0, Signal.SIGUSR1);
            Call(state, Kill, 0, Signal.SIGUSR1);
            Call(state, SigPending, Set, 8);
            memory.TryRead(Set, out pending);
            memory.TryWrite(Set, Signal.Bit(Signal.SIGUSR1));
            memory.TryWrite(Set + 8, 0L);
            memory.TryWrite(Set + 16, 1000L);
            Call(state, SigTimedWait, Set, 0, Set + 8, 8);
            taken = state->X10;

            // A standard signal is pending once, however often it was sent.
            Call(state, SigTimedWait, Set, 0, Set + 8, 8);
            again = state->X10;
            Call(state, ExitGroup, 0);
        };
        Assert.Equal(0, guest.Run().ShellStatus);
        Assert.Equal(Signal.Bit(Signal.SIGUSR1), pending);
        Assert.Equal(Signal.SIGUSR1, taken);
        Assert.Equal(-Errno.EAGAIN, again);
    }

    [Fact]
    public void Suspend_ReturnsEintrWithTheOldMaskAfterHandler()
    {
        var (result, handlerMask, mask) = (0L, 0UL, 0UL);
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            Install(state, Signal.SIGUSR1, Handler, Signal.SA_RESTART, 0);
            Mask(state, 0, Signal.Bit(Signal.SIGUSR1) | Signal.Bit(Signal.SIGHUP));
            Call(state, Kill, 0, Signal.SIGUSR1);
            Thread(state).Memory.TryWrite(Set, Signal.Bit(Signal.SIGINT));
            state->Pc = Entry + 0x20;
        };
        guest[Entry + 0x20] = state => Assert.False(Call(state, SigSuspend, Set, 8));
        guest[Entry + 0x24] = state =>
        {
            result = state->X10;
            mask = Thread(state).Mask;
            Call(state, ExitGroup, 0);
        };
        guest[Handler] = state =>
        {
            handlerMask = Thread(state).Mask;
            state->Pc = state->X1;
        };
        Assert.Equal(0, guest.Run().ShellStatus);
        Assert.Equal(-Errno.EINTR, result);
        Assert.Equal(Signal.Bit(Signal.SIGINT) | Signal.Bit(Signal.SIGUSR1), handlerMask);
        Assert.Equal(Signal.Bit(Signal.SIGUSR1) | Signal.Bit(Signal.SIGHUP), mask);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void FutexWait_InterruptedByHandler_RestartsOrReturnsEintr(bool restart)
    {
        const long futexCall = 98;
        var calls = 0;
        var result = 0L;
        var guest = new ScriptedGuest();
        using var waiting = new ManualResetEventSlim();
        guest[Entry] = state =>
        {
            Install(state, Signal.SIGUSR1, Handler, restart ? Signal.SA_RESTART : 0, 0);
            state->Pc = Entry + 0x20;
        };
        guest[Entry + 0x20] = state =>
        {
            calls++;
            waiting.Set();
            if (Call(state, futexCall, Set))
                state->Pc = Entry + 0x24;
        };
        guest[Entry + 0x24] = state =>
        {
            result = state->X10;
            Call(state, ExitGroup, 0);
        };
        guest[Handler] = state =>
        {
            // The word changes, so that a call made again returns at once.
            Thread(state).Memory.TryWrite(Set, 1);
            state->Pc = state->X1;
        };
        using var cvm = guest.Create();
        cvm.Start(Image());
        waiting.Wait(TestContext.Current.CancellationToken);
        System.Threading.Thread.Sleep(20);
        Assert.True(cvm.Send(SignalInfo.OfSender(Signal.SIGUSR1, Signal.SI_USER, 1, 0)));
        Assert.Equal(0, cvm.Wait().ShellStatus);
        Assert.Equal(restart ? 2 : 1, calls);
        Assert.Equal(restart ? -Errno.EAGAIN : -Errno.EINTR, result);
    }

    [Fact]
    public void SigAction_BadArguments_AreRefused()
    {
        var results = new List<long>();
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            foreach (var (number, action, old, size) in ((long, long, long, long)[])[(0, Set, 0, 8), (65, Set, 0, 8), (9, Set, 0, 8), (19, Set, 0, 8), (10, Set, 0, 4), (10, 8, 0, 8), (10, 0, 8, 8), (9, 0, Set, 8), (-1, 0, 0, 8)])
            {
                Call(state, SigAction, number, action, old, size);
                results.Add(state->X10);
            }

            Call(state, ExitGroup, 0);
        };
        guest.Run();
        Assert.Equal([-Errno.EINVAL, -Errno.EINVAL, -Errno.EINVAL, -Errno.EINVAL, -Errno.EINVAL, -Errno.EFAULT, -Errno.EFAULT, 0, -Errno.EINVAL], results);
    }

    private static CvmThread Thread(GuestState* state) => (CvmThread)GuestThread.Of(state).Host;

    private static void Install(GuestState* state, int signal, long handler, ulong flags, ulong mask)
    {
        Assert.True(Thread(state).Memory.TryWrite(Action, new SignalAction { Handler = handler, Flags = flags, Mask = mask }));
        Call(state, SigAction, signal, Action, 0, 8);
        Assert.Equal(0, state->X10);
    }

    private static void Mask(GuestState* state, long how, ulong set)
    {
        Assert.True(Thread(state).Memory.TryWrite(Set, set));
        Call(state, SigProcMask, how, Set, 0, 8);
        Assert.Equal(0, state->X10);
    }
}
