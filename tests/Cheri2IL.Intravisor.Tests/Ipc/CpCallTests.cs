using Cheri2IL.Intravisor.Cvms;
using Cheri2IL.Intravisor.Ipc;
using Cheri2IL.Intravisor.LibOs.Abi;
using Cheri2IL.Runtime.Execution;
using Cheri2IL.Runtime.Tests;
using Xunit;
using static Cheri2IL.Intravisor.Tests.Ipc.Scripts;
using static Cheri2IL.Intravisor.Tests.ScriptedGuest;

namespace Cheri2IL.Intravisor.Tests.Ipc;

/// <summary>CP_Call: functions of another cVM, on the caller's thread and on the callee's.</summary>
public sealed unsafe class CpCallTests : IDisposable
{
    private const long Open = 0x4000 + 406;
    private const long CallNumber = 0x4000 + 411;
    private const long Grant = 0x4200 + 1;
    private const long Revoke = 0x4200 + 2;
    private const long Publish = 0x4200 + 4;
    private const long Serve = 0x4200 + 5;
    private const long Set = 0x4200 + 6;
    private const long LentRead = 0x4200 + 7;
    private const long LentWrite = 0x4200 + 8;
    private const long Carrier = 1;
    private const long LendWritable = 2;
    private const long Function = Entry + 0x100;
    private const long Millisecond = 1_000_000;

    private readonly IntravisorInstance _intravisor = new();
    private readonly List<string> _reports = [];
    private Exception? _failure;

    /// <inheritdoc/>
    public void Dispose() => _intravisor.Dispose();

    /// <summary>A guest that publishes a function and serves it on its main thread.</summary>
    private Cvm StartCallee(string name, Script function)
    {
        var guest = new ScriptedGuest();
        guest[Function] = state =>
        {
            function(state);
            // Unless it was made to leave, when it would go on where it was.
            if (state->Interrupt == 0)
                state->Pc = state->X1;
        };
        guest[Entry] = state =>
        {
            var call = Result(state, Publish, Name(state, name), Function);
            Result(state, Grant, Name(state, name), Name(state, "*", 1), 4);
            ServeOn(state, call);
        };
        guest[Entry + 0x10] = state => ServeOn(state, state->X18);
        return guest.StartIn(_intravisor, name, _reports);
    }

    /// <summary>Serves again after a signal or a time-out made the thread leave.</summary>
    private static void ServeOn(GuestState* state, long call)
    {
        (state->X18, state->Pc) = (call, Entry + 0x10 - 4);
        if (!Call(state, Serve, call))
            state->Pc = Entry + 0x10;
        else
            Exit(state, -state->X10);
    }

    /// <summary>Runs a caller to its end; what failed in it.</summary>
    private CvmExit RunCaller(Action<nint> script, string name = "caller")
    {
        var guest = new ScriptedGuest();
        guest[Entry] = state =>
        {
            _failure = Record.Exception(() => script((nint)state));
            Exit(state);
        };
        var cvm = guest.StartIn(_intravisor, name, _reports);
        Assert.True(Ends(cvm), "the caller does not end");
        Assert.Null(_failure);
        return cvm.Wait();
    }

    /// <summary>Whether it ends in a time that only keeps a failure from hanging the suite.</summary>
    private static bool Ends(Cvm cvm) => cvm.Completion.Wait(TimeSpan.FromMinutes(2));

    private static long OpenCall(GuestState* state, string name, long flags = 0, long timeout = -1)
    {
        var call = Result(state, Open, Name(state, name), 0, -1);
        Assert.InRange(call, 3, 100);
        Assert.Equal(0, Result(state, Set, call, flags, timeout));
        return call;
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Carrier)]
    public void Function_Called_GetsArgumentsAndReturnsItsValue(long flags)
    {
        StartCallee("sum", state => state->X10 = (state->X10 * 100) + (state->X11 * 10) + state->X12 + state->X13);
        RunCaller(pointer =>
        {
            var state = (GuestState*)pointer;
            var call = OpenCall(state, "sum", flags);
            for (var k = 0; k < 1000; k++)
            {
                Assert.Equal(0, Result(state, CallNumber, call, k, 2, 3, Data, 7));
                Assert.Equal((k * 100) + 30, state->X11);
            }
        });
        Assert.Equal(130, ((CpCall)_intravisor.Exchange.Find("sum")!).Invoke(1, 2, 3, new byte[7]));
        Assert.Empty(_reports);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Carrier)]
    public void Registers_OfEitherSide_DoNotReachTheOther(long flags)
    {
        const long secret = 0x5ec2_e700_0000_0000;
        const long answer = 0x0a15_3e20_0000_0000;
        var leaked = 0;
        StartCallee("spy", state =>
        {
            for (var k = 1; k < 32; k++)
            {
                if (GuestState.X(state, k) >> 32 == secret >> 32)
                    leaked++;
                // And something for the caller to find.
                if (k is not (1 or 2 or 10))
                    GuestState.X(state, k) = answer + k;
            }

            for (var k = 0; k < 32; k++)
            {
                if (BitConverter.DoubleToInt64Bits(GuestState.F(state, k)) >> 32 == secret >> 32)
                    leaked++;
            }
        });
        RunCaller(pointer =>
        {
            var state = (GuestState*)pointer;
            var call = OpenCall(state, "spy", flags);
            for (var round = 0; round < 3; round++)
            {
                for (var k = 5; k < 32; k++)
                    GuestState.X(state, k) = secret + k;
                for (var k = 0; k < 32; k++)
                    GuestState.F(state, k) = BitConverter.Int64BitsToDouble(secret + k);
                Assert.Equal(0, Result(state, CallNumber, call, 1, 2, 3));
                Assert.Equal(1, state->X11);
                for (var k = 5; k < 32; k++)
                    Assert.Equal(k is >= 10 and <= 17 ? GuestState.X(state, k) : secret + k, GuestState.X(state, k));
                for (var k = 0; k < 32; k++)
                    Assert.Equal(secret + k, BitConverter.DoubleToInt64Bits(GuestState.F(state, k)));
                Assert.Equal([0, 1, 2, 3, 0, 0], (long[])[state->X10, state->X11, state->X12, state->X13, state->X14, state->X15]);
            }
        });
        Assert.Equal(0, leaked);
        Assert.Empty(_reports);
    }

    /// <summary>Also where flags are left in the host's status register from one to the other, because nobody has cleared any yet.</summary>
    [Theory]
    [InlineData(0, false)]
    [InlineData(0, true)]
    [InlineData(Carrier, false)]
    [InlineData(Carrier, true)]
    public void FloatingPointFlags_OfEitherSide_DoNotReachTheOther(long flags, bool isCleared)
    {
        const long overflow = 4;
        const long divisionByZero = 8;
        double zero = 0, largest = double.MaxValue;
        var (seen, calls) = (0L, 0);
        StartCallee("divide", state =>
        {
            if (isCleared && calls == 0)
                FloatStatus.WriteFlags(state, 0);
            calls++;
            seen |= FloatStatus.ReadFlags(state);
            state->F0 = 1 / Volatile.Read(ref zero);
            seen |= FloatStatus.ReadFlags(state) << 32;
        });
        RunCaller(pointer =>
        {
            var state = (GuestState*)pointer;
            if (isCleared)
                FloatStatus.WriteFlags(state, 0);
            var call = OpenCall(state, "divide", flags);
            for (var k = 0; k < 3; k++)
            {
                Assert.Equal(k == 0 ? 0 : overflow, FloatStatus.ReadFlags(state) & (overflow | divisionByZero));
                state->F0 = Volatile.Read(ref largest) * 2;
                Assert.Equal(0, Result(state, CallNumber, call));
                Assert.Equal(overflow, FloatStatus.ReadFlags(state) & (overflow | divisionByZero));
            }
        });
        Assert.Equal(3, calls);
        // The callee sees its own from the second call on.
        Assert.Equal(divisionByZero | (divisionByZero << 32), seen & (overflow | divisionByZero | ((overflow | divisionByZero) << 32)));
        Assert.Empty(_reports);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Carrier)]
    public void LentBuffer_DuringTheCall_IsReadAndWrittenWithinItsBoundsAndRights(long flags)
    {
        var results = new List<long>();
        StartCallee("upper", state =>
        {
            var length = state->X13;
            results.Add(Result(state, LentRead, 0, Data, 100));
            results.Add(Result(state, LentRead, length, Data, 1));
            results.Add(Result(state, LentRead, -1, Data, 1));
            results.Add(Result(state, LentRead, 0, 0x10, 1));
            foreach (ref var value in Bytes(state, Data, (int)length))
                value -= 32;
            results.Add(Result(state, LentWrite, 0, Data, 100));
            state->X10 = length;
        });
        RunCaller(pointer =>
        {
            var state = (GuestState*)pointer;
            var call = OpenCall(state, "upper", flags);
            "hello!"u8.CopyTo(Bytes(state, Data, 6));
            Assert.Equal(0, Result(state, CallNumber, call, 0, 0, 0, Data, 5));
            Assert.Equal("hello!"u8.ToArray(), Bytes(state, Data, 6).ToArray());
            Assert.Equal(0, Result(state, Set, call, flags | LendWritable, -1));
            Assert.Equal(0, Result(state, CallNumber, call, 0, 0, 0, Data, 5));
            Assert.Equal("HELLO!"u8.ToArray(), Bytes(state, Data, 6).ToArray());
            Assert.Equal(-Errno.EFAULT, Result(state, CallNumber, call, 0, 0, 0, 4L << 30, 5));
            Assert.Equal(-Errno.EFAULT, Result(state, CallNumber, call, 0, 0, 0, Data, -1));
            // Memory that is not mapped is the callee's error.
            Assert.Equal(0, Result(state, CallNumber, call, 0, 0, 0, 0x2000_0000, 5));
            // Nothing is lent outside of a call.
            Assert.Equal(-Errno.EBADF, Result(state, LentRead, 0, Data, 1));
        });
        Assert.Equal(
            [
                5, 0, 0, -Errno.EFAULT, -Errno.EACCES,
                5, 0, 0, -Errno.EFAULT, 5,
                -Errno.EFAULT, 0, 0, -Errno.EFAULT, -Errno.EFAULT,
            ],
            results);
        Assert.Empty(_reports);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Carrier)]
    public void CalleeCrashes_CallerGetsAnErrorAndGoesOn(long flags)
    {
        var callee = StartCallee("crash", state => throw new GuestFault(GuestFaultKind.LoadAccess, Function, 0x10));
        RunCaller(pointer =>
        {
            var state = (GuestState*)pointer;
            var call = OpenCall(state, "crash", flags);
            Assert.Equal(-Errno.ECONNRESET, Result(state, CallNumber, call, 1));
            Assert.Contains(Result(state, CallNumber, call, 1), (long[])[-Errno.EPIPE, -Errno.EACCES, -Errno.ECONNRESET]);
        });
        Assert.Equal(128 + Signal.SIGSEGV, callee.Wait().ShellStatus);
        Assert.Single(_reports);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Carrier)]
    public void CalleeExits_InTheFunction_CallerGetsAnError(long flags)
    {
        var callee = StartCallee("exit", state => Exit(state, 3));
        RunCaller(pointer =>
        {
            var state = (GuestState*)pointer;
            Assert.Equal(-Errno.ECONNRESET, Result(state, CallNumber, OpenCall(state, "exit", flags), 1));
        });
        Assert.Equal(3, callee.Wait().ShellStatus);
        Assert.Empty(_reports);
    }

    [Fact]
    public void EndlessFunction_OnTheCallersThread_TimesOutAndServesAgain()
    {
        StartCallee("loop", state =>
        {
            while (state->X10 != 0)
            {
                if (Volatile.Read(ref state->Interrupt) != 0)
                    return;
            }

            state->X10 = 42;
        });
        RunCaller(pointer =>
        {
            var state = (GuestState*)pointer;
            var call = OpenCall(state, "loop");
            for (var k = 0; k < 5; k++)
            {
                Assert.Equal(0, Result(state, Set, call, 0, 20 * Millisecond));
                Assert.Equal(-Errno.ETIMEDOUT, Result(state, CallNumber, call, 1));
                Assert.Equal(0, Result(state, Set, call, 0, -1));
                Assert.Equal(0, Result(state, CallNumber, call, 0));
                Assert.Equal(42, state->X11);
            }
        });
        var host = (CpCall)_intravisor.Exchange.Find("loop")!;
        Assert.Throws<TimeoutException>(() => host.Invoke(1, timeout: TimeSpan.FromMilliseconds(20)));
        Assert.Equal(42, host.Invoke(0));
        Assert.Empty(_reports);
    }

    [Fact]
    public void FunctionThatWaits_OnTheCallersThread_TimesOut()
    {
        StartCallee("sleep", state =>
        {
            // ppoll without limit; when it is interrupted the thread leaves.
            if (!Call(state, 73, 0, 0, 0))
                return;
            state->X10 = 1;
        });
        RunCaller(pointer =>
        {
            var state = (GuestState*)pointer;
            Assert.Equal(-Errno.ETIMEDOUT, Result(state, CallNumber, OpenCall(state, "sleep", 0, 20 * Millisecond), 1));
        });
        Assert.Empty(_reports);
    }

    [Fact]
    public void SlowFunction_OnItsOwnThread_IsLeftAloneAndLosesTheBuffer()
    {
        using var isOver = new ManualResetEventSlim();
        using var isDone = new ManualResetEventSlim();
        var results = new List<long>();
        StartCallee("slow", state =>
        {
            results.Add(Result(state, LentRead, 0, Data, 8));
            isOver.Wait(TimeSpan.FromMinutes(2));
            results.Add(Result(state, LentRead, 0, Data, 8));
            isDone.Set();
        });
        RunCaller(pointer =>
        {
            var state = (GuestState*)pointer;
            Assert.Equal(-Errno.ETIMEDOUT, Result(state, CallNumber, OpenCall(state, "slow", Carrier, 1000 * Millisecond), 0, 0, 0, Data, 8));
            isOver.Set();
            Assert.True(isDone.Wait(TimeSpan.FromMinutes(2)));
            // The thread serves the next.
            Assert.Equal(0, Result(state, CallNumber, OpenCall(state, "slow", 0), 5, 0, 0, Data, 8));
        });
        Assert.Equal([8, -Errno.EBADF, 8, 8], results);
        Assert.Empty(_reports);
    }

    [Fact]
    public void CallerKilled_InsideTheFunction_EndsAndTheCalleeGoesOn()
    {
        using var isInside = new ManualResetEventSlim();
        var callee = StartCallee("trap", state =>
        {
            while (state->X10 != 0)
            {
                isInside.Set();
                if (Volatile.Read(ref state->Interrupt) != 0)
                    return;
            }

            state->X10 = 7;
        });
        for (var round = 0; round < 20; round++)
        {
            isInside.Reset();
            var guest = new ScriptedGuest();
            guest[Entry] = state => Call(state, CallNumber, OpenCall(state, "trap"), 1);
            var caller = guest.StartIn(_intravisor, "caller", _reports);
            Assert.True(isInside.Wait(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken));
            caller.Kill(Signal.SIGKILL);
            Assert.True(Ends(caller), "the caller does not end");
        }

        Assert.Equal(7, ((CpCall)_intravisor.Exchange.Find("trap")!).Invoke(0));
        Assert.False(callee.IsEnding);
        Assert.Empty(_reports);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Carrier)]
    public void CalleeKilled_InsideTheFunction_CallerGetsAnError(long flags)
    {
        for (var round = 0; round < 20; round++)
        {
            using var isInside = new ManualResetEventSlim();
            var callee = StartCallee("doomed", state =>
            {
                isInside.Set();
                while (Volatile.Read(ref state->Interrupt) == 0)
                {
                }
            });
            var kill = new Thread(() =>
            {
                isInside.Wait(TimeSpan.FromMinutes(2));
                callee.Kill(Signal.SIGKILL);
            });
            kill.Start();
            RunCaller(pointer =>
            {
                var state = (GuestState*)pointer;
                Assert.Equal(-Errno.ECONNRESET, Result(state, CallNumber, OpenCall(state, "doomed", flags), 1));
            });
            kill.Join();
            callee.Wait();
        }

        Assert.Empty(_reports);
    }

    [Fact]
    public void Calls_WithoutRightOrServerOrPublication_AreRefused()
    {
        using var isReady = new ManualResetEventSlim();
        var owner = new ScriptedGuest();
        owner[Entry] = state =>
        {
            Assert.Equal(-Errno.EFAULT, Result(state, Publish, Name(state, "bad"), Data));
            Assert.Equal(-Errno.EFAULT, Result(state, Publish, Name(state, "bad"), -2));
            Assert.Equal(-Errno.EFAULT, Result(state, Publish, Name(state, "bad"), Function + 1));
            Assert.Equal(-Errno.EBADF, Result(state, Serve, 0));
            var call = Result(state, Publish, Name(state, "idle"), Function);
            Assert.Equal(0, Result(state, Grant, Name(state, "idle"), Name(state, "caller", 1), 4));
            Assert.InRange(Result(state, Publish, Name(state, "secret"), Function), 3, 100);
            isReady.Set();
            Call(state, 73, 0, 0, 0);
        };
        owner.StartIn(_intravisor, "owner", _reports);
        Assert.True(isReady.Wait(TimeSpan.FromMinutes(2), TestContext.Current.CancellationToken));
        RunCaller(pointer =>
        {
            var state = (GuestState*)pointer;
            Assert.Equal(-Errno.EACCES, OpenCap(state, "secret"));
            var call = OpenCall(state, "idle", 0, 10 * Millisecond);
            Assert.Equal(-Errno.ETIMEDOUT, Result(state, CallNumber, call, 1));
            Result(state, 25, call, 4, FileAbi.O_NONBLOCK);
            Assert.Equal(-Errno.EAGAIN, Result(state, CallNumber, call, 1));
            Assert.Equal(-Errno.EINVAL, Result(state, Set, call, 4, 0));
            Assert.Equal(-Errno.EBADF, Result(state, CallNumber, 0));
            _intravisor.Exchange.Find("idle")!.Revoke();
            Assert.Equal(-Errno.EACCES, Result(state, CallNumber, call, 1));
            Assert.Equal(-Errno.EPERM, Result(state, Revoke, Name(state, "secret")));
        });
        Assert.Empty(_reports);
    }

    [Fact]
    public void Chain_OfCalls_ReturnsThroughAll()
    {
        StartCallee("last", state => state->X10 *= 2);
        StartCallee("middle", state =>
        {
            var argument = state->X10;
            var (ra, sp) = (state->X1, state->X2);
            var call = OpenCall(state, "last");
            Assert.Equal(0, Result(state, CallNumber, call, argument + 1));
            var value = state->X11;
            Result(state, 57, call);
            (state->X1, state->X2, state->X10) = (ra, sp, value + 1);
        });
        RunCaller(pointer =>
        {
            var state = (GuestState*)pointer;
            var call = OpenCall(state, "middle");
            for (var k = 0; k < 100; k++)
            {
                Assert.Equal(0, Result(state, CallNumber, call, k));
                Assert.Equal((2 * (k + 1)) + 1, state->X11);
            }
        });
        Assert.Empty(_reports);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(Carrier)]
    public void Calls_Repeated_AllocateNothing(long flags)
    {
        StartCallee("next", state => state->X10++);
        RunCaller(pointer =>
        {
            var state = (GuestState*)pointer;
            var call = OpenCall(state, "next", flags);
            void Use(int k) => Call(state, CallNumber, call, k);
            Assert.Equal(0, Allocations.Of(1000, Use));
        });
        Assert.Empty(_reports);
    }

    /// <summary>The thread that served the last call of the descriptor serves another function now, for which the caller has no grant.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(Carrier)]
    public void ThreadThatServesAnotherFunction_IsNotFoundByTheFirst(long flags)
    {
        const long other = Entry + 0x200;
        using var isAgain = new ManualResetEventSlim();
        var runs = 0;
        var guest = new ScriptedGuest();
        guest[Function] = state =>
        {
            state->X10 = 1;
            state->Pc = state->X1;
        };
        guest[other] = state =>
        {
            Interlocked.Increment(ref runs);
            state->X10 = 2;
            state->Pc = state->X1;
        };
        guest[Entry] = state =>
        {
            var first = Result(state, Publish, Name(state, "first"), Function);
            Result(state, Grant, Name(state, "first"), Name(state, "caller", 1), 4);
            state->X19 = Result(state, Publish, Name(state, "other"), other);
            ServeOn(state, first);
        };

        // A signal made it leave: it serves the other one from now on.
        guest[Entry + 0x10] = state =>
        {
            isAgain.Set();
            ServeOn(state, state->X19);
        };
        var callee = guest.StartIn(_intravisor, "both", _reports);
        RunCaller(pointer =>
        {
            var state = (GuestState*)pointer;
            var call = OpenCall(state, "first", flags);
            Assert.Equal(0, Result(state, CallNumber, call));
            Assert.Equal(1, state->X11);
            Assert.True(SpinWait.SpinUntil(() => callee.Init.ThreadSnapshot()[0].IsWaiting, TimeSpan.FromMinutes(2)), "a thread that serves does not look idle");
            callee.Init.ThreadSnapshot()[0].Interrupt();
            Assert.True(isAgain.Wait(TimeSpan.FromMinutes(2)));
            Assert.Equal(2, ((CpCall)_intravisor.Exchange.Find("other")!).Invoke());
            Assert.Equal(0, Result(state, Set, call, flags, 50 * Millisecond));
            Assert.Equal(-Errno.ETIMEDOUT, Result(state, CallNumber, call));
        });
        Assert.Equal(1, runs);
        Assert.Empty(_reports);
    }

    /// <summary>Pages of a window may be filled again after the call, in a child for one.</summary>
    [Fact]
    public void WindowOfACallThatIsOver_ReadsNothingOfTheNext()
    {
        LentWindow? window = null;
        var results = new List<long>();
        StartCallee("window", state =>
        {
            window ??= new LentWindow(((CvmThread)GuestThread.Of(state).Host).Server!, 0, 8);
            results.Add(window.ReadAt(0, new byte[8]));
        });
        CpCall? function = null;
        Assert.True(SpinWait.SpinUntil(() => (function = (CpCall?)_intravisor.Exchange.Find("window")) is not null, TimeSpan.FromMinutes(2)));
        function!.Invoke(buffer: new byte[8]);
        window!.End();
        function.Invoke(buffer: new byte[8]);
        Assert.Equal([8, -Errno.EFAULT], results);
        Assert.Empty(_reports);
    }

    /// <summary>
    /// What fork makes of a window: a copy that the child keeps, and may have filled anew while the call lasts (madvise), but not from what the next
    /// caller lends.
    /// </summary>
    [Fact]
    public void WindowInAForkedSpace_Discarded_IsFilledDuringTheCallAlone()
    {
        const long address = 0x4000_0000;
        using var child = new TestSpace();
        var (window, seen) = ((LentWindow?)null, new List<long>());
        void Discard() => seen.AddRange([child.Space.Advise(address, 4096, MemoryFlags.MADV_DONTNEED), child.Memory.TryRead(address, new byte[1]) ? child.Space.Base[address] : -1]);
        StartCallee("window", state =>
        {
            var space = ((CvmThread)GuestThread.Of(state).Host).Space;
            if (window is null)
            {
                window = new LentWindow(((CvmThread)GuestThread.Of(state).Host).Server!, address, 8);
                Assert.Equal(address, space.Map(address, 8, 3, MemoryFlags.MAP_PRIVATE | MemoryFlags.MAP_FIXED_NOREPLACE, window, 0));
                Assert.True(space.TryForkTo(child.Space, () => false));
                seen.Add(child.Space.Base[address]);
                child.Space.Base[address] = 1;
            }

            Discard();
        });
        CpCall? function = null;
        Assert.True(SpinWait.SpinUntil(() => (function = (CpCall?)_intravisor.Exchange.Find("window")) is not null, TimeSpan.FromMinutes(2)));
        function!.Invoke(buffer: new byte[] { 7, 0, 0, 0, 0, 0, 0, 0 });
        window!.End();
        function.Invoke(buffer: new byte[] { 8, 0, 0, 0, 0, 0, 0, 0 });
        Assert.Equal([7, 0, 7, -Errno.EFAULT], seen.Take(4));
        Assert.DoesNotContain(8, seen);
        Assert.Empty(_reports);
    }

    /// <summary>Callers give up just when the function returns, while another one comes.</summary>
    [Fact]
    public void CallerThatIsLate_LeavesAloneWhatTheNextHasLent()
    {
        using var isOver = new CancellationTokenSource();
        var lost = 0;
        StartCallee("late", state =>
        {
            var isPatient = state->X10 != 0;
            if (!isPatient)
                Thread.SpinWait(200);
            if (Result(state, LentRead, 0, Data, 8) != 8 && isPatient)
                lost++;
        });
        var hasty = new ScriptedGuest();
        hasty[Entry] = state =>
        {
            var call = OpenCall(state, "late", Carrier, 5_000);
            while (!isOver.IsCancellationRequested)
                Result(state, CallNumber, call, 0, 0, 0, Data, 8);
            Exit(state);
        };
        var others = Enumerable.Range(0, 2).Select(k => hasty.StartIn(_intravisor, $"hasty{k}", _reports)).ToArray();
        RunCaller(pointer =>
        {
            var state = (GuestState*)pointer;
            var call = OpenCall(state, "late", Carrier);
            for (var k = 0; k < 5000; k++)
                Assert.Equal(0, Result(state, CallNumber, call, 1, 0, 0, Data, 8));
        });
        isOver.Cancel();
        Assert.All(others, o => Assert.True(Ends(o)));
        Assert.Equal(0, lost);
        Assert.Empty(_reports);
    }
}
